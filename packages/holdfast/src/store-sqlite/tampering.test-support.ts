/** Ways to harm a closed store, for tests of what notices it. */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { anchorPath } from "../store/anchor.ts";
import { keyPath } from "./key-file.ts";
import { openDatabase } from "./runtime.ts";

/** Runs SQL on the file behind the driver's back. */
export function runSql(path: string, sql: string): void {
  const database = openDatabase(path);
  database.exec(sql);
  database.close();
}

/** Copies a closed store with its key and anchor. */
export function copyStore(from: string, to: string): void {
  for (const name of [(path: string) => path, keyPath, anchorPath]) {
    if (existsSync(name(from))) copyFileSync(name(from), name(to));
  }
}

/** Changes one byte of a file. */
export function flipByte(path: string, offset: number, mask: number): void {
  const bytes = readFileSync(path);
  bytes.writeUInt8((bytes[offset] ?? 0) ^ mask, offset);
  writeFileSync(path, bytes);
}

/**
 * Everything that the database can return, as text: each table's rows and the schema. Throws where
 * SQLite refuses to read.
 */
export function dump(path: string): string {
  const database = openDatabase(path, { readOnly: true });
  try {
    const schema = database.prepare("select * from sqlite_schema order by type, name").all();
    const tables = schema.flatMap((row) => (row["type"] === "table" ? [String(row["name"])] : []));
    const rows = tables.map((table) => [table, database.prepare(`select * from ${table}`).all()]);
    return JSON.stringify([schema, rows], (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value,
    );
  } finally {
    database.close();
  }
}
