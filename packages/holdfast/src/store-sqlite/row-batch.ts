/** Writes rows to one table, several a statement: starting a statement costs more than binding. */
import type { Database, Statement } from "./runtime.ts";

export type Bound = null | number | string | Uint8Array;

export class RowBatch {
  readonly #one: Statement;
  readonly #many: Statement;
  readonly #columns: number;
  /** Values of one statement of many rows; filled anew each time. */
  readonly #bound: Bound[];
  #filled = 0;
  #changes = 0;

  /**
   * @param sql - a statement up to and including `values`.
   * @param options.rowsMax - rows of one statement; those left over at the end go one by one.
   */
  constructor(
    database: Database,
    sql: string,
    options: { readonly columns: number; readonly rowsMax: number },
  ) {
    const { columns, rowsMax } = options;
    const row = `(${Array.from({ length: columns }, () => "?").join(", ")})`;
    const rows = Array.from({ length: rowsMax }, () => row).join(", ");
    this.#one = database.prepare(`${sql} ${row}`);
    this.#many = database.prepare(`${sql} ${rows}`);
    this.#columns = columns;
    this.#bound = Array.from({ length: columns * rowsMax }, () => null);
  }

  /** Adds a row. It is written with the next ones, or by `finish`. */
  add(...values: readonly Bound[]): void {
    for (const value of values) {
      this.#bound[this.#filled] = value;
      this.#filled += 1;
    }
    if (this.#filled < this.#bound.length) return;
    this.#filled = 0;
    this.#changes += Number(this.#many.run(...this.#bound).changes);
  }

  /** Writes what is left. The answer is how many rows were changed since it was called last. */
  finish(): number {
    for (let at = 0; at < this.#filled; at += this.#columns) {
      const row = this.#bound.slice(at, at + this.#columns);
      this.#changes += Number(this.#one.run(...row).changes);
    }
    const changes = this.#changes;
    this.#filled = 0;
    this.#changes = 0;
    return changes;
  }
}
