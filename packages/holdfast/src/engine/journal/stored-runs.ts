/**
 * Writing to a run that is not in memory, without running its code: it waits, has ended, or its turn
 * to be brought back has not come.
 *
 * Sequence numbers have no gaps, so nobody may write to a copy of a run that has been written to
 * since it was read. Whoever reads a run to bring it back watches the departures; a write here is
 * told to them, and they read it again.
 */
import { HoldfastError } from "../../core/error.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { RecordKind } from "../../core/record-kinds.ts";
import type { StoredRun } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import type { LiveRun } from "../run/live-run.ts";

/** Buffers a record of the run, and says its number. It is durable after `committer.durable()`. */
export type Append = (
  kind: RecordKind,
  name: string,
  head: object,
  options?: {
    readonly attempt?: number;
    readonly data?: string | null;
    /** In the flush of the record that was added before it, in the same turn. */
    readonly joins?: boolean;
  },
) => number;

export type Reached<T> =
  | { readonly kind: "live"; readonly live: LiveRun }
  | { readonly kind: "stored"; readonly value: T }
  | { readonly kind: "unknown" };

/** A run that comes and goes more often than this while it is being read is given up. */
const READS_MAX = 100;

/** Calls `act`, which must not wait, with the run as it is; or says that it is in memory. */
export async function withStored<T>(
  engine: Pick<Engine, "committer" | "store" | "live" | "departures" | "places">,
  run: number,
  act: (stored: StoredRun, append: Append) => T,
): Promise<Reached<T>> {
  const { committer, store, live: atWork, departures, places } = engine;
  for (let reads = 0; reads < READS_MAX; reads += 1) {
    const live = atWork.get(run);
    if (live !== undefined && !live.isGone) return { kind: "live", live };
    const watch = departures.watch();
    try {
      await committer.durable();
      const [stored] = await store.load([run]);
      if (atWork.has(run) || watch.hasLeft(run)) continue;
      if (stored === undefined) return { kind: "unknown" };
      places.require(stored.shard);
      let seq = stored.records.at(-1)?.seq ?? 0;
      const value = act(stored, (kind, name, head, options = {}) => {
        const { attempt = 0, data = null, joins = false } = options;
        seq += 1;
        const record = { run, seq, kind, attempt, name, head, data };
        committer.add(joins ? { ...record, joins } : record);
        departures.noteWritten(run);
        return seq;
      });
      return { kind: "stored", value };
    } finally {
      watch.end();
    }
  }
  throw new HoldfastError(
    "HF6003",
    `Run ${formatRunId(run)} came and went ${String(READS_MAX)} times while it was being read.`,
    "Try again in a moment.",
  );
}
