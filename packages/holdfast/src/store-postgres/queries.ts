/** The engine's reads on PostgreSQL, on a connection of their own. */
import type { JournalRecord } from "../core/journal.ts";
import { RUN_STATES } from "../core/run-state.ts";
import {
  type Cells,
  RUN_WIDTH,
  toAcceptedEvent,
  toDeclaration,
  toDependency,
  toEarlyAnswer,
  toException,
  toInbox,
  toIssueOverlay,
  toKeptEvent,
  toReceived,
  toRecord,
  toRouting,
  toRule,
  toRun,
  toRunAt,
} from "../store/row-columns.ts";
import type { AcceptedEventRow, ReceivedRow, StoredRun, WaitingCommand } from "../store/rows.ts";
import { RecordCheck } from "../store/record-check.ts";
import { postedDigest } from "../store/seal.ts";
import type { EventId, FoundRun, RunKey, Store } from "../store/store.ts";
import { type Cell, binaryArray } from "./binary-array.ts";
import { removalReads } from "./archived-queries.ts";
import { cellReads } from "./cell-rows.ts";
import { ENGINE_SQL } from "./engine-sql.ts";
import type { TellBackup } from "./backup-inboxes.ts";
import type { ReadRows } from "./runs-at-hand.ts";
import { eventName, keyShard } from "./shard.ts";

export type EngineReads = Pick<
  Store,
  | "find"
  | "load"
  | "page"
  | "due"
  | "parked"
  | "parkedCount"
  | "lane"
  | "openLanes"
  | "keptEvents"
  | "awaiting"
  | "endedByRef"
  | "earlyAnswers"
  | "acceptedEvents"
  | "acceptedCount"
  | "received"
  | "receivedCount"
  | "newestInOrder"
  | "heldMessages"
  | "keptCount"
  | "exception"
  | "besideExceptions"
  | "exceptionsDue"
  | "issueOverlay"
  | "routing"
  | "rules"
  | "declarations"
  | "pendingByRef"
  | "dependencies"
  | "openGroups"
  | "inbox"
  | "changed"
  | "removal"
  | "cells"
>;

/** Runs in one statement of `load`; more are read in several. */
const RUNS_PER_READ = 2000;

/** Waiting commands that `changed` tells apart; beyond it, it says that something has changed. */
const WAITING_TOLD_APART_MAX = 1000;

/**
 * @param digestKey - as `sealKey` gives it.
 * @param onDamage - told of the first damaged record; gives what is thrown for it.
 * @param tellBackup - whether a command lay in the inbox of a backup.
 */
export function engineReads(
  read: ReadRows,
  digestKey: string,
  onDamage: (error: unknown) => unknown,
  tellBackup: TellBackup,
): EngineReads {
  const requireWhole = requiredBy(new RecordCheck(digestKey), onDamage);
  const ask = (name: keyof typeof ENGINE_SQL, ...values: (Cell | Buffer)[]) =>
    read(`engine-${name}`, ENGINE_SQL[name], values);
  const load = (runs: readonly number[]) => loadRuns(ask, runs, requireWhole);
  const arrivals = new Arrivals(ask);
  return {
    find: (keys) => find(ask, keys),
    load,
    ...readsOfShards(ask, load, tellBackup),
    lane: async (namespace, lane, limit) => (await ask("lane", namespace, lane, limit)).map(toRun),
    keptEvents: async ({ namespace, event, key }, limit) =>
      (await ask("kept", event, key, namespace, limit)).map(toKeptEvent),
    awaiting: async ({ namespace, event, key }, limit) =>
      (await ask("awaiting", event, key, namespace, limit)).map(first<number>),
    async pendingByRef(integration, ref) {
      const [cells] = await ask("pending", integration, ref);
      if (cells === undefined) return null;
      const [run, operation] = cells as [number, number];
      return { run, operation };
    },
    async endedByRef(integration, ref) {
      const [cells] = await ask("ended", ref, integration);
      if (cells === undefined) return null;
      const [run, operation] = cells as [number, number];
      return { run, operation };
    },
    earlyAnswers: async (limit) => (await ask("early", limit)).map(toEarlyAnswer),
    acceptedEvents: (ids) => acceptedEvents(ask, ids),
    parkedCount: async (name) => (await ask("parkedCount", name)).map(first<number>)[0] ?? 0,
    received: (names) => received(ask, names),
    receivedCount: async () => (await ask("receivedCount")).map(first<number>)[0] ?? 0,
    newestInOrder: async (name) => (await ask("newestInOrder", name)).map(first<number>)[0] ?? null,
    heldMessages: async (after, limit) => (await ask("held", after, limit)).map(toReceived),
    keptCount: async () => (await ask("keptCount")).map(first<number>)[0] ?? 0,
    acceptedCount: async (nowMs) => (await ask("acceptedCount", nowMs)).map(first<number>)[0] ?? 0,
    exception: async (run, seq) => (await ask("exception", run, seq)).map(toException)[0] ?? null,
    async besideExceptions(run, subject) {
      const [open, known] = await Promise.all([
        ask("besideOpen", run),
        ask("beside", run, subject),
      ]);
      return {
        openCount: open.map(first<number>)[0] ?? 0,
        seq: known.map(first<number>)[0] ?? null,
      };
    },
    issueOverlay: async (fingerprint) =>
      (await ask("overlay", fingerprint)).map(toIssueOverlay)[0]?.overlay ?? null,
    rules: async (afterChange, limit) => (await ask("rules", afterChange, limit)).map(toRule),
    routing: async () => (await ask("routing")).map(toRouting)[0] ?? null,
    declarations: async () => (await ask("declarations")).map(toDeclaration),
    dependencies: async () => (await ask("dependencies")).map(toDependency),
    async openGroups() {
      const rows = await ask("groups");
      return rows.map((cells) => {
        const [group, runs, crashes] = cells as [number, string, number];
        // Written by the projection from a list of numbers.
        return { group, runs: JSON.parse(runs) as number[], crashes };
      });
    },
    changed: () => arrivals.changed(),
    removal: removalReads(read, requireWhole),
    cells: cellReads(read),
  };
}

/** Reads of some shards, or of all. */
function readsOfShards(
  ask: Ask,
  load: Store["load"],
  tellBackup: TellBackup,
): Pick<Store, "page" | "due" | "parked" | "openLanes" | "inbox" | "exceptionsDue"> {
  const askOf = (
    name: "inStates" | "due" | "parked" | "openLanes" | "inbox" | "exceptionsDue",
    shards: readonly number[] | undefined,
    ...values: (Cell | Buffer)[]
  ) =>
    shards === undefined
      ? ask(name, ...values)
      : ask(`${name}Of`, ...values, binaryArray("int2", shards));
  return {
    async page(states, page, shards) {
      const numbers = binaryArray(
        "int2",
        states.map((state) => RUN_STATES.indexOf(state)),
      );
      const rows = await askOf("inStates", shards, numbers, page.afterRun, page.limit);
      return load(rows.map(first<number>));
    },
    async due(afterMs, untilMs, limit, shards) {
      const rows = await askOf("due", shards, afterMs, untilMs, limit);
      return rows.map(([run, wakeAtMs]) => ({ run: run as number, wakeAtMs: wakeAtMs as number }));
    },
    parked: async (integration, { afterRun, limit }, shards) =>
      (await askOf("parked", shards, integration, afterRun, limit)).map(first<number>),
    openLanes: async (page, shards) =>
      (await askOf("openLanes", shards, page.afterRun, page.limit)).map(toOpenLane),
    async exceptionsDue(limit, shards) {
      const rows = await askOf("exceptionsDue", shards, limit);
      return rows.map((cells) => {
        const [run, seq, atMs] = cells as [number, number, number];
        return { run, seq, atMs };
      });
    },
    inbox: async (limit, shards) =>
      (await askOf("inbox", shards, limit)).map((cells) => posted(cells, tellBackup)),
  };
}

/** Tells whether a command has arrived since the last look. */
class Arrivals {
  readonly #ask: Ask;
  #waiting = new Set<string>();

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  async changed(): Promise<boolean> {
    const rows = await this.#ask("waiting", WAITING_TOLD_APART_MAX);
    const now = new Set(rows.map(first<string>));
    const isNew = [...now].some((id) => !this.#waiting.has(id));
    this.#waiting = now;
    return isNew || now.size === WAITING_TOLD_APART_MAX;
  }
}

function toOpenLane(cells: Cells) {
  const [run, namespace, lane, parentRun, workflow] = cells as [
    number,
    string,
    string,
    number | null,
    string,
  ];
  return { run, namespace, lane, parentRun, workflow };
}

type Ask = (
  name: keyof typeof ENGINE_SQL,
  ...values: (Cell | Buffer)[]
) => Promise<readonly Cells[]>;

async function find(ask: Ask, keys: readonly RunKey[]): Promise<(FoundRun | null)[]> {
  if (keys.length === 0) return [];
  const hashes = keys.map(({ keyHash }) => keyHash);
  const rows = await ask(
    "find",
    binaryArray("int2", hashes.map(keyShard)),
    binaryArray(
      "bytea",
      hashes.map((keyHash) => Buffer.from(keyHash, "hex")),
    ),
  );
  const found = new Map<string, FoundRun>();
  for (const cells of rows) {
    const [hash, run, generation, digest] = cells as [Buffer, number, number, Buffer];
    const row = cells[4] === null ? null : toRunAt(cells, 4);
    const inputDigest = digest.toString("hex");
    found.set(hash.toString("hex"), { run, generation, inputDigest, row });
  }
  return hashes.map((keyHash) => found.get(keyHash) ?? null);
}

async function acceptedEvents(
  ask: Ask,
  ids: readonly EventId[],
): Promise<(AcceptedEventRow | null)[]> {
  if (ids.length === 0) return [];
  const names = ids.map(eventName);
  const rows = await ask(
    "accepted",
    binaryArray("int2", names.map(keyShard)),
    binaryArray(
      "bytea",
      names.map((name) => Buffer.from(name, "hex")),
    ),
  );
  const found = new Map<string, AcceptedEventRow>();
  for (const [name, ...cells] of rows) {
    found.set((name as Buffer).toString("hex"), toAcceptedEvent(cells));
  }
  return names.map((name) => found.get(name) ?? null);
}

async function received(ask: Ask, names: readonly string[]): Promise<(ReceivedRow | null)[]> {
  if (names.length === 0) return [];
  const rows = await ask(
    "received",
    binaryArray("int2", names.map(keyShard)),
    binaryArray(
      "bytea",
      names.map((name) => Buffer.from(name, "hex")),
    ),
  );
  const found = new Map(rows.map(toReceived).map((row) => [row.name, row]));
  return names.map((name) => found.get(name) ?? null);
}

function requiredBy(check: RecordCheck, onDamage: (error: unknown) => unknown) {
  return (cells: Cells, seq: number): void => {
    try {
      check.require(cells, seq);
    } catch (error) {
      throw onDamage(error);
    }
  };
}

async function loadRuns(
  ask: Ask,
  runs: readonly number[],
  requireWhole: (cells: Cells, seq: number) => void,
): Promise<StoredRun[]> {
  const found = new Map<number, StoredRun>();
  for (let start = 0; start < runs.length; start += RUNS_PER_READ) {
    const numbers = binaryArray("int8", runs.slice(start, start + RUNS_PER_READ));
    // Sent together: rows first, so no record of a run is missing that its row speaks of.
    const [rows, records] = await Promise.all([ask("runs", numbers), ask("records", numbers)]);
    const journals = new Map<number, JournalRecord[]>();
    for (const cells of rows) {
      const row = toRun(cells);
      const journal: JournalRecord[] = [];
      journals.set(row.run, journal);
      found.set(row.run, { row, records: journal, shard: cells[RUN_WIDTH] as number });
    }
    for (const cells of records) {
      const journal = journals.get(cells[0] as number);
      if (journal === undefined) continue;
      requireWhole(cells, journal.length + 1);
      journal.push(toRecord(cells));
    }
  }
  return runs.flatMap((run) => found.get(run) ?? []);
}

/** A waiting command, with what its digest says: one that was damaged must not be obeyed. */
function posted(cells: Cells, tellBackup: TellBackup): WaitingCommand {
  const command = toInbox(cells);
  const isAsPosted = postedDigest(command).equals(cells[6] as Uint8Array);
  const shard = cells[8] as number | undefined;
  const ofBackup = tellBackup(cells[7] as number, command.atMs);
  return { ...command, ...ofBackup, isAsPosted, ...(shard === undefined ? {} : { shard }) };
}

function first<Value>(cells: Cells): Value {
  // The schema says the type of the column.
  return cells[0] as Value;
}
