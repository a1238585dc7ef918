/** A client of PostgreSQL that says how far it had got when it failed. */
import pg from "pg";
import type { Seen } from "../case.ts";
import { plainError } from "../capture.ts";

const QUIET_MS = 200;
/** Looks at a server that is to come back, or to go. */
export const LOOKS_MAX = 400;

export async function open(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 30_000 });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

export async function close(client: pg.Client | undefined): Promise<void> {
  if (client === undefined) return;
  // A client whose connection is gone never says that it has ended.
  await Promise.race([
    client.end().catch(() => undefined),
    new Promise((done) => setTimeout(done, QUIET_MS)),
  ]);
}

export async function see(
  url: string,
  act: (client: pg.Client, at: (phase: string) => void) => Promise<unknown>,
): Promise<Seen> {
  let phase = "connect";
  let client: pg.Client | undefined;
  try {
    client = await open(url);
    phase = "statement";
    await act(client, (next) => {
      phase = next;
    });
    return { phase };
  } catch (error) {
    return { phase, error: plainError(error) };
  } finally {
    await close(client);
  }
}

/** The server takes nobody while it puts itself in order again. */
export async function recovered(url: string): Promise<void> {
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    const seen = await see(url, async (c) => c.query("select pg_sleep(0.05)"));
    if (seen.error === undefined) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error("the server does not come back");
}
