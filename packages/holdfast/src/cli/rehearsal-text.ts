/** A rehearsal for the terminal: what was played, and each broken law once, with the scenarios that break it. */
import {
  countsOf,
  type KnownFinding,
  type RehearsalAsked,
  type RehearsalFinding,
  type RehearsalReport,
} from "../core/rehearsal.ts";
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
  const { workflow, scenarios, failed, known, withPerson } = report;
  const count = countsOf(report);
  const seconds = (ms / 1000).toFixed(1);
  const head =
    `rehearse ${workflow}: ${String(scenarios.length)} scenarios in ${seconds} s, ` +
    `${String(count.hold)} hold (${String(withPerson.length)} end with a person), ${String(count.broken)} broken${knownCount(count.known)}`;
  const laws = byLaw(failed);
  const shown = laws
    .slice(0, LAWS_MAX)
    .flatMap((findings) => lawLines(findings, { module, isAlone }));
  const asked = isAlone ? withPerson.map(askedLine) : [];
  const more = laws.length > LAWS_MAX ? [`and ${String(laws.length - LAWS_MAX)} more laws`] : [];
  const lines = [head, ...asked, ...shown, ...more, ...knownLines(known)];
  return lines.map((line) => sentence(line.trimStart(), indentOf(line), screen)).join("\n");
}

/** Nothing where there are none. */
export function knownCount(count: number): string {
  return count === 0 ? "" : `, ${String(count)} known`;
}

/** Each law and reason once, with the scenarios in which it is known not to hold. */
function knownLines(known: readonly KnownFinding[]): readonly string[] {
  const groups = grouped(known, ({ law, reason }) => `known: ${law}: ${reason}`);
  return [...groups].slice(0, LAWS_MAX).flatMap(([line, findings]) => {
    const ids = findings.slice(0, SCENARIOS_MAX).map(({ scenario }) => scenario);
    const left = findings.length - ids.length;
    return ["", line, `  in ${ids.join(", ")}${left > 0 ? ` and ${String(left)} more` : ""}`];
  });
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
  return [...grouped(failed, ({ law, hint }) => `${law} ${hint}`).values()];
}

/** In the order in which they come first. */
function grouped<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
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
