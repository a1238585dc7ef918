/**
 * A store in memory that workers share, right in what the tests with a second owner look at; and each
 * wrong in one thing. It has no other verbs than those tests use.
 */
import { setImmediate as turn } from "node:timers/promises";
import { HoldfastError } from "../core/error.ts";
import type { JournalRecord, StartedHead } from "../core/journal.ts";
import type { LastOwner } from "../core/suspicion.ts";
import { RECORD_KINDS } from "../core/record-kinds.ts";
import { project } from "../store/projection.ts";
import type { RoutedCommand, SeenGate, SharedShards, Surroundings } from "../store/shards.ts";
import type { FlushBatch, Store, StoreReader } from "../store/store.ts";
import type { OpenSharedStoreUnderTest } from "./describe-store-shared.ts";

/** Something that a shared store does wrong. */
export interface FaultyStore {
  /** Whoever has a number may write. */
  readonly hasNoFence?: boolean;
  /** Asks whether the shards are its own, and not whether it lives. */
  readonly ignoresDeath?: boolean;
  /** Asks whether it lives, and not whose the shards are. */
  readonly ignoresShards?: boolean;
  /** Asks, and writes later. */
  readonly asksAhead?: boolean;
  /** Gives shards away without waiting for the flushes under way: wrong where it asks ahead. */
  readonly releasesAtOnce?: boolean;
  /** Each record is a transaction. */
  readonly writesInParts?: boolean;
  /** Says that it is durable, and writes later. */
  readonly acknowledgesAhead?: boolean;
  /** Takes whatever its look showed as free. */
  readonly takesByLook?: boolean;
  /** Looks for what is free, and takes it later. */
  readonly takesInSteps?: boolean;
  readonly sharesSlots?: boolean;
  readonly forgetsOwners?: boolean;
  readonly forgetsRuns?: boolean;
  readonly letsDeadPost?: boolean;
  readonly letsDeadClaim?: boolean;
  readonly letsDeadSave?: boolean;
  readonly claimsInSteps?: boolean;
  readonly savesOver?: boolean;
  /** Writes again what it has had no answer to. */
  readonly writesAgain?: boolean;
  /** Takes an answer that was lost for a refusal. */
  readonly givesUp?: boolean;
  /** Locks rows in the order of the records. */
  readonly locksAsItComes?: boolean;
  /** Adds to what a count was when it began. */
  readonly countsAhead?: boolean;
}

/** Enough for a shard to be taken meanwhile. */
const LATER_TURNS = 40;

export function toy(faulty: FaultyStore = {}): OpenSharedStoreUnderTest {
  return async () => {
    const data = new ToyTables(faulty);
    return {
      join: async () => new ToyWorker(data).store,
      openReader: async () => data.reader,
      expire: async ({ incarnation }) => {
        data.expired.add(incarnation);
      },
      loseAnswer: () => {
        data.losesAnswer = true;
      },
      damage: async () => data.damage(),
      dispose: async () => undefined,
    };
  };
}

/** What all workers see. Each method is one transaction. */
class ToyTables {
  readonly faulty: FaultyStore;
  readonly living = new Set<number>();
  readonly expired = new Set<number>();
  readonly owners = new Map<number, number>();
  readonly records: JournalRecord[] = [];
  readonly homes = new Map<number, number>();
  readonly counts = new Map<string, number>();
  readonly commands: RoutedCommand[] = [];
  readonly keys = new Map<string, number>();
  readonly gates = new Map<string, SeenGate>();
  readonly locks = new Map<string, number>();
  readonly waiting = new Map<number, string>();
  losesAnswer = false;
  lastIncarnation = 0;

  constructor(faulty: FaultyStore) {
    this.faulty = faulty;
  }

  /** Nobody who lives has it. */
  isFree(shard: number): boolean {
    return !this.living.has(this.owners.get(shard) ?? 0);
  }

  of(run: number): JournalRecord[] {
    return this.records.filter((record) => record.run === run);
  }

  write(records: readonly JournalRecord[], counts: ReadonlyMap<string, number>): void {
    const added = new Map<string, number>();
    for (const record of records) {
      this.records.push(record);
      if (record.kind === "started") this.homes.set(record.run, shardOf(record));
      for (const name of countedBy(record)) added.set(name, (added.get(name) ?? 0) + 1);
    }
    for (const [name, count] of added) this.counts.set(name, (counts.get(name) ?? 0) + count);
  }

  async lock(incarnation: number, name: string): Promise<void> {
    for (;;) {
      const holder = this.locks.get(name);
      if (holder === undefined || holder === incarnation) break;
      this.waiting.set(incarnation, name);
      if (this.locks.get(this.waiting.get(holder) ?? "") === incarnation)
        throw new Error("deadlock detected");
      await turn();
    }
    this.waiting.delete(incarnation);
    this.locks.set(name, incarnation);
    await turn();
  }

  unlock(incarnation: number): void {
    this.waiting.delete(incarnation);
    for (const [name, holder] of this.locks) if (holder === incarnation) this.locks.delete(name);
  }

  damage(): readonly string[] {
    const names = this.records.map(({ run, seq }) => `${String(run)}/${String(seq)}`);
    return names.filter((name, at) => names.indexOf(name) !== at);
  }

  get reader(): StoreReader {
    const issues: StoreReader["issues"] = async () =>
      // The tests look at the counts alone.
      [...this.counts.values()].map((count) => ({ openCount: count, totalCount: count }) as never);
    // The tests ask for no more.
    return { issues } as unknown as StoreReader;
  }
}

class ToyWorker {
  readonly #data: ToyTables;
  readonly #faulty: FaultyStore;
  readonly #incarnation: number;
  #seen: readonly number[] = [];
  #listener: (seen: Surroundings) => void = () => undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(data: ToyTables) {
    this.#data = data;
    this.#faulty = data.faulty;
    data.lastIncarnation += 1;
    this.#incarnation = data.lastIncarnation;
    data.living.add(this.#incarnation);
  }

  get store(): Store {
    const store: Pick<Store, "incarnation" | "shards" | "flush" | "load"> = {
      incarnation: this.#incarnation,
      // The tests use no other verbs of it.
      shards: { ...this.#taking(), ...this.#common() } as SharedShards,
      flush: (batch) => {
        // Behind one that was refused, each is refused.
        this.#last = this.#last.then(() => this.#flush(batch));
        return this.#last;
      },
      load: async (runs) =>
        // The tests look at the records alone.
        runs.map((run) => ({ records: this.#data.of(run) }) as never),
    };
    // Nor of it.
    return store as Store;
  }

  async #flush(batch: FlushBatch): Promise<void> {
    const { acknowledgesAhead, givesUp, writesAgain } = this.#faulty;
    const records = recordsOf(batch, this.#incarnation);
    await turn();
    const writing = this.#write(records, acknowledgesAhead === true ? LATER_TURNS : 0);
    if (acknowledgesAhead === true) {
      writing.catch(() => undefined);
      return;
    }
    await writing;
    if (!this.#data.losesAnswer) return;
    this.#data.losesAnswer = false;
    if (givesUp === true) throw new HoldfastError("HF5008", "the answer was lost", "Start again.");
    if (writesAgain === true) this.#data.write(records, this.#data.counts);
  }

  async #write(records: readonly JournalRecord[], delayTurns: number): Promise<void> {
    const data = this.#data;
    const { asksAhead, locksAsItComes, countsAhead, writesInParts } = this.#faulty;
    await turns(delayTurns);
    const counts = countsAhead === true ? new Map(data.counts) : data.counts;
    if (asksAhead === true) {
      this.#requireOwned(records);
      await turns(LATER_TURNS);
    }
    try {
      const rows = [...new Set(records.flatMap(countedBy))];
      for (const row of locksAsItComes === true ? rows : rows.toSorted())
        await data.lock(this.#incarnation, row);
      for (const part of writesInParts === true ? records.map((record) => [record]) : [records]) {
        if (asksAhead !== true) this.#requireOwned(part);
        data.write(part, counts);
      }
    } finally {
      data.unlock(this.#incarnation);
    }
  }

  #requireOwned(records: readonly JournalRecord[]): void {
    const { hasNoFence, ignoresDeath, ignoresShards } = this.#faulty;
    const { living, owners, homes } = this.#data;
    if (hasNoFence === true) return;
    if (ignoresDeath !== true && !living.has(this.#incarnation)) throw replaced();
    if (ignoresShards === true) return;
    for (const record of records.filter(({ run }) => run > 0)) {
      const shard = homes.get(record.run) ?? shardOf(record);
      if (owners.get(shard) !== this.#incarnation) throw replaced();
    }
  }

  #look(): void {
    const data = this.#data;
    for (const expired of data.expired)
      if (expired !== this.#incarnation) data.living.delete(expired);
    this.#seen = Array.from({ length: 256 }, (_, shard) => shard).filter((s) => data.isFree(s));
    const workers = [...data.living].map((incarnation) => ({ incarnation, shardCount: 0 }));
    const seen = { workers, free: this.#seen, hasCommands: false, hasDeadChains: false };
    setImmediate(() => this.#listener(seen));
  }

  #taking(): Pick<SharedShards, "isWhole" | "onLook" | "lookSoon" | "take" | "release"> {
    const { takesByLook, takesInSteps, releasesAtOnce, forgetsOwners, forgetsRuns } = this.#faulty;
    const { owners, homes, living } = this.#data;
    return {
      isWhole: false,
      onLook: (listener) => {
        this.#listener = listener;
        this.#look();
      },
      lookSoon: () => {
        this.#look();
      },
      take: async (shards) => {
        const free = shards.filter(
          (shard) =>
            this.#seen.includes(shard) && (takesByLook === true || this.#data.isFree(shard)),
        );
        if (takesInSteps === true) await turn();
        const lastOwners = new Map<number, LastOwner>();
        for (const shard of free) {
          const last = owners.get(shard);
          if (last !== undefined && !living.has(last) && forgetsOwners !== true)
            lastOwners.set(shard, { incarnation: last, clean: false });
          owners.set(shard, this.#incarnation);
        }
        const runs = [...homes].filter(([, shard]) => free.includes(shard)).map(([run]) => run);
        const lastRun = forgetsRuns === true ? 0 : Math.max(0, ...runs);
        return { shards: free, lastRun, lastOwners };
      },
      release: async (shards) => {
        if (releasesAtOnce !== true) await this.#last;
        for (const shard of shards) owners.delete(shard);
      },
    };
  }

  #common(): Partial<SharedShards> {
    const { letsDeadPost, letsDeadClaim, letsDeadSave, claimsInSteps, savesOver } = this.#faulty;
    const { living, owners, homes, commands, keys, gates } = this.#data;
    const lives = () => living.has(this.#incarnation);
    return {
      slot: this.#faulty.sharesSlots === true ? 0 : this.#incarnation,
      ofStart: shardOfStart,
      homes: async (runs) =>
        runs.map((run) => {
          const shard = homes.get(run) ?? 0;
          return { run, parentRun: null, shard, owner: owners.get(shard) ?? null };
        }),
      post: async (posted) => {
        if (lives() || letsDeadPost === true) commands.push(...posted);
        if (!lives()) throw replaced();
      },
      // The tests want to know that there is none.
      untaken: async () => commands as never,
      claimKey: async (keyHash, shard) => {
        if (!lives() && letsDeadClaim !== true) throw replaced();
        const claimed = keys.get(keyHash);
        if (claimsInSteps === true) await turn();
        if (claimed === undefined) keys.set(keyHash, shard);
        if (!lives()) throw replaced();
        return claimed ?? shard;
      },
      gates: async (names) => ({
        nowMs: 0,
        living: [...living],
        gates: names.flatMap((name) => gates.get(name) ?? []),
      }),
      saveGate: async (integration, version, state) => {
        if (!lives() && letsDeadSave !== true) return false;
        const current = gates.get(integration)?.version ?? 0;
        if (current !== version && savesOver !== true) return false;
        gates.set(integration, { integration, version: current + 1, state });
        return lives();
      },
    };
  }
}

async function turns(count: number): Promise<void> {
  for (let passed = 0; passed < count; passed += 1) await turn();
}

function replaced(): HoldfastError {
  return new HoldfastError("HF5012", "this worker has been replaced", "Nothing was written since.");
}

function shardOfStart({ keyHash }: Pick<StartedHead, "keyHash">): number {
  return Number.parseInt(keyHash.slice(-2), 16);
}

function shardOf(record: JournalRecord): number {
  // A run that the store does not have begins with this record.
  return shardOfStart(JSON.parse(record.head ?? "") as StartedHead);
}

/** Each incarnation has a journal of its own beside those of runs. */
function recordsOf({ records }: FlushBatch, incarnation: number): JournalRecord[] {
  const { run, seq, kind, attempt, name, atMs, head, data } = records;
  return run.map((number, at) => {
    const record = { seq: seq[at], attempt: attempt[at], name: name[at], atMs: atMs[at] };
    const rest = { kind: RECORD_KINDS[kind[at] ?? 0], head: head[at], data: data[at] };
    // The columns are of equal length.
    return { run: number === 0 ? -incarnation : number, ...record, ...rest } as JournalRecord;
  });
}

/** Groups at one level that a record adds to. */
function countedBy(record: JournalRecord): string[] {
  return project(record).flatMap((change) =>
    change.kind === "issue-seen" && change.level === "place" ? [change.fingerprint] : [],
  );
}
