/**
 * What runs that have left went on to count: part of verify's fold, which cannot read their records.
 * A flush has none of this to do, because the tables have it already.
 */
import type { ArchivedHead, ArchivedIssue } from "../core/archived.ts";
import { parseJson } from "../core/json-text.ts";
import type { JournalRecord } from "../core/journal.ts";
import { ISSUE_COLUMNS } from "../store/row-columns.ts";
import { ISSUE_ADDED } from "./projection-statements.ts";
import type { ProjectionsWriter } from "./projections-writer.ts";
import type { Database, Statement } from "./runtime.ts";

const ISSUE_SQL = `insert into issue (${ISSUE_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)
  ${ISSUE_ADDED}`;

export class ArchivedHistory {
  readonly #issue: Statement;

  constructor(database: Database) {
    this.#issue = database.prepare(ISSUE_SQL);
  }

  /** `record` is an `archived` one, found sound, at position `pos`. */
  fold(writer: ProjectionsWriter, record: JournalRecord, pos: number): void {
    const { counts, issues, taken } = parseJson(record.head ?? "null") as ArchivedHead;
    for (const count of counts) writer.apply({ kind: "counted", ...count }, pos);
    for (const issue of issues) this.#add(issue);
    // The events' ids are forgotten by now; the events themselves are no longer kept.
    for (const seq of taken) writer.apply({ kind: "event-taken", seq, run: 0 }, pos);
  }

  #add(issue: ArchivedIssue): void {
    const { fingerprint, level, title, class: failureClass, family, workflow, step, owner } = issue;
    const cause = [fingerprint, level, title, failureClass, family, workflow, step, owner];
    this.#issue.run(...cause, issue.firstSeenAtMs, issue.lastSeenAtMs, issue.totalCount);
  }
}
