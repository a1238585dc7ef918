/** A rehearsal for the terminal: what was played, and each broken law once, with the scenarios that break it. */
import type { RehearsalAsked, RehearsalFinding, RehearsalReport } from "../core/rehearsal.ts";
import type { Look } from "./show-lists.ts";
import { sentence } from "./text-table.ts";

/** Broken laws and scenarios of each that are shown. */
const LAWS_MAX = 20;
const SCENARIOS_MAX = 5;

interface How {
  readonly module: string;
  /** One scenario was asked for: its journals are shown. */
  readonly isAlone: boolean;
}

export function rehearsalText(
  { report, ms }: { readonly report: RehearsalReport; readonly ms: number },
  { module, isAlone }: How,
  { screen }: Look,
): string {
  const { workflow, scenarios, failed, withPerson } = report;
  const brokenCount = new Set(failed.map(({ scenario }) => scenario)).size;
  const seconds = (ms / 1000).toFixed(1);
  const head =
    `rehearse ${workflow}: ${String(scenarios.length)} scenarios in ${seconds} s, ` +
    `${String(scenarios.length - brokenCount)} hold (${String(withPerson.length)} end with a person), ${String(brokenCount)} broken`;
  const laws = byLaw(failed);
  const shown = laws
    .slice(0, LAWS_MAX)
    .flatMap((findings) => lawLines(findings, { module, isAlone }));
  const asked = isAlone ? withPerson.map(askedLine) : [];
  const more = laws.length > LAWS_MAX ? [`and ${String(laws.length - LAWS_MAX)} more laws`] : [];
  const lines = [head, ...asked, ...shown, ...more];
  return lines.map((line) => sentence(line.trimStart(), indentOf(line), screen)).join("\n");
}

function askedLine({ step, class: failureClass, owner, because }: RehearsalAsked): string {
  const where = step === "" ? "the code" : step;
  return `  asked in the end: ${owner}, about ${where} (${failureClass}): ${because}`;
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** A law that is broken in the same way by many scenarios is one finding with many stories. */
function byLaw(failed: readonly RehearsalFinding[]): readonly (readonly RehearsalFinding[])[] {
  const laws = new Map<string, RehearsalFinding[]>();
  for (const finding of failed) {
    const key = `${finding.law} ${finding.hint}`;
    laws.set(key, [...(laws.get(key) ?? []), finding]);
  }
  return [...laws.values()];
}

function lawLines(
  findings: readonly RehearsalFinding[],
  { module, isAlone }: How,
): readonly string[] {
  const [first] = findings;
  if (first === undefined) return [];
  const stories = findings.slice(0, SCENARIOS_MAX).flatMap((one) => storyLines(one, isAlone));
  const left = findings.length - SCENARIOS_MAX;
  return [
    "",
    `broken: ${first.law}`,
    ...stories,
    ...(left > 0 ? [`  and ${String(left)} more scenarios`] : []),
    ...(first.hint === "" ? [] : [`  to mend it: ${first.hint}`]),
    ...(isAlone ? [] : [`  to see it alone: holdfast rehearse ${module} --only ${first.scenario}`]),
  ];
}

function storyLines({ scenario, story, what, world, journal }: RehearsalFinding, isAlone: boolean) {
  const done = Object.entries(world).map(([effect, count]) => `${effect} ${String(count)}`);
  const lines = [
    `  ${scenario}: ${story}`,
    `    ${what}; done in the end: ${done.length === 0 ? "nothing" : done.join(", ")}`,
  ];
  return isAlone ? [...lines, ...journal.map((line) => `      ${line}`)] : lines;
}
