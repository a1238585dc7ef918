/** What a counterpart has done: a row is committed before anything of the answer leaves. */
import { DatabaseSync } from "node:sqlite";

export class WorkLedger {
  readonly #database: DatabaseSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    // The counterpart writes in one process while the maker reads in another.
    this.#database.exec("pragma journal_mode = wal; pragma busy_timeout = 10000");
    this.#database.exec(
      "create table if not exists work (key text not null, item text not null, primary key (key, item)) strict",
    );
  }

  /** Does the work of a request, or of one item of it. */
  record(key: string, item = ""): void {
    this.#database.prepare("insert or ignore into work values (?, ?)").run(key, item);
  }

  count(key: string): number {
    const row = this.#database.prepare("select count(*) as n from work where key = ?").get(key);
    return Number(row?.["n"]);
  }

  close(): void {
    this.#database.close();
  }
}
