/** Writes rows to one table, several a statement: starting a statement costs more than binding. */
import type { Database, Statement } from "./runtime.ts";

export type Bound = null | number | string | Uint8Array;

export class RowBatch {
  readonly #one: Statement;
  readonly #many: Statement;
  readonly #columns: number;
  readonly #rowsMax: number;
  readonly #values: Bound[] = [];

  /**
   * @param sql - a statement up to and including `values`, and `after` what follows the rows.
   * @param rowsMax - rows of one statement; what is left over is written one by one.
   */
  constructor(
    database: Database,
    sql: string,
    options: { readonly columns: number; readonly rowsMax: number; readonly after?: string },
  ) {
    const { columns, rowsMax, after = "" } = options;
    const row = `(${Array.from({ length: columns }, () => "?").join(", ")})`;
    const rows = (count: number) => Array.from({ length: count }, () => row).join(", ");
    this.#one = database.prepare(`${sql} ${row} ${after}`);
    this.#many = database.prepare(`${sql} ${rows(rowsMax)} ${after}`);
    this.#columns = columns;
    this.#rowsMax = rowsMax;
  }

  /** Adds a row; `write` writes it. */
  add(...values: readonly Bound[]): void {
    this.#values.push(...values);
  }

  /** Writes what was added, in that order. The answer is how many rows SQLite says it changed. */
  write(): number {
    const values = this.#values;
    const width = this.#columns * this.#rowsMax;
    let changes = 0;
    let at = 0;
    for (; at + width <= values.length; at += width) {
      changes += Number(this.#many.run(...values.slice(at, at + width)).changes);
    }
    for (; at < values.length; at += this.#columns) {
      changes += Number(this.#one.run(...values.slice(at, at + this.#columns)).changes);
    }
    values.length = 0;
    return changes;
  }
}
