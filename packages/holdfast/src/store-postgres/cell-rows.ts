/** What a store holds as one of several cells: written by a flush and by verify's fold, and read. */
import type { CarriedKey, CellsHead, PlacedHead } from "../core/cells.ts";
import { parseJson } from "../core/json-text.ts";
import type { CarriedName, CellReader, CellReads, UsedKey, UsedKeys } from "../store/cells.ts";
import type { Change } from "../store/change.ts";
import type { Cells } from "../store/row-columns.ts";
import { binaryArray } from "./binary-array.ts";
import type { ReadRows } from "./runs-at-hand.ts";
import { SYSTEM_SHARD, keyShard } from "./shard.ts";
import {
  type Table,
  type Written,
  columns,
  inKeyOrder,
  inserted,
  keyText,
  keysOf,
} from "./table.ts";

type ListAt = CellsHead & { readonly atMs: number };
type CarriedAt = CarriedKey & { readonly store: string };

export const CELL_LIST: Table<ListAt> = {
  name: "cell_list",
  columns: [
    ...columns<ListAt>("key", "int2", { shard: () => SYSTEM_SHARD }),
    ...columns<ListAt>("free", "int4", { generation: ({ list }) => list.generation }),
    ...columns<ListAt>("free", "int2", { agreed: ({ isAgreed }) => (isAgreed ? 1 : 0) }),
    ...columns<ListAt>("free", "text", {
      self: (row) => row.self,
      list: (row) => JSON.stringify(row.list),
      secrets: (row) => JSON.stringify(row.secrets),
      changed_by: (row) => row.by,
    }),
    ...columns<ListAt>("free", "int8", { at_ms: (row) => row.atMs }),
  ],
};

export const CARRIED_KEY: Table<CarriedAt> = {
  name: "carried_key",
  columns: [
    ...columns<CarriedAt>("key", "int2", { shard: (row) => keyShard(row.keyHash) }),
    ...columns<CarriedAt>("key", "text", { store: (row) => row.store }),
    ...columns<CarriedAt>("key", "bytea", { key_hash: (row) => Buffer.from(row.keyHash, "hex") }),
    ...columns<CarriedAt>("free", "int8", { run: (row) => row.run }),
    ...columns<CarriedAt>("free", "int4", { generation: (row) => row.generation }),
    ...columns<CarriedAt>("free", "bytea", {
      input_digest: (row) => Buffer.from(row.inputDigest, "hex"),
    }),
    ...columns<CarriedAt>("free", "int8", { until_ms: (row) => row.untilMs }),
    ...columns<CarriedAt>("free", "text", { cell: (row) => row.cell }),
  ],
};

export const PLACED_KEY: Table<PlacedHead> = {
  name: "placed_key",
  columns: [
    ...columns<PlacedHead>("key", "int2", { shard: (row) => keyShard(row.keyHash) }),
    ...columns<PlacedHead>("key", "bytea", { key_hash: (row) => Buffer.from(row.keyHash, "hex") }),
    ...columns<PlacedHead>("free", "text", { cell: (row) => row.cell }),
  ],
};

const CARRIED_KEYS = keysOf(CARRIED_KEY);

type CellChange = Extract<Change, { kind: `cells-${string}` }>;

export function isOfCell(change: Change): change is CellChange {
  return change.kind.startsWith("cells-");
}

export class CellRows {
  #list: ListAt | null = null;
  readonly #carried = new Map<string, CarriedAt>();
  readonly #placed = new Map<string, PlacedHead>();

  fold(change: CellChange): void {
    if (change.kind === "cells-listed") {
      this.#list = { ...change.row, atMs: change.atMs };
      return;
    }
    if (change.kind === "cells-placed") {
      const { keyHash, cell } = change;
      if (!this.#placed.has(keyHash)) this.#placed.set(keyHash, { keyHash, cell });
      return;
    }
    for (const key of change.keys) {
      const row = { ...key, store: change.store };
      const name = keyText(CARRIED_KEYS, row);
      const known = this.#carried.get(name);
      if (known === undefined || row.generation > known.generation) this.#carried.set(name, row);
    }
  }

  finish(): Written[] {
    const written: Written[] = [];
    if (this.#list !== null) written.push(replaced(CELL_LIST, [this.#list], "1 = 1"));
    const rows = inKeyOrder(CARRIED_KEY, this.#carried.values());
    const isLater = "excluded.generation > carried_key.generation";
    if (rows.length > 0) written.push(replaced(CARRIED_KEY, rows, isLater));
    if (this.#placed.size > 0) {
      const { text, values } = inserted(PLACED_KEY, inKeyOrder(PLACED_KEY, this.#placed.values()));
      // Of two workers that place one key at once the first has placed it.
      written.push({ name: "put-placed_key", text: `${text} on conflict do nothing`, values });
    }
    this.#list = null;
    this.#placed.clear();
    this.#carried.clear();
    return written;
  }
}

function replaced<Row>(table: Table<Row>, rows: readonly Row[], where: string): Written {
  const { text, values } = inserted(table, rows);
  const keys = keysOf(table).map(({ name }) => name);
  const free = table.columns.filter(({ role }) => role === "free");
  const sets = free.map(({ name }) => `${name} = excluded.${name}`).join(", ");
  return {
    name: `put-${table.name}`,
    text: `${text} on conflict (${keys.join(", ")}) do update set ${sets} where ${where}`,
    values,
  };
}

const CARRIED = "run, generation, input_digest, until_ms, cell";

const SQL = {
  list: "select agreed, self, list, secrets, changed_by from cell_list",
  carried: `select c.store, c.key_hash, c.run, c.generation, c.input_digest, c.until_ms, c.cell
    from unnest($1::int2[], $2::text[], $3::bytea[]) as t (shard, store, key_hash)
    join carried_key c on c.shard = t.shard and c.store = t.store and c.key_hash = t.key_hash`,
  placed: `select p.key_hash, p.cell from unnest($1::int2[], $2::bytea[]) as t (shard, key_hash)
    join placed_key p on p.shard = t.shard and p.key_hash = t.key_hash`,
  hasPlaced: "select 1 from placed_key limit 1",
  keptFor: `select seq, namespace, event, key from kept_event where shard = 0
    and seq > $1::int8 order by seq limit $2::int8`,
  carriedRun: "select store from carried_key where run = $1::int8 limit 1",
  used: `select null, k.key_hash, run, generation, input_digest, until_ms, null from run_key k
    where (k.shard, k.key_hash) > ($1::int2, decode($2, 'hex'))
    order by k.shard, k.key_hash limit $3::int8`,
  usedPlaced: `select null, key_hash, 0::int8, 0, ''::bytea, null::int8, cell from placed_key
    where (shard, key_hash) > ($1::int2, decode($2, 'hex'))
    order by shard, key_hash limit $3::int8`,
  usedElsewhere: `select store, key_hash, ${CARRIED} from carried_key
    where (shard, store, key_hash) > ($1::int2, $2, decode($3, 'hex'))
    order by shard, store, key_hash limit $4::int8`,
  open: "select count(*) from run where ended_at_ms is null",
  last: "select greatest((select max(run) from run), (select max(run) from archived_run), 0)",
  ids: "select count(*), max(until_ms) from accepted_event where until_ms > $1::int8",
  kept: "select count(*) from kept_event",
} as const;

export function cellReads(read: ReadRows): CellReads {
  return {
    list: async () => toList((await read("cell-list", SQL.list, []))[0]),
    carried: (names) => carried(read, names),
    placed: (keyHashes) => placed(read, keyHashes),
    hasPlaced: async () => (await read("has-placed", SQL.hasPlaced, [])).length > 0,
    async keptFor(afterSeq, limit) {
      return (await read("kept-for", SQL.keptFor, [afterSeq, limit])).map((cells) => {
        const [seq, namespace, event, key] = cells as [number, string, string, string];
        return { seq, namespace, event, key };
      });
    },
    async carriedRun(run) {
      const [cells] = await read("carried-run", SQL.carriedRun, [run]);
      return (cells?.[0] ?? null) as string | null;
    },
  };
}

export function cellReader(read: ReadRows): CellReader {
  const number = async (name: "open" | "last" | "kept") =>
    (await read(`cell-${name}`, SQL[name], []))[0]?.[0] as number;
  return {
    ...cellReads(read),
    usedKeys: (after, limit) => usedKeys(read, after, limit),
    openRunsCount: () => number("open"),
    lastRun: () => number("last"),
    keptCount: () => number("kept"),
    async rememberedIds(nowMs) {
      const [cells] = await read("cell-ids", SQL.ids, [nowMs]);
      return { count: cells?.[0] as number, untilMs: cells?.[1] as number | null };
    },
  };
}

function toList(cells: Cells | undefined): CellsHead | null {
  if (cells === undefined) return null;
  return {
    isAgreed: cells[0] === 1,
    self: cells[1] as string,
    // Both were written from these types; the seals say that they are still the same.
    list: parseJson(cells[2] as string) as CellsHead["list"],
    secrets: parseJson(cells[3] as string) as CellsHead["secrets"],
    by: cells[4] as string,
  };
}

async function carried(
  read: ReadRows,
  names: readonly CarriedName[],
): Promise<(CarriedKey | null)[]> {
  if (names.length === 0) return [];
  const rows = await read("carried", SQL.carried, [
    binaryArray(
      "int2",
      names.map(({ keyHash }) => keyShard(keyHash)),
    ),
    binaryArray(
      "text",
      names.map(({ store }) => store),
    ),
    binaryArray(
      "bytea",
      names.map(({ keyHash }) => Buffer.from(keyHash, "hex")),
    ),
  ]);
  const found = new Map(rows.map(toUsed).map((used) => [nameOf(used.store, used.keyHash), used]));
  return names.map(({ store, keyHash }) => {
    const used = found.get(nameOf(store, keyHash));
    if (used === undefined) return null;
    const { run, generation, inputDigest, untilMs, cell } = used;
    return { keyHash, run, generation, inputDigest, untilMs, cell };
  });
}

async function placed(read: ReadRows, keyHashes: readonly string[]): Promise<(string | null)[]> {
  if (keyHashes.length === 0) return [];
  const bytes = keyHashes.map((keyHash) => Buffer.from(keyHash, "hex"));
  const shards = binaryArray("int2", keyHashes.map(keyShard));
  const rows = await read("placed", SQL.placed, [shards, binaryArray("bytea", bytes)]);
  const found = new Map(rows.map(([hash, cell]) => [(hash as Buffer).toString("hex"), cell]));
  return keyHashes.map((keyHash) => (found.get(keyHash) as string | undefined) ?? null);
}

function nameOf(store: string | null, keyHash: string | null): string {
  return `${store ?? ""} ${keyHash ?? ""}`;
}

/** The cursor is a letter for what is read, and the key of the last row. */
async function usedKeys(read: ReadRows, after: string | null, limit: number): Promise<UsedKeys> {
  const [shard, hash, store] = after?.slice(1).split(" ") ?? ["-1", "", ""];
  if (after?.startsWith("c") === true) {
    const values = [Number(shard), store ?? "", hash ?? "", limit];
    const keys = (await read("used-elsewhere", SQL.usedElsewhere, values)).map(toUsed);
    return { keys, next: keys.length < limit ? null : cursorOf("c", keys.at(-1)) };
  }
  const what = after?.startsWith("p") === true ? "p" : "k";
  const sql = what === "p" ? SQL.usedPlaced : SQL.used;
  const keys = (await read(`used-${what}`, sql, [Number(shard), hash ?? "", limit])).map(toUsed);
  if (keys.length === limit) return { keys, next: cursorOf(what, keys.at(-1)) };
  return { keys, next: what === "k" ? "p-1  " : "c-1  " };
}

function cursorOf(what: "c" | "k" | "p", last: UsedKey | undefined): string {
  const hash = last?.keyHash ?? "";
  return `${what}${String(keyShard(hash))} ${hash} ${last?.store ?? ""}`;
}

function toUsed(cells: Cells): UsedKey {
  return {
    store: cells[0] as string | null,
    keyHash: (cells[1] as Buffer).toString("hex"),
    of: null,
    run: cells[2] as number,
    generation: cells[3] as number,
    inputDigest: (cells[4] as Buffer).toString("hex"),
    untilMs: cells[5] as number | null,
    cell: cells[6] as string | null,
  };
}
