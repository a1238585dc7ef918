/**
 * Who may write. An engine's row in `worker` is the fence that every flush locks; its beat in
 * `heartbeat` says that it lives, by the clock of the database alone.
 *
 * Taking over happens in two transactions, in this order. The first sets the old row to dead, which
 * waits until a flush that holds the row has ended; any later flush of the old engine finds the row
 * dead and writes nothing. The second, in a snapshot of its own, takes the shards: so whatever the
 * old engine has written is seen, and nothing is written behind it.
 */
import { HoldfastError } from "../core/error.ts";
import type { Connection } from "./client.ts";
import { OwnedShards } from "./owned-shards.ts";
import { StatementRefused, SQL_STATES, isRefused } from "./postgres-errors.ts";
import type { Written } from "./table.ts";
import type { Ticks } from "./ticks.ts";

/** Milliseconds by the database's clock, whatever transaction asks. */
export const DATABASE_NOW_MS = "(extract(epoch from clock_timestamp()) * 1000)::int8";

export interface LeaseSettings {
  readonly incarnation: number;
  /** A worker that has not beaten for so long may be replaced. */
  readonly leaseMs: number;
  /** How long to wait for the lease of another engine to end. */
  readonly waitMsMax: number;
  readonly ticks: Ticks;
}

/** How often a waiting engine looks, milliseconds. */
const LOOK_EVERY_MS = 200;

const SQL = {
  // Of all that live, or only of one that has the store for itself: nobody else keeps a worker out.
  living: `select w.incarnation, h.beat_at_ms + w.lease_ms - ${DATABASE_NOW_MS}
    from worker w join heartbeat h on h.incarnation = w.incarnation
    where w.alive = 1 and (w.shared = 0 or $1::int2 = 0)`,
  kill: `update worker set alive = 0 where incarnation = $1::int8 and alive = 1 and exists
    (select 1 from heartbeat h where h.incarnation = $1::int8
      and h.beat_at_ms + worker.lease_ms <= ${DATABASE_NOW_MS})`,
  lockShards: "select id from shard order by id for update",
  // A statement of its own, after the lock: it sees whoever took the shards before us.
  nobodyLives: "select 1 / (case when count(*) = 0 then 1 else 0 end) from worker where alive = 1",
  noneAlone: `select 1 / (case when count(*) = 0 then 1 else 0 end) from worker
    where alive = 1 and shared = 0`,
  // The lowest slot that no living worker has; null, and so refused, if all are taken.
  enter: `insert into worker (incarnation, alive, epoch, slot, shared, lease_ms, opened_at_ms)
    select $1::int8, 1, coalesce(max(epoch), 0) + 1,
      (select min(t.slot) from generate_series(0, 255) as t (slot)
        where not exists (select 1 from worker w where w.slot = t.slot and w.alive = 1)),
      $3::int2, $2::int4, ${DATABASE_NOW_MS} from worker`,
  firstBeat: `insert into heartbeat (incarnation, beat_at_ms) values ($1::int8, ${DATABASE_NOW_MS})`,
  // What workers shared of gates: who comes after this engine goes by its records.
  forgetGates: "delete from gate",
  takeShards: "update shard set owner = $1::int8, epoch = epoch + 1",
  owned: "select id, epoch from shard where owner = $1::int8 order by id",
  slot: "select slot from worker where incarnation = $1::int8",
  beat: `update heartbeat set beat_at_ms = ${DATABASE_NOW_MS} where incarnation = $1::int8
    and exists (select 1 from worker w where w.incarnation = $1::int8 and w.alive = 1)
    returning beat_at_ms`,
  waitForStandbys: "update heartbeat set beat_at_ms = beat_at_ms where incarnation = $1::int8",
  isAlive: "select alive from worker where incarnation = $1::int8",
  leave: "update worker set alive = 0 where incarnation = $1::int8",
} as const;

/**
 * Becomes the writer of all shards.
 *
 * @throws {HoldfastError} HF5004 if another engine holds the store.
 */
export async function takeLease(
  connection: Connection,
  settings: LeaseSettings,
): Promise<OwnedShards> {
  const { ticks, waitMsMax, incarnation } = settings;
  const untilMs = ticks.nowMs() + waitMsMax;
  for (;;) {
    const leftMs = await endExpired(connection, ALL);
    if (leftMs === null && (await enter(connection, settings))) break;
    if (ticks.nowMs() >= untilMs) throw held(leftMs ?? settings.leaseMs);
    await ticks.pause(LOOK_EVERY_MS);
  }
  const owned = new OwnedShards();
  for (const [id, epoch] of await connection.rows("owned", SQL.owned, [incarnation])) {
    owned.add(id as number, epoch as number);
  }
  return owned;
}

/**
 * Becomes one of the workers of a store, without shards.
 *
 * @returns its slot of run numbers.
 * @throws {HoldfastError} HF5004 if an engine has the store for itself, HF5013 if there are 256.
 */
export async function joinLease(connection: Connection, settings: LeaseSettings): Promise<number> {
  const { ticks, waitMsMax, incarnation, leaseMs } = settings;
  const untilMs = ticks.nowMs() + waitMsMax;
  let wasFull = false;
  for (;;) {
    const entry = await entered(connection, joining(incarnation, leaseMs));
    if (entry === "in") break;
    if (entry === "full") {
      // Who died without a word keeps its slot until somebody ends it; where nobody lives, we do.
      if (wasFull) throw tooManyWorkers();
      wasFull = true;
      await endExpired(connection, ALL);
      continue;
    }
    const leftMs = await endExpired(connection, ALONE);
    if (leftMs === null) continue;
    if (ticks.nowMs() >= untilMs) throw held(leftMs);
    await ticks.pause(LOOK_EVERY_MS);
  }
  const [row] = await connection.rows("slot", SQL.slot, [incarnation]);
  return row?.[0] as number;
}

function joining(incarnation: number, leaseMs: number): Written[] {
  return [
    { name: "lock-shards", text: SQL.lockShards, values: [] },
    { name: "none-alone", text: SQL.noneAlone, values: [] },
    { name: "enter", text: SQL.enter, values: [incarnation, leaseMs, 1] },
    { name: "first-beat", text: SQL.firstBeat, values: [incarnation] },
  ];
}

/** Who is in the way of one that enters: of one that wants the store for itself, of one that shares. */
const ALL = 0;
const ALONE = 1;

/** Ends engines whose lease ran out. Null if none lives, else how long the longest lease lasts. */
async function endExpired(
  connection: Connection,
  who: typeof ALL | typeof ALONE,
): Promise<number | null> {
  let longestMs: number | null = null;
  for (const cells of await connection.rows("living", SQL.living, [who])) {
    const [incarnation, leftMs] = cells as [number, number];
    if (leftMs <= 0) await endIfExpired(connection, incarnation);
    else longestMs = Math.max(longestMs ?? 0, leftMs);
  }
  return longestMs;
}

/** Sets an engine to dead whose lease has run out; one that has beaten since lives on. */
export async function endIfExpired(connection: Connection, incarnation: number): Promise<void> {
  await connection.rows("kill", SQL.kill, [incarnation]);
}

/** False if another engine has entered meanwhile. */
async function enter(
  connection: Connection,
  { incarnation, leaseMs }: LeaseSettings,
): Promise<boolean> {
  const entry = await entered(connection, [
    { name: "lock-shards", text: SQL.lockShards, values: [] },
    { name: "nobody-lives", text: SQL.nobodyLives, values: [] },
    { name: "enter", text: SQL.enter, values: [incarnation, leaseMs, 0] },
    { name: "first-beat", text: SQL.firstBeat, values: [incarnation] },
    { name: "forget-gates", text: SQL.forgetGates, values: [] },
    { name: "take-shards", text: SQL.takeShards, values: [incarnation] },
  ]);
  return entry === "in";
}

/** `held`: another engine is in the way. `full`: each slot is that of a worker that nobody has ended. */
async function entered(
  connection: Connection,
  statements: readonly Written[],
): Promise<"in" | "held" | "full"> {
  try {
    await connection.transaction(statements);
    return "in";
  } catch (error) {
    if (isRefused(error, SQL_STATES.divisionByZero)) return "held";
    if (isRefused(error, SQL_STATES.notNullViolation)) return "full";
    throw error;
  }
}

/** False if this engine has been replaced. */
export async function beat(connection: Connection, incarnation: number): Promise<boolean> {
  return (await connection.rows("beat", SQL.beat, [incarnation])).length === 1;
}

/**
 * Resolves when all that this connection could see is where a commit has to be: with standbys that are
 * waited for, on those too. A read waits for none of them, and after a crash a server shows what it
 * alone has; a commit waits for everything before it.
 */
export async function waitForStandbys(connection: Connection, incarnation: number): Promise<void> {
  await connection.rows("wait-for-standbys", SQL.waitForStandbys, [incarnation]);
}

/** Whether the database says that this engine may still write. */
export async function isAlive(connection: Connection, incarnation: number): Promise<boolean> {
  const [row] = await connection.rows("is-alive", SQL.isAlive, [incarnation]);
  return row?.[0] === 1;
}

/** Lets the next engine in at once. */
export async function leaveLease(connection: Connection, incarnation: number): Promise<void> {
  await connection.rows("leave", SQL.leave, [incarnation]);
}

/** The statements that lead a flush: a stale engine's fail with "division by zero". */
export const FENCE_SQL = {
  worker: `select 1 / (select count(*) from
    (select 1 from worker where incarnation = $1::int8 and alive = 1 for share) w)`,
  // After the lock, in a snapshot of its own: nobody can take one of them away before the commit,
  // because that needs the row that is locked.
  shards: `select 1 / (case when count(*) = cardinality($2::int2[]) then 1 else 0 end)
    from unnest($2::int2[], $3::int8[]) as t (id, epoch)
    join shard s on s.id = t.id and s.epoch = t.epoch and s.owner = $1::int8`,
} as const;

export const FENCE_NAMES = { worker: "fence-worker", shards: "fence-shards" } as const;

export const TAKEN_OVER = "another engine has taken the store over";

/** Why the fence stopped this flush; null if it did not. */
export function fencedBecause(error: unknown): string | null {
  if (!(error instanceof StatementRefused) || error.sqlState !== SQL_STATES.divisionByZero)
    return null;
  if (error.statement === FENCE_NAMES.worker) return TAKEN_OVER;
  if (error.statement === FENCE_NAMES.shards) return "a shard that it wrote to is another worker's";
  return null;
}

function tooManyWorkers(): HoldfastError {
  return new HoldfastError(
    "HF5013",
    "256 workers live on this store, which is as many as it can number runs for",
    "Stop some of them: few large workers get more done than many small ones.",
  );
}

function held(leftMs: number): HoldfastError {
  return new HoldfastError(
    "HF5004",
    `another engine holds this store; its lease lasts ${String(Math.ceil(leftMs))} ms unless it beats again`,
    "Stop the other process, or give this one a store of its own. To work on it together, give every " +
      "app on it postgres: { shared: true }, or run `holdfast worker MODULE`; app.startIn and app.sendIn " +
      "work beside either. If that process is dead, the store is free when its lease has run out. " +
      "The command line may run beside an engine.",
  );
}
