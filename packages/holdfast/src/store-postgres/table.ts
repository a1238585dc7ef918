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

/** What is made of a table once, and not for each flush. */
interface Texts<Row> {
  readonly keys: readonly Column<Row>[];
  /** The columns of an update: the key, and what it writes. */
  readonly sent: readonly Column<Row>[];
  readonly insert: string;
  readonly update: string;
  readonly remove: string;
}

const TEXTS = new WeakMap<object, unknown>();

function textsOf<Row>(table: Table<Row>): Texts<Row> {
  const known = TEXTS.get(table);
  // Whatever is kept for a table was made of it below.
  if (known !== undefined) return known as Texts<Row>;
  const made = textsFor(table);
  TEXTS.set(table, made);
  return made;
}

function textsFor<Row>({ name, columns: all }: Table<Row>): Texts<Row> {
  const keys = all.filter(({ role }) => role === "key");
  const sent = all.filter(({ role }) => role !== "fixed");
  const free = sent.filter(({ role }) => role === "free");
  const sets = free.map((column) => `${column.name} = t.${column.name}`).join(", ");
  return {
    keys,
    sent,
    insert: `insert into ${name} (${names(all)}) select ${unnested(all)}`,
    update: counted(
      `update ${name} set ${sets} from (select ${unnested(sent)}) as t (${names(sent)})
        where ${matched(name, sent)}`,
      sent.length + 1,
    ),
    remove: `delete from ${name} using (select ${unnested(keys)}) as t (${names(keys)})
      where ${matched(name, keys)}`,
  };
}

/** Inserts rows; one that is there already makes the flush fail. */
export function inserted<Row>(table: Table<Row>, rows: readonly Row[]): Written {
  const { insert: text } = textsOf(table);
  return { name: `insert-${table.name}`, text, values: arrays(table.columns, rows) };
}

/** Writes what may change of rows that are there; fails the flush if one is not. */
export function updated<Row>(table: Table<Row>, rows: readonly Row[]): Written {
  const { sent, update: text } = textsOf(table);
  return { name: `update-${table.name}`, text, values: [...arrays(sent, rows), rows.length] };
}

/** Removes rows by key; one that is not there is no mistake. */
export function removed<Row>(table: Table<Row>, rows: readonly Row[]): Written {
  const { keys, remove: text } = textsOf(table);
  return { name: `delete-${table.name}`, text, values: arrays(keys, rows) };
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
  return textsOf(table).keys;
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
