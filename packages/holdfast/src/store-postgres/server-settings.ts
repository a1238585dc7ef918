/** What a server and its database have to be before a store is kept there, looked at when it is opened. */
import { HoldfastError } from "../core/error.ts";
import { SCHEMA, type Connection } from "./client.ts";

/** Oldest server whose behaviour was tried, as the server counts its versions. */
const SERVER_VERSION_MIN = 150_000;

export interface ServerSettings {
  /** As the server counts them: 150004 is 15.4. */
  readonly versionNumber: number;
  readonly version: string;
  /** Null: a server of another kind, without the setting. As are the two below. */
  readonly fsync: string | null;
  readonly fullPageWrites: string | null;
  readonly encoding: string | null;
  readonly isReadOnly: boolean;
  readonly isStandby: boolean;
}

const SETTINGS_SQL = `select current_setting('server_version_num')::int4,
  current_setting('server_version'), current_setting('fsync', true),
  current_setting('full_page_writes', true), current_setting('server_encoding', true),
  current_setting('transaction_read_only') = 'on', pg_is_in_recovery()`;

export async function serverSettings(connection: Connection): Promise<ServerSettings> {
  const [row] = await connection.rows("settings", SETTINGS_SQL);
  const [versionNumber, version, fsync, fullPageWrites, encoding, isReadOnly, isStandby] =
    row as readonly [number, string, string | null, string | null, string | null, boolean, boolean];
  return { versionNumber, version, fsync, fullPageWrites, encoding, isReadOnly, isStandby };
}

/**
 * @throws {HoldfastError} HF5002 for a server that is too old, takes no writes, or keeps its texts in
 *   another encoding than UTF8; HF5005 for one that does not sync.
 */
export function requireFit(settings: ServerSettings): void {
  requireVersion(settings);
  requireWritable(settings);
  requireEncoding(settings);
  requireSync(settings);
}

/** @throws {HoldfastError} HF5002 for a server that is too old. */
export function requireVersion({ versionNumber, version }: ServerSettings): void {
  if (versionNumber >= SERVER_VERSION_MIN) return;
  throw new HoldfastError(
    "HF5002",
    `the server is PostgreSQL ${version}`,
    "Use PostgreSQL 15 or newer.",
  );
}

/** @throws {HoldfastError} HF5002 for a database that does not hold every character. */
export function requireEncoding({ encoding }: ServerSettings): void {
  if (encoding === null || encoding === "UTF8") return;
  throw new HoldfastError(
    "HF5002",
    `the database keeps its texts in ${encoding}, which does not hold every character`,
    `Make one that does: create database NAME encoding 'UTF8' template template0`,
  );
}

/** @throws {HoldfastError} HF5005 for a server that does not sync. */
export function requireSync({ fsync, fullPageWrites }: ServerSettings): void {
  if (fsync !== "off" && fullPageWrites !== "off") return;
  throw new HoldfastError(
    "HF5005",
    `the server runs with ${fsync === "off" ? "fsync" : "full_page_writes"} = off`,
    "Switch it on in the server's configuration. Without it a power cut would lose what was " +
      "acknowledged, or damage the database.",
  );
}

/** @throws {HoldfastError} HF5002 for a standby, and for a user that may only read. */
export function requireWritable({ isStandby, isReadOnly }: ServerSettings): void {
  if (isStandby) {
    throw new HoldfastError(
      "HF5002",
      "the server is a standby, which takes no writes",
      "Give the address of the primary.",
    );
  }
  if (isReadOnly) {
    throw new HoldfastError(
      "HF5002",
      "this user's transactions are read-only here",
      "Set default_transaction_read_only to off for this role and this database.",
    );
  }
}

/** Of each table of ours the rights that an engine needs and this user lacks, comma between them. */
const RIGHTS_SQL = `select c.relname, string_agg(r.name, ', ' order by r.place)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  cross join (values (1, 'select'), (2, 'insert'), (3, 'update'), (4, 'delete')) as r (place, name)
  where n.nspname = $1 and c.relkind = 'r'
    and c.relname in (select unnest(string_to_array($2, ' ')))
    and not has_table_privilege(c.oid, r.name)
    and not (c.relname in ('schema_version', 'meta') and r.name <> 'select')
    and not (c.relname in ('journal', 'flush') and r.name in ('update', 'delete'))
  group by c.relname order by c.relname`;

/**
 * What an engine may not do with the tables, as `TABLE (RIGHT, RIGHT)`; empty if it may do all it needs.
 *
 * @param tables - ours: those of the user's in the same schema are nobody's business.
 */
export async function missingRights(
  connection: Connection,
  tables: readonly string[],
): Promise<readonly string[]> {
  const rows = await connection.rows("rights", RIGHTS_SQL, [SCHEMA, tables.join(" ")]);
  return rows.map(([table, rights]) => `${String(table)} (${String(rights)})`);
}

/** @throws {HoldfastError} HF5002 that names the tables and rights. */
export function requireRights(missing: readonly string[]): void {
  if (missing.length === 0) return;
  throw new HoldfastError(
    "HF5002",
    `this user lacks rights on tables of the store: ${missing.join(", ")}`,
    `Grant them, as the owner of the schema: grant select, insert, update, delete on all tables in schema ${SCHEMA} to ROLE`,
  );
}
