/**
 * Brings the schema `holdfast` of a database to its newest form. The table `schema_version` has one
 * row with the number of migrations that were applied; its lock lets one process do it at a time.
 */
import { HoldfastError } from "../core/error.ts";
import { SCHEMA, type Connection } from "./client.ts";
import { sql as archive } from "./migrations/0001_archive.sql.ts";
import { sql as cell } from "./migrations/0001_cell.sql.ts";
import { sql as gate } from "./migrations/0001_gate.sql.ts";
import { sql as initial } from "./migrations/0001_initial.sql.ts";
import { sql as forgottenCommands } from "./migrations/0002_forgotten-commands.sql.ts";
import { sql as exceptionMarks } from "./migrations/0003_exception-marks.sql.ts";
import { sql as pause } from "./migrations/0004_pause.sql.ts";
import { SQL_STATES, isRefused } from "./postgres-errors.ts";

/** In order; a migration is never edited or removed once released. */
const MIGRATIONS: readonly string[] = [
  initial + gate + archive + cell,
  forgottenCommands,
  exceptionMarks,
  pause,
];

/** That this build brings a store to. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** Two processes that make the first table at once collide; the second try finds it. */
const TRIES_MAX = 3;

/**
 * Number of migrations that the store has had; 0 if there is none.
 *
 * @param known - how many this program has.
 * @throws {HoldfastError} HF5002 if the schema is somebody else's, HF5010 if it is newer than we are.
 */
export async function schemaVersion(
  connection: Connection,
  known = SCHEMA_VERSION,
): Promise<number> {
  const [found] = await connection.rows(
    "find-schema",
    `select (select count(*) from information_schema.tables where table_schema = $1),
      (select count(*) from information_schema.tables
        where table_schema = $1 and table_name = 'schema_version')`,
    [SCHEMA],
  );
  const [tables, ours] = found as [number, number];
  if (tables === 0) return 0;
  if (ours === 0) throw foreignSchema();
  const [row] = await connection.rows("schema-version", "select version from schema_version");
  const version = (row?.[0] as number | undefined) ?? 0;
  if (version <= known) return version;
  throw new HoldfastError(
    "HF5010",
    `the store has schema ${String(version)}, this Holdfast knows ${String(known)}`,
    "Run the newer version of Holdfast that wrote it, or restore a backup made before it.",
  );
}

/**
 * Applies what is missing, all in one transaction.
 *
 * @param migrations - all that there are; its length is the version that the schema has then.
 */
export async function migrate(connection: Connection, migrations = MIGRATIONS): Promise<void> {
  for (
    let tries = 1;
    (await schemaVersion(connection, migrations.length)) < migrations.length;
    tries += 1
  ) {
    try {
      await connection.script(LOCKED_VERSION);
      const [row] = await connection.rows("schema-version", "select version from schema_version");
      // The lock's row is there.
      const missing = migrations.slice(row?.[0] as number);
      await connection.script([...missing, versionIs(migrations.length), "commit"].join(";\n"));
      return;
    } catch (error) {
      await connection.script("rollback");
      const isRace = isRefused(error, SQL_STATES.uniqueViolation) || isMadeMeanwhile(error);
      if (!isRace || tries >= TRIES_MAX) throw error;
    }
  }
}

/** duplicate_table, duplicate_schema */
const MADE = ["42P07", "42P06"];

function isMadeMeanwhile(error: unknown): boolean {
  return MADE.some((state) => isRefused(error, state));
}

const VERSION_TABLE = `create table if not exists schema_version
  (one smallint primary key check (one = 1), version integer not null)`;

/** Begins a transaction in which nobody else applies migrations. */
const LOCKED_VERSION = [
  "begin",
  `create schema if not exists ${SCHEMA}`,
  VERSION_TABLE,
  "insert into schema_version (one, version) values (1, 0) on conflict (one) do nothing",
  "select version from schema_version for update",
].join(";\n");

function versionIs(version: number): string {
  return `update schema_version set version = ${String(version)}`;
}

/** All tables of a version, made in the schema that comes first in the search path. */
export function migrationSql(version = SCHEMA_VERSION): string {
  return [VERSION_TABLE, ...MIGRATIONS.slice(0, version)].join(";\n");
}

/** Names of all tables of ours. */
export function migrationTables(): readonly string[] {
  const made = migrationSql().matchAll(/^\s*create table (?:if not exists )?(?<table>\w+)/gmu);
  return [...made].map(({ groups }) => groups?.["table"] ?? "");
}

function foreignSchema(): HoldfastError {
  return new HoldfastError(
    "HF5002",
    `the schema "${SCHEMA}" of this database holds tables, but not those of Holdfast`,
    "Give the store a database in which no other program uses that schema.",
  );
}
