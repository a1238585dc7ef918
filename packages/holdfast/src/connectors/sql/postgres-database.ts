/**
 * Local transactions on PostgreSQL. The row is written first, so whoever comes second waits for the
 * first to end, does nothing, and takes its result; the work is done in between, and the result is
 * written last.
 */
import { HoldfastError } from "../../core/error.ts";
import { DeadlinePassed, type Attempt } from "../../workflow/attempt.ts";
import type { Integration } from "../../workflow/integration.ts";
import type {
  LocalOperation,
  LocalPage,
  LocalSeen,
  LocalTransactions,
  LocalWork,
  PostgresDatabase,
  PostgresTx,
} from "../../workflow/local-database.ts";
import {
  adopted,
  endedInside,
  noTable,
  notDurable,
  SCHEMA_SQL,
  seenIn,
  type LocalRow,
} from "./local-table.ts";
import { PostgresSession, sqlFailure, type PostgresPool } from "./postgres-session.ts";
import { TxGuard } from "./tx-guard.ts";

export const ISOLATIONS = ["read committed", "repeatable read", "serializable"] as const;
export type Isolation = (typeof ISOLATIONS)[number];

// All that comes back is text, since the types of a user's client may be parsed in any way.
const NOW = "(extract(epoch from clock_timestamp()) * 1000)::int8";
const SQL = {
  // A fence gives way to a later attempt, and to no other.
  claim: `insert into holdfast_local_tx as t (key, attempt, store, run, step, digest, state, at_ms)
    values ($1, $2::int4, $3, $4, $5, $6, 'open', ${NOW})
    on conflict (key) do update set attempt = excluded.attempt, digest = excluded.digest, state = 'open',
      at_ms = excluded.at_ms
    where t.state = 'fenced' and t.attempt < excluded.attempt
    returning txid_current()::text as tx, current_setting('synchronous_commit') as durable`,
  fence: `insert into holdfast_local_tx as t (key, attempt, store, run, step, digest, state, at_ms)
    values ($1, $2::int4, $3, $4, $5, $6, 'fenced', ${NOW})
    on conflict (key) do update set attempt = greatest(t.attempt, excluded.attempt)
    where t.state = 'fenced'
    returning 1`,
  look: `select digest, attempt, state, result from holdfast_local_tx where key = $1`,
  // Work that ended the transaction has left another one, or none.
  finish: `update holdfast_local_tx set state = 'done', result = $2
    where key = $1 and state = 'open' and txid_current()::text = $3`,
  page: `select key, run, at_ms::text as at from holdfast_local_tx
    where store = $1 and at_ms < ${NOW} - $2::int8 and (at_ms, key) > ($3::int8, $4)
    order by at_ms, key limit $5::int4`,
  remove: "delete from holdfast_local_tx where key = any($1::text[]) and state <> 'open'",
  // Two that make it at once would be in each other's way. The number is ours, made up.
  prepare: `begin; select pg_advisory_xact_lock(718211405); ${SCHEMA_SQL} commit`,
} as const;

class PostgresTransactions implements LocalTransactions<PostgresTx> {
  readonly #name: string;
  readonly #pool: PostgresPool;
  readonly #begin: string;

  constructor(name: string, pool: PostgresPool, isolation: Isolation) {
    this.#name = name;
    this.#pool = pool;
    this.#begin = `begin isolation level ${isolation}`;
  }

  async commit(work: LocalWork<PostgresTx>): Promise<string> {
    const { call } = work;
    return await this.#inSession(async (session) => {
      // It has waited for a connection for longer than it had.
      if (call.signal.aborted) throw late(call);
      const stop = () => session.release(false);
      call.signal.addEventListener("abort", stop);
      try {
        return await this.#commitIn(session, work);
      } catch (error) {
        // What breaks when its time is up is broken by us.
        throw call.calls.phase === "none" && call.signal.aborted ? late(call) : error;
      } finally {
        call.signal.removeEventListener("abort", stop);
      }
    });
  }

  async #commitIn(session: PostgresSession, work: LocalWork<PostgresTx>): Promise<string> {
    const { key, call, textOf } = work;
    await session.own(this.#beginning(work));
    const claim = await session.own(SQL.claim, valuesOf(work));
    if (claim.rows.length === 0) return await this.#adopt(session, work);
    session.claimed(work.attempt);
    // Two texts, as the statement says.
    const { tx, durable } = claim.rows[0] as { readonly tx: string; readonly durable: string };
    if (durable === "off")
      throw notDurable(this.#name, "synchronous_commit is off", "Set it to on for this role.");
    const text = textOf(await this.#do(session, work));
    const done = await session.own(SQL.finish, [key, text, tx]);
    if (done.rowCount !== 1) throw endedInside(this.#name);
    // Nothing is awaited between this and the commit: once its time is up, none is sent.
    if (call.signal.aborted) throw late(call);
    await session.commit(call);
    return text;
  }

  async #do(session: PostgresSession, { work, call }: LocalWork<PostgresTx>): Promise<unknown> {
    const guard = new TxGuard(this.#name);
    try {
      const value = await untilLate(call, work(session.tx(guard)));
      guard.requireProper();
      return value;
    } catch (error) {
      throw session.thrownByWork(error);
    } finally {
      guard.end();
    }
  }

  async #adopt(session: PostgresSession, operation: LocalOperation): Promise<string> {
    return adopted(await look(session, operation));
  }

  async fence(operation: LocalOperation): Promise<LocalSeen> {
    return await this.#inSession(async (session) => {
      await session.own(this.#beginning(operation, "begin"));
      const { rows } = await session.own(SQL.fence, valuesOf(operation));
      if (rows.length === 0) return await look(session, operation);
      await session.own("commit");
      return { kind: "fenced" };
    });
  }

  async page({ store, olderThanMs, limit, after }: LocalPage) {
    const values = [store, olderThanMs, after.atMs, after.key, limit];
    const { rows } = await this.#inSession((session) => session.own(SQL.page, values));
    return rows.map((row) => {
      // Three texts, as the statement says.
      const { key, run, at } = row as Readonly<Record<"key" | "run" | "at", string>>;
      return { key, run, atMs: Number(at) };
    });
  }

  async remove(keys: readonly string[]): Promise<number> {
    const { rowCount } = await this.#inSession((session) => session.own(SQL.remove, [[...keys]]));
    return rowCount ?? 0;
  }

  async prepare(): Promise<void> {
    await this.#inSession((session) => session.own(SQL.prepare));
  }

  /** Neither a worker that stands still nor a lost connection holds the row for longer than an attempt. */
  #beginning({ timeoutMs }: LocalOperation, begin = this.#begin): string {
    const ms = String(timeoutMs);
    return `${begin}; set local idle_in_transaction_session_timeout = ${ms}; set local lock_timeout = ${ms}`;
  }

  async #inSession<T>(use: (session: PostgresSession) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw sqlFailure(error, "created", false);
    });
    const session = new PostgresSession(client, {
      noTable: (cause) => noTable(this.#name, cause),
    });
    let isClean = false;
    try {
      const value = await use(session);
      isClean = true;
      return value;
    } catch (error) {
      isClean = await session.rollback();
      throw error;
    } finally {
      session.release(isClean);
    }
  }
}

async function look(session: PostgresSession, operation: LocalOperation): Promise<LocalSeen> {
  const { rows } = await session.own(SQL.look, [operation.key]);
  await session.own("rollback");
  // A row of our table, as the statement says.
  return seenIn(rows[0] as LocalRow | undefined, operation);
}

function valuesOf({ key, attempt, store, run, step, digest }: LocalOperation): unknown[] {
  return [key, attempt, store, run, step, digest];
}

function late({ signal }: Attempt): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new DeadlinePassed("its time was up");
}

/** Work that hangs on something else than the database ends with its time, too. */
function untilLate(call: Attempt, work: unknown): Promise<unknown> {
  const { signal } = call;
  return new Promise((resolve, reject) => {
    const stop = () => reject(late(call));
    signal.addEventListener("abort", stop, { once: true });
    // Whichever comes second finds it decided.
    void Promise.resolve(work)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", stop));
  });
}

export function postgresDatabase(
  name: string,
  integration: Integration,
  pool: PostgresPool,
  isolation: Isolation,
): PostgresDatabase {
  if (typeof (pool as Partial<PostgresPool> | null)?.connect !== "function")
    throw new HoldfastError(
      "HF1001",
      `localDatabase "${name}": "postgres" is not valid: expected a Pool of pg, or { connect() } that gives clients with query and release.`,
      "Give a pool: the transaction takes a connection of its own.",
    );
  const transactions = new PostgresTransactions(name, pool, isolation);
  return {
    kind: "local-database",
    dialect: "postgres",
    name,
    integration,
    schemaSql: SCHEMA_SQL,
    prepare: () => transactions.prepare(),
    transactions,
  };
}
