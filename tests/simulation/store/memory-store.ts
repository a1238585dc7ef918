/**
 * The storage port over a simulated disk, as one engine has it. Every verb goes through `via`, which
 * decides when it is answered, and whether the process lives to hear it.
 */
import type { RunState } from "#src/core/run-state.ts";
import type { KeptEventRow, RunRow, StoredRun, WaitingCommand } from "#src/store/rows.ts";
import type {
  EventAddress,
  FoundRun,
  Page,
  Removal,
  Store,
  TakenCommands,
} from "#src/store/store.ts";
import type { CellReads } from "#src/store/cells.ts";
import { postedDigest } from "#src/store/seal.ts";
import type { Shards } from "#src/store/shards.ts";
import type { Chain, Disk } from "./disk.ts";
import { eventKey, item, type RunEntry } from "./tables.ts";

/** How a call of the store goes: when `act` is done, and when its answer is heard. */
export type Via = <T>(verb: string, act: () => T) => Promise<T>;

export interface StoreOptions {
  readonly disk: Disk;
  readonly chain: Chain;
  readonly via: Via;
  readonly shards: Shards;
  readonly flush: Store["flush"];
  readonly onPosted: Store["onPosted"];
  readonly onFatal: Store["onFatal"];
}

export function memoryStore(options: StoreOptions): Store {
  const { disk, chain, via, shards, flush, onPosted, onFatal } = options;
  return {
    shards,
    storeId: disk.storeId,
    secret: disk.secret,
    incarnation: chain.incarnation,
    predecessors: shards.isWhole ? disk.openChains(chain.incarnation) : [],
    lastRun: disk.lastRun,
    lastSystemSeq: disk.lastSystemSeq,
    removal: noRemoval,
    cells: noCells,
    taken: noForgetting,
    flush,
    onPosted,
    onFatal,
    ...runReads(disk, via),
    ...waitingReads(disk, via),
    ...otherReads(disk, via),
    changed: () => via("changed", () => true),
    close: () =>
      via("close", () => {
        chain.isAlive = false;
        chain.isClean = true;
        disk.ownerChanges += 1;
        for (const shard of disk.shards) if (shard.owner === chain.incarnation) shard.owner = null;
      }),
  };
}

type RunReads = Pick<
  Store,
  "find" | "load" | "page" | "due" | "parked" | "parkedCount" | "lane" | "openLanes"
>;

function runReads(disk: Disk, via: Via): RunReads {
  const { tables } = disk;
  return {
    find: (keys) => via("find", () => keys.map(({ keyHash }) => found(disk, keyHash))),
    load: (runs) => via("load", () => runs.flatMap((run) => stored(disk, run))),
    page: (states, page, shards) =>
      via("page", () =>
        paged(disk, page, (entry) => isIn(entry, shards) && has(states, entry)).flatMap((entry) =>
          stored(disk, entry.row.run),
        ),
      ),
    due: (afterMs, untilMs, limit, shards) =>
      via("due", () =>
        [...tables.runs.values()]
          .filter((entry) => isIn(entry, shards))
          .flatMap(({ row: { run, wakeAtMs } }) =>
            wakeAtMs !== null && wakeAtMs > afterMs && wakeAtMs <= untilMs
              ? [{ run, wakeAtMs }]
              : [],
          )
          .toSorted((one, other) => one.wakeAtMs - other.wakeAtMs || one.run - other.run)
          .slice(0, limit),
      ),
    parked: (integration, page, shards) =>
      via("parked", () =>
        paged(
          disk,
          page,
          (entry) => isIn(entry, shards) && entry.row.dependency === integration,
        ).map(({ row }) => row.run),
      ),
    parkedCount: (integration) =>
      via(
        "parkedCount",
        () => [...tables.runs.values()].filter(({ row }) => row.dependency === integration).length,
      ),
    lane: (namespace, lane, limit) =>
      via("lane", () => inLane(disk, namespace, lane).slice(0, limit)),
    openLanes: (page, shards) =>
      via("openLanes", () =>
        paged(disk, page, (entry) => isIn(entry, shards) && isInLane(entry.row)).map(({ row }) => ({
          run: row.run,
          namespace: row.namespace,
          lane: row.lane ?? "",
          workflow: row.workflow,
          parentRun: row.parentRun,
        })),
      ),
  };
}

function found(disk: Disk, keyHash: string): FoundRun | null {
  const entry = disk.tables.runs.get(disk.tables.keys.get(keyHash) ?? 0);
  if (entry === undefined) return null;
  const { row, inputDigest } = entry;
  return { run: row.run, generation: row.generation, inputDigest, row };
}

function stored(disk: Disk, run: number): StoredRun[] {
  const entry = disk.tables.runs.get(run);
  return entry === undefined
    ? []
    : [{ row: entry.row, shard: entry.shard, records: disk.records(run) }];
}

function paged(disk: Disk, page: Page, fits: (entry: RunEntry) => boolean): RunEntry[] {
  return [...disk.tables.runs.values()]
    .filter((entry) => entry.row.run > page.afterRun && fits(entry))
    .toSorted((one, other) => one.row.run - other.row.run)
    .slice(0, page.limit);
}

function has(states: readonly RunState[], { row }: RunEntry): boolean {
  return states.includes(row.state);
}

function isIn({ shard }: RunEntry, shards: readonly number[] | undefined): boolean {
  return shards === undefined || shards.includes(shard);
}

function isInLane({ lane, endedAtMs }: RunRow): boolean {
  return lane !== null && endedAtMs === null;
}

function inLane(disk: Disk, namespace: string, lane: string): RunRow[] {
  return [...disk.tables.runs.values()]
    .map(({ row }) => row)
    .filter((row) => row.namespace === namespace && row.lane === lane && isInLane(row))
    .toSorted((one, other) => one.run - other.run);
}

type WaitingReads = Pick<
  Store,
  | "acceptedEvents"
  | "acceptedCount"
  | "received"
  | "receivedCount"
  | "newestInOrder"
  | "heldMessages"
  | "keptCount"
  | "keptEvents"
  | "awaiting"
  | "pendingByRef"
  | "endedByRef"
  | "earlyAnswers"
>;

function waitingReads(disk: Disk, via: Via): WaitingReads {
  const { tables } = disk;
  return {
    acceptedEvents: (ids) =>
      via("acceptedEvents", () => ids.map((id) => tables.accepted.get(eventKey(id)) ?? null)),
    acceptedCount: (nowMs) =>
      via(
        "acceptedCount",
        () => [...tables.accepted.values()].filter(({ untilMs }) => untilMs > nowMs).length,
      ),
    received: (names) =>
      via("received", () => names.map((name) => tables.received.get(name) ?? null)),
    receivedCount: () => via("receivedCount", () => tables.received.size),
    newestInOrder: (orderName) =>
      via("newestInOrder", () => {
        const numbers = [...tables.received.values()]
          .filter((row) => row.orderName === orderName)
          .filter(({ state }) => state !== "held" && state !== "superseded")
          .map(({ orderNumber }) => orderNumber ?? 0);
        return numbers.length === 0 ? null : Math.max(...numbers);
      }),
    heldMessages: (afterName, limit) =>
      via("heldMessages", () =>
        [...tables.received.values()]
          .filter(({ state, name }) => state === "held" && name > afterName)
          .toSorted((one, other) => (one.name < other.name ? -1 : 1))
          .slice(0, limit),
      ),
    keptCount: () => via("keptCount", () => tables.kept.size),
    keptEvents: (of, limit) =>
      via("keptEvents", () =>
        [...tables.kept.values()]
          .filter((row) => isFor(row, of))
          .toSorted((one, other) => one.seq - other.seq)
          .slice(0, limit),
      ),
    awaiting: ({ namespace, event, key }, limit) =>
      via("awaiting", () =>
        tables.awaiting
          .filter((one) => one.event === event && one.key === key)
          .filter(({ run }) => tables.runs.get(run)?.row.namespace === namespace)
          .map(({ run }) => run)
          .slice(0, limit),
      ),
    pendingByRef: (integration, ref) =>
      via("pendingByRef", () => {
        const one = tables.pending.find((p) => p.integration === integration && p.ref === ref);
        return one === undefined ? null : { run: one.run, operation: one.operation };
      }),
    endedByRef: (integration, ref) =>
      via("endedByRef", () => {
        const row = [...tables.effects.values()].find(
          (one) => one.integration === integration && one.ref === ref && one.ended,
        );
        return row === undefined ? null : { run: row.run, operation: row.operation };
      }),
    earlyAnswers: (limit) =>
      via("earlyAnswers", () =>
        [...tables.early.values()].toSorted((one, other) => one.seq - other.seq).slice(0, limit),
      ),
  };
}

function isFor(row: KeptEventRow, of: EventAddress): boolean {
  return row.namespace === of.namespace && row.event === of.event && row.key === of.key;
}

type OtherReads = Pick<
  Store,
  | "exception"
  | "besideExceptions"
  | "exceptionsDue"
  | "issueOverlay"
  | "routing"
  | "rules"
  | "dependencies"
  | "declarations"
  | "openGroups"
  | "inbox"
>;

function otherReads(disk: Disk, via: Via): OtherReads {
  const { tables } = disk;
  return {
    exception: (run, seq) => via("exception", () => tables.exceptions.get(item(run, seq)) ?? null),
    besideExceptions: (run, subject) =>
      via("besideExceptions", () => {
        const beside = [...tables.exceptions.values()].filter(
          (row) => row.run === run && row.subject !== null,
        );
        return {
          openCount: beside.filter(({ closedAtMs }) => closedAtMs === null).length,
          seq: beside.find((row) => row.subject === subject)?.seq ?? null,
        };
      }),
    exceptionsDue: (limit, shards) =>
      via("exceptionsDue", () =>
        [...tables.exceptions.values()]
          .filter(({ run }) => isOfShards(disk, run, shards))
          .flatMap(({ run, seq, nextAtMs }) =>
            nextAtMs === null ? [] : [{ run, seq, atMs: nextAtMs }],
          )
          .toSorted((one, other) => one.atMs - other.atMs || one.run - other.run)
          .slice(0, limit),
      ),
    issueOverlay: () => via("issueOverlay", () => null),
    routing: () => via("routing", () => null),
    rules: () => via("rules", () => []),
    dependencies: () => via("dependencies", () => [...tables.dependencies.values()]),
    declarations: () => via("declarations", () => [...tables.declarations.values()]),
    openGroups: () => via("openGroups", () => [...tables.groups.values()]),
    inbox: (limit, shards) =>
      via("inbox", () =>
        [...disk.inbox.values()]
          .filter(({ answer, shard }) => answer === null && isShard(shard, shards))
          .slice(0, limit)
          .map((posted): WaitingCommand => {
            const { row, digest, shard } = posted;
            posted.isAsPosted ??= postedDigest(row).equals(digest);
            return { ...row, shard, isAsPosted: posted.isAsPosted };
          }),
      ),
  };
}

function isShard(shard: number, shards: readonly number[] | undefined): boolean {
  return shards === undefined || shards.includes(shard);
}

/** What belongs to no run is the keeper's. */
function isOfShards(disk: Disk, run: number, shards: readonly number[] | undefined): boolean {
  return isShard(disk.tables.runs.get(run)?.shard ?? 0, shards);
}

/** Nothing leaves in a simulation. */
const noRemoval: Removal = {
  recordSums: async () => [],
  storeRecords: async () => [],
  childrenOf: async () => [],
  callsOf: async () => [],
  archivedRuns: async () => [],
};

/** No simulation lasts until a command may be forgotten. */
const noForgetting: TakenCommands = { count: async () => 0, forget: async () => 0 };

/** The store is the app's only one. */
const noCells: CellReads = {
  list: async () => null,
  carried: async (names) => names.map(() => null),
  placed: async (keyHashes) => keyHashes.map(() => null),
  hasPlaced: async () => false,
  keptFor: async () => [],
  carriedRun: async () => null,
};
