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
  readonly commits: number;
  readonly statements: number;
}

export interface PartyServer {
  readonly place: Pick<Place, "postgresUrl" | "restate">;
  cpuS(): number;
  memoryMb(): number;
  /** Resolves just after the server has published what it did; null where there is no database. */
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
/**
 * A backend publishes its count of commits once a second at most (PGSTAT_MIN_INTERVAL in
 * PostgreSQL's pgstat.c). Read at any moment it would be up to a second old.
 */
const PUBLISHED_MS_MAX = 1_500;
const LOOK_EVERY_MS = 40;

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
    counts: () => countsOncePublished(client),
    async stop() {
      await client.end();
      await server.stop();
    },
  };
}

async function countsOncePublished(client: Client): Promise<DatabaseCounts> {
  const before = await commitsOf(client);
  const endMs = performance.now() + PUBLISHED_MS_MAX;
  let commits = before;
  while (commits === before && performance.now() < endMs) {
    await new Promise((resolve) => {
      setTimeout(resolve, LOOK_EVERY_MS);
    });
    commits = await commitsOf(client);
  }
  const { rows } = await client.query<{ statements: number }>(
    `select coalesce(sum(s.calls), 0)::float8 as statements from pg_stat_statements s
       join pg_database d on d.oid = s.dbid where d.datname = $1`,
    [DATABASE],
  );
  return { commits, statements: rows[0]?.statements ?? Number.NaN };
}

async function commitsOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ commits: number }>(
    "select xact_commit::float8 as commits from pg_stat_database where datname = $1",
    [DATABASE],
  );
  return rows[0]?.commits ?? Number.NaN;
}
