/** `holdfast exceptions`, `effects` and `reviews`: what waits for people, and what was done. */
import type { EffectProof } from "../core/failure.ts";
import type { ExceptionRow, ReviewRow, RunRow } from "../store/rows.ts";
import type { Page, StoreReader } from "../store/store.ts";
import { findRuns, type RunReference } from "./find-run.ts";
import { afterRunOf, nextCursor, PAGE_LIMIT_MAX, type PageRequest } from "./paging.ts";
import { Masking } from "./masking.ts";
import { exceptionQuery, type WantedExceptions } from "./exception-query.ts";
import { exceptionDetails } from "./exception-details.ts";
import { isOutcomeOpen } from "../core/acts.ts";
import { parseRunId } from "../core/run-number.ts";
import { keptCommands, type KeptCommand } from "./kept-command.ts";
import { outcomeQuestion, type OutcomeQuestion } from "./outcome-question.ts";
import { isProposal, proposalDetails, type ProposalView } from "./repair/list-proposals.ts";
import { Snoozes } from "./snoozes.ts";
import { reviewDetails } from "./review-details.ts";
import {
  effectView,
  type EffectView,
  type ExceptionView,
  type ReviewView,
  type RunBelongings,
} from "./views.ts";

interface WorkFilter extends PageRequest {
  /** Only what belongs to this run, or to the runs with this business key. */
  readonly of?: RunReference;
}

/** What is snoozed is left out, or is all that is asked for. */
interface SnoozedAre {
  readonly are: "alone" | "left-out";
  readonly nowMs: number;
}

export type ExceptionFilter = WorkFilter &
  WantedExceptions & {
    /** Not given: they are in it like others. */
    readonly snoozed?: SnoozedAre;
  };

export interface EffectFilter extends WorkFilter {
  readonly effect?: string;
  readonly proof?: EffectProof;
  /** Only operations whose end is not known. */
  readonly open?: boolean;
}

export interface ReviewFilter extends WorkFilter {
  /** Also answered and withdrawn ones. */
  readonly all?: boolean;
  /** Role or team that may answer. */
  readonly by?: string;
}

export interface ExceptionPage {
  readonly exceptions: readonly ExceptionView[];
  readonly next: string | null;
}

export interface EffectPage {
  readonly effects: readonly EffectView[];
  readonly next: string | null;
}

/** An exception that asks what happened, with what is known of it. */
export interface OutcomeView {
  readonly exception: ExceptionView;
  readonly outcome: OutcomeQuestion;
}

export interface ReviewPage {
  readonly reviews: readonly ReviewView[];
  /** "Did it happen?": the questions that the engine itself asks. */
  readonly outcomes: readonly OutcomeView[];
  readonly next: string | null;
}

export interface ProposalPage {
  readonly proposals: readonly ProposalView[];
  readonly next: string | null;
}

/** Exceptions that fit the filter, oldest run first. */
export async function listExceptions(
  reader: StoreReader,
  filter: ExceptionFilter,
  nowMs: number,
): Promise<ExceptionPage> {
  const { snoozed, ...wanted } = filter;
  const isSnoozed = snoozed?.are === "alone" ? { isSnoozed: true } : {};
  const query = { ...(await exceptionQuery(reader, wanted)), ...isSnoozed };
  const ask: Ask<ExceptionRow> = (at) => reader.exceptions({ ...query, ...at });
  // Those of the store itself (run 0) come first.
  const page = await pageOf(reader, filter, ask, -1);
  const of = new Map<number, RunBelongings>();
  for (const number of new Set(page.rows.map((row) => row.run)))
    of.set(number, await belongingsOf(reader, number, page.runs.get(number) ?? null, nowMs));
  const kept = await keptCommands(reader);
  const belongings = (row: ExceptionRow) => of.get(row.run) ?? nothingAt(nowMs);
  const rows = snoozed === undefined ? page.rows : await heard(reader, page.rows, snoozed);
  const exceptions = await exceptionDetails(reader, rows, belongings, kept);
  return { exceptions, next: page.next };
}

/** Whether a snooze is over depends on more than a row, so that a page may be shorter than was asked for. */
async function heard(
  reader: StoreReader,
  rows: readonly ExceptionRow[],
  { are, nowMs }: SnoozedAre,
): Promise<readonly ExceptionRow[]> {
  const snoozes = new Snoozes(reader, nowMs);
  const found: ExceptionRow[] = [];
  for (const row of rows) {
    if ((await snoozes.isAsleep(row)) === (are === "alone")) found.push(row);
  }
  return found;
}

function nothingAt(nowMs: number): RunBelongings {
  return { run: null, effects: [], exceptions: [], nowMs };
}

/** What decides which commands are offered; of one run all rows come, up to the store's own bound. */
async function belongingsOf(
  reader: StoreReader,
  number: number,
  run: RunRow | null,
  nowMs: number,
): Promise<RunBelongings> {
  if (run === null) return nothingAt(nowMs);
  const of = { afterRun: number - 1, run: number, limit: PAGE_LIMIT_MAX };
  return { run, effects: await reader.effects(of), exceptions: await reader.exceptions(of), nowMs };
}

/** Operations of effects that fit the filter, oldest run first. */
export async function listEffects(reader: StoreReader, filter: EffectFilter): Promise<EffectPage> {
  const page = await pageOf(reader, filter, (at) => reader.effects({ ...filter, ...at }));
  return {
    effects: page.rows.map((row) => effectView(row, page.runs.get(row.run) ?? null)),
    next: page.next,
  };
}

/** Reviews that fit the filter, oldest run first. */
export async function listReviews(
  reader: StoreReader,
  filter: ReviewFilter,
  nowMs: number,
): Promise<ReviewPage> {
  const asked = await pageOf(reader, filter, (at) => reader.reviews({ ...filter, ...at }));
  const { by: owner, limit } = filter;
  const of = owner === undefined ? {} : { owner };
  const open = await pageOf(reader, filter, (at) => reader.exceptions({ ...at, ...of, limit }));
  // Both lists are by run: what one of them has not come to yet belongs to the next page.
  const next = earlier(asked.next, open.next);
  const lastRun = next === null ? Number.POSITIVE_INFINITY : parseRunId(next);
  const masking = await Masking.of(reader);
  const kept = await keptCommands(reader);
  const runOf = (row: ReviewRow) => asked.runs.get(row.run) ?? null;
  // Proposals have a list of their own: nobody answers them.
  const rows = asked.rows.filter((row) => row.run <= lastRun && !isProposal(row));
  const reviews = await reviewDetails(reader, masking, rows, { runOf, kept });
  const questions = open.rows.filter((row) => row.run <= lastRun && isOutcomeOpen(row));
  const outcomes = await outcomesOf(reader, masking, questions, { kept, nowMs });
  return { reviews, outcomes, next };
}

async function outcomesOf(
  reader: StoreReader,
  masking: Masking,
  rows: readonly ExceptionRow[],
  { kept, nowMs }: { readonly kept: readonly KeptCommand[]; readonly nowMs: number },
): Promise<readonly OutcomeView[]> {
  const outcomes: OutcomeView[] = [];
  for (const row of rows) {
    const outcome = await outcomeQuestion(reader, masking, row);
    if (outcome === null) continue;
    const of = await belongingsOf(reader, row.run, await reader.run(row.run), nowMs);
    const [exception] = await exceptionDetails(reader, [row], () => of, kept);
    if (exception !== undefined) outcomes.push({ exception, outcome });
  }
  return outcomes;
}

/** Of two cursors the one that is reached first; null is the end. */
function earlier(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other;
  return parseRunId(one) <= parseRunId(other) ? one : other;
}

/** Proposals that fit the filter, oldest run first: each a repair that a second person decides. */
export async function listProposals(
  reader: StoreReader,
  filter: ReviewFilter,
): Promise<ProposalPage> {
  const page = await pageOf(reader, filter, (at) => reader.reviews({ ...filter, ...at }));
  const rows = page.rows.filter(isProposal);
  const masking = await Masking.of(reader);
  const proposals = await proposalDetails(reader, masking, rows, (run) => page.runs.get(run));
  return { proposals, next: page.next };
}

interface OfRunNumber {
  readonly run: number;
}

interface WorkPage<Row> {
  readonly rows: readonly Row[];
  readonly runs: ReadonlyMap<number, RunRow>;
  readonly next: string | null;
}

type Ask<Row> = (at: Page & { readonly run?: number }) => Promise<readonly Row[]>;

async function pageOf<Row extends OfRunNumber>(
  reader: StoreReader,
  filter: WorkFilter,
  ask: Ask<Row>,
  begin = 0,
): Promise<WorkPage<Row>> {
  const found =
    filter.of === undefined
      ? await ofAll(filter, ask, begin)
      : await ofRuns(await findRuns(reader, filter.of), filter, ask);
  const runs = new Map<number, RunRow>();
  // By primary key, and at most one for each row of a bounded page.
  for (const number of new Set(found.rows.map((row) => row.run))) {
    const row = await reader.run(number);
    if (row !== null) runs.set(number, row);
  }
  return { ...found, runs };
}

async function ofAll<Row extends OfRunNumber>(
  filter: WorkFilter,
  ask: Ask<Row>,
  begin: number,
): Promise<Omit<WorkPage<Row>, "runs">> {
  const { limit } = filter;
  const rows = await ask({ afterRun: afterRunOf(filter, begin), limit });
  return { rows, next: nextCursor(rows, limit) };
}

/** All that a few named runs have, oldest run first, as one page. */
async function ofRuns<Row extends OfRunNumber>(
  runs: readonly RunRow[],
  filter: WorkFilter,
  ask: Ask<Row>,
): Promise<Omit<WorkPage<Row>, "runs">> {
  const afterRun = afterRunOf(filter);
  const rows: Row[] = [];
  const wanted = runs.map(({ run }) => run).filter((run) => run > afterRun);
  for (const run of wanted.toSorted((a, b) => a - b)) {
    rows.push(...(await ask({ afterRun, limit: PAGE_LIMIT_MAX, run })));
    if (rows.length >= filter.limit) return { rows, next: nextCursor(rows, filter.limit) };
  }
  return { rows, next: null };
}
