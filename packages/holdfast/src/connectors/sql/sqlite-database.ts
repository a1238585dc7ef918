/**
 * Local transactions on SQLite. The handle is the user's and is used by others too, so nothing may
 * come in between: all of it, begin to commit, is one turn of the event loop, and work that would
 * wait is refused. Other processes are kept out by SQLite's own lock.
 */
import { HoldfastError } from "../../core/error.ts";
import { CallFailed } from "../../workflow/attempt.ts";
import type { Integration } from "../../workflow/integration.ts";
import type {
  LocalOperation,
  LocalPage,
  LocalSeen,
  LocalTransactions,
  LocalWork,
  SqliteDatabase,
  SqliteTx,
  SqliteTxStatement,
  SqliteValue,
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
import { classifySqliteResult } from "./sql-states.ts";
import { TxGuard } from "./tx-guard.ts";

/** What is used of a `DatabaseSync` of `node:sqlite`. */
export interface SqliteHandle {
  readonly isTransaction: boolean;
  location(name?: string): string | null;
  exec(sql: string): void;
  prepare(sql: string): {
    run(...values: SqliteValue[]): {
      readonly changes: number | bigint;
      readonly lastInsertRowid: number | bigint;
    };
    get(...values: SqliteValue[]): Record<string, unknown> | undefined;
    all(...values: SqliteValue[]): Record<string, unknown>[];
  };
}

const NOW = "cast(unixepoch('subsec') * 1000 as integer)";
// "main", because a temporary table of the same name comes first.
const TABLE = "main.holdfast_local_tx";
const SQL = {
  claim: `insert into ${TABLE} as t (key, attempt, store, run, step, digest, state, at_ms)
    values (?, ?, ?, ?, ?, ?, 'open', ${NOW})
    on conflict (key) do update set attempt = excluded.attempt, digest = excluded.digest, state = 'open',
      at_ms = excluded.at_ms
    where t.state = 'fenced' and t.attempt < excluded.attempt`,
  fence: `insert into ${TABLE} as t (key, attempt, store, run, step, digest, state, at_ms)
    values (?, ?, ?, ?, ?, ?, 'fenced', ${NOW})
    on conflict (key) do update set attempt = max(t.attempt, excluded.attempt)
    where t.state = 'fenced'`,
  look: `select digest, attempt, state, result from ${TABLE} where key = ?`,
  finish: `update ${TABLE} set state = 'done', result = ? where key = ? and state = 'open'`,
  page: `select key, run, at_ms as at from ${TABLE}
    where store = ? and at_ms < ${NOW} - ? and (at_ms, key) > (?, ?) order by at_ms, key limit ?`,
  remove: `delete from ${TABLE} where key = ? and state <> 'open'`,
} as const;

/** Where a transaction is: what its bad end means depends on it. */
type Stage = "begin" | "claimed" | "commit";

class SqliteTransactions implements LocalTransactions<SqliteTx> {
  readonly #name: string;
  readonly #handle: SqliteHandle;

  constructor(name: string, handle: SqliteHandle) {
    this.#name = name;
    this.#handle = handle;
  }

  commit(work: LocalWork<SqliteTx>): Promise<string> {
    const { key, textOf, call } = work;
    return this.#transaction((stage) => {
      if (!this.#claims(SQL.claim, work)) return adopted(this.#look(work));
      stage.at = "claimed";
      this.#handle.exec("savepoint holdfast_work");
      const text = textOf(this.#do(work));
      this.#requireSame();
      const { changes } = this.#handle.prepare(SQL.finish).run(text, key);
      if (Number(changes) !== 1) throw endedInside(this.#name);
      stage.at = "commit";
      call.mark("sent");
      return text;
    });
  }

  #do({ work }: LocalWork<SqliteTx>): unknown {
    const guard = new TxGuard(this.#name);
    try {
      const value = work(this.#tx(guard));
      if (isPromise(value)) {
        // It goes on, and is refused at its next statement: nobody awaits that.
        Promise.resolve(value).catch(() => undefined);
        throw guard.isAsynchronous();
      }
      guard.requireProper();
      return value;
    } finally {
      guard.end();
    }
  }

  /** Whoever has ended the transaction, by the handle itself say, has ended the savepoint with it. */
  #requireSame(): void {
    try {
      this.#handle.exec("release holdfast_work");
    } catch (error) {
      if (resultCode(error) === null) throw error;
      throw endedInside(this.#name);
    }
  }

  /** @returns whether the row was written. */
  #claims(sql: string, operation: LocalOperation): boolean {
    const { key, attempt, store, run, step, digest } = operation;
    const { changes } = this.#handle.prepare(sql).run(key, attempt, store, run, step, digest);
    return Number(changes) === 1;
  }

  #look(operation: LocalOperation): LocalSeen {
    // A row of our table, as the statement says.
    const row = this.#handle.prepare(SQL.look).get(operation.key) as LocalRow | undefined;
    return seenIn(row, operation);
  }

  #tx(guard: TxGuard): SqliteTx {
    return {
      prepare: (sql) => {
        guard.check(sql);
        const statement = this.#handle.prepare(sql);
        return {
          run: (...values) => checked(() => statement.run(...values)),
          get: (...values) => checked(() => statement.get(...values)),
          all: (...values) => checked(() => statement.all(...values)),
        } satisfies SqliteTxStatement;
        function checked<T>(use: () => T): T {
          guard.check("");
          return use();
        }
      },
    };
  }

  fence(operation: LocalOperation): Promise<LocalSeen> {
    return this.#transaction<LocalSeen>(() =>
      this.#claims(SQL.fence, operation) ? { kind: "fenced" } : this.#look(operation),
    );
  }

  page({ store, olderThanMs, limit, after }: LocalPage) {
    return this.#transaction(() =>
      this.#handle
        .prepare(SQL.page)
        .all(store, olderThanMs, after.atMs, after.key, limit)
        .map(({ key, run, at }) => ({
          key: String(key),
          run: String(run),
          atMs: Number(at),
        })),
    );
  }

  remove(keys: readonly string[]): Promise<number> {
    return this.#transaction(() => {
      const statement = this.#handle.prepare(SQL.remove);
      let removed = 0;
      for (const key of keys) removed += Number(statement.run(key).changes);
      return removed;
    });
  }

  prepare(): Promise<void> {
    return this.#transaction(() => {
      this.#handle.exec(SCHEMA_SQL);
    });
  }

  /** A promise for the port's sake: it is all done when this returns. */
  async #transaction<T>(use: (stage: { at: Stage }) => T): Promise<T> {
    const stage: { at: Stage } = { at: "begin" };
    try {
      this.#requireReady();
      this.#handle.exec("begin immediate");
    } catch (error) {
      throw this.#failure(error, "begin");
    }
    try {
      const value = use(stage);
      this.#handle.exec("commit");
      return value;
    } catch (error) {
      if (this.#handle.isTransaction) this.#handle.exec("rollback");
      throw this.#failure(error, stage.at);
    }
  }

  #requireReady(): void {
    if (this.#handle.isTransaction) throw inUse(this.#name);
    const [level] = Object.values(this.#handle.prepare("pragma main.synchronous").get() ?? {});
    // 2 is full, 3 extra. What is in memory ends with the process, and its row with it.
    if (Number(level) < 2 && this.#handle.location() !== null)
      throw notDurable(
        this.#name,
        "pragma synchronous is below full",
        "Leave it at full, its default.",
      );
  }

  #failure(error: unknown, stage: Stage): unknown {
    const code = resultCode(error);
    if (code === null || !(error instanceof Error)) return error;
    if (stage === "begin" && /no such table|no column named|has no column/u.test(error.message))
      return noTable(this.#name, error);
    const atCommit = stage === "commit";
    const known = classifySqliteResult(code, atCommit);
    const { message } = error;
    return new CallFailed({
      message,
      evidence: {
        phase: stage === "begin" ? "created" : known?.says.effect === "maybe" ? "sent" : "answered",
        callCount: 1,
        message,
        code: `SQLITE_${String(code)}`,
      },
      table: known ?? {
        says: { class: "defect", effect: "never", reasonCode: `SQLITE:${String(code)}` },
        rule: { source: "table", id: "sqlite/other", version: 1 },
      },
      cause: error,
    });
  }
}

/** Somebody else's statements would be committed, or undone, with ours. */
function inUse(name: string): CallFailed {
  return new CallFailed({
    message: `a transaction of somebody else is open on the handle of "${name}"`,
    evidence: { phase: "created", callCount: 1 },
    table: {
      says: { class: "contention", effect: "never", reasonCode: "LOCAL_TX:HANDLE_IN_USE" },
      rule: { source: "table", id: "local-tx/handle-in-use", version: 1 },
    },
  });
}

/** Primary result code of an error that SQLite raised, or null. */
function resultCode(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error)) return null;
  return Number(error.errcode) & 0xff;
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === "function";
}

export function sqliteDatabase(
  name: string,
  integration: Integration,
  handle: SqliteHandle,
): SqliteDatabase {
  const known = handle as Partial<SqliteHandle> | null;
  if (typeof known?.isTransaction !== "boolean" || typeof known.prepare !== "function")
    throw new HoldfastError(
      "HF1001",
      `localDatabase "${name}": "sqlite" is not valid: expected an open DatabaseSync of node:sqlite.`,
      "Give the handle itself, open.",
    );
  const transactions = new SqliteTransactions(name, handle);
  return {
    kind: "local-database",
    dialect: "sqlite",
    name,
    integration,
    schemaSql: SCHEMA_SQL,
    prepare: () => transactions.prepare(),
    transactions,
  };
}
