/**
 * A table as the driver writes it: its columns once, in order, with where each cell comes from. The
 * statements are made from it, so a new projection is a new entry in `tables.ts`.
 */
import { type Cell, type ColumnType, binaryArray } from "./binary-array.ts";

export interface Column<Row> {
  readonly name: string;
  readonly type: ColumnType;
  readonly of: (row: Row) => Cell;
  /** `key`: part of the primary key. `fixed`: never changes. `free`: what an update writes. */
  readonly role: "key" | "fixed" | "free";
}

export interface Table<Row> {
  readonly name: string;
  readonly columns: readonly Column<Row>[];
}

/** A statement with its arguments, named so that the server parses it once per connection. */
export interface Written {
  readonly name: string;
  readonly text: string;
  readonly values: (Cell | Buffer)[];
}

export function columns<Row>(
  role: Column<Row>["role"],
  type: ColumnType,
  cells: Readonly<Record<string, (row: Row) => Cell>>,
): Column<Row>[] {
  return Object.entries(cells).map(([name, of]) => ({ name, type, of, role }));
}

/** Inserts rows; one that is there already makes the flush fail. */
export function inserted<Row>(table: Table<Row>, rows: readonly Row[]): Written {
  const { name, columns: all } = table;
  return {
    name: `insert-${name}`,
    text: `insert into ${name} (${names(all)}) select ${unnested(all)}`,
    values: arrays(all, rows),
  };
}

/** Writes what may change of rows that are there; fails the flush if one is not. */
export function updated<Row>(table: Table<Row>, rows: readonly Row[]): Written {
  const { name } = table;
  const sent = table.columns.filter(({ role }) => role !== "fixed");
  const free = sent.filter(({ role }) => role === "free");
  const sets = free.map((column) => `${column.name} = t.${column.name}`).join(", ");
  return {
    name: `update-${name}`,
    text: counted(
      `update ${name} set ${sets} from (select ${unnested(sent)}) as t (${names(sent)})
        where ${matched(name, sent)}`,
      sent.length + 1,
    ),
    values: [...arrays(sent, rows), rows.length],
  };
}

/** Removes rows by key; one that is not there is no mistake. */
export function removed<Row>(table: Table<Row>, rows: readonly Row[]): Written {
  const { name } = table;
  const keys = keysOf(table);
  return {
    name: `delete-${name}`,
    text: `delete from ${name} using (select ${unnested(keys)}) as t (${names(keys)})
      where ${matched(name, keys)}`,
    values: arrays(keys, rows),
  };
}

/**
 * The same statement, failing with "division by zero" unless it hits as many rows as argument
 * number `argument` says: a flush is sent as a whole, so it must stop by itself.
 */
export function counted(statement: string, argument: number): string {
  return `with hit as (${statement} returning 1)
    select 1 / (case when count(*) = $${argument}::int8 then 1 else 0 end) from hit`;
}

export function keysOf<Row>(table: Table<Row>): readonly Column<Row>[] {
  return table.columns.filter(({ role }) => role === "key");
}

/** In order of key, so that writers which share rows could not lock them crosswise. */
export function inKeyOrder<Row>(table: Table<Row>, rows: Iterable<Row>): Row[] {
  const keys = keysOf(table);
  return [...rows].toSorted((left, right) => {
    for (const { of } of keys) {
      const [a, b] = [of(left), of(right)];
      // Keys are never null, and two cells of a column are of one type.
      if (a !== b) return (a as number) < (b as number) ? -1 : 1;
    }
    return 0;
  });
}

/** The key of a row as text, for a map. */
export function keyText<Row>(keys: readonly Column<Row>[], row: Row): string {
  let text = "";
  for (const { of } of keys) text += `${keyCell(of(row))}|`;
  return text;
}

function keyCell(cell: Cell): string {
  return cell instanceof Uint8Array ? Buffer.from(cell).toString("hex") : String(cell);
}

function names<Row>(list: readonly Column<Row>[]): string {
  return list.map(({ name }) => name).join(", ");
}

function unnested<Row>(list: readonly Column<Row>[]): string {
  return unnestedAs(list.map(({ type }) => type));
}

/**
 * The arrays $1, $2, ... as columns of a select list, side by side as they have one length. In "from"
 * the server would first copy all rows aside (measured: a tenth of its time for a flush).
 */
export function unnestedAs(types: readonly ColumnType[]): string {
  return types.map((type, index) => `unnest($${index + 1}::${type}[])`).join(", ");
}

function matched<Row>(table: string, list: readonly Column<Row>[]): string {
  return list
    .filter(({ role }) => role === "key")
    .map(({ name }) => `${table}.${name} = t.${name}`)
    .join(" and ");
}

function arrays<Row>(list: readonly Column<Row>[], rows: readonly Row[]): Buffer[] {
  return list.map(({ type, of }) => binaryArray(type, rows.map(of)));
}
