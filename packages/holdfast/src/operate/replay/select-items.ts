/** The exceptions that a replay is about, each with its run and the effect that would run again. */
import { HoldfastError } from "../../core/error.ts";
import { REPLAY_ITEMS_MAX } from "../../core/replay/replay-plan.ts";
import type { EffectRow, ExceptionRow, RunRow } from "../../store/rows.ts";
import type { StoreReader } from "../../store/store.ts";
import { PAGE_LIMIT_MAX } from "../paging.ts";
import { isMeant, storeFilter, type ReplayQuery } from "./replay-query.ts";

export interface Candidate {
  readonly exception: ExceptionRow;
  readonly run: RunRow;
  /** All that is open of the run, this one with it. */
  readonly exceptions: readonly ExceptionRow[];
  readonly effects: readonly EffectRow[];
}

/** Runs that are read at a time. */
const AT_A_TIME = 16;

/**
 * Open exceptions that fit, oldest run first.
 *
 * @param first - at most so many; null: all.
 * @throws {HoldfastError} HF4104 for more than `REPLAY_ITEMS_MAX`.
 */
export async function selectItems(
  reader: StoreReader,
  query: ReplayQuery,
  first: number | null,
  nowMs: number,
): Promise<readonly Candidate[]> {
  const found: Candidate[] = [];
  const filter = storeFilter(query);
  // Behind the store itself (run 0), whose exceptions no run waits for.
  for (let afterRun = 0; ;) {
    const page = await reader.exceptions({ ...filter, afterRun, limit: PAGE_LIMIT_MAX });
    const waited = page.filter(({ subject }) => subject === null);
    for (let at = 0; at < waited.length; at += AT_A_TIME) {
      const some = waited.slice(at, at + AT_A_TIME);
      const looked = await Promise.all(some.map((row) => lookAt(reader, query, row, nowMs)));
      for (const candidate of looked) if (candidate !== null) found.push(candidate);
      if (first !== null && found.length >= first) return found.slice(0, first);
      if (found.length > REPLAY_ITEMS_MAX) throw tooMany(query);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_LIMIT_MAX) return found;
    afterRun = last.run;
  }
}

async function lookAt(
  reader: StoreReader,
  query: ReplayQuery,
  exception: ExceptionRow,
  nowMs: number,
): Promise<Candidate | null> {
  const run = await reader.run(exception.run);
  if (run === null || !isMeant(query, exception, run, nowMs)) return null;
  const of = { afterRun: run.run - 1, limit: PAGE_LIMIT_MAX, run: run.run };
  const [exceptions, effects] = await Promise.all([reader.exceptions(of), reader.effects(of)]);
  return { exception, run, exceptions, effects };
}

function tooMany({ text }: ReplayQuery): HoldfastError {
  return new HoldfastError(
    "HF4104",
    `The query fits more than ${String(REPLAY_ITEMS_MAX)} exceptions, the limit of one plan. Nothing was planned.`,
    "Narrow it, for example with age:>1d, or take the oldest of them with --first; plan the rest afterwards.",
    { where: text.slice(0, 200) },
  );
}
