/**
 * Rehearses a workflow: the run as it should be, and then again with each fault at each call, with the
 * death of the process at each write, with the input given twice, and cancelled at each point. After
 * each of them the laws have to hold: those that always do, and those that the user names.
 */
import { HoldfastError } from "../../core/error.ts";
import type {
  Rehearsal,
  RehearsalFinding,
  RehearsalReport,
  RehearsalRun,
} from "../../core/rehearsal.ts";
import { isFinal } from "../../core/run-state.ts";
import type { AnyEffect } from "../../workflow/effect.ts";
import type { In, Schema } from "../../workflow/schema.ts";
import type { AnyWorkflow, Workflow } from "../../workflow/workflow.ts";
import type { Testbed } from "../bed/testbed.ts";
import { brokenLaws, plainEnd, type Breach, type PlainEnd } from "./laws.ts";
import { play, type Played, type Staged } from "./play.ts";
import { scenariosOf, story, type Course, type Scenario, type Variety } from "./scenario.ts";

/** True if it holds. Asked when nothing happens any more before somebody acts. */
export type Law = (bed: Testbed) => boolean | Promise<boolean>;

export interface RehearsalOptions<I extends Schema> {
  readonly input: In<I>;
  /** Says what the other systems answer, and what people decide: called for each scenario anew. */
  readonly world: (bed: Testbed) => void;
  /** Workflows that are called besides the one that is rehearsed. */
  readonly workflows?: readonly AnyWorkflow[];
  /** As `effects` of `holdfast`. */
  readonly effects?: readonly AnyEffect[];
  /** Whether the process dies at each write. Default "every-checkpoint". */
  readonly crash?: Variety["crash"];
  /** Whether each call of each effect meets each fault. Default "each-effect". */
  readonly faults?: Variety["faults"];
  /** Whether the input is given twice. Default true. */
  readonly duplicates?: boolean;
  /** Whether the run is cancelled at each write. Default true. */
  readonly cancels?: boolean;
  /** Laws of your own, by name, that hold also where a person is asked. */
  readonly always?: Readonly<Record<string, Law>>;
  /** Laws of your own, by name, that hold where every run has ended. */
  readonly atEnd?: Readonly<Record<string, Law>>;
  /** Default 1. */
  readonly seed?: number;
}

/** More than this is no rehearsal of one run any more. */
const SCENARIOS_MAX = 20_000;
/** Records of a finding's journals that are shown. */
const JOURNAL_MAX = 200;

/** Declares a rehearsal, for `holdfast rehearse` as the default export of a module. */
export function rehearsal<N extends string, I extends Schema, O extends Schema>(
  workflow: Workflow<N, I, O>,
  options: RehearsalOptions<I>,
): Rehearsal {
  return {
    kind: "rehearsal",
    workflow: workflow.name,
    run: (how = {}) => rehearsed(workflow, options, how),
  };
}

/**
 * Rehearses at once: `expect((await rehearse(placeOrder, options)).failed).toEqual([])`.
 *
 * @throws {Error} if the run without faults does not come to rest, or the world is not complete.
 */
export async function rehearse<N extends string, I extends Schema, O extends Schema>(
  workflow: Workflow<N, I, O>,
  options: RehearsalOptions<I> & RehearsalRun,
): Promise<RehearsalReport> {
  return await rehearsed(workflow, options, options);
}

async function rehearsed<I extends Schema>(
  workflow: AnyWorkflow,
  options: RehearsalOptions<I>,
  { only, seed = options.seed ?? 1, onProgress }: RehearsalRun,
): Promise<RehearsalReport> {
  const { workflows = [], effects = [], input, world } = options;
  const staged: Staged = {
    workflow,
    input,
    world,
    bed: { workflows: [workflow, ...workflows], effects, seed },
  };
  const plain = await playPlain(staged);
  const all = scenariosOf(plain.course, varietyOf(options));
  if (all.length > SCENARIOS_MAX) throw tooMany(all.length);
  const chosen = only === undefined ? all : all.filter(({ id }) => id === only);
  if (chosen.length === 0) throw noScenario(only ?? "", all);
  const failed: RehearsalFinding[] = [];
  let withPerson = 0;
  for (const [index, scenario] of chosen.entries()) {
    const judged = await judge(scenario, staged, options, plain.end);
    failed.push(...judged.findings);
    if (judged.isWithPerson) withPerson += 1;
    onProgress?.(index + 1, chosen.length);
  }
  const scenarios = chosen.map(({ id }) => id);
  return { workflow: workflow.name, seed, scenarios, withPerson, failed };
}

async function playPlain(
  staged: Staged,
): Promise<{ readonly course: Course; readonly end: PlainEnd }> {
  const { bed, runs, course } = await play({ id: "0" }, staged);
  const end = plainEnd(bed.lives.world, runs);
  await bed.close();
  return { course, end };
}

async function judge<I extends Schema>(
  scenario: Scenario,
  staged: Staged,
  options: RehearsalOptions<I>,
  plain: PlainEnd,
): Promise<{ readonly findings: readonly RehearsalFinding[]; readonly isWithPerson: boolean }> {
  let played: Played;
  try {
    played = await play(scenario, staged);
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    return { findings: [finding(scenario, unrest(what), null)], isWithPerson: false };
  }
  const { bed, runs, exceptions } = played;
  try {
    const { world } = bed.lives;
    const of = scenario.id === "0" ? null : plain;
    const breaches = [
      ...brokenLaws({ scenario, world, runs, exceptions, plain: of }),
      ...(await brokenOwn(played, options)),
    ];
    const isWithPerson = [...exceptions.values()].some((open) => open.length > 0);
    return { findings: breaches.map((breach) => finding(scenario, breach, played)), isWithPerson };
  } finally {
    await bed.close();
  }
}

async function brokenOwn<I extends Schema>(
  { bed, runs }: Played,
  { always = {}, atEnd = {} }: RehearsalOptions<I>,
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
  try {
    return (await holds(bed)) ? null : "it does not hold";
  } catch (error) {
    return `it threw: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function unrest(what: string): Breach {
  return { law: "it comes to rest", what, hint: "" };
}

function finding(scenario: Scenario, breach: Breach, played: Played | null): RehearsalFinding {
  const world = played?.bed.lives.world;
  const counts = world?.names.map((name) => [name, world.of(name).deeds.length] as const) ?? [];
  const journal =
    played?.runs.flatMap(({ row, records }) =>
      records.map(({ kind, name }) => `${row.workflow} ${row.key}: ${kind} ${name}`.trimEnd()),
    ) ?? [];
  return {
    ...breach,
    scenario: scenario.id,
    story: story(scenario),
    world: Object.fromEntries(counts.filter(([, count]) => count > 0)),
    journal: journal.slice(0, JOURNAL_MAX),
  };
}

function varietyOf<I extends Schema>({
  crash = "every-checkpoint",
  faults = "each-effect",
  duplicates = true,
  cancels = true,
}: RehearsalOptions<I>): Variety {
  return { crash, faults, duplicates, cancels };
}

function tooMany(count: number): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `The rehearsal would have ${String(count)} scenarios, at most ${String(SCENARIOS_MAX)}.`,
    "Rehearse a shorter run, or leave something out: crash, faults, duplicates, cancels.",
  );
}

function noScenario(id: string, all: readonly Scenario[]): HoldfastError {
  const some = all.slice(0, 5).map((one) => one.id);
  return new HoldfastError(
    "HF1001",
    `There is no scenario "${id}" in this rehearsal.`,
    `Give an id of its report, for example ${some.join(", ")}.`,
  );
}
