/** Compares the schema that a file says it has with the one that our migrations make. */
import type { Damage } from "../store/damage.ts";
import { migrate, SCHEMA_VERSION, schemaVersion } from "./migrations.ts";
import { prepareRows, rowsOf } from "./queries.ts";

import { openDatabase } from "./runtime.ts";
import type { Database } from "./runtime.ts";

export interface SchemaItem {
  readonly type: string;
  readonly name: string;
  readonly table: string;
  /** Null for what SQLite makes by itself. */
  readonly sql: string | null;
}

/** By version: all migrations run for one, and no two runs of them differ. */
const expectedSchemas = new Map<number, readonly SchemaItem[]>();

/** What a new store would have; or one of an earlier version, which the next engine brings up to date. */
export function expectedSchema(version = SCHEMA_VERSION): readonly SchemaItem[] {
  const known = expectedSchemas.get(version);
  if (known !== undefined) return known;
  const made = makeSchema(version);
  expectedSchemas.set(version, made);
  return made;
}

function makeSchema(version: number): readonly SchemaItem[] {
  const fresh = openDatabase(":memory:");
  try {
    migrate(fresh, 0, version);
    return readSchema(fresh);
  } finally {
    fresh.close();
  }
}

/** Tables of the user's are no damage: who starts runs with data of their own keeps it in this file. */
export function schemaDamage(database: Database): readonly Damage[] {
  const found = new Map(readSchema(database).map((item) => [item.name, item]));
  const expected = expectedSchema(schemaVersion(database, "it"));
  const ours = new Set(expected.map(({ table }) => table));
  const damage: Damage[] = [];
  for (const item of expected) {
    const other = found.get(item.name);
    found.delete(item.name);
    if (other?.sql !== item.sql || other.type !== item.type || other.table !== item.table) {
      damage.push({ what: `the schema of ${item.type} ${item.name} was changed` });
    }
  }
  for (const { type, name, table } of found.values()) {
    if (ours.has(table))
      damage.push({ what: `the schema has ${type} ${name} on ${table}, which is not ours` });
  }
  return damage;
}

function readSchema(database: Database): SchemaItem[] {
  const sql = "select type, name, tbl_name, sql from main.sqlite_schema order by type, name";
  return rowsOf(prepareRows(database, sql)).map((cells) => ({
    type: String(cells[0]),
    name: String(cells[1]),
    table: String(cells[2]),
    // A text or null, by the definition of sqlite_schema.
    sql: cells[3] as string | null,
  }));
}
