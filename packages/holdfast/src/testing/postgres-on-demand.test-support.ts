/**
 * One PostgreSQL for the whole test run, started when the first test asks for it: a run without
 * such tests waits for nothing. Vitest loads this file in its main process (globalSetup); tests,
 * which run in other processes, ask over the loopback.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type PostgresServer, startPostgresServer } from "./postgres-server.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Answers with the URL of a PostgreSQL server, which the first request starts. */
    readonly postgresOnDemand: string;
  }
}

export default async function setup(project: {
  provide(key: "postgresOnDemand", value: string): void;
}): Promise<() => Promise<void>> {
  let starting: Promise<PostgresServer> | null = null;
  const desk = createServer((_, response) => {
    starting ??= startPostgresServer({ settings: { max_connections: "300" } });
    starting.then(
      (server) => response.end(server.url()),
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
    await (await starting)?.stop();
  };
}
