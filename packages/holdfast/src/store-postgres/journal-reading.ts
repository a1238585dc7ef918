/** The whole journal in the order in which it was written: chain by chain, position by position. */
import type { Cells } from "../store/row-columns.ts";
import type { Connection } from "./client.ts";

export const CHAIN_ORDER = "w.epoch, j.incarnation, j.pos";

/** Rows fetched at once. */
const ROWS_PER_READ = 2000;

const JOURNAL = "journal";

/** With a row for each record that has left with its run, of which only the digest is here. */
const WITH_GAPS = `(select run, seq, kind, attempt, name, at_ms, head, data, pos, digest, incarnation,
    shard from journal
  union all select r.run, t.seq, null, null, null, null, null, null, t.pos, t.digest, r.incarnation,
    r.shard from removed_record r
    cross join lateral unnest(r.seqs, r.positions, r.digests) as t (seq, pos, digest))`;

/**
 * Every record as cells: RECORD_COLUMNS, then pos, digest, incarnation, shard. Within a transaction,
 * whose snapshot it reads.
 *
 * @param where - a condition on the journal `j`, of our own text.
 * @param order - likewise; that of the chains by default.
 */
export function wholeJournal(
  connection: Connection,
  where: string,
  order = CHAIN_ORDER,
): AsyncGenerator<Cells, void, undefined> {
  return rowsOf(connection, JOURNAL, where, order);
}

/** The same in the order of the chains; of those that are gone, the kind is null. */
export function journalWithGaps(connection: Connection): AsyncGenerator<Cells, void, undefined> {
  return rowsOf(connection, WITH_GAPS, "true", CHAIN_ORDER);
}

async function* rowsOf(
  connection: Connection,
  from: string,
  where: string,
  order: string,
): AsyncGenerator<Cells, void, undefined> {
  await connection.script(`declare whole_journal no scroll cursor for
    select j.run, j.seq, j.kind, j.attempt, j.name, j.at_ms, j.head, j.data, j.pos, j.digest,
      j.incarnation, j.shard
    from ${from} j left join worker w on w.incarnation = j.incarnation
    where ${where} order by ${order}`);
  for (;;) {
    const rows = await connection.rows("", `fetch ${String(ROWS_PER_READ)} from whole_journal`);
    yield* rows;
    if (rows.length < ROWS_PER_READ) break;
  }
  await connection.script("close whole_journal");
}

/** Chains in the same order. */
export const CHAINS_SQL = `select f.incarnation from (select distinct incarnation from flush) f
  left join worker w on w.incarnation = f.incarnation order by w.epoch, f.incarnation`;
