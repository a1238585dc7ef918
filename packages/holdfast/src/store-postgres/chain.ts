/** Reading the chains of flushes as they are stored. */
import type { Anchor } from "../store/anchor.ts";
import { anchorHeads } from "../store/chain-heads.ts";
import type { Cells } from "../store/row-columns.ts";
import type { ReadRows } from "./runs-at-hand.ts";

export interface FlushRow {
  readonly incarnation: number;
  readonly number: number;
  readonly firstPos: number;
  readonly lastPos: number;
  readonly taken: number;
  readonly atMs: number;
  readonly closed: boolean;
  readonly seal: Uint8Array;
}

const COLUMNS = `f.incarnation, f.number, f.first_pos, f.last_pos, f.taken, f.at_ms, f.closed,
  f.seal`;

export const CHAIN_SQL = {
  inChain: `select ${COLUMNS} from flush f
    where f.incarnation = $1::int8 and f.number = $2::int4`,
  after: `select ${COLUMNS} from flush f
    where f.incarnation = $1::int8 and f.number > $2::int4 order by f.number limit $3::int8`,
  heads: `select ${COLUMNS} from incarnation i cross join lateral
    (select * from flush where flush.incarnation = i.incarnation order by number desc limit 1) f
    where i.closed_by is null order by i.incarnation`,
  deadHeads: `select ${COLUMNS} from incarnation i
    join worker w on w.incarnation = i.incarnation and w.alive = 0 cross join lateral
    (select * from flush where flush.incarnation = i.incarnation order by number desc limit 1) f
    where i.closed_by is null order by i.incarnation`,
} as const;

export async function flushInChain(
  read: ReadRows,
  incarnation: number,
  number: number,
): Promise<FlushRow | null> {
  const [cells] = await read("chain-in", CHAIN_SQL.inChain, [incarnation, number]);
  return cells === undefined ? null : toFlush(cells);
}

export async function flushesAfter(
  read: ReadRows,
  incarnation: number,
  number: number,
  limit: number,
): Promise<FlushRow[]> {
  return (await read("chain-after", CHAIN_SQL.after, [incarnation, number, limit])).map(toFlush);
}

/** Newest flush of each chain that no later engine has closed. */
export async function openHeads(read: ReadRows): Promise<FlushRow[]> {
  return (await read("chain-heads", CHAIN_SQL.heads, [])).map(toFlush);
}

/** Of chains whose workers have ended. */
export async function deadHeads(read: ReadRows): Promise<FlushRow[]> {
  return (await read("chain-dead-heads", CHAIN_SQL.deadHeads, [])).map(toFlush);
}

/** Chains count for themselves here, so the anchor says only their heads. */
export function anchorOf(storeId: string, heads: readonly FlushRow[]): Anchor {
  return {
    storeId,
    flushId: 0,
    position: 0,
    heads: anchorHeads(heads),
    isBackup: false,
  };
}

function toFlush(c: Cells): FlushRow {
  return {
    incarnation: c[0] as number,
    number: c[1] as number,
    firstPos: c[2] as number,
    lastPos: c[3] as number,
    taken: c[4] as number,
    atMs: c[5] as number,
    closed: c[6] === 1,
    seal: c[7] as Uint8Array,
  };
}
