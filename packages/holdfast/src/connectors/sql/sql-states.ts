/**
 * What a database's refusals mean (failure model 2.7): SQLSTATE for PostgreSQL, result codes for
 * SQLite. A refusal is an answer inside a transaction that is then rolled back, so nothing of it has
 * happened; what ends without an answer is judged by whether the commit had been sent.
 * docs/reference/classification.md is checked against both tables.
 */
import type { Classified, FailureClass, FailureScope, RuleReference } from "../../core/failure.ts";

/** Stamped on every classification; raise it when a row changes its meaning. */
const VERSION = 1;

export interface SqlStateRow {
  /** Stable id of the rule: `sqlstate/` or `sqlite/` and this. */
  readonly id: string;
  /** Five characters, or the two of a class. For SQLite: primary result codes. */
  readonly codes: readonly string[];
  readonly class: FailureClass;
  readonly scope: FailureScope;
  /** True if the server may have committed when it says so in answer to a commit. */
  readonly isOpenAtCommit?: true;
}

/** A row that names the whole code counts before one that names its class. */
export const SQL_STATES: readonly SqlStateRow[] = [
  {
    id: "contention",
    codes: ["40001", "40P01", "40000", "55P03", "55000", "55006", "25P04"],
    class: "contention",
    scope: "key",
  },
  { id: "constraint", codes: ["23", "40002"], class: "data", scope: "item" },
  { id: "value", codes: ["22"], class: "data", scope: "item" },
  {
    id: "unresolved",
    codes: ["08007", "40003"],
    class: "ambiguous",
    scope: "key",
    isOpenAtCommit: true,
  },
  { id: "refused-connection", codes: ["08004"], class: "misconfigured", scope: "dependency" },
  {
    id: "connection",
    codes: ["08", "57P01", "57P02", "57P03", "57P05"],
    class: "unavailable",
    scope: "dependency",
    isOpenAtCommit: true,
  },
  { id: "read-only", codes: ["25006"], class: "unavailable", scope: "dependency" },
  { id: "statement", codes: ["0A", "42", "26", "34", "54"], class: "defect", scope: "item" },
  { id: "transaction-state", codes: ["25", "2D"], class: "defect", scope: "item" },
  {
    id: "access",
    codes: ["42501", "28", "3D000", "3F000", "53400", "57P04"],
    class: "misconfigured",
    scope: "dependency",
  },
  { id: "disk-full", codes: ["53100"], class: "exhausted", scope: "dependency" },
  { id: "connections", codes: ["53300"], class: "throttled", scope: "dependency" },
  { id: "resources", codes: ["53", "57014"], class: "transient", scope: "item" },
  { id: "raised", codes: ["P0"], class: "data", scope: "item" },
  {
    id: "system",
    codes: ["58", "XX", "F0"],
    class: "unavailable",
    scope: "dependency",
    isOpenAtCommit: true,
  },
];

export const SQLITE_RESULTS: readonly SqlStateRow[] = [
  { id: "contention", codes: ["5", "6"], class: "contention", scope: "key" },
  { id: "constraint", codes: ["19"], class: "data", scope: "item" },
  { id: "disk-full", codes: ["13"], class: "exhausted", scope: "dependency" },
  { id: "access", codes: ["3", "8", "14"], class: "misconfigured", scope: "dependency" },
  {
    id: "disk",
    codes: ["10"],
    class: "unavailable",
    scope: "dependency",
    isOpenAtCommit: true,
  },
  { id: "damaged", codes: ["11", "26"], class: "misconfigured", scope: "dependency" },
  { id: "resources", codes: ["7", "9"], class: "transient", scope: "item" },
  { id: "statement", codes: ["1", "18", "20", "21", "25"], class: "defect", scope: "item" },
];

export interface SqlSays {
  readonly says: Classified;
  readonly rule: RuleReference;
}

/** Null if no row knows the code. */
export function classifySqlState(code: string, atCommit: boolean): SqlSays | null {
  const row =
    SQL_STATES.find(({ codes }) => codes.includes(code)) ??
    SQL_STATES.find(({ codes }) => codes.includes(code.slice(0, 2)));
  return row === undefined ? null : saysOf("sqlstate", row, code, atCommit);
}

/** @param code - primary result code. */
export function classifySqliteResult(code: number, atCommit: boolean): SqlSays | null {
  const row = SQLITE_RESULTS.find(({ codes }) => codes.includes(String(code)));
  return row === undefined ? null : saysOf("sqlite", row, String(code), atCommit);
}

function saysOf(
  table: "sqlstate" | "sqlite",
  row: SqlStateRow,
  code: string,
  atCommit: boolean,
): SqlSays {
  return {
    says: {
      class: row.class,
      scope: row.scope,
      effect: atCommit && row.isOpenAtCommit === true ? "maybe" : "never",
      origin: "remote",
      reasonCode: `${table.toUpperCase()}:${code}`,
    },
    rule: { source: "table", id: `${table}/${row.id}`, version: VERSION },
  };
}
