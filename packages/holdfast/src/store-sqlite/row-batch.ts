/** Writes rows to one table, several a statement: starting a statement costs more than binding. */
import type { Database, Statement } from "./runtime.ts";

export type Bound = null | number | string | Uint8Array;

/** One statement of so many rows, with the array that it is run with. */
interface Sized {
  readonly rows: number;
  readonly statement: Statement;
  /** Filled anew for each statement: making them was a tenth of the time. */
  readonly bound: Bound[];
}

/** The same statement for 1, 2, 4 ... rows, so that any number of rows takes few statements. */
export class RowStatements {
  /** The largest first. */
  readonly #sized: readonly Sized[];

  /**
   * @param sql - a statement up to and including `values`; `after` is what follows the rows.
   * @param options.rowsMax - rows of the largest statement, a power of two.
   */
  constructor(
    database: Database,
    sql: string,
    options: { readonly columns: number; readonly rowsMax: number; readonly after?: string },
  ) {
    const { columns, rowsMax, after = "" } = options;
    const row = `(${Array.from({ length: columns }, () => "?").join(", ")})`;
    const sized: Sized[] = [];
    for (let rows = rowsMax; rows >= 1; rows /= 2) {
      const values = Array.from({ length: rows }, () => row).join(", ");
      const bound = Array.from({ length: columns * rows }, () => null);
      sized.push({ rows, statement: database.prepare(`${sql} ${values} ${after}`), bound });
    }
    this.#sized = sized;
  }

  /** The largest that `count` rows fill; `count` is at least 1. */
  for(count: number): Sized {
    const sized = this.#sized.find(({ rows }) => rows <= count);
    if (sized === undefined) throw new RangeError(`no statement writes ${String(count)} rows`);
    return sized;
  }
}

/** Rows that come one by one. */
export class RowBatch {
  readonly #statements: RowStatements;
  readonly #columns: number;
  readonly #largest: Sized;
  #filled = 0;

  /** As for `RowStatements`. */
  constructor(
    database: Database,
    sql: string,
    options: { readonly columns: number; readonly rowsMax: number; readonly after?: string },
  ) {
    this.#statements = new RowStatements(database, sql, options);
    this.#columns = options.columns;
    this.#largest = this.#statements.for(options.rowsMax);
  }

  /** Adds a row. It is written with the next ones, or by `finish`. */
  add(...values: readonly Bound[]): void {
    const { bound, statement } = this.#largest;
    for (const value of values) {
      bound[this.#filled] = value;
      this.#filled += 1;
    }
    if (this.#filled < bound.length) return;
    this.#filled = 0;
    statement.run(...bound);
  }

  /** Writes what is left. */
  finish(): void {
    const from = this.#largest.bound;
    let at = 0;
    while (at < this.#filled) {
      const { rows, statement } = this.#statements.for((this.#filled - at) / this.#columns);
      const end = at + rows * this.#columns;
      statement.run(...from.slice(at, end));
      at = end;
    }
    this.#filled = 0;
  }
}
