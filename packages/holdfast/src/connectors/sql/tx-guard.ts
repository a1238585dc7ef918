/** Keeps the work of a local transaction inside of it: it may not end it, and not use it afterwards. */
import { HoldfastError } from "../../core/error.ts";

/** Quoted parts and comments: what is in them is no statement. */
const QUOTED =
  /--[^\n]*|\/\*[^]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?<tag>[A-Za-z_]*)\$[^]*?\$\k<tag>\$/gu;

/** `rollback to` a savepoint goes on with the transaction. */
const ENDS =
  /^\s*(?:begin|start\s+transaction|commit|end|abort|prepare\s+transaction|rollback(?!\s+(?:(?:work|transaction)\s+)?to\b))\b/iu;

export class TxGuard {
  readonly #database: string;
  #isOver = false;
  #misuse: HoldfastError | null = null;

  constructor(database: string) {
    this.#database = database;
  }

  /**
   * Asked before each statement.
   *
   * @throws {HoldfastError} HF1205 if the transaction has ended, or if this would end it.
   */
  check(sql: string): void {
    if (this.#isOver) throw this.#refused("was used after its work had ended", USED_LATE);
    const ends = sql
      .replaceAll(QUOTED, " ")
      .split(";")
      .find((statement) => ENDS.test(statement));
    if (ends === undefined) return;
    const words = ends.trim().split(/\s+/u).slice(0, 2).join(" ");
    this.#misuse = this.#refused(`was told to "${words}" by its own work`, ENDED_INSIDE);
    throw this.#misuse;
  }

  /** The work is over: no statement of it comes through any more. */
  end(): void {
    this.#isOver = true;
  }

  /**
   * Asked after the work, which may have caught what `check` threw.
   *
   * @throws {HoldfastError} HF1205
   */
  requireProper(): void {
    if (this.#misuse !== null) throw this.#misuse;
  }

  isAsynchronous(): HoldfastError {
    return this.#refused("was given work that answers with a promise", SYNCHRONOUS);
  }

  #refused(how: string, remedy: string): HoldfastError {
    return new HoldfastError("HF1205", `The transaction on "${this.#database}" ${how}.`, remedy);
  }
}

const USED_LATE = "Await everything that the work does with tx before it returns.";
const ENDED_INSIDE =
  "Return from the work to commit, throw to roll back; use a savepoint for a part. Nothing was committed.";
const SYNCHRONOUS =
  "Write it without async: others use the same SQLite handle as soon as it waits, and their statements would be part of the transaction. Nothing was committed.";
