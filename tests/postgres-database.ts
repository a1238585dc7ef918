/** Databases on the one server of the test run: making a server of its own takes longer than most tests. */
import { inject } from "vitest";

export interface TestDatabase {
  readonly url: `postgres://${string}`;
  /** Cuts off whoever is still connected. Its data goes with the server. */
  readonly drop: () => Promise<void>;
}

/** With the tables of a store, in which nothing is yet. */
export function makeDatabase(): Promise<TestDatabase> {
  return made("new");
}

/** Without a store. */
export function makeEmptyDatabase(): Promise<TestDatabase> {
  return made("empty");
}

async function made(how: "new" | "empty"): Promise<TestDatabase> {
  // As the server of the run says it.
  const url = (await ask(how)) as `postgres://${string}`;
  const name = new URL(url).pathname;
  return {
    url,
    drop: async () => {
      await ask(`leave${name}`);
    },
  };
}

/** Of the set-up of the run, which starts the server at the first request. */
async function ask(what: string): Promise<string> {
  const answer = await fetch(new URL(what, inject("postgresOnDemand")));
  const said = await answer.text();
  if (!answer.ok) throw new Error(said);
  return said;
}
