/** Reads for runs that leave, and of what is left of those that have. */
import type { ArchivedHead } from "../core/archived.ts";
import { parseJson } from "../core/json-text.ts";
import type { JournalRecord } from "../core/journal.ts";
import { kindNumber } from "../core/record-kinds.ts";
import { RECORD_COLUMNS, toRecord } from "../store/row-columns.ts";
import type { Cells } from "../store/row-columns.ts";
import type { ArchivedRunRow } from "../store/rows.ts";
import { digestOf } from "../store/seal.ts";
import type { ChildRun, FoundRun, RecordSum, RunCall } from "../store/store.ts";
import type { Database, Statement } from "./runtime.ts";

/** As the index has it: a head that somebody has spoilt is for verify to tell of. */
const CHILD = "(case when json_valid(head) then head ->> '$.child' end)";

export const ARCHIVED_SQL = {
  find: `select run, generation, input_digest from archived_run where key_hash = ?
    and key_hash is not null order by generation desc limit 1`,
  digests: "select digest from journal where run = ? order by seq",
  storeRecord: `select ${RECORD_COLUMNS}, pos, digest from journal where run = 0 and seq = ?`,
  children: `select run, parent_run from run where parent_run in (select value from json_each(?))
    and parent_run is not null order by run`,
  calls: `select ${CHILD}, run from journal where kind = ${String(kindNumber("called"))}
    and ${CHILD} in (select value from json_each(?))
    and exists (select 1 from run where run.run = journal.run and ended_at_ms is null)
    order by 1, run`,
} as const;

type Prepared = Readonly<Record<keyof typeof ARCHIVED_SQL, Statement>>;

export class ArchivedQueries {
  readonly database: Database;
  readonly #require: (cells: Cells, seq: number) => void;
  /** Prepared at first use: a store that nothing has left from needs only `find`. */
  #prepared: Prepared | null = null;

  /** @param require - throws for a record that is not what was written. */
  constructor(database: Database, require: (cells: Cells, seq: number) => void) {
    this.database = database;
    this.#require = require;
  }

  /** The run that had this key, if it has left and its key is still guarded. */
  find(keyHash: string): FoundRun | null {
    const cells = rowsOf(this.#sql.find, Buffer.from(keyHash, "hex"))[0];
    if (cells === undefined) return null;
    const inputDigest = Buffer.from(cells[2] as Uint8Array).toString("hex");
    return { run: cells[0] as number, generation: cells[1] as number, inputDigest, row: null };
  }

  recordSums(runs: readonly number[]): RecordSum[] {
    return runs.flatMap((run) => {
      const digests = rowsOf(this.#sql.digests, run).map((cells) => cells[0] as Uint8Array);
      if (digests.length === 0) return [];
      return [{ run, records: digests.length, digest: digestOf(digests).toString("hex") }];
    });
  }

  storeRecords(seqs: readonly number[]): JournalRecord[] {
    return seqs.flatMap((seq) => {
      const cells = rowsOf(this.#sql.storeRecord, seq)[0];
      if (cells === undefined) return [];
      this.#require(cells, seq);
      return [toRecord(cells)];
    });
  }

  childrenOf(runs: readonly number[]): ChildRun[] {
    return rowsOf(this.#sql.children, JSON.stringify(runs)).map((cells) => ({
      run: cells[0] as number,
      parentRun: cells[1] as number,
    }));
  }

  callsOf(runs: readonly number[]): RunCall[] {
    return rowsOf(this.#sql.calls, JSON.stringify(runs)).map((cells) => ({
      called: cells[0] as number,
      caller: cells[1] as number,
    }));
  }

  get #sql(): Prepared {
    if (this.#prepared !== null) return this.#prepared;
    const entries = Object.entries(ARCHIVED_SQL).map(([name, sql]) => {
      const statement = this.database.prepare(sql);
      statement.setReturnArrays(true);
      return [name, statement] as const;
    });
    // The keys are those of ARCHIVED_SQL, which `fromEntries` forgets.
    this.#prepared = Object.fromEntries(entries) as Prepared;
    return this.#prepared;
  }
}

/** Where each of these runs is that has left. */
export function archivedRuns(database: Database, runs: readonly number[]): ArchivedRunRow[] {
  const statement = database.prepare(
    `select a.run, j.at_ms, j.head from archived_run a join journal j on j.run = 0 and j.seq = a.seq
      where a.run in (select value from json_each(?)) order by a.run`,
  );
  statement.setReturnArrays(true);
  return rowsOf(statement, JSON.stringify(runs)).map((cells) => {
    const { archive, file, by } = parseJson(cells[2] as string) as ArchivedHead;
    return { run: cells[0] as number, atMs: cells[1] as number, archive, file, by };
  });
}

function rowsOf(statement: Statement, ...values: (number | string | Uint8Array)[]): Cells[] {
  // `setReturnArrays` makes every row an array of cells, which the declared type does not know.
  return statement.all(...values) as unknown as Cells[];
}
