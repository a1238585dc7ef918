/** `holdfast exceptions`, `effects` and `reviews`: what waits for people, and what was done. */
import type { EffectProof, FailureClass } from "../core/failure.ts";
import type { ExceptionRow, ReviewRow, RunRow } from "../store/rows.ts";
import type { Page, StoreReader } from "../store/store.ts";
import { findRuns, type RunReference } from "./find-run.ts";
import { afterRunOf, nextCursor, PAGE_LIMIT_MAX, type PageRequest } from "./paging.ts";
import { Masking } from "./masking.ts";
import { exceptionDetails } from "./exception-details.ts";
import { keptCommands } from "./kept-command.ts";
import { isProposal, proposalDetails, type ProposalView } from "./repair/list-proposals.ts";
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

export interface ExceptionFilter extends WorkFilter {
  /** Also closed ones. */
  readonly all?: boolean;
  readonly owner?: string;
  readonly class?: FailureClass;
  readonly workflow?: string;
}

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

export interface ReviewPage {
  readonly reviews: readonly ReviewView[];
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
): Promise<ExceptionPage> {
  const ask: Ask<ExceptionRow> = (at) => reader.exceptions({ ...filter, ...at });
  // Those of the store itself (run 0) come first.
  const page = await pageOf(reader, filter, ask, -1);
  const of = new Map<number, RunBelongings>();
  for (const number of new Set(page.rows.map((row) => row.run)))
    of.set(number, await belongingsOf(reader, number, page.runs.get(number) ?? null));
  const kept = await keptCommands(reader);
  const belongings = (row: ExceptionRow) => of.get(row.run) ?? NOTHING;
  const exceptions = await exceptionDetails(reader, page.rows, belongings, kept);
  return { exceptions, next: page.next };
}

const NOTHING: RunBelongings = { run: null, effects: [], exceptions: [] };

/** What decides which commands are offered; of one run all rows come, up to the store's own bound. */
async function belongingsOf(
  reader: StoreReader,
  number: number,
  run: RunRow | null,
): Promise<RunBelongings> {
  if (run === null) return NOTHING;
  const of = { afterRun: number - 1, run: number, limit: PAGE_LIMIT_MAX };
  return { run, effects: await reader.effects(of), exceptions: await reader.exceptions(of) };
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
export async function listReviews(reader: StoreReader, filter: ReviewFilter): Promise<ReviewPage> {
  const page = await pageOf(reader, filter, (at) => reader.reviews({ ...filter, ...at }));
  const runOf = (row: ReviewRow) => page.runs.get(row.run) ?? null;
  const of = { runOf, kept: await keptCommands(reader) };
  // Proposals have a list of their own: nobody answers them.
  const rows = page.rows.filter((row) => !isProposal(row));
  const reviews = await reviewDetails(reader, await Masking.of(reader), rows, of);
  return { reviews, next: page.next };
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
