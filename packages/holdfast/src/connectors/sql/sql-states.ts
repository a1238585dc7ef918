/** What a database's refusal means for a transaction of ours, by the tables of its protocol. */
import type { Classified, RuleReference } from "../../core/failure.ts";
import { consult, type ProtocolTable } from "../../core/protocol-table.ts";
import { POSTGRES_TABLE } from "../../core/protocols/postgres.ts";
import { SQLITE_TABLE } from "../../core/protocols/sqlite.ts";

export interface SqlSays {
  readonly says: Classified;
  readonly rule: RuleReference;
}

/**
 * Null if no row knows the code, or it is no failure.
 *
 * @param attempt - of the operation; the first is 1.
 */
export function classifySqlState(code: string, atCommit: boolean, attempt: number): SqlSays | null {
  return saysOf(POSTGRES_TABLE, code, atCommit ? "commit-sent" : "in-transaction", attempt);
}

/** @param code - primary result code. */
export function classifySqliteResult(code: number, atCommit: boolean): SqlSays | null {
  return saysOf(SQLITE_TABLE, String(code), atCommit ? "commit" : "in-transaction", 1);
}

function saysOf(
  table: ProtocolTable,
  code: string,
  phase: string,
  attempt: number,
): SqlSays | null {
  const verdict = consult(table, { code, status: null, phase, attempt, holds: () => false });
  if (verdict === null || verdict.says === null) return null;
  return { says: verdict.says, rule: verdict.rule };
}
