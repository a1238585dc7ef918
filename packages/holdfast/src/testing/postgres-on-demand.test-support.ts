/**
 * One PostgreSQL for the whole test run, started when the first test asks for it: a run without
 * such tests waits for nothing. Vitest loads this file in its main process (globalSetup); tests,
 * which run in other processes, ask over the loopback for a database of their own.
 *
 * No database is dropped: PostgreSQL would write all that is not yet on the disk first, of every
 * test's database, which takes longer than most tests. All of them go with the server.
 */
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Connection, connect } from "../store-postgres/client.ts";
import { migrate } from "../store-postgres/migrations.ts";
import { connectTo } from "../store-postgres/open.ts";
import { type PostgresServer, startPostgresServer } from "./postgres-server.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /**
     * Answers with the URL of a new database: after `new` with the store's tables, as a copy takes a
     * third of the time of making them; after `empty` without. After `leave/NAME` nobody is
     * connected to that one any more. The first request starts the server.
     */
    readonly postgresOnDemand: string;
  }
}

/** What the copies are made of; nobody may be connected to it. */
const ORIGINAL = "original";

const SETTINGS = {
  max_connections: "300",
  // Neither writes out nor cleans up what is thrown away with the server: both would go through
  // every database that the run has made so far, again and again.
  checkpoint_timeout: "1d",
  max_wal_size: "64GB",
  autovacuum: "off",
};

export default async function setup(project: {
  provide(key: "postgresOnDemand", value: string): void;
}): Promise<() => Promise<void>> {
  let making: Promise<Databases> | null = null;
  const desk = createServer((request, response) => {
    making ??= Databases.make();
    making
      .then((databases) => databases.answer(request.url ?? ""))
      .then(
        (url) => response.end(url),
        (error: unknown) => {
          response.statusCode = 500;
          response.end(error instanceof Error ? error.message : String(error));
        },
      );
  });
  await new Promise<void>((resolve) => {
    desk.listen(0, "127.0.0.1", resolve);
  });
  // A server that listens on a port has an address of this form.
  const { port } = desk.address() as AddressInfo;
  project.provide("postgresOnDemand", `http://127.0.0.1:${port}/`);
  return async () => {
    desk.closeAllConnections();
    desk.close();
    // The server ends with this process. Nobody waits until its keeper has removed 100,000 files.
    await (await making)?.leave();
  };
}

class Databases {
  readonly #server: PostgresServer;
  readonly #connection: Connection;

  private constructor(server: PostgresServer, connection: Connection) {
    this.#server = server;
    this.#connection = connection;
  }

  static async make(): Promise<Databases> {
    const server = await startPostgresServer({ settings: SETTINGS });
    const connection = await connect(server.url());
    await connection.script(`create database ${ORIGINAL}`);
    const original = await connectTo(server.url(ORIGINAL));
    await migrate(original);
    await original.close();
    return new Databases(server, connection);
  }

  async answer(path: string): Promise<string> {
    const [, verb, name = ""] = path.split("/");
    if (verb === "leave") {
      await this.#connection.rows(
        "leave",
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
        [name],
      );
      return "";
    }
    const made = `test_${randomBytes(8).toString("hex")}`;
    const template = verb === "new" ? ` template ${ORIGINAL}` : "";
    await this.#connection.script(`create database ${made}${template}`);
    return this.#server.url(made);
  }

  async leave(): Promise<void> {
    await this.#connection.close();
  }
}
