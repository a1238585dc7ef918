/**
 * What operators do to exceptions and groups that decides nothing about a run: each act is a command
 * to the engine, with who and why on record. Of many exceptions a plan is shown before anything is done.
 */
import { isErrorCode, HoldfastError, type ErrorCode } from "../core/error.ts";
import type { IssueAct } from "../core/issue-overlay.ts";
import { parseHandlingAct, type AskedAct } from "../core/parse-acts.ts";
import { formatItemId, formatRunId, parseItemId } from "../core/run-number.ts";
import type { ExceptionRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { giveCommand, type Patience, type Receipt } from "./command.ts";
import { exceptionQuery, noIssue, type WantedExceptions } from "./exception-query.ts";
import { requireFiner, valuesOf } from "./list-issues.ts";

interface Doing {
  readonly by: string;
  readonly reason: string;
}

/** Which exceptions are meant; what is not given fits all that are open. */
export type ExceptionQueryFilter = Omit<WantedExceptions, "all">;

/** Exceptions that one order may be about; more are done in parts. */
export const BULK_MAX = 1_000;
/** Commands under way at a time. */
const AT_A_TIME = 16;
/** Ids that a plan names. */
const NAMED_MAX = 20;

export interface BulkPlan {
  readonly count: number;
  readonly value: readonly string[];
  /** Owner and how many it has, most first. */
  readonly owners: readonly (readonly [owner: string, count: number])[];
  /** The first of them. */
  readonly exceptions: readonly string[];
  /** True if not all open exceptions were looked through: there may be more. */
  readonly isPart: boolean;
}

export interface BulkOutcome {
  readonly done: number;
  /** Left for an engine that does not run, or was not waited for. */
  readonly left: number;
  readonly refused: readonly {
    readonly exception: string;
    readonly code: ErrorCode;
    readonly message: string;
    readonly remedy: string;
  }[];
}

/** @throws {HoldfastError} HF6001 (none of this id), HF4102 (no act); the engine's refusals; HF6005. */
async function handleException(
  reader: StoreReader,
  exception: string,
  asked: AskedAct,
  { by, reason }: Doing,
  patience: Patience,
): Promise<Receipt> {
  const act = parseHandlingAct(asked);
  const { run, seq } = parseItemId("exc", exception);
  const body = { run: formatRunId(run), seq, act, reason };
  return await giveCommand(reader, { topic: "handle", by, body }, patience);
}

/**
 * @throws {HoldfastError} HF6001 (no such group), HF6003 (nothing finer to split it by); the engine's
 *   refusals; HF6005.
 */
export async function decideIssue(
  reader: StoreReader,
  fingerprint: string,
  act: IssueAct,
  { by, reason }: Doing,
  patience: Patience,
): Promise<Receipt> {
  for (const id of act.kind === "merged" ? [fingerprint, act.into] : [fingerprint]) {
    if ((await reader.issue(id)) === null) throw noIssue(id);
  }
  if (act.kind === "split") await requireFiner(reader, fingerprint, act.by);
  const body = { run: STORE, fingerprint, act, reason };
  return await giveCommand(reader, { topic: "group", by, body }, patience);
}

/** The store itself, as commands name it. */
export const STORE = formatRunId(0);

/** Open exceptions that fit, oldest run first, at most `BULK_MAX`. */
export async function selectExceptions(
  reader: StoreReader,
  filter: ExceptionQueryFilter,
): Promise<{ readonly rows: readonly ExceptionRow[]; readonly isPart: boolean }> {
  const query = await exceptionQuery(reader, filter);
  // One more tells whether there are more.
  const rows = await reader.exceptions({ ...query, afterRun: -1, limit: BULK_MAX + 1 });
  return { rows: rows.slice(0, BULK_MAX), isPart: rows.length > BULK_MAX };
}

export function planOf({
  rows,
  isPart,
}: {
  readonly rows: readonly ExceptionRow[];
  readonly isPart: boolean;
}): BulkPlan {
  const owners = new Map<string, number>();
  for (const { owner } of rows) owners.set(owner, (owners.get(owner) ?? 0) + 1);
  return {
    count: rows.length,
    value: valuesOf(rows),
    owners: [...owners].toSorted(([, a], [, b]) => b - a),
    exceptions: rows.slice(0, NAMED_MAX).map((row) => formatItemId("exc", row)),
    isPart,
  };
}

/** Each by itself: one that is refused holds up no other. */
export async function handleAll(
  reader: StoreReader,
  ids: readonly string[],
  act: AskedAct,
  doing: Doing,
  patience: Patience,
): Promise<BulkOutcome> {
  let done = 0;
  let left = 0;
  const refused: BulkOutcome["refused"][number][] = [];
  const waiting = [...ids];
  const work = async () => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      try {
        const { outcome } = await handleException(reader, id, act, doing, patience);
        if (outcome === "applied") done += 1;
        else left += 1;
      } catch (error) {
        if (!(error instanceof HoldfastError) || !isErrorCode(error.code)) throw error;
        const { code, message, remedy } = error;
        refused.push({ exception: id, code, message, remedy });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, ids.length) }, work));
  return { done, left, refused };
}
