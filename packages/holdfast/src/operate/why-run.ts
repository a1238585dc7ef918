/** `holdfast why`: where a run stands, what is proven outside, what comes next and what is safe. */
import { verdictOf, type Verdict } from "../core/verdict.ts";
import type { RunRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { findRun, type RunReference } from "./find-run.ts";
import { belongings } from "./show-run.ts";
import { decisionOf, type DecisionView } from "./timeline.ts";
import {
  dependencyView,
  effectView,
  exceptionView,
  reviewView,
  runView,
  type DependencyView,
  type EffectView,
  type ExceptionView,
  type ReviewView,
  type RunView,
} from "./views.ts";

export interface ExplainedRun {
  readonly run: RunView;
  readonly verdict: Verdict;
  /** The last decision that was made after a failure, with its rule; null if nothing failed. */
  readonly decision: DecisionView | null;
  /** The integration that a parked run waits for, as the engine last saw it. */
  readonly dependency: DependencyView | null;
  readonly effects: readonly EffectView[];
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
  return {
    run: runView(row),
    verdict: verdictOf({ run: row, effects, exceptions, reviews, nowMs }),
    decision: await lastDecision(reader, row),
    dependency: await dependencyOf(reader, row),
    effects: effects.map((effect) => effectView(effect, row)),
    exceptions: exceptions.map((exception) => exceptionView(exception, row)),
    reviews: reviews.map((review) => reviewView(review, row)),
  };
}

/** Records read at a time, and pages of them, in search of the last decision. */
const RECORDS_PER_PAGE = 2_000;
const RECORD_PAGES_MAX = 500;

async function lastDecision(reader: StoreReader, { run }: RunRow): Promise<DecisionView | null> {
  let last: DecisionView | null = null;
  let afterSeq = 0;
  for (let pages = 0; pages < RECORD_PAGES_MAX; pages += 1) {
    const records = await reader.records(run, afterSeq, RECORDS_PER_PAGE);
    for (const record of records) last = decisionOf(record) ?? last;
    if (records.length < RECORDS_PER_PAGE) break;
    afterSeq = records.at(-1)?.seq ?? afterSeq;
  }
  return last;
}

async function dependencyOf(reader: StoreReader, row: RunRow): Promise<DependencyView | null> {
  if (row.dependency === null) return null;
  const dependencies = await reader.dependencies();
  const found = dependencies.find(({ integration }) => integration === row.dependency);
  return found === undefined ? null : dependencyView(found);
}
