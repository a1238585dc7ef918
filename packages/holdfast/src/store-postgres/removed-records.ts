/**
 * Records that are gone: each must have left with its run, for an archive that is on record. Their
 * digests are here, so the seals of their flushes are checked as if they were.
 */
import type { Damage } from "../store/damage.ts";
import type { Connection } from "./client.ts";

const SQL = {
  unexplained: `select r.run, r.incarnation, r.positions[1] from removed_record r
    left join archived_run a on a.shard = r.shard and a.run = r.run where a.run is null
    order by r.run, r.incarnation limit $1::int8`,
  // As `digestOf` makes it.
  changed: `select a.run from archived_run a cross join lateral
    (select count(*) as records, string_agg(t.digest, '\\x'::bytea order by t.seq) as digests
      from removed_record r cross join lateral unnest(r.seqs, r.digests) as t (seq, digest)
      where r.shard = a.shard and r.run = a.run) found
    where found.records <> a.records
      or substring(sha256(found.digests) from 1 for 16) is distinct from a.digest
    order by a.run limit $1::int8`,
} as const;

/**
 * What was removed of each run is what the record says that let it go: all of it, and no more. That
 * the rows about these runs are those of sealed records is for the fold to find.
 */
export async function removalDamage(
  connection: Connection,
  damageMax: number,
): Promise<readonly Damage[]> {
  const unexplained = await connection.rows("removed-unexplained", SQL.unexplained, [damageMax]);
  const changed = await connection.rows("removed-changed", SQL.changed, [damageMax]);
  return [
    ...unexplained.map((cells) => {
      const [run, incarnation, pos] = cells as [number, number, number];
      const what = `record ${pos} of incarnation ${incarnation} (run ${run}) was removed, and no archive has it`;
      return { what, pos, run };
    }),
    ...changed.map(([run]) => ({
      what: `what is left of run ${run as number}, which was archived, was changed`,
      run: run as number,
    })),
  ];
}
