/** Databases on the one server of the test run: making a server of its own takes longer than most tests. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";

export interface TestDatabase {
  readonly url: `postgres://${string}`;
  /** Removes it, whoever is still connected. */
  readonly drop: () => Promise<void>;
}

export async function makeDatabase(): Promise<TestDatabase> {
  // Provided by the set-up of the run, which starts the server at the first request.
  const answer = await fetch(inject("postgresOnDemand"));
  const server = await answer.text();
  if (!answer.ok) throw new Error(server);
  const name = `test_${randomBytes(8).toString("hex")}`;
  await run(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: `postgres://${url.toString().slice("postgres://".length)}`,
    drop: () => run(server, `drop database if exists ${name} with (force)`),
  };
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
