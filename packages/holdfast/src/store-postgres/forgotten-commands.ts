/**
 * Lets commands go that were taken long ago, and reads what is left of them. No fence: whoever does
 * it, also one that was replaced, or two at once, leaves the same.
 */
import { forgottenUntilMs } from "../store/forgotten-commands.ts";
import type { TakenCommands } from "../store/store.ts";
import type { Cells } from "../store/row-columns.ts";
import { binaryArray } from "./binary-array.ts";
import type { Connection } from "./client.ts";
import { byId } from "./flush-builder.ts";
import type { Link } from "./link.ts";

const FORGET_SQL = {
  count: "select count(*) from inbox where taken_by is not null",
  newest: `select at_ms from flush where incarnation = $1::int8 order by number desc limit 1`,
  // One probe of the index for each chain of which commands are kept.
  chains: `with recursive chain as (
      (select taken_by from inbox where taken_by is not null order by taken_by limit 1)
      union all
      select (select i.taken_by from inbox i where i.taken_by > c.taken_by order by i.taken_by limit 1)
        from chain c where c.taken_by is not null)
    select taken_by from chain where taken_by is not null`,
  oldest: `select at_ms from flush where incarnation = $1::int8 and number =
    (select taken_in from inbox where taken_by = $1::int8 order by taken_in limit 1)`,
  commands: `select i.taken_in, i.shard, i.id, i.digest from inbox i
    join flush f on f.incarnation = i.taken_by and f.number = i.taken_in
    where i.taken_by = $1::int8 and f.at_ms <= $2::int8 order by i.taken_in limit $3::int8`,
  ofFlush: `select taken_in, shard, id, digest from inbox
    where taken_by = $1::int8 and taken_in = $2::int4`,
  keep: `insert into forgotten_command (incarnation, number, digests)
    select $1::int8, t.number, t.digests from unnest($2::int4[], $3::bytea[]) as t (number, digests)
    on conflict (incarnation, number) do nothing`,
  remove: `delete from inbox using unnest($2::int2[], $3::text[]) as t (shard, id)
    where inbox.shard = t.shard and inbox.id = t.id and inbox.taken_by = $1::int8`,
} as const;

/** @param incarnation - whose newest flush says what the time is. */
export function takenCommands(link: Link, incarnation: number): TakenCommands {
  return {
    count: () =>
      link.use(async (connection) => {
        const [row] = await connection.rows("taken-count", FORGET_SQL.count);
        return row?.[0] as number;
      }),
    forget: (untilMs, limit) =>
      link.use((connection) => forget(connection, incarnation, { untilMs, limit })),
  };
}

async function forget(
  connection: Connection,
  incarnation: number,
  { untilMs, limit }: { readonly untilMs: number; readonly limit: number },
): Promise<number> {
  const [newest] = await connection.rows("forget-newest", FORGET_SQL.newest, [incarnation]);
  if (newest === undefined) return 0;
  const takenUntilMs = forgottenUntilMs(untilMs, newest[0] as number);
  let gone = 0;
  for (const [chain] of await connection.rows("forget-chains", FORGET_SQL.chains)) {
    if (gone >= limit) break;
    const left = { takenUntilMs, limit: limit - gone };
    gone += await forgetOf(connection, chain as number, left);
  }
  return gone;
}

async function forgetOf(
  connection: Connection,
  chain: number,
  { takenUntilMs, limit }: { readonly takenUntilMs: number; readonly limit: number },
): Promise<number> {
  const [oldest] = await connection.rows("forget-oldest", FORGET_SQL.oldest, [chain]);
  // Most chains are too young: said by one row, and not by a look at all that they have taken.
  if (oldest === undefined || (oldest[0] as number) > takenUntilMs) return 0;
  const values = [chain, takenUntilMs, limit];
  const found = await connection.rows("forget-commands", FORGET_SQL.commands, values);
  const rows = await wholeFlushes(connection, chain, found, limit);
  if (rows.length === 0) return 0;
  const byFlush = new Map<number, { readonly id: string; readonly digest: Buffer }[]>();
  for (const [number, , id, digest] of rows) {
    const commands = byFlush.get(number as number) ?? [];
    commands.push({ id: id as string, digest: digest as Buffer });
    byFlush.set(number as number, commands);
  }
  const digests = [...byFlush.values()].map((commands) =>
    Buffer.concat(commands.toSorted(byId).map(({ digest }) => digest)),
  );
  const shards = rows.map(([, shard]) => shard as number);
  const ids = rows.map(([, , id]) => id as string);
  const kept = [binaryArray("int4", [...byFlush.keys()]), binaryArray("bytea", digests)];
  const removed = [binaryArray("int2", shards), binaryArray("text", ids)];
  await connection.transaction([
    { name: "forget-keep", text: FORGET_SQL.keep, values: [chain, ...kept] },
    { name: "forget-remove", text: FORGET_SQL.remove, values: [chain, ...removed] },
  ]);
  return rows.length;
}

/** What was read up to a limit may end in the middle of a flush. */
async function wholeFlushes(
  connection: Connection,
  chain: number,
  found: readonly Cells[],
  limit: number,
): Promise<readonly Cells[]> {
  const last = found.at(-1)?.[0] as number | undefined;
  if (last === undefined || found.length < limit) return found;
  const before = found.filter(([number]) => number !== last);
  return [
    ...before,
    ...(await connection.rows("forget-of-flush", FORGET_SQL.ofFlush, [chain, last])),
  ];
}

/** Digests of what flushes took whose commands have left. */
export class ForgottenDigests {
  readonly #connection: Connection;
  /** False in a store of before there were any. */
  #isThere: boolean | null = null;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async of(incarnation: number, number: number): Promise<Buffer | null> {
    if (!(await this.#exists())) return null;
    const sql = `select digests from forgotten_command
      where incarnation = $1::int8 and number = $2::int4`;
    const [row] = await this.#connection.rows("forgotten", sql, [incarnation, number]);
    return (row?.[0] ?? null) as Buffer | null;
  }

  /** A flush that is not there, or took none, of which there are some all the same. */
  async stray(): Promise<string | null> {
    if (!(await this.#exists())) return null;
    const sql = `select g.incarnation, g.number from forgotten_command g left join flush f
      on f.incarnation = g.incarnation and f.number = g.number
      where f.taken is null or f.taken = 0 limit 1`;
    const [row] = await this.#connection.rows("forgotten-strays", sql);
    return row === undefined ? null : `flush ${String(row[1])} of incarnation ${String(row[0])}`;
  }

  async #exists(): Promise<boolean> {
    if (this.#isThere !== null) return this.#isThere;
    const sql = "select to_regclass('forgotten_command') is not null";
    const [row] = await this.#connection.rows("forgotten-exists", sql);
    this.#isThere = row?.[0] as boolean;
    return this.#isThere;
  }
}
