/** What a store holds as one of several cells: written by a flush and by verify's fold, and read. */
import type { CarriedKey, CellsHead } from "../core/cells.ts";
import { assertNever } from "../core/assert.ts";
import { parseJson } from "../core/json-text.ts";
import type { CarriedName, CellReader, UsedKey, UsedKeys } from "../store/cells.ts";
import type { Change } from "../store/change.ts";
import type { Cells } from "../store/row-columns.ts";
import type { EventAddress } from "../store/store.ts";
import type { Database, Statement } from "./runtime.ts";

const CARRIED = "run, generation, input_digest, until_ms, cell";

const WRITE = {
  list: `insert into cell_list (one, generation, agreed, self, list, secrets, changed_by, at_ms)
    values (1, ?, ?, ?, ?, ?, ?, ?) on conflict (one) do update set
    generation = excluded.generation, agreed = excluded.agreed, self = excluded.self,
    list = excluded.list, secrets = excluded.secrets, changed_by = excluded.changed_by,
    at_ms = excluded.at_ms`,
  carry: `insert into carried_key (store, key_hash, ${CARRIED}) values (?, ?, ?, ?, ?, ?, ?)
    on conflict (store, key_hash) do update set run = excluded.run,
    generation = excluded.generation, input_digest = excluded.input_digest,
    until_ms = excluded.until_ms, cell = excluded.cell where excluded.generation > carried_key.generation`,
  place: "insert into placed_key (key_hash, cell) values (?, ?) on conflict do nothing",
} as const;

export class CellWriter {
  readonly #list: Statement;
  readonly #carry: Statement;
  readonly #place: Statement;

  constructor(database: Database) {
    this.#list = database.prepare(WRITE.list);
    this.#carry = database.prepare(WRITE.carry);
    this.#place = database.prepare(WRITE.place);
  }

  apply(change: Extract<Change, { kind: `cells-${string}` }>): void {
    switch (change.kind) {
      case "cells-listed": {
        const { list, isAgreed, self, secrets, by } = change.row;
        const texts = [JSON.stringify(list), JSON.stringify(secrets)] as const;
        this.#list.run(list.generation, isAgreed ? 1 : 0, self, ...texts, by, change.atMs);
        return;
      }
      case "cells-carried":
        for (const { keyHash, run, generation, inputDigest, untilMs, cell } of change.keys) {
          const key = [change.store, bytes(keyHash)] as const;
          this.#carry.run(...key, run, generation, bytes(inputDigest), untilMs, cell);
        }
        return;
      case "cells-placed":
        this.#place.run(bytes(change.keyHash), change.cell);
        return;
      default:
        assertNever(change);
    }
  }
}

/** Of runs that are here, of those that have left or are elsewhere, and of other stores: in this order. */
const USED = {
  here: `select run, namespace, workflow, key, generation, input_digest from run where run > ?
    order by run limit ?`,
  left: `select run, key_hash, generation, input_digest, key_until_ms from archived_run
    where run > ? and key_hash is not null order by run limit ?`,
  placed: "select key_hash, cell from placed_key where key_hash > ? order by key_hash limit ?",
  carried: `select store, key_hash, ${CARRIED} from carried_key
    where (store, key_hash) > (?, ?) order by store, key_hash limit ?`,
} as const;

const READ = {
  list: "select generation, agreed, self, list, secrets, changed_by from cell_list",
  carried: `select ${CARRIED} from carried_key where store = ? and key_hash = ?`,
  placed: "select cell from placed_key where key_hash = ?",
  hasPlaced: "select 1 from placed_key limit 1",
  keptFor: "select seq, namespace, event, key from kept_event where seq > ? order by seq limit ?",
  carriedRun: "select store from carried_key where run = ? limit 1",
  open: "select count(*) from run where ended_at_ms is null",
  last: "select max((select max(run) from run), coalesce((select max(run) from archived_run), 0))",
  ids: "select count(*), max(until_ms) from accepted_event where until_ms > ?",
  kept: "select count(*) from kept_event",
} as const;

type Prepared = Readonly<Record<keyof typeof READ, Statement>>;

export class CellQueries {
  readonly #database: Database;
  /** Prepared at first use: most stores are no cell. */
  #prepared: Prepared | null = null;

  constructor(database: Database) {
    this.#database = database;
  }

  cellList(): CellsHead | null {
    const cells = rowsOf(this.#sql.list)[0];
    if (cells === undefined) return null;
    return {
      isAgreed: cells[1] === 1,
      self: cells[2] as string,
      // Both were written from these types; the seals say that they are still the same.
      list: parseJson(cells[3] as string) as CellsHead["list"],
      secrets: parseJson(cells[4] as string) as CellsHead["secrets"],
      by: cells[5] as string,
    };
  }

  carriedKeys(names: readonly CarriedName[]): (CarriedKey | null)[] {
    return names.map(({ store, keyHash }) => {
      const cells = rowsOf(this.#sql.carried, store, bytes(keyHash))[0];
      return cells === undefined ? null : { keyHash, ...carriedAt(cells, 0) };
    });
  }

  placedKeys(keyHashes: readonly string[]): (string | null)[] {
    return keyHashes.map(
      (keyHash) => (rowsOf(this.#sql.placed, bytes(keyHash))[0]?.[0] ?? null) as string | null,
    );
  }

  hasPlaced(): boolean {
    return rowsOf(this.#sql.hasPlaced).length > 0;
  }

  keptFor(afterSeq: number, limit: number): (EventAddress & { seq: number })[] {
    return rowsOf(this.#sql.keptFor, afterSeq, limit).map((cells) => {
      const [seq, namespace, event, key] = cells as [number, string, string, string];
      return { seq, namespace, event, key };
    });
  }

  carriedRun(run: number): string | null {
    return (rowsOf(this.#sql.carriedRun, run)[0]?.[0] ?? null) as string | null;
  }

  openRunsCount(): number {
    return rowsOf(this.#sql.open)[0]?.[0] as number;
  }

  lastRun(): number {
    return (rowsOf(this.#sql.last)[0]?.[0] ?? 0) as number;
  }

  rememberedIds(nowMs: number): { count: number; untilMs: number | null } {
    const cells = rowsOf(this.#sql.ids, nowMs)[0];
    return { count: cells?.[0] as number, untilMs: cells?.[1] as number | null };
  }

  keptCount(): number {
    return rowsOf(this.#sql.kept)[0]?.[0] as number;
  }

  /** The cursor is a letter for what is read, and where that goes on. */
  usedKeys(after: string | null, limit: number): UsedKeys {
    const [what, from = ""] = [after?.slice(0, 1) ?? "h", after?.slice(1)];
    if (what === "c") return this.#usedElsewhere(from, limit);
    if (what === "p") return this.#placedElsewhere(from, limit);
    const rows = this.#rows(what === "h" ? USED.here : USED.left, Number(from), limit);
    const keys = rows.map(what === "h" ? usedHere : usedOnce);
    const last = keys.at(-1)?.run ?? 0;
    if (keys.length === limit) return { keys, next: `${what}${String(last)}` };
    return { keys, next: what === "h" ? "l" : "p" };
  }

  #placedElsewhere(from: string, limit: number): UsedKeys {
    const keys = this.#rows(USED.placed, bytes(from), limit).map(placedOnce);
    const last = keys.at(-1)?.keyHash ?? "";
    return { keys, next: keys.length === limit ? `p${last}` : "c" };
  }

  #usedElsewhere(from: string, limit: number): UsedKeys {
    const [store = "", hash = ""] = from.split(" ");
    const rows = this.#rows(USED.carried, store, bytes(hash), limit);
    const keys = rows.map((cells): UsedKey => ({
      store: cells[0] as string,
      keyHash: hex(cells[1]),
      of: null,
      ...carriedAt(cells, 2),
    }));
    const last = keys.at(-1);
    if (last === undefined || keys.length < limit) return { keys, next: null };
    return { keys, next: `c${last.store ?? ""} ${last.keyHash ?? ""}` };
  }

  #rows(sql: string, ...values: (number | string | Uint8Array)[]): Cells[] {
    const statement = this.#database.prepare(sql);
    statement.setReturnArrays(true);
    return rowsOf(statement, ...values);
  }

  get #sql(): Prepared {
    if (this.#prepared !== null) return this.#prepared;
    const entries = Object.entries(READ).map(([name, sql]) => {
      const statement = this.#database.prepare(sql);
      statement.setReturnArrays(true);
      return [name, statement] as const;
    });
    // The keys are those of READ, which `fromEntries` forgets.
    this.#prepared = Object.fromEntries(entries) as Prepared;
    return this.#prepared;
  }
}

export function cellReader(database: Database): CellReader {
  const queries = new CellQueries(database);
  return {
    list: async () => queries.cellList(),
    carried: async (names) => queries.carriedKeys(names),
    placed: async (keyHashes) => queries.placedKeys(keyHashes),
    hasPlaced: async () => queries.hasPlaced(),
    keptFor: async (afterSeq, limit) => queries.keptFor(afterSeq, limit),
    carriedRun: async (run) => queries.carriedRun(run),
    usedKeys: async (after, limit) => queries.usedKeys(after, limit),
    openRunsCount: async () => queries.openRunsCount(),
    lastRun: async () => queries.lastRun(),
    rememberedIds: async (nowMs) => queries.rememberedIds(nowMs),
    keptCount: async () => queries.keptCount(),
  };
}

function usedHere(cells: Cells): UsedKey {
  const [run, namespace, workflow, key, generation] = cells as [
    number,
    string,
    string,
    string,
    number,
  ];
  const of = { namespace, workflow, key };
  const inputDigest = hex(cells[5]);
  const here = { keyHash: null, of, store: null, cell: null };
  return { ...here, run, generation, inputDigest, untilMs: null };
}

function placedOnce(cells: Cells): UsedKey {
  const keyHash = hex(cells[0]);
  const cell = cells[1] as string;
  const none = { of: null, store: null, run: 0, generation: 0, inputDigest: "", untilMs: null };
  return { ...none, keyHash, cell };
}

function usedOnce(cells: Cells): UsedKey {
  return {
    keyHash: hex(cells[1]),
    of: null,
    store: null,
    run: cells[0] as number,
    generation: cells[2] as number,
    inputDigest: hex(cells[3]),
    untilMs: cells[4] as number | null,
    cell: null,
  };
}

function carriedAt(cells: Cells, at: number): Omit<CarriedKey, "keyHash"> {
  return {
    run: cells[at] as number,
    generation: cells[at + 1] as number,
    inputDigest: hex(cells[at + 2]),
    untilMs: cells[at + 3] as number | null,
    cell: cells[at + 4] as string | null,
  };
}

function rowsOf(statement: Statement, ...values: (number | string | Uint8Array)[]): Cells[] {
  // `setReturnArrays` makes every row an array of cells, which the declared type does not know.
  return statement.all(...values) as unknown as Cells[];
}

function bytes(text: string): Buffer {
  return Buffer.from(text, "hex");
}

function hex(cell: unknown): string {
  return Buffer.from(cell as Uint8Array).toString("hex");
}
