/** What `look.ts` asks a server. */
import type { ConnectionsReading, ServerReading, StandbyReading } from "../core/doctor/server.ts";
import type { WorkersReading } from "../core/doctor/workers.ts";
import type { Connection } from "./client.ts";
import { DATABASE_NOW_MS } from "./lease.ts";

/** As the role and the database have it, before a session is made one of ours. */
export interface LimitsOfRole {
  readonly commit: string;
  readonly limits: readonly string[];
}

const LIMITS = ["statement_timeout", "lock_timeout", "transaction_timeout", "idle_session_timeout"];

const SQL = {
  limits: `select string_agg(name || ' = ' || setting || coalesce(unit, ''), '; ' order by name)
    from pg_settings where name = any(string_to_array($1, ' ')) and setting <> '0'`,
  commit: "select current_setting('synchronous_commit')",
  settings: "select current_setting('synchronous_commit'), current_setting('data_checksums', true)",
  // Null where none is set; of the server what is kept for its administrators is not for us.
  connections: `select
      (select count(*) from pg_stat_activity where backend_type = 'client backend'),
      current_setting('max_connections')::int8
        - current_setting('superuser_reserved_connections')::int8
        - coalesce(current_setting('reserved_connections', true), '0')::int8,
      (select count(*) from pg_stat_activity where usename = current_user),
      (select rolconnlimit from pg_roles where rolname = current_user),
      (select count(*) from pg_stat_activity where datname = current_database()),
      (select datconnlimit from pg_database where datname = current_database())`,
  now: `select ${DATABASE_NOW_MS}`,
  standby: `select current_setting('synchronous_standby_names'),
      (select count(*) from pg_stat_replication),
      (select count(*) from pg_stat_replication where state is not null),
      (select count(*) from pg_stat_replication
        where state = 'streaming' and sync_state in ('sync', 'quorum'))`,
  workers: `select h.beat_at_ms + w.lease_ms - ${DATABASE_NOW_MS}, w.shared,
      (select count(*) from shard s where s.owner = w.incarnation)
    from worker w join heartbeat h on h.incarnation = w.incarnation where w.alive = 1`,
  freeShards: `select count(*) from shard s where not exists
    (select 1 from worker w join heartbeat h on h.incarnation = w.incarnation
      where w.incarnation = s.owner and w.alive = 1 and h.beat_at_ms + w.lease_ms > ${DATABASE_NOW_MS})`,
} as const;

async function limits(connection: Connection): Promise<readonly string[]> {
  const [row] = await connection.rows("", SQL.limits, [LIMITS.join(" ")]);
  const text = row?.[0] as string | null | undefined;
  return text === null || text === undefined ? [] : text.split("; ");
}

export async function limitsOfRole(connection: Connection): Promise<LimitsOfRole> {
  const [row] = await connection.rows("", SQL.commit);
  return { commit: String(row?.[0]), limits: await limits(connection) };
}

/** Of a session that is prepared as those of an engine are. */
export async function serverReading(
  connection: Connection,
  role: LimitsOfRole,
): Promise<ServerReading> {
  const [row] = await connection.rows("", SQL.settings);
  const [commitOfSession, checksums] = row as readonly [string, string | null];
  return {
    checksums,
    commitOfRole: role.commit,
    commitOfSession,
    limitsOfRole: role.limits,
    limitsLeft: await limits(connection),
  };
}

/** Of the limits that hold for this role, the one of which the least is left. */
export async function connectionsReading(connection: Connection): Promise<ConnectionsReading> {
  const [row] = await connection.rows("", SQL.connections);
  const [used, max, ofRole, roleMax, ofDatabase, databaseMax] = row as readonly number[];
  const all = [
    { used: used ?? 0, max: max ?? 0 },
    { used: ofRole ?? 0, max: roleMax ?? -1 },
    { used: ofDatabase ?? 0, max: databaseMax ?? -1 },
  ];
  // -1 is no limit.
  const set = all.filter((one) => one.max >= 0);
  return set.reduce((least, one) => (one.max - one.used < least.max - least.used ? one : least));
}

export async function databaseNowMs(connection: Connection): Promise<number> {
  const [row] = await connection.rows("", SQL.now);
  return row?.[0] as number;
}

export async function standbyReading(connection: Connection): Promise<StandbyReading> {
  const [row] = await connection.rows("", SQL.standby);
  const [declared, connected, seen, waitedFor] = row as readonly [string, number, number, number];
  // Who may not see it has a row without a state for each.
  return { declared, connected, waitedFor: connected > 0 && seen === 0 ? null : waitedFor };
}

export async function workersReading(connection: Connection): Promise<WorkersReading> {
  const rows = await connection.rows("", SQL.workers);
  const [free] = await connection.rows("", SQL.freeShards);
  return {
    workers: rows.map(([leftMs, shared, shards]) => ({
      leftMs: leftMs as number,
      isShared: shared === 1,
      shards: shards as number,
    })),
    freeShards: free?.[0] as number,
  };
}
