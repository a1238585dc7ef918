/** What the database and the way to it say, sorted by what it means for a write. */
import { HoldfastError } from "../core/error.ts";

/** The connection is gone: what was sent may or may not have been done. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
}

/** A statement of a transaction was refused; the transaction was undone. */
export class StatementRefused extends Error {
  override readonly name = "StatementRefused";
  /** Five characters, as in PostgreSQL's appendix A. */
  readonly sqlState: string;
  /** Name of the statement. */
  readonly statement: string;

  constructor(cause: Error, sqlState: string, statement: string) {
    super(`${statement}: ${cause.message}`, { cause });
    this.sqlState = sqlState;
    this.statement = statement;
  }
}

export const SQL_STATES = {
  divisionByZero: "22012",
  uniqueViolation: "23505",
  notNullViolation: "23502",
  serializationFailure: "40001",
  deadlock: "40P01",
  noSuchStatement: "26000",
  undefinedTable: "42P01",
  invalidSchema: "3F000",
  insufficientPrivilege: "42501",
} as const;

/** An error of the client library as one of the two above. */
export function sortedError(error: unknown, statement: string): Error {
  if (error instanceof ConnectionLost) return error;
  if (!(error instanceof Error)) return new ConnectionLost(String(error));
  if (!isOfDatabase(error)) return new ConnectionLost(error.message, { cause: error });
  // After these the server closes the connection: a shutdown, a crash, an administrator.
  const isEnd = error.severity === "FATAL" || error.severity === "PANIC";
  if (isEnd) return new ConnectionLost(error.message, { cause: error });
  return new StatementRefused(error, error.code, statement);
}

function isOfDatabase(error: Error): error is Error & { code: string; severity: string } {
  return "severity" in error && "code" in error && typeof error.code === "string";
}

export function isRefused(error: unknown, sqlState: string): error is StatementRefused {
  return error instanceof StatementRefused && error.sqlState === sqlState;
}

/** The address without its password. */
export function shownUrl(url: string): string {
  try {
    const parsed = new URL(url);
    parsed.password = "";
    parsed.search = "";
    return parsed.toString();
  } catch (error) {
    if (error instanceof TypeError) return "the address given";
    throw error;
  }
}

export function cannotOpen(url: string, error: unknown): Error {
  if (error instanceof HoldfastError) return error;
  const because = error instanceof Error ? error.message : String(error);
  return new HoldfastError(
    "HF5002",
    `the store ${shownUrl(url)} cannot be opened: ${because}`,
    "Check that PostgreSQL runs there, that the address names an existing database, and that this " +
      "user may connect and create a schema in it.",
    { cause: error },
  );
}

export function replaced(because: string): HoldfastError {
  return new HoldfastError(
    "HF5012",
    `this worker has been replaced: ${because}`,
    "Nothing was written since. The process ends; another engine holds the store, or this one may " +
      "be started again. If it happens while nobody takes over, look for what stops the process or " +
      "its way to the database for longer than the lease.",
  );
}
