/**
 * Folds the whole journal again into temporary tables of the same names and compares them, row by
 * row, with the tables of the store. Temporary tables come first when a name is looked up, so the
 * very statements of a flush write to them, on a connection that cannot write to the store.
 */
import { RECORD_KINDS } from "../core/record-kinds.ts";
import { hasProjection, project } from "../store/projection.ts";
import { ChainQueries } from "./chain.ts";
import type { FlushRow } from "./chain.ts";
import type { Damage } from "../store/damage.ts";
import { ArchivedHistory } from "./archived-history.ts";
import { ProjectionsWriter } from "./projections-writer.ts";
import { prepareRows, rowsOf } from "./queries.ts";
import { RECORD_COLUMNS, toRecord } from "../store/row-columns.ts";
import type { Cells } from "../store/row-columns.ts";
import type { Database, Statement } from "./runtime.ts";
import { expectedSchema } from "./schema-check.ts";

/** Every table that is derived from the journal, with the order of its primary key. */
export const PROJECTIONS = {
  incarnation: "incarnation",
  run: "run",
  effect: "pos",
  exception: "id",
  issue: "fingerprint",
  issue_overlay: "fingerprint",
  routing: "version",
  classification_rule: "id, version",
  review: "id",
  counter: "name",
  dependency: "integration",
  declaration: "definition, name, sensitive",
  accepted_event: "namespace, event, id",
  kept_event: "seq",
  early_answer: "seq",
  received: "name",
  awaiting: "id",
  pending: "integration, ref, run, operation",
  recovery_group: "number",
  archived_run: "run",
  imported_archive: "archive",
  cell_list: "one",
  carried_key: "store, key_hash",
  placed_key: "key_hash",
} as const;

const FLUSHES_PER_READ = 500;

/** Needs a journal that was found sound. The connection's temporary tables stay. */
export function rebuildProjections(database: Database): readonly Damage[] {
  createTemporary(database);
  fold(database);
  return Object.entries(PROJECTIONS).flatMap(([table, order]) => compare(database, table, order));
}

function createTemporary(database: Database): void {
  const items = expectedSchema().filter((item) => item.table in PROJECTIONS);
  // Tables before their indexes.
  for (const { sql } of items.filter((item) => item.type === "table")) {
    database.exec((sql ?? "").replace(/^create table /iu, "create temp table "));
  }
  for (const { sql, name } of items.filter((item) => item.type === "index")) {
    // Without text: SQLite made it with its table.
    if (sql !== null) database.exec(sql.replace(` index ${name} `, ` index temp.${name} `));
  }
}

function fold(database: Database): void {
  const chain = new ChainQueries(database);
  const writer = new ProjectionsWriter(database);
  const gone = new ArchivedHistory(database);
  const openChain = database.prepare(
    "insert into incarnation (incarnation, first_flush) values (?, ?)",
  );
  const kinds = RECORD_KINDS.flatMap((_, kind) => (hasProjection(kind) ? [kind] : []));
  const records = prepareRows(
    database,
    `select ${RECORD_COLUMNS}, pos from journal where pos >= ? and pos <= ?
      and kind in (${kinds.join(", ")}) order by pos`,
  );
  let after = 0;
  for (;;) {
    const flushes = chain.after(after, FLUSHES_PER_READ);
    for (const flush of flushes) {
      if (flush.number === 1) openChain.run(flush.incarnation, flush.id);
      foldFlush({ writer, gone, records }, flush);
      after = flush.id;
    }
    if (flushes.length < FLUSHES_PER_READ) return;
  }
}

interface Fold {
  readonly writer: ProjectionsWriter;
  readonly gone: ArchivedHistory;
  readonly records: Statement;
}

function foldFlush({ writer, gone, records }: Fold, flush: FlushRow): void {
  for (const cells of rowsOf(records, flush.firstPos, flush.lastPos)) {
    const pos = cells[8] as number;
    const record = toRecord(cells);
    for (const change of project(record)) writer.apply(change, pos);
    if (record.kind === "archived") gone.fold(writer, record, pos);
  }
  writer.finishFlush();
}

/** At most one finding a table: the first row that differs. */
function compare(database: Database, table: string, order: string): readonly Damage[] {
  const columns = comparedColumns(database, table);
  // A sum of nothing need not be there: what has come and gone may have left with its run.
  const rows = table === "counter" ? `${table} where value <> 0` : table;
  const select = (schema: string) =>
    iterate(database, `select ${columns.join(", ")} from ${schema}.${rows} order by ${order}`);
  const stored = select("main");
  const folded = select("temp");
  for (;;) {
    const left = stored.next();
    const right = folded.next();
    if (left.done === true && right.done === true) return [];
    const leftCells = left.done === true ? null : left.value;
    const rightCells = right.done === true ? null : right.value;
    if (leftCells === null) return [missing(table, rightCells)];
    if (rightCells === null) return [{ what: `${table} has a row too many: ${shown(leftCells)}` }];
    const column = leftCells.findIndex((cell, index) => !isSame(cell, rightCells[index]));
    if (column !== -1) {
      return [differs(`${table}.${columns[column] ?? "?"}`, leftCells, rightCells, column)];
    }
  }
}

function missing(table: string, cells: Cells | null): Damage {
  return { what: `${table} lacks the row ${cells === null ? "" : shown(cells)}` };
}

/**
 * Numbers that SQLite gives to rows in the order in which they come are compared by that order alone:
 * where rows have left with their runs, those of a fold begin at 1 again.
 */
const NUMBERED: readonly string[] = ["exception", "review", "awaiting"];

function comparedColumns(database: Database, table: string): readonly string[] {
  const names = database
    .prepare(`select * from main.${table}`)
    .columns()
    .map(({ name }) => name);
  return NUMBERED.includes(table) ? names.filter((name) => name !== "id") : names;
}

function differs(name: string, stored: Cells, folded: Cells, column: number): Damage {
  const row = `row ${shown(folded)}`;
  const values = `${show(stored[column])}, the journal says ${show(folded[column])}`;
  return { what: `${name} of ${row} is ${values}` };
}

function iterate(database: Database, sql: string): Iterator<Cells> {
  // `setReturnArrays` makes every row an array of cells, which the declared type does not know.
  return prepareRows(database, sql).iterate() as unknown as Iterator<Cells>;
}

function isSame(left: unknown, right: unknown): boolean {
  if (left instanceof Uint8Array && right instanceof Uint8Array) {
    return Buffer.compare(left, right) === 0;
  }
  return left === right;
}

/** The first cell is the key, or begins it. */
function shown(cells: Cells): string {
  return show(cells[0]);
}

function show(cell: unknown): string {
  if (cell instanceof Uint8Array) return Buffer.from(cell).toString("hex");
  const text = JSON.stringify(cell) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
