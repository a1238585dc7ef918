/** Plays one scenario and says which laws it breaks: those that always hold, and those of the user. */
import type { RehearsalAsked, RehearsalFinding } from "../../core/rehearsal.ts";
import { isFinal } from "../../core/run-state.ts";
import type { Testbed } from "../bed/testbed.ts";
import { brokenLaws, type Breach, type PlainEnd } from "./laws.ts";
import { play, type Played, type Staged } from "./play.ts";
import type { Law, OwnLaws } from "./rehearsal-options.ts";
import { story, type Scenario } from "./scenario.ts";

export interface Judged {
  readonly findings: readonly RehearsalFinding[];
  /** Null if nobody is asked in the end. */
  readonly asked: RehearsalAsked | null;
}

/** How long one law may take, milliseconds of the real clock: what it asks of the bed takes none of it. */
const LAW_MS_MAX = 10_000;
/** Records of a finding's journals that are shown. */
const JOURNAL_MAX = 200;

/** @param plain - how the run without faults has ended; null for that scenario itself. */
export async function judge(
  scenario: Scenario,
  staged: Staged,
  own: OwnLaws,
  plain: PlainEnd | null,
): Promise<Judged> {
  let played: Played;
  try {
    played = await play(scenario, staged);
  } catch (error) {
    return { findings: [finding(scenario, unplayed(error), null)], asked: null };
  }
  return await judgePlayed(scenario, played, own, plain);
}

/** The same of one that was played already; its bed is closed. */
export async function judgePlayed(
  scenario: Scenario,
  played: Played,
  own: OwnLaws,
  plain: PlainEnd | null,
): Promise<Judged> {
  const { bed, runs, exceptions } = played;
  try {
    const { world } = bed.lives;
    const breaches = [
      ...brokenLaws({ scenario, world, runs, exceptions, plain }),
      ...(await brokenOwn(played, own)),
    ];
    const findings = breaches.map((breach) => finding(scenario, breach, played));
    return { findings, asked: askedIn(scenario, played) };
  } finally {
    await bed.close();
  }
}

/** What is said of a scenario that could not be played to its end. */
export function unplayed(error: unknown): Breach {
  const what = error instanceof Error ? error.message : String(error);
  return { law: "it comes to rest", what, hint: "" };
}

function askedIn(scenario: Scenario, { exceptions }: Played): RehearsalAsked | null {
  const [first] = [...exceptions.values()].flat();
  if (first === undefined) return null;
  const { step, owner, because } = first;
  return { scenario: scenario.id, step, class: first.class, owner, because };
}

async function brokenOwn(
  { bed, runs }: Played,
  { always = {}, atEnd = {} }: OwnLaws,
): Promise<readonly Breach[]> {
  const isOver = runs.every(({ row }) => isFinal(row.state));
  const laws = [...Object.entries(always), ...(isOver ? Object.entries(atEnd) : [])];
  const broken: Breach[] = [];
  for (const [law, holds] of laws) {
    const what = await brokenHow(holds, bed);
    if (what !== null) broken.push({ law, what, hint: "" });
  }
  return broken;
}

/** Null if it holds. One that throws, as an assertion does, does not. */
async function brokenHow(holds: Law, bed: Testbed): Promise<string | null> {
  const late = { timer: null as ReturnType<typeof setTimeout> | null };
  // Nothing else may keep the process alive: it would end, and say that all is well.
  const overdue = new Promise<"late">((resolve) => {
    late.timer = setTimeout(() => {
      resolve("late");
    }, LAW_MS_MAX);
  });
  try {
    const answer: unknown = await Promise.race([holds(bed), overdue]);
    if (answer === "late") return `it has not answered within ${String(LAW_MS_MAX / 1000)} s`;
    if (answer === true) return null;
    return answer === false ? "it does not hold" : `it answered ${String(answer)}, and not true`;
  } catch (error) {
    return `it threw: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    if (late.timer !== null) clearTimeout(late.timer);
  }
}

export function finding(
  scenario: Scenario,
  breach: Breach,
  played: Played | null,
): RehearsalFinding {
  const world = played?.bed.lives.world;
  const counts = world?.names.map((name) => [name, world.of(name).deeds.length] as const) ?? [];
  const journal =
    played?.runs.flatMap(({ row, records }) =>
      records.map(({ kind, name }) => `${row.workflow} ${row.key}: ${kind} ${name}`.trimEnd()),
    ) ?? [];
  return {
    ...breach,
    scenario: scenario.id,
    story: story(scenario, played?.at),
    world: Object.fromEntries(counts.filter(([, count]) => count > 0)),
    journal: journal.slice(0, JOURNAL_MAX),
  };
}
