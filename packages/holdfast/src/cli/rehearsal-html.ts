/** A rehearsal as one page without scripts, for whoever does not sit at the terminal. */
import {
  countsOf,
  type KnownFinding,
  type RehearsalFinding,
  type RehearsalReport,
} from "../core/rehearsal.ts";
import { markup } from "./markup.ts";
import { knownCount } from "./rehearsal-text.ts";

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}" +
  "pre{background:#f4f4f4;padding:.75rem;overflow:auto}code{background:#f4f4f4}h3{margin-bottom:.25rem}";

export function rehearsalHtml(reports: readonly RehearsalReport[], module: string): string {
  const body = reports.map((report) => section(report, module)).join("");
  return (
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Rehearsal</title>` +
    `<style>${STYLE}</style></head><body><h1>Rehearsal</h1>\n${body}</body></html>\n`
  );
}

function section(report: RehearsalReport, module: string): string {
  const { workflow, seed, scenarios, failed, known, withPerson } = report;
  const count = countsOf(report);
  const counts =
    `${String(scenarios.length)} scenarios with seed ${String(seed)}: ` +
    `${String(count.hold)} hold (${String(withPerson.length)} end with a person), ` +
    `${String(count.broken)} broken${knownCount(count.known)}.`;
  const findings = failed.map((one) => findingHtml(one, module)).join("");
  return `<h2>${markup(workflow)}</h2><p>${markup(counts)}</p>\n${findings}${knownHtml(known)}`;
}

function knownHtml(known: readonly KnownFinding[]): string {
  if (known.length === 0) return "";
  const items = known.map(
    ({ law, scenario, what, reason }) =>
      `<li>${markup(law)} (<code>${markup(scenario)}</code>: ${markup(what)}): ${markup(reason)}</li>`,
  );
  return `<h3>Known</h3><ul>${items.join("")}</ul>\n`;
}

function findingHtml(finding: RehearsalFinding, module: string): string {
  const { law, scenario, story, what, hint, world, journal } = finding;
  const done = Object.entries(world)
    .map(([effect, count]) => `${effect}: ${String(count)}`)
    .join(", ");
  const mend = hint === "" ? "" : `<p>To mend it: ${markup(hint)}</p>`;
  return (
    `<h3>${markup(law)}</h3><p>${markup(story)}. <strong>${markup(what)}</strong>.</p>` +
    `<p>Done in the end: ${markup(done === "" ? "nothing" : done)}</p>${mend}` +
    `<p>Alone: <code>holdfast rehearse ${markup(module)} --only ${markup(scenario)}</code></p>` +
    `<details><summary>Journals</summary><pre>${markup(journal.join("\n"))}</pre></details>\n`
  );
}
