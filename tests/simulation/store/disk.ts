/**
 * What is durable: it outlives every process of the simulation. One commit is all or nothing, and is
 * refused where a database would refuse it.
 */
import { RECORD_KINDS } from "#src/core/record-kinds.ts";
import type { JournalRecord } from "#src/core/journal.ts";
import { postedDigest, sealKey } from "#src/store/seal.ts";
import { RecordDigests } from "#src/store/record-digest.ts";
import { RecordCheck } from "#src/store/record-check.ts";
import { project } from "#src/store/projection.ts";
import type { StartedHead } from "#src/core/journal.ts";
import type { InboxRow } from "#src/store/rows.ts";
import type { FlushBatch, Predecessor, RecordColumns } from "#src/store/store.ts";
import { SHARDS, runShard, textShard } from "#src/store-postgres/shard.ts";
import { Tables } from "./tables.ts";

/** A record as it lies on the disk. */
export interface Kept {
  record: JournalRecord;
  readonly pos: number;
  readonly digest: Buffer;
  /** Its bytes are not what was written any more. */
  isChanged: boolean;
  /** Held against its digest, and nothing has touched it since: that would be said once more. */
  isChecked: boolean;
}

export interface Posted {
  readonly row: InboxRow;
  readonly digest: Buffer;
  readonly shard: number;
  /** Whether it is what was left there; null: nobody has looked yet. */
  isAsPosted: boolean | null;
  answer: string | null;
}

/** An opening of the store by an engine, and what it has written. */
export interface Chain {
  readonly incarnation: number;
  readonly slot: number;
  /** False once nothing more of it may be written. */
  isAlive: boolean;
  flushes: number;
  /** Closed in good order. */
  isClean: boolean;
  /** By the store's own clock. */
  beatAtMs: number;
}

interface Shard {
  owner: number | null;
  epoch: number;
}

const DIGEST_BYTES = 16;
const SYSTEM_RUN = 0;

export class Disk {
  readonly storeId: string;
  readonly secret: Uint8Array;
  readonly tables = new Tables(runShard);
  readonly journal = new Map<number, Kept[]>();
  readonly chains: Chain[] = [];
  readonly inbox = new Map<string, Posted>();
  readonly shards: Shard[] = Array.from({ length: SHARDS }, () => ({ owner: null, epoch: 0 }));
  readonly claims = new Map<string, number>();
  readonly gates = new Map<string, { version: number; state: string }>();
  /** Told of each commit, before anybody hears that it was done. */
  onCommit: (records: readonly JournalRecord[], by: Chain) => void = () => undefined;
  /** Told of commands: as they are left, and as they are answered. */
  onCommand: (text: string) => void = () => undefined;
  /** A changed record was to be read: what came of it. */
  onDamage: (run: number, how: "noticed" | "unnoticed") => void = () => undefined;
  /** Grows with whatever changes who owns a shard. */
  ownerChanges = 0;
  lastRun = 0;
  lastSystemSeq = 0;
  readonly #digests: RecordDigests;
  readonly #check: RecordCheck;
  #lastPos = 0;

  constructor(identity: { readonly storeId: string; readonly secret: Uint8Array }) {
    this.storeId = identity.storeId;
    this.secret = identity.secret;
    const key = sealKey(identity.secret);
    this.#digests = new RecordDigests(key);
    this.#check = new RecordCheck(key);
  }

  enter(incarnation: number, nowMs: number): Chain {
    const taken = new Set(this.chains.filter((one) => one.isAlive).map(({ slot }) => slot));
    let slot = 0;
    while (taken.has(slot)) slot += 1;
    const chain = { incarnation, slot, isAlive: true, flushes: 0, isClean: false, beatAtMs: nowMs };
    this.chains.push(chain);
    return chain;
  }

  /** Chains that have ended and that no record says so of. */
  openChains(except: number): readonly Predecessor[] {
    return this.chains
      .filter(({ incarnation }) => incarnation !== except)
      .filter(({ incarnation }) => !this.tables.closedChains.has(incarnation))
      .filter(({ flushes, isAlive }) => flushes > 0 && !isAlive)
      .map(({ incarnation, flushes, isClean }) => ({
        incarnation,
        flush: flushes,
        seal: incarnation.toString(16).padStart(64, "0"),
        clean: isClean,
      }));
  }

  /** @throws if a database would refuse it; nothing of it is kept then. */
  commit(chain: Chain, batch: FlushBatch): void {
    if (batch.number !== chain.flushes + 1)
      throw new RangeError(`flush ${String(chain.flushes + 1)} of this chain comes next`);
    const records = recordsOf(batch.records);
    this.#requireRecords(records);
    for (const { id } of batch.taken) {
      if (this.inbox.get(id)?.answer !== null)
        throw new Error(`the inbox holds no waiting command ${id}`);
    }
    for (const record of records) this.#write(record);
    for (const { id, answer } of batch.taken) {
      const posted = this.inbox.get(id);
      if (posted !== undefined) posted.answer = answer;
      this.onCommand(`answer ${id} ${answer}`);
    }
    chain.flushes += 1;
    this.onCommit(records, chain);
  }

  #requireRecords(records: readonly JournalRecord[]): void {
    const next = new Map<number, number>();
    const keys = new Set<string>();
    for (const { run, seq, kind, head } of records) {
      if (run === SYSTEM_RUN) continue;
      const expected = next.get(run) ?? (this.journal.get(run)?.length ?? 0) + 1;
      if (seq !== expected)
        throw new Error(
          `record ${String(seq)} of run ${String(run)}: ${String(expected)} comes next`,
        );
      next.set(run, seq + 1);
      if (kind !== "started") continue;
      const { keyHash, generation } = JSON.parse(head ?? "null") as StartedHead;
      const holder = this.tables.runs.get(this.tables.keys.get(keyHash) ?? 0);
      if (keys.has(keyHash) || (holder?.row.generation ?? 0) >= generation)
        throw new Error(`run ${String(run)} cannot be written: its key belongs to another run`);
      keys.add(keyHash);
    }
  }

  #write(record: JournalRecord): void {
    this.#lastPos += 1;
    const pos = this.#lastPos;
    const digest = Buffer.alloc(DIGEST_BYTES);
    this.#digests.write({ ...record, kind: kindOf(record), pos }, digest, 0);
    const list = this.journal.get(record.run);
    const kept = { record, pos, digest, isChanged: false, isChecked: false };
    if (list === undefined) this.journal.set(record.run, [kept]);
    else list.push(kept);
    if (record.run === SYSTEM_RUN) this.lastSystemSeq = Math.max(this.lastSystemSeq, record.seq);
    else this.lastRun = Math.max(this.lastRun, record.run);
    for (const change of project(record)) this.tables.apply(change);
  }

  /** A run's records, each held against its digest. */
  records(run: number): readonly JournalRecord[] {
    return (this.journal.get(run) ?? []).map((kept, index) => {
      const { record, pos, digest, isChanged } = kept;
      if (kept.isChecked) return record;
      const { seq, attempt, name, atMs, head, data } = record;
      const cells = [run, seq, kindOf(record), attempt, name, atMs, head, data, pos, digest];
      try {
        this.#check.require(cells, index + 1);
      } catch (error) {
        this.onDamage(run, "noticed");
        throw error;
      }
      if (isChanged) this.onDamage(run, "unnoticed");
      kept.isChecked = true;
      return record;
    });
  }

  /** Changes a byte of the newest record with a payload of this run. False if it has none. */
  damage(run: number): boolean {
    const kept = this.journal.get(run)?.findLast(({ record }) => record.data !== null);
    if (kept === undefined) return false;
    kept.isChanged = true;
    kept.isChecked = false;
    kept.record = { ...kept.record, data: `${kept.record.data ?? ""} ` };
    return true;
  }

  post(command: Omit<InboxRow, "answer">, shard: number): void {
    if (this.inbox.has(command.id)) return;
    const row = { ...command, answer: null };
    const digest = postedDigest(command);
    this.inbox.set(command.id, { row, digest, shard, isAsPosted: null, answer: null });
    this.onCommand(`post ${command.id} ${command.topic} ${command.data}`);
  }

  shardOfCommand(id: string, run: number | undefined): number {
    return (run === undefined ? undefined : this.tables.runs.get(run)?.shard) ?? textShard(id);
  }
}

function kindOf({ kind }: JournalRecord): number {
  return RECORD_KINDS.indexOf(kind);
}

function recordsOf(columns: RecordColumns): readonly JournalRecord[] {
  return columns.run.map((run, at) => {
    const kind = RECORD_KINDS[columns.kind[at] ?? -1];
    if (kind === undefined) throw new RangeError("a record of no known kind");
    return {
      run,
      seq: columns.seq[at] ?? 0,
      kind,
      attempt: columns.attempt[at] ?? 0,
      name: columns.name[at] ?? "",
      atMs: columns.atMs[at] ?? 0,
      head: columns.head[at] ?? null,
      data: columns.data[at] ?? null,
    };
  });
}
