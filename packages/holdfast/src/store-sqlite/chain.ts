/** Reading the chain of flushes as it is stored. */
import type { Cells } from "../store/row-columns.ts";

import { prepareRows, rowsOf } from "./queries.ts";
import type { Database } from "./runtime.ts";
import type { Anchor } from "../store/anchor.ts";
import { anchorHeads } from "../store/chain-heads.ts";

export interface FlushRow {
  readonly id: number;
  readonly incarnation: number;
  readonly number: number;
  readonly firstPos: number;
  readonly lastPos: number;
  readonly taken: number;
  readonly atMs: number;
  readonly closed: boolean;
  readonly seal: Uint8Array;
}

const FLUSH_COLUMNS = `f.id, f.incarnation, f.number, f.first_pos, f.last_pos, f.taken, f.at_ms,
  f.closed, f.seal`;

export const CHAIN_SQL = {
  last: `select ${FLUSH_COLUMNS} from flush f order by f.id desc limit 1`,
  byId: `select ${FLUSH_COLUMNS} from flush f where f.id = ?`,
  after: `select ${FLUSH_COLUMNS} from flush f where f.id > ? order by f.id limit ?`,
  // The flushes of a chain follow each other: only one engine writes at a time.
  inChain: `select ${FLUSH_COLUMNS} from incarnation i join flush f on f.id = i.first_flush + ?2 - 1
    where i.incarnation = ?1 and f.incarnation = ?1 and f.number = ?2`,
  // A chain ends where the next one begins.
  heads: `select ${FLUSH_COLUMNS} from incarnation i join flush f on f.id = coalesce(
    (select min(n.first_flush) - 1 from incarnation n where n.first_flush > i.first_flush),
    (select max(id) from flush))
    where i.closed_by is null order by i.incarnation`,
} as const;

export class ChainQueries {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  last(): FlushRow | null {
    return this.#first(CHAIN_SQL.last);
  }

  byId(id: number): FlushRow | null {
    return this.#first(CHAIN_SQL.byId, id);
  }

  inChain(incarnation: number, number: number): FlushRow | null {
    return this.#first(CHAIN_SQL.inChain, incarnation, number);
  }

  after(id: number, limit: number): FlushRow[] {
    return rowsOf(prepareRows(this.#database, CHAIN_SQL.after), id, limit).map(toFlush);
  }

  /** Newest flush of each chain that no later engine has closed. */
  openHeads(): FlushRow[] {
    return rowsOf(prepareRows(this.#database, CHAIN_SQL.heads)).map(toFlush);
  }

  #first(sql: string, ...values: number[]): FlushRow | null {
    const cells = rowsOf(prepareRows(this.#database, sql), ...values)[0];
    return cells === undefined ? null : toFlush(cells);
  }
}

export function anchorOf(
  storeId: string,
  last: FlushRow | null,
  heads: readonly FlushRow[],
): Anchor {
  return {
    storeId,
    flushId: last?.id ?? 0,
    position: last?.lastPos ?? 0,
    heads: anchorHeads(heads),
    isBackup: false,
  };
}

function toFlush(c: Cells): FlushRow {
  return {
    id: c[0] as number,
    incarnation: c[1] as number,
    number: c[2] as number,
    firstPos: c[3] as number,
    lastPos: c[4] as number,
    taken: c[5] as number,
    atMs: c[6] as number,
    closed: c[7] === 1,
    seal: c[8] as Uint8Array,
  };
}
