/** What one flush does to one table, reduced to at most one write for each row. */
import {
  type Column,
  type Table,
  type Written,
  inKeyOrder,
  inserted,
  keyText,
  keysOf,
  removed,
  updated,
} from "./table.ts";

export class RowGather<Row> {
  readonly #table: Table<Row>;
  readonly #keys: readonly Column<Row>[];
  readonly #inserts = new Map<string, Row>();
  readonly #updates = new Map<string, Row>();
  readonly #removals = new Map<string, Row>();

  constructor(table: Table<Row>) {
    this.#table = table;
    this.#keys = keysOf(table);
  }

  /** A row that is not in the table, unless this flush removes it first. */
  insert(row: Row): void {
    this.#inserts.set(keyText(this.#keys, row), row);
  }

  /** A row that is in the table, or was inserted by this flush. */
  update(row: Row): void {
    const key = keyText(this.#keys, row);
    (this.#inserts.has(key) ? this.#inserts : this.#updates).set(key, row);
  }

  remove(row: Row): void {
    const key = keyText(this.#keys, row);
    // Removed even if this flush inserts it: an earlier row may have had the same key.
    this.#inserts.delete(key);
    this.#updates.delete(key);
    this.#removals.set(key, row);
  }

  /** The statements, in the order in which they have to be done; forgets what it had. */
  finish(): Written[] {
    if (this.#removals.size + this.#updates.size + this.#inserts.size === 0) return [];
    const written = [
      ...this.#statement(this.#removals, removed),
      ...this.#statement(this.#updates, updated),
      ...this.#statement(this.#inserts, inserted),
    ];
    for (const rows of [this.#removals, this.#updates, this.#inserts]) rows.clear();
    return written;
  }

  #statement(
    rows: ReadonlyMap<string, Row>,
    write: (table: Table<Row>, rows: readonly Row[]) => Written,
  ): Written[] {
    return rows.size === 0 ? [] : [write(this.#table, inKeyOrder(this.#table, rows.values()))];
  }
}
