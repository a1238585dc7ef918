/** Reads for runs that leave, and of what is left of those that have. */
import type { ArchivedHead } from "../core/archived.ts";
import { kindNumber } from "../core/record-kinds.ts";
import { parseJson } from "../core/json-text.ts";
import { type Cells, RECORD_COLUMNS, toRecord } from "../store/row-columns.ts";
import type { ArchivedRunRow } from "../store/rows.ts";
import { digestOf } from "../store/seal.ts";
import type { RecordSum, Removal } from "../store/store.ts";
import { binaryArray } from "./binary-array.ts";
import { type ReadRows, prefixed } from "./runs-at-hand.ts";

const ARCHIVED_SQL = {
  digests: `select j.run, j.digest from run r join journal j on j.shard = r.shard and j.run = r.run
    where r.run = any($1::int8[]) order by j.run, j.seq`,
  // Workers that share a store may have given one number to records of several journals. Only the
  // keepers keep events, one after the other, so among those it is unique.
  storeRecords: `select ${prefixed("j", RECORD_COLUMNS)}, j.pos, j.digest
    from unnest($1::int4[]) as t (seq) cross join incarnation i
    join journal j on j.shard = i.shard and j.run = -i.incarnation and j.seq = t.seq
    order by j.seq, j.run`,
  children: `select run, parent_run from run where parent_run = any($1::int8[])
    and parent_run is not null order by run`,
  calls: `select t.called, j.run from unnest($1::int8[]) as t (called) cross join lateral
    (select shard, run from journal where kind = ${String(kindNumber("called"))}
      and substring(head from '"child":([0-9]{1,18})')::int8 = t.called) j
    join run r on r.shard = j.shard and r.run = j.run and r.ended_at_ms is null
    order by t.called, j.run`,
  archived: `select a.run, j.at_ms, j.head from archived_run a
    join incarnation i on i.incarnation = a.incarnation
    join journal j on j.shard = i.shard and j.run = -i.incarnation and j.seq = a.seq
    where a.run = any($1::int8[]) order by a.run`,
} as const;

/** @param require - throws for a record that is not what was written. */
export function removalReads(
  read: ReadRows,
  require: (cells: Cells, seq: number) => void,
): Removal {
  return {
    recordSums: async (runs) =>
      recordSums(await read("leaving-digests", ARCHIVED_SQL.digests, [binaryArray("int8", runs)])),
    async storeRecords(seqs) {
      const numbers = [binaryArray("int4", seqs)];
      const rows = await read("leaving-records", ARCHIVED_SQL.storeRecords, numbers);
      return rows.map((cells) => {
        require(cells, cells[1] as number);
        return { ...toRecord(cells), run: 0 };
      });
    },
    async childrenOf(runs) {
      const rows = await read("leaving-children", ARCHIVED_SQL.children, [
        binaryArray("int8", runs),
      ]);
      return rows.map((cells) => ({ run: cells[0] as number, parentRun: cells[1] as number }));
    },
    async callsOf(runs) {
      const rows = await read("leaving-calls", ARCHIVED_SQL.calls, [binaryArray("int8", runs)]);
      return rows.map((cells) => ({ called: cells[0] as number, caller: cells[1] as number }));
    },
    archivedRuns: (runs) => archivedRuns(read, runs),
  };
}

/** Where each of these runs is that has left. */
export async function archivedRuns(
  read: ReadRows,
  runs: readonly number[],
): Promise<readonly ArchivedRunRow[]> {
  const rows = await read("archived-runs", ARCHIVED_SQL.archived, [binaryArray("int8", runs)]);
  return rows.map((cells) => {
    const { archive, file, by } = parseJson(cells[2] as string) as ArchivedHead;
    return { run: cells[0] as number, atMs: cells[1] as number, archive, file, by };
  });
}

function recordSums(rows: readonly Cells[]): RecordSum[] {
  const digests = new Map<number, Uint8Array[]>();
  for (const [run, digest] of rows as readonly (readonly [number, Uint8Array])[]) {
    const ofRun = digests.get(run);
    if (ofRun === undefined) digests.set(run, [digest]);
    else ofRun.push(digest);
  }
  return [...digests].map(([run, all]) => ({
    run,
    records: all.length,
    digest: digestOf(all).toString("hex"),
  }));
}
