/**
 * Rehearses a workflow: the run as it should be, and then again with each fault at each call, with the
 * death of the process at each write, with the input given twice, and cancelled at each point. After
 * each of them the laws have to hold: those that always do, and those that the user names.
 */
import { HoldfastError } from "../../core/error.ts";
import type {
  Rehearsal,
  RehearsalAsked,
  RehearsalFinding,
  RehearsalReport,
  RehearsalRun,
} from "../../core/rehearsal.ts";
import type { Schema } from "../../workflow/schema.ts";
import type { AnyWorkflow, Workflow } from "../../workflow/workflow.ts";
import { finding, judge, judgePlayed, unplayed, type Judged } from "./judge.ts";
import { plainEnd, unready, type PlainEnd } from "./laws.ts";
import { requireScenarios, sortedOut, unmet } from "./known-limits.ts";
import { play, type Staged } from "./play.ts";
import {
  checkRehearsal,
  varietyOf,
  type OwnLaws,
  type RehearsalOptions,
} from "./rehearsal-options.ts";
import { scenariosOf, undoingScenarios, type Course, type Scenario } from "./scenario.ts";

/** More than this is no rehearsal of one run any more. */
const SCENARIOS_MAX = 20_000;
const PLAIN: Scenario = { id: "0" };

/**
 * Declares a rehearsal, for `holdfast rehearse` as the default export of a module.
 *
 * @throws {HoldfastError} HF1001 for an option that is not known.
 */
export function rehearsal<N extends string, I extends Schema, O extends Schema>(
  workflow: Workflow<N, I, O>,
  options: RehearsalOptions<I>,
): Rehearsal {
  checkRehearsal(workflow, options);
  return {
    kind: "rehearsal",
    workflow: workflow.name,
    run: (how = {}) => rehearsed(workflow, options, how),
  };
}

/**
 * Rehearses at once: `expect((await rehearse(placeOrder, options)).failed).toEqual([])`.
 *
 * @throws {HoldfastError} HF1001 for an option that is not known, or no scenario with that id.
 */
export async function rehearse<N extends string, I extends Schema, O extends Schema>(
  workflow: Workflow<N, I, O>,
  options: RehearsalOptions<I> & RehearsalRun,
): Promise<RehearsalReport> {
  checkRehearsal(workflow, options);
  return await rehearsed(workflow, options, options);
}

async function rehearsed<I extends Schema>(
  workflow: AnyWorkflow,
  options: RehearsalOptions<I>,
  { only, seed = options.seed ?? 1, onProgress, mayLack = false }: RehearsalRun,
): Promise<RehearsalReport> {
  const { workflows = [], effects = [], known: limits = [], input, world } = options;
  const bed = { workflows: [workflow, ...workflows], effects, seed };
  const staged: Staged = { workflow, input, world, bed };
  const found: RehearsalFinding[] = [];
  const withPerson: RehearsalAsked[] = [];
  const report = { workflow: workflow.name, seed, withPerson };
  const plain = await playPlain(staged, options);
  found.push(...plain.findings);
  if (plain.course === null) return { ...report, scenarios: [PLAIN.id], failed: found, known: [] };
  const variety = varietyOf(options);
  const undoing =
    variety.cancels && variety.faults !== "none" ? await ofUndoing(plain.course, staged) : [];
  const all = [...scenariosOf(plain.course, variety), ...undoing];
  if (all.length > SCENARIOS_MAX) throw tooMany(all.length);
  const ids = all.map(({ id }) => id);
  requireScenarios(limits, ids);
  const chosen = only === undefined ? all : all.filter(({ id }) => id === only);
  if (chosen.length === 0 && !mayLack) throw noScenario(only ?? "", all);
  for (const [index, scenario] of chosen.entries()) {
    const isPlain = scenario.id === PLAIN.id;
    const { findings, asked } = isPlain
      ? plain.judged
      : await judge(scenario, staged, options, plain.end);
    found.push(...findings);
    if (asked !== null) withPerson.push(asked);
    onProgress?.(index + 1, chosen.length);
  }
  const { failed, known } = sortedOut(found, limits);
  // Of one alone it is not known whether another meets them.
  const inVain = only === undefined ? unmet(limits, known, ids) : [];
  const scenarios = chosen.map(({ id }) => id);
  return { ...report, scenarios, failed: [...failed, ...inVain], known };
}

interface Plain {
  /** Null if it could not be played: then nothing else is. */
  readonly course: Course | null;
  readonly end: PlainEnd;
  readonly findings: readonly RehearsalFinding[];
  /** What the laws say of it; told only where that scenario is asked for. */
  readonly judged: Judged;
}

/** What does not work when nothing goes wrong is said first, whatever scenario was asked for. */
async function playPlain(staged: Staged, own: OwnLaws): Promise<Plain> {
  try {
    const played = await play(PLAIN, staged);
    const { bed, runs, exceptions, course } = played;
    const end = plainEnd(bed.lives.world, runs);
    const findings = unready(runs, exceptions).map((breach) => finding(PLAIN, breach, played));
    return { course, end, findings, judged: await judgePlayed(PLAIN, played, own, null) };
  } catch (error) {
    const end: PlainEnd = { state: "none", result: "null", deeds: new Map() };
    const findings = [finding(PLAIN, unplayed(error), null)];
    return { course: null, end, findings, judged: { findings: [], asked: null } };
  }
}

/** Calls that are made only where the run is taken back: each meets each fault as well. */
async function ofUndoing(course: Course, staged: Staged): Promise<readonly Scenario[]> {
  // The latest point at which there is something to undo, and it is not over yet.
  for (let cancelAt = course.flushCount - 1; cancelAt > 0; cancelAt -= 1) {
    const takenBack = await courseOf({ id: "", cancelAt }, staged);
    const found = takenBack === null ? [] : undoingScenarios(course, takenBack, cancelAt);
    if (found.length > 0) return found;
  }
  return [];
}

/** Null if it cannot be played: why is said by the scenario that cancels there. */
async function courseOf(scenario: Scenario, staged: Staged): Promise<Course | null> {
  try {
    const { bed, course } = await play(scenario, staged);
    await bed.close();
    return course;
  } catch {
    return null;
  }
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
