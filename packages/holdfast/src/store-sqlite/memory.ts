/** A database in memory that outlives the engines on it: what a test's crash leaves, without a disk. */
import type { Database } from "./runtime.ts";
import type { WriterIdentity } from "./writer.ts";

export class SqliteMemory {
  /** Null until a store is first opened on it. */
  kept: { readonly database: Database; readonly of: Omit<WriterIdentity, "incarnation"> } | null =
    null;

  /** Nothing may be open on it any more. */
  close(): void {
    this.kept?.database.close();
    this.kept = null;
  }
}
