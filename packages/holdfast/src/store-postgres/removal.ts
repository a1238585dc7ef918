/**
 * Removes runs that leave, in the transaction of the flush whose record says so. The digests of their
 * records stay, because the seals of the flushes that wrote them are built on these. A flush only:
 * verify's fold has nothing to remove.
 */
import type { ArchivedRun } from "../core/archived.ts";
import { binaryArray } from "./binary-array.ts";
import { shardOfArchived } from "./run-keys.ts";
import { type Written, counted } from "./table.ts";

const OF_RUNS = "unnest($1::int2[], $2::int8[]) as t (shard, run)";

// All that was archived, or nothing: a record that has come since would be lost.
const JOURNAL_SQL = `with gone as (delete from journal using ${OF_RUNS}
    where journal.shard = t.shard and journal.run = t.run
    returning journal.shard, journal.run, incarnation, seq, pos, digest),
  kept as (insert into removed_record (shard, run, incarnation, seqs, positions, digests)
    select shard, run, incarnation, array_agg(seq order by seq), array_agg(pos order by seq),
      array_agg(digest order by seq) from gone group by shard, run, incarnation)
  select 1 / (case when count(*) = $3::int8 then 1 else 0 end) from gone`;

const RUN_SQL = counted(rowsOf("run"), 3);

/** What else is looked up of a run that has ended; all that it waited for is gone with its end. */
const TABLES = ["effect", "exception", "review"] as const;

export function removalOf(runs: readonly ArchivedRun[]): Written[] {
  if (runs.length === 0) return [];
  const ordered = runs.toSorted(
    (left, right) => shardOfArchived(left) - shardOfArchived(right) || left.run - right.run,
  );
  const keys = [
    binaryArray("int2", ordered.map(shardOfArchived)),
    binaryArray(
      "int8",
      ordered.map(({ run }) => run),
    ),
  ];
  const records = runs.reduce((sum, run) => sum + run.records, 0);
  return [
    { name: "archive-journal", text: JOURNAL_SQL, values: [...keys, records] },
    ...TABLES.map((table) => ({
      name: `archive-${table}`,
      text: rowsOf(table),
      values: keys,
    })),
    { name: "archive-run", text: RUN_SQL, values: [...keys, runs.length] },
  ];
}

function rowsOf(table: string): string {
  return `delete from ${table} using ${OF_RUNS}
    where ${table}.shard = t.shard and ${table}.run = t.run`;
}
