/** `holdfast why`: where a run stands, what is proven outside, what comes next and what is safe. */
import { verdictOf, type Verdict } from "../core/verdict.ts";
import { firstPlace } from "../core/stack-place.ts";
import type { DependencyRow, RunRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import type { JournalRecord } from "../core/journal.ts";
import { laneHeadOf } from "../core/lane.ts";
import { blockersOf, type BlockerView } from "./blockers.ts";
import { cancelOf, type CancelView } from "./cancel-request.ts";
import { exceptionDetails } from "./exception-details.ts";
import { laneText } from "./lane-text.ts";
import { keptOf, type KeptCommand } from "./kept-command.ts";
import { Masking } from "./masking.ts";
import { reviewDetails } from "./review-details.ts";
import { scanRun } from "./scan-run.ts";
import { findRun, type RunReference } from "./find-run.ts";
import { belongings } from "./show-run.ts";
import { decisionOf, stackOf, type DecisionView } from "./timeline.ts";
import {
  dependencyView,
  effectView,
  runView,
  type DependencyView,
  type EffectView,
  type ExceptionView,
  type ReviewView,
  type RunView,
} from "./views.ts";
import { exceptionOwnersOf } from "./waiting-on.ts";

export interface ExplainedRun {
  readonly run: RunView;
  readonly verdict: Verdict;
  /** A cancel that was asked for and has not come through yet. */
  readonly cancel: CancelView | null;
  /** Commands for this run that no engine has taken yet, in order of arrival. */
  readonly kept: readonly KeptCommand[];
  /** The last decision that was made after a failure, with its rule; null if nothing failed. */
  readonly decision: DecisionView | null;
  /**
   * Where in its own code the newest error was thrown, while somebody has to look at it; null if no stack
   * is kept. The whole of it: `holdfast show RUN --stack`.
   */
  readonly thrownAt: string | null;
  /** The integration that a parked run waits for, as the engine last saw it. */
  readonly dependency: DependencyView | null;
  readonly effects: readonly EffectView[];
  /** That it was taken out of its lane, or that a run before it was: newest last, in words. */
  readonly gaps: readonly string[];
  /** Runs that it waits for, the nearest first, each with what it waits for itself. */
  readonly blockers: readonly BlockerView[];
  /** Open ones. */
  readonly exceptions: readonly ExceptionView[];
  /** Open ones. */
  readonly reviews: readonly ReviewView[];
}

/** @throws {HoldfastError} HF6001 if there is no such run, HF4102 if the key has several. */
export async function whyRun(
  reader: StoreReader,
  reference: RunReference,
  nowMs: number,
): Promise<ExplainedRun> {
  const row = await findRun(reader, reference);
  const { effects, exceptions, reviews } = await belongings(reader, row);
  const masking = await Masking.of(reader);
  const { decision, cancel, gaps, stack } = await lookThrough(reader, row);
  const kept = await keptOf(reader, row);
  const of = { run: row, effects, exceptions, nowMs };
  const seen = await exceptionDetails(reader, exceptions, () => of, kept);
  const isCancelled = cancel !== null;
  const dependency = await dependencyOf(reader, row);
  return {
    run: runView(row, exceptionOwnersOf(exceptions)),
    verdict: verdictOf({ run: row, dependency, effects, exceptions, reviews, isCancelled, nowMs }),
    cancel: cancelOf(row, cancel, kept, seen),
    kept,
    decision,
    thrownAt: stack === null || seen.length === 0 ? null : firstPlace(stack),
    dependency: dependency === null ? null : dependencyView(dependency, nowMs),
    gaps,
    blockers: await blockersOf(reader, row),
    effects: effects.map((effect) => effectView(effect, row)),
    exceptions: seen,
    reviews: await reviewDetails(reader, masking, reviews, { runOf: () => row, kept }),
  };
}

/** The last decision after a failure, the cancel that is on record, gaps in its lane, and the newest stack. */
async function lookThrough(
  reader: StoreReader,
  { run }: RunRow,
): Promise<{
  readonly decision: DecisionView | null;
  readonly cancel: JournalRecord | null;
  readonly gaps: readonly string[];
  readonly stack: string | null;
}> {
  // At most two: a run leaves one lane once, and there is one run before it.
  const gaps: string[] = [];
  let decision: DecisionView | null = null;
  let cancel: JournalRecord | null = null;
  let stack: string | null = null;
  await scanRun(reader, run, (record) => {
    decision = decisionOf(record) ?? decision;
    if (record.kind === "cancel") cancel = record;
    if (KEEPS_STACKS.has(record.kind)) stack = stackOf(record) ?? stack;
    if (record.kind === "lane") gaps.push(laneText(laneHeadOf(record)));
  });
  return { decision, cancel, gaps, stack };
}

/** Records of what user code has thrown: an attempt, a step, the code of the run itself. */
const KEEPS_STACKS: ReadonlySet<JournalRecord["kind"]> = new Set(["outcome", "result", "opened"]);

async function dependencyOf(reader: StoreReader, row: RunRow): Promise<DependencyRow | null> {
  if (row.dependency === null) return null;
  const dependencies = await reader.dependencies();
  return dependencies.find(({ integration }) => integration === row.dependency) ?? null;
}
