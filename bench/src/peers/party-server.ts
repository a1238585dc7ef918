/**
 * The server beside a party: its own, so that what it uses is that party's alone. Every PostgreSQL
 * has the same settings; all of them sync before they answer.
 */
import { startPostgresServer } from "holdfast/testing";
import { Client } from "pg";
import type { Place } from "./party.ts";
import { treeCpuS, treeMemoryMb } from "./process-tree.ts";
import { startRestateServer } from "./restate-server.ts";

export type ServerKind = "postgres" | "restate" | "none";

/** What a database says it has done. */
export interface DatabaseCounts {
  /** Transactions that wrote; one that only reads has nothing to make durable. */
  readonly commits: number;
  /** All of them, those that begin and end transactions included. */
  readonly statements: number;
}

export interface PartyServer {
  readonly place: Pick<Place, "postgresUrl" | "restate">;
  cpuS(): number;
  memoryMb(): number;
  /** Null where there is no database. */
  counts(): Promise<DatabaseCounts | null>;
  stop(): Promise<void>;
}

const SETTINGS = {
  max_connections: "300",
  shared_buffers: "512MB",
  max_wal_size: "4GB",
  // Said although they are the defaults: the same durability for all is the point.
  synchronous_commit: "on",
  full_page_writes: "on",
  shared_preload_libraries: "pg_stat_statements",
};
const DATABASE = "bench";

export async function startPartyServer(kind: ServerKind, folder: string): Promise<PartyServer> {
  switch (kind) {
    case "postgres":
      return startOnPostgres(folder);
    case "restate": {
      const restate = await startRestateServer(folder);
      return {
        place: { restate: restate.urls },
        ...usedBy(restate.pid),
        counts: async () => null,
        stop: () => restate.stop(),
      };
    }
    case "none":
      return {
        place: {},
        cpuS: () => 0,
        memoryMb: () => 0,
        counts: async () => null,
        stop: async () => undefined,
      };
  }
}

function usedBy(pid: number): Pick<PartyServer, "cpuS" | "memoryMb"> {
  return { cpuS: () => treeCpuS(pid), memoryMb: () => treeMemoryMb(pid) };
}

async function startOnPostgres(parent: string): Promise<PartyServer> {
  const server = await startPostgresServer({ parent, settings: SETTINGS });
  // In another database than the party's, so that what is asked here is not counted as its.
  const client = new Client({ connectionString: server.url() });
  try {
    await client.connect();
    await client.query("create extension pg_stat_statements");
    await client.query(`create database ${DATABASE}`);
  } catch (error) {
    await client.end();
    await server.stop();
    throw error;
  }
  return {
    place: { postgresUrl: server.url(DATABASE) },
    ...usedBy(server.pid),
    counts: () => countsOf(client),
    async stop() {
      await client.end();
      await server.stop();
    },
  };
}

/**
 * Both are exact at this moment. The server's own count of commits is not: every backend publishes
 * its part once a second at most, and those of a pool at different times. So transactions that
 * wrote are counted, by the number that the next one will get; the server has no other clients
 * than the party and this one, which only reads.
 */
async function countsOf(client: Client): Promise<DatabaseCounts> {
  const { rows } = await client.query<DatabaseCounts>(
    `select pg_snapshot_xmax(pg_current_snapshot())::text::float8 as commits,
       coalesce(sum(s.calls), 0)::float8 as statements
     from pg_stat_statements s join pg_database d on d.oid = s.dbid where d.datname = $1`,
    [DATABASE],
  );
  const [counts] = rows;
  if (counts === undefined) throw new Error("the database has not counted");
  return counts;
}
