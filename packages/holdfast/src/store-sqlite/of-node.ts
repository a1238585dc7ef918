import { makeDurable } from "./pragmas.ts";
import { openDatabase } from "./runtime.ts";

/**
 * The SQLite of this Node.js, as an engine would use it, asked of a database in memory.
 *
 * @throws {HoldfastError} HF5001 if it is not fit, HF5005 if it does not take what makes it durable.
 */
export function sqliteOfNode(): string {
  const database = openDatabase(":memory:");
  try {
    makeDurable(database);
    const version = database.prepare("select sqlite_version() as v").get()?.["v"];
    return `Node.js ${process.versions.node} with SQLite ${String(version)}`;
  } finally {
    database.close();
  }
}
