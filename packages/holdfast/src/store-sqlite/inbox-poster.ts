/** Leaves commands in the inbox, durably, from a process that is not the engine. */
import type { InboxRow } from "../store/rows.ts";
import { makeDurable } from "./pragmas.ts";
import { openDatabase } from "./runtime.ts";
import type { Database } from "./runtime.ts";
import { postedDigest } from "../store/seal.ts";

export class InboxPoster {
  readonly #database: Database;

  /** Opens a connection of its own that may write. */
  constructor(path: string) {
    this.#database = openDatabase(path);
    makeDurable(this.#database);
  }

  /** Durable when it returns. A command whose id is there already changes nothing. */
  post(command: Omit<InboxRow, "answer">): void {
    const { id, topic, atMs, by, data } = command;
    this.#database
      .prepare(
        `insert into inbox (id, topic, at_ms, sent_by, data, digest) values (?, ?, ?, ?, ?, ?)
          on conflict (id) do nothing`,
      )
      .run(id, topic, atMs, by, data, postedDigest(command));
  }

  close(): void {
    this.#database.close();
  }
}
