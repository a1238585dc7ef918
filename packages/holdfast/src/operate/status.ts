/** `holdfast status`: one screen of how a store stands, by counters and bounded lists, without a scan. */
import { lateMs } from "../core/exception-handling.ts";
import type { DependencyRow, RunRow } from "../store/rows.ts";
import type { Pulse, StoreReader } from "../store/store.ts";
import { isoOrNull, isoText } from "./views.ts";

/** Rows that are looked at of each list; where there are as many, there may be more. */
const STATUS_ROWS_MAX = 1_000;
const COMMANDS_MAX = 200;

/** What stands in a list, as far as it was looked at. */
interface Counted {
  readonly count: number;
  /** True: there may be more than that. */
  readonly hasMore: boolean;
}

interface EngineStatus {
  /** Null where one store is looked at. */
  readonly cell: string | null;
  /** Engines, or workers, that are at work now. */
  readonly count: number;
  /** The last that was seen of one: its sign of life, else its flush; null while one runs, or if there was none. */
  readonly silentSince: string | null;
  readonly newestFlushAt: string | null;
}

interface DownStatus {
  readonly integration: string;
  readonly state: Exclude<DependencyRow["state"], "closed">;
  readonly byHand: boolean;
  readonly since: string;
  readonly reason: string;
  /** Runs that wait for it, among those that were looked at. */
  readonly waiting: Counted;
}

export interface StoreStatus {
  readonly engines: readonly EngineStatus[];
  /** Runs that the store has, by state; states without any are left out. */
  readonly runs: Readonly<Record<string, number>>;
  readonly exceptions: {
    readonly open: number;
    readonly byClass: Readonly<Record<string, number>>;
    readonly overdue: Counted;
    /** When the one was due that is late by most; null if none is. */
    readonly oldestDueAt: string | null;
  };
  readonly down: readonly DownStatus[];
  readonly inbox: Counted & { readonly oldestAt: string | null };
}

/** @param reader - of one store, or of several cells together. */
export async function storeStatus(reader: StoreReader, nowMs: number): Promise<StoreStatus> {
  // Side by side: on a server far away each of them is a way there and back.
  const [pulses, runs, classes, overdue, dependencies, parked, inbox] = await Promise.all([
    reader.pulse(),
    reader.counters("runs/"),
    reader.counters("exceptions/"),
    reader.exceptions({ afterRun: -1, limit: STATUS_ROWS_MAX, dueBeforeMs: nowMs }),
    reader.dependencies(),
    reader.runs({ states: ["parked"], afterRun: 0, limit: STATUS_ROWS_MAX }),
    reader.inbox(COMMANDS_MAX),
  ]);
  const byClass = sumsBy(classes, 1);
  const late = overdue.map(({ dueAtMs, handling }) => ({
    dueAtMs,
    lateMs: lateMs({ dueAtMs, stoppedAtMs: handling.stoppedAtMs }, nowMs),
  }));
  const latest = late.toSorted((left, right) => right.lateMs - left.lateMs)[0];
  return {
    engines: pulses.map(engineStatus),
    runs: sumsBy(runs, -1),
    exceptions: {
      open: Object.values(byClass).reduce((sum, count) => sum + count, 0),
      byClass,
      overdue: counted(overdue, STATUS_ROWS_MAX),
      oldestDueAt: latest === undefined ? null : isoText(latest.dueAtMs),
    },
    down: downOf(dependencies, parked),
    inbox: {
      ...counted(inbox, COMMANDS_MAX),
      oldestAt: inbox.length === 0 ? null : isoText(Math.min(...inbox.map(({ atMs }) => atMs))),
    },
  };
}

function engineStatus({ cell, engineCount, beatAtMs, flushAtMs }: Pulse): EngineStatus {
  const seenAtMs = Math.max(beatAtMs ?? 0, flushAtMs ?? 0);
  return {
    cell: cell ?? null,
    count: engineCount,
    silentSince: engineCount > 0 || seenAtMs === 0 ? null : isoText(seenAtMs),
    newestFlushAt: isoOrNull(flushAtMs),
  };
}

/** @param part - of the name between slashes: where the words stand that are summed by. */
function sumsBy(
  counters: readonly { readonly name: string; readonly value: number }[],
  part: number,
): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { name, value } of counters) {
    const word = name.split("/").at(part) ?? "";
    sums[word] = (sums[word] ?? 0) + value;
  }
  return sums;
}

/** Of an integration that several cells have: since the first of them. */
function downOf(
  dependencies: readonly DependencyRow[],
  parked: readonly RunRow[],
): readonly DownStatus[] {
  const found = new Map<string, DownStatus>();
  for (const row of dependencies.toSorted((left, right) => left.sinceMs - right.sinceMs)) {
    const { integration, state, reason, sinceMs, byHand } = row;
    if (state === "closed" || found.has(integration)) continue;
    const waiting = parked.filter(({ dependency }) => dependency === integration);
    found.set(integration, {
      integration,
      state,
      byHand: byHand === 1,
      since: isoText(sinceMs),
      reason,
      waiting: { count: waiting.length, hasMore: parked.length >= STATUS_ROWS_MAX },
    });
  }
  return [...found.values()];
}

function counted(rows: readonly unknown[], limit: number): Counted {
  return { count: rows.length, hasMore: rows.length >= limit };
}
