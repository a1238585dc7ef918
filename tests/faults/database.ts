/** Questions to a database that no reader of ours answers: who lives, what was written by whom. */
import { Client } from "pg";

/** A server that does not answer is gone, milliseconds. */
const ANSWER_MS_MAX = 10_000;

export async function ask(
  url: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<readonly (readonly unknown[])[]> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: ANSWER_MS_MAX,
    query_timeout: ANSWER_MS_MAX,
  });
  // A connection that breaks has its say in the query that is under way.
  client.on("error", () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<unknown[]>({
      text: sql,
      values: [...values],
      rowMode: "array",
    });
    return rows;
  } finally {
    await client.end();
  }
}

export async function askNumber(
  url: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<number> {
  return Number((await ask(url, sql, values))[0]?.[0]);
}
