/**
 * Takes rows of local transactions away that nothing can ask for any more. Part of holdfast.ts: the
 * store knows which runs have ended, the user's database holds the rows.
 */
import { durationMs, durationText, type Duration } from "./core/duration.ts";
import { HoldfastError } from "./core/error.ts";
import { parseRunId } from "./core/run-number.ts";
import { isFinal } from "./core/run-state.ts";
import type { Store } from "./store/store.ts";
import type { LocalDatabase, LocalPlace } from "./workflow/local-database.ts";

/** Rows that are looked at together: the runs of so many are in memory for it. */
const PAGE_ROWS = 100;

/** A worker that was thought dead may come back and ask: none sleeps for longer than this. */
const OLDER_THAN_MS_MIN = 86_400_000;

export interface PrunedLocal {
  /** Rows that are gone. */
  readonly removed: number;
  /** Rows that are old enough and stay, because their runs have not ended. */
  readonly kept: number;
}

/** @throws {HoldfastError} HF1001 for a time below a day. */
export async function pruneLocal(
  store: Pick<Store, "storeId" | "load">,
  { name, transactions }: LocalDatabase<unknown>,
  olderThan: Duration,
): Promise<PrunedLocal> {
  const what = `olderThan of app.pruneLocal("${name}")`;
  const olderThanMs = durationMs(olderThan, what);
  if (olderThanMs < OLDER_THAN_MS_MIN) throw tooYoung(what, olderThan);
  let after: LocalPlace = { atMs: 0, key: "" };
  let removed = 0;
  let kept = 0;
  for (;;) {
    const page = { store: store.storeId, olderThanMs, limit: PAGE_ROWS, after };
    const rows = await transactions.page(page);
    const last = rows.at(-1);
    if (last === undefined) return { removed, kept };
    after = last;
    const open = await openAmong(store, [...new Set(rows.map(({ run }) => run))]);
    const over = rows.filter(({ run }) => !open.has(parseRunId(run)));
    kept += rows.length - over.length;
    if (over.length > 0) removed += await transactions.remove(over.map(({ key }) => key));
  }
}

/** A run that is not there any more has ended: it is one of this store. */
async function openAmong(
  store: Pick<Store, "load">,
  runs: readonly string[],
): Promise<ReadonlySet<number>> {
  const found = await store.load(runs.map(parseRunId));
  return new Set(found.filter(({ row }) => !isFinal(row.state)).map(({ row }) => row.run));
}

function tooYoung(what: string, olderThan: Duration): HoldfastError {
  const min = durationText(OLDER_THAN_MS_MIN);
  return new HoldfastError(
    "HF1001",
    `${what} is not valid: expected at least ${min}, got ${olderThan}.`,
    "Keep rows for as long as you could restore the store from a backup: a restored run asks for them again.",
  );
}
