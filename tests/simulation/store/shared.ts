/**
 * One process's part of a store that several share: its lease, its looks, the shards that it owns.
 * What the database does in one transaction happens here at one moment.
 */
import type { SharedShards, Surroundings } from "#src/store/shards.ts";
import { KEEPER_SHARD } from "#src/store/shards.ts";
import { keyShard, runShard } from "#src/store-postgres/shard.ts";
import type { JournalRecord } from "#src/core/journal.ts";
import { replaced } from "#src/store-postgres/postgres-errors.ts";
import type { Life, Scheduler } from "../scheduler.ts";
import type { Chain, Disk } from "./disk.ts";
import type { Via } from "./memory-store.ts";

export const LEASE_MS = 9_000;
const BEATS = 3;

export interface SharedOptions {
  readonly disk: Disk;
  readonly chain: Chain;
  readonly via: Via;
  readonly scheduler: Scheduler;
  readonly life: Life;
  readonly onDeath: (error: Error) => void;
  /** A command lies there for the owner of this shard. */
  readonly onPost: (shard: number) => void;
}

/** What a look sees of shards: most of what a simulation of several workers does, and seldom another. */
interface Survey extends Pick<Surroundings, "workers" | "free"> {
  /** What it depends on. */
  readonly of: string;
}

export class SharedPart {
  readonly shards: SharedShards;
  readonly #options: SharedOptions;
  readonly #owned = new Map<number, number>();
  /** Last owner of each shard that the newest look showed as free. */
  readonly #seenFree = new Map<number, number | null>();
  #ownedChanges = 0;
  #survey: Survey | null = null;
  #listener: (seen: Surroundings) => void = () => undefined;
  #confirmedAtMs: number;
  #waiting: (() => void)[] = [];
  #cancelBeat: () => void = () => undefined;
  #isLooking = false;
  #isWantedAgain = false;
  #isOver = false;

  constructor(options: SharedOptions) {
    this.#options = options;
    this.#confirmedAtMs = options.scheduler.nowMs;
    this.shards = {
      isWhole: false,
      slot: options.chain.slot,
      ofStart: runShard,
      // The simulated disk answers, or its worker is dead.
      onSilence: () => undefined,
      onLook: (listener) => {
        this.#listener = listener;
        this.#lookSoon();
      },
      lookSoon: () => {
        this.#lookSoon();
      },
      confirmed: () => this.#confirmed(),
      ...this.#ownership(),
      ...this.#places(),
      ...this.#commands(),
      ...this.#claims(),
    };
  }

  /** The fence: what a flush names must be this process's own, since it took it. */
  require(records: readonly JournalRecord[], targets: readonly number[]): void {
    const { disk, chain } = this.#options;
    if (!chain.isAlive) throw replaced("another engine has taken the store over");
    for (const shard of [...shardsOf(disk, records), ...targets]) {
      const { owner, epoch } = disk.shards[shard] ?? { owner: null, epoch: -1 };
      if (owner !== chain.incarnation || epoch !== this.#owned.get(shard))
        throw replaced("a shard that it wrote to is another worker's");
    }
  }

  close(): void {
    this.#isOver = true;
    this.#cancelBeat();
  }

  #lookSoon(): void {
    if (this.#isOver) return;
    if (this.#isLooking) {
      this.#isWantedAgain = true;
      return;
    }
    this.#cancelBeat();
    this.#isLooking = true;
    const again = () => {
      this.#isLooking = false;
      const isWanted = this.#isWantedAgain;
      this.#isWantedAgain = false;
      if (isWanted) this.#lookSoon();
      else this.#lookLater();
    };
    this.#look().then(again, again);
  }

  #lookLater(): void {
    if (this.#isOver) return;
    const { scheduler, life } = this.#options;
    this.#cancelBeat = scheduler.after(LEASE_MS / BEATS, life, () => {
      this.#lookSoon();
    });
  }

  async #look(): Promise<void> {
    const { via, scheduler } = this.#options;
    const sentAtMs = scheduler.nowMs;
    const seen = await via("look", () => this.#seen());
    if (seen === null) {
      if (this.#isOver) return;
      this.close();
      this.#options.onDeath(replaced("the database says that it is dead"));
      return;
    }
    this.#confirmedAtMs = sentAtMs;
    if (this.#isFresh) for (const resolve of this.#waiting.splice(0)) resolve();
    if (!this.#isOver) this.#listener(seen);
  }

  /** In the database, in one moment; null if this worker is dead there. */
  #seen(): Surroundings | null {
    const { disk, chain, scheduler } = this.#options;
    if (!chain.isAlive) return null;
    chain.beatAtMs = scheduler.nowMs;
    for (const other of disk.chains)
      if (other.beatAtMs + LEASE_MS <= scheduler.nowMs) other.isAlive = false;
    const { workers, free } = this.#surveyed();
    return {
      workers,
      free,
      hasCommands: [...disk.inbox.values()].some(
        ({ answer, shard }) => answer === null && this.#owned.has(shard),
      ),
      hasDeadChains: disk.openChains(chain.incarnation).length > 0,
    };
  }

  /** Who lives and owns how much, and what is free: as the last time, where nothing has changed. */
  #surveyed(): Survey {
    const { disk, chain } = this.#options;
    const living = disk.chains.filter(({ isAlive }) => isAlive);
    const of = [
      disk.ownerChanges,
      this.#ownedChanges,
      ...living.map((one) => one.incarnation),
    ].join(" ");
    if (this.#survey?.of === of) return this.#survey;
    let owned = 0;
    const counts = new Map(living.map(({ incarnation }) => [incarnation, 0]));
    this.#seenFree.clear();
    for (let id = 0; id < disk.shards.length; id += 1) {
      const owner = disk.shards[id]?.owner ?? null;
      if (owner === chain.incarnation && this.#owned.has(id)) {
        owned += 1;
        continue;
      }
      const count = owner === null ? undefined : counts.get(owner);
      if (owner === null || count === undefined || owner === chain.incarnation)
        this.#seenFree.set(id, owner);
      if (owner !== null && count !== undefined) counts.set(owner, count + 1);
    }
    counts.set(chain.incarnation, (counts.get(chain.incarnation) ?? 0) + owned);
    const workers = [...counts].map(([incarnation, shardCount]) => ({ incarnation, shardCount }));
    this.#survey = { of, workers, free: [...this.#seenFree.keys()] };
    return this.#survey;
  }

  get #isFresh(): boolean {
    return this.#options.scheduler.nowMs - this.#confirmedAtMs < (LEASE_MS * 2) / 3;
  }

  #confirmed(): Promise<void> | null {
    if (!this.#isOver && this.#isFresh) return null;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #ownership(): Pick<SharedShards, "take" | "release"> {
    const { disk, chain, via } = this.#options;
    return {
      take: async (shards) => {
        const wanted = shards.filter((id) => this.#seenFree.has(id) && !this.#owned.has(id));
        const seen = new Map(this.#seenFree);
        const taken = await via("take", () =>
          chain.isAlive ? takeFrom(disk, chain, wanted, seen) : [],
        );
        const got = new Set(taken.map(([id]) => id));
        const runs = await via("lastRunOf", () =>
          [...disk.tables.runs.values()]
            .filter(({ shard }) => got.has(shard))
            .map(({ row }) => row.run),
        );
        for (const [id, epoch] of taken) this.#owned.set(id, epoch);
        this.#ownedChanges += 1;
        const owners = new Map<number | null, Chain>(
          disk.chains.map((one) => [one.incarnation, one]),
        );
        const lastOwners = new Map(
          [...got].flatMap((id) => {
            const last = owners.get(seen.get(id) ?? null);
            if (last === undefined || last === chain) return [];
            return [[id, { incarnation: last.incarnation, clean: last.isClean }] as const];
          }),
        );
        return { shards: [...got], lastRun: Math.max(0, ...runs), lastOwners };
      },
      release: async (shards) => {
        for (const id of shards) this.#owned.delete(id);
        this.#ownedChanges += 1;
        await via("release", () => {
          disk.ownerChanges += 1;
          for (const id of shards) {
            const shard = disk.shards[id];
            if (shard?.owner === chain.incarnation) shard.owner = null;
          }
        });
      },
    };
  }

  #places(): Pick<SharedShards, "ofRuns" | "homes" | "ended" | "deadChains" | "lastSystemSeq"> {
    const { disk, chain, via } = this.#options;
    const { runs: rows } = disk.tables;
    return {
      ofRuns: (runs) => via("ofRuns", () => runs.map((run) => rows.get(run)?.shard ?? null)),
      homes: (runs) =>
        via("homes", () =>
          runs.flatMap((run) => {
            const entry = rows.get(run);
            if (entry === undefined) return [];
            const owner = disk.shards[entry.shard]?.owner ?? null;
            const lives = disk.chains.some((one) => one.incarnation === owner && one.isAlive);
            const { parentRun } = entry.row;
            return [{ run, parentRun, shard: entry.shard, owner: lives ? owner : null }];
          }),
        ),
      ended: (runs) =>
        via("ended", () => runs.filter((run) => (rows.get(run)?.row.endedAtMs ?? null) !== null)),
      deadChains: () => via("deadChains", () => disk.openChains(chain.incarnation)),
      lastSystemSeq: () => via("lastSystemSeq", () => disk.lastSystemSeq),
    };
  }

  #commands(): Pick<SharedShards, "post" | "answers" | "untaken"> {
    const { disk, chain, via, onPost } = this.#options;
    return {
      post: (commands) =>
        via("post", () => {
          if (!chain.isAlive) throw replaced("the database says that it is dead");
          for (const { shard, ...command } of commands) disk.post(command, shard);
          for (const { shard } of commands) onPost(shard);
        }),
      answers: (ids) =>
        via("answers", () =>
          ids.flatMap((id) => {
            const answer = disk.inbox.get(id)?.answer ?? null;
            return answer === null ? [] : [[id, answer] as const];
          }),
        ),
      untaken: (topic, limit) =>
        via("untaken", () =>
          [...disk.inbox.values()]
            .filter(({ row, answer }) => answer === null && row.topic === topic)
            .map(({ row }) => row)
            .slice(0, limit),
        ),
    };
  }

  #claims(): Pick<SharedShards, "claimKey" | "unclaimKey" | "gates" | "saveGate"> {
    const { disk, chain, via, scheduler } = this.#options;
    return {
      claimKey: (keyHash, shard) =>
        via("claimKey", () => {
          const holder = disk.claims.get(claimName(keyHash)) ?? shard;
          disk.claims.set(claimName(keyHash), holder);
          return holder;
        }),
      unclaimKey: (keyHash, shard) =>
        via("unclaimKey", () => {
          if (disk.claims.get(claimName(keyHash)) === shard) disk.claims.delete(claimName(keyHash));
        }),
      gates: (integrations) =>
        via("gates", () => ({
          nowMs: Math.floor(scheduler.nowMs),
          living: disk.chains.filter((one) => one.isAlive).map(({ incarnation }) => incarnation),
          gates: integrations.flatMap((integration) => {
            const gate = disk.gates.get(integration);
            return gate === undefined ? [] : [{ integration, ...gate }];
          }),
        })),
      saveGate: (integration, version, state) =>
        via("saveGate", () => {
          const known = disk.gates.get(integration);
          if (!chain.isAlive || (known?.version ?? 0) !== version) return false;
          disk.gates.set(integration, { version: version + 1, state });
          return true;
        }),
    };
  }
}

/** A claim is in the shard of its key. */
function claimName(keyHash: string): string {
  return `${String(keyShard(keyHash))}/${keyHash}`;
}

function takeFrom(
  disk: Disk,
  chain: Chain,
  wanted: readonly number[],
  seen: ReadonlyMap<number, number | null>,
): [number, number][] {
  const taken: [number, number][] = [];
  for (const id of wanted) {
    const shard = disk.shards[id];
    if (shard === undefined) continue;
    if (shard.owner !== (seen.get(id) ?? null) && shard.owner !== chain.incarnation) continue;
    shard.owner = chain.incarnation;
    shard.epoch += 1;
    disk.ownerChanges += 1;
    taken.push([id, shard.epoch]);
  }
  return taken;
}

/** Kinds of the store's own records that only the keeper writes. */
const OF_KEEPER: readonly string[] = ["kept", "early", "group", "received"];

/** Shards of which these records change rows. */
function shardsOf(disk: Disk, records: readonly JournalRecord[]): Set<number> {
  const shards = new Set<number>();
  const fresh = new Map<number, number>();
  for (const { run, kind, head } of records) {
    if (run === 0) {
      if (OF_KEEPER.includes(kind) && !isOfStart(kind, head)) shards.add(KEEPER_SHARD);
      continue;
    }
    if (kind === "started") fresh.set(run, runShard(JSON.parse(head ?? "null") as StartedWhere));
    const shard = fresh.get(run) ?? disk.tables.runs.get(run)?.shard;
    if (shard === undefined) throw new Error(`run ${String(run)} was never started`);
    shards.add(shard);
  }
  return shards;
}

interface StartedWhere {
  readonly namespace: string;
  readonly lane: string | null;
  readonly keyHash: string;
}

/** The receipt of a message that starts a run is written by who owns the run. */
function isOfStart(kind: string, head: string | null): boolean {
  if (kind !== "received") return false;
  const { state } = JSON.parse(head ?? "null") as { readonly state: string };
  return state === "started";
}
