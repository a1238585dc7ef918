/** A rehearsal as JUnit XML, as build servers read it: a test case for each scenario. */
import type { RehearsalReport } from "../core/rehearsal.ts";
import { markup } from "./markup.ts";
import { visible } from "./safe-text.ts";

export function rehearsalJunit(reports: readonly RehearsalReport[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${reports.map(suite).join("")}</testsuites>\n`;
}

function suite({ workflow, scenarios, failed }: RehearsalReport): string {
  const broken = new Map<string, typeof failed>();
  for (const finding of failed)
    broken.set(finding.scenario, [...(broken.get(finding.scenario) ?? []), finding]);
  const cases = scenarios.map((id) => {
    const open = `    <testcase classname="${escaped(workflow)}" name="${escaped(id)}"`;
    const findings = broken.get(id);
    if (findings === undefined) return `${open}/>\n`;
    const failures = findings.map(
      ({ law, story, what, hint }) =>
        `      <failure message="${escaped(law)}">${escaped(`${story}: ${what}. ${hint}`)}</failure>\n`,
    );
    return `${open}>\n${failures.join("")}    </testcase>\n`;
  });
  const counts = `tests="${String(scenarios.length)}" failures="${String(broken.size)}"`;
  return `  <testsuite name="rehearse ${escaped(workflow)}" ${counts}>\n${cases.join("")}  </testsuite>\n`;
}

/** XML has no place for controls and lone surrogates. */
function escaped(text: string): string {
  return markup(visible(text));
}
