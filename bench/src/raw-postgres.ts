/** The raw limits of the database: what a client can do at most, with nothing of ours around. */
import { Client } from "pg";
import { findPgbench, Pgbench } from "./raw-pgbench.ts";
import { binaryColumn } from "./stores/binary-column.ts";
import { RESULT } from "./workflows.ts";

/** Rows of one statement: about what a flush holds when 256 runs are at work. */
const ROWS = 256;

/** The database that ours is measured on, and what is measured beside it there. */
export interface RawPostgres {
  readonly url: string;
  readonly client: Client;
  /** Null on a machine without it. */
  readonly pgbench: Pgbench | null;
}

/** `missed` is told if there is no pgbench. */
export async function openRawPostgres(
  url: string,
  folder: string,
  missed: (because: string) => void,
): Promise<RawPostgres> {
  const client = await openRaw(url);
  const program = findPgbench();
  if (program === null) {
    missed(
      "raw-pgbench not measured: there is no pgbench here; Debian has it in postgresql-contrib",
    );
    return { url, client, pgbench: null };
  }
  const place = { url, folder, text: JSON.stringify(RESULT) };
  return { url, client, pgbench: await Pgbench.open(program, client, place) };
}

/** A table like the journal's, and one connection. */
async function openRaw(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`create table if not exists raw_journal (shard smallint not null,
    run bigint not null, seq integer not null, data text not null, primary key (shard, run, seq))`);
  return client;
}

let nextRun = 1;

/** Inserts rows in groups for so long, each group a commit. Answers rows in a second. */
export async function unnestLoop(client: Client, text: string, forMs: number): Promise<number> {
  const startMs = performance.now();
  let rows = 0;
  while (performance.now() - startMs < forMs) {
    const runs = Array.from({ length: ROWS }, () => nextRun++);
    await client.query({
      name: "raw-unnest",
      text: `insert into raw_journal
        select * from unnest($1::int2[], $2::int8[], $3::int4[], $4::text[])`,
      values: [
        binaryColumn(
          21,
          runs.map((run) => int(run % 256, 2)),
        ),
        binaryColumn(
          20,
          runs.map((run) => int(run, 8)),
        ),
        binaryColumn(
          23,
          runs.map(() => int(1, 4)),
        ),
        binaryColumn(
          25,
          runs.map(() => Buffer.from(text)),
        ),
      ],
    });
    rows += ROWS;
  }
  return (rows / (performance.now() - startMs)) * 1000;
}

/** One row, one commit: how long it took, milliseconds. */
export async function insertOne(client: Client, text: string): Promise<number> {
  const run = nextRun++;
  const startMs = performance.now();
  await client.query({
    name: "raw-insert",
    text: "insert into raw_journal values ($1, $2, 1, $3)",
    values: [run % 256, run, text],
  });
  return performance.now() - startMs;
}

function int(value: number, bytes: 2 | 4 | 8): Buffer {
  const buffer = Buffer.alloc(bytes);
  if (bytes === 8) buffer.writeBigInt64BE(BigInt(value));
  else buffer.writeIntBE(value, 0, bytes);
  return buffer;
}
