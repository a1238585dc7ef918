/**
 * One transaction on a client of the user's pool: how far it has got, and what its bad end means. A
 * refusal by the server undoes the transaction; a connection that is lost leaves something open only
 * once the commit has been sent.
 */
import type { Phase } from "../../core/failure.ts";
import { CallFailed, type Attempt } from "../../workflow/attempt.ts";
import type { PostgresTx } from "../../workflow/local-database.ts";
import { classifySqlState } from "./sql-states.ts";
import type { TxGuard } from "./tx-guard.ts";

/** What is used of a client of `pg`; every other client can be brought into this form. */
export interface PostgresClient {
  query(text: string, values?: unknown[]): Promise<PostgresAnswer>;
  /** A connection that breaks while nothing is asked of it says so only here. */
  on?(event: "error", listener: (error: Error) => void): unknown;
  off?(event: "error", listener: (error: Error) => void): unknown;
  /** True: its connection is not to be used again. */
  release(destroy?: boolean): void;
}

export interface PostgresAnswer {
  readonly rows: readonly unknown[];
  readonly rowCount: number | null;
  /** Tag of the command, as the server gives it. */
  readonly command: string;
}

/** A `Pool` of `pg`, or what gives connections like one. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
}

/** Undefined table, column or schema: our table is not as we need it. */
const NO_TABLE: readonly unknown[] = ["42P01", "42703", "3F000"];
/** Any statement after one that failed. */
const ABORTED = "25P02";
/** Errors that wrap errors, as query builders do. */
const CAUSES_MAX = 5;

export class PostgresSession {
  readonly #client: PostgresClient;
  readonly #say: SessionWords;
  #phase: Phase = "created";
  #atCommit = false;
  #attempt = 1;
  #isReleased = false;
  /** What the client has thrown to the work. */
  readonly #thrown = new WeakSet<object>();
  /** The first of them: where the work has caught it, the server refuses all that follows. */
  #firstThrown: unknown = null;

  constructor(client: PostgresClient, say: SessionWords) {
    this.#client = client;
    this.#say = say;
    client.on?.("error", brokenIdle);
  }

  /** Asks with a statement of ours, about our table. */
  async own(text: string, values?: unknown[]): Promise<PostgresAnswer> {
    try {
      return await this.#client.query(text, values);
    } catch (error) {
      const code = stateOf(error);
      if (code !== null && NO_TABLE.includes(code)) throw this.#say.noTable(error);
      // It says only that something was refused before, which its work has caught.
      const first = code === ABORTED ? (this.#firstThrown ?? error) : error;
      throw this.failure(first);
    }
  }

  /** The row of this operation is ours: no other attempt has done it, and none can until we end. */
  claimed(attempt: number): void {
    this.#phase = "answered";
    this.#attempt = attempt;
  }

  /** The user's door. */
  tx(guard: TxGuard): PostgresTx {
    return {
      query: async <Row extends object>(text: string, values?: readonly unknown[]) => {
        guard.check(text);
        try {
          const { rows, rowCount } = await this.#client.query(
            text,
            values === undefined ? undefined : [...values],
          );
          // What the rows look like is the caller's word, as with every client.
          return { rows: rows as readonly Row[], rowCount };
        } catch (error) {
          this.#firstThrown ??= error;
          if (typeof error === "object" && error !== null) this.#thrown.add(error);
          throw error;
        }
      },
    };
  }

  /** What the work has thrown: a failure if it came from the database, else as it is. */
  thrownByWork(error: unknown): unknown {
    let cause = error;
    for (let depth = 0; depth < CAUSES_MAX && cause instanceof Error; depth += 1) {
      if (this.#thrown.has(cause)) return this.failure(cause);
      cause = cause.cause;
    }
    return error;
  }

  /** From here on a lost answer leaves it open whether it happened. */
  async commit(call: Pick<Attempt, "mark">): Promise<void> {
    this.#phase = "sent";
    this.#atCommit = true;
    call.mark("sent");
    const { command } = await this.own("commit");
    call.mark("answered");
    this.#phase = "answered";
    // What has failed before is rolled back by a commit, without an error.
    if (command !== "COMMIT") throw this.failure(this.#firstThrown ?? new Error(command));
  }

  /** Back to the pool; or, if it did not end in order, out of it: the server undoes what is open. */
  release(inOrder: boolean): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#client.off?.("error", brokenIdle);
    // Nobody listens to it once it is out of the pool.
    if (!inOrder) this.#client.on?.("error", brokenIdle);
    this.#client.release(!inOrder);
  }

  /** @returns whether the connection is as it was. */
  async rollback(): Promise<boolean> {
    if (this.#atCommit || this.#isReleased) return false;
    try {
      await this.#client.query("rollback");
      return true;
    } catch (error) {
      // Without a connection nothing is committed; the caller knows what went wrong first.
      if (error instanceof Error) return false;
      throw error;
    }
  }

  failure(error: unknown): CallFailed {
    return sqlFailure(error, this.#phase, this.#atCommit, this.#attempt);
  }
}

/** The next statement fails, which is decided on. Without a listener it would end the process. */
function brokenIdle(): void {
  return undefined;
}

export interface SessionWords {
  noTable(cause: unknown): CallFailed;
}

/** @param phase - `created`: before the row was claimed; `answered`: since; `sent`: the commit. */
export function sqlFailure(
  error: unknown,
  phase: Phase,
  atCommit: boolean,
  attempt = 1,
): CallFailed {
  const message = error instanceof Error ? error.message : String(error);
  const state = stateOf(error);
  const known = state === null ? null : classifySqlState(state, atCommit, attempt);
  if (known !== null) {
    // A refused commit is answered: what it says stands. Where that leaves it open, it does not.
    const answered = atCommit && known.says.effect === "never" ? "answered" : phase;
    return new CallFailed({
      message,
      evidence: {
        phase: answered,
        callCount: 1,
        message,
        ...(state === null ? {} : { code: state }),
      },
      table: known,
      cause: error,
    });
  }
  const code = codeOf(error);
  return new CallFailed({
    message,
    evidence: {
      // Lost before the commit was sent: the server undoes it.
      phase: atCommit ? "sent" : "created",
      callCount: 1,
      message,
      ...(code === null ? {} : { code }),
    },
    table: {
      says: {
        class: "unavailable",
        scope: "dependency",
        effect: atCommit ? "maybe" : "never",
        origin: "network",
        reasonCode: `LOCAL_TX:${code ?? "CONNECTION_LOST"}`,
      },
      rule: { source: "table", id: "local-tx/connection", version: 1 },
    },
    cause: error,
  });
}

/** The server's own code; null for what the client or the network said. */
function stateOf(error: unknown): string | null {
  const code = codeOf(error);
  return error instanceof Error && "severity" in error && code !== null ? code : null;
}

function codeOf(error: unknown): string | null {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return typeof code === "string" ? code : null;
}
