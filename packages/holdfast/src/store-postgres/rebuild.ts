/**
 * Folds the whole journal again into temporary tables of the same names and compares them with the
 * tables of the store. Temporary tables come first when a name is looked up, so the very statements
 * of a flush write to them, and the store's own are not touched.
 */
import { RECORD_KINDS, kindNumber } from "../core/record-kinds.ts";
import type { Damage } from "../store/damage.ts";
import { hasProjection, project } from "../store/projection.ts";
import type { Cells } from "../store/row-columns.ts";
import { foldKeys, historyOf, recordOf } from "./archived-history.ts";
import { ARCHIVED_RUN } from "./archived-run-table.ts";
import { CARRIED_KEY, CELL_LIST, PLACED_KEY } from "./cell-rows.ts";
import { SCHEMA, type Connection } from "./client.ts";
import { CHAINS_SQL, CHAIN_ORDER, wholeJournal } from "./journal-reading.ts";
import { EXCEPTION, ISSUE_OVERLAY, ROUTING, CLASSIFICATION_RULE } from "./exception-tables.ts";
import { type Derived, Projections } from "./projections.ts";
import { SYSTEM_SHARD } from "./shard.ts";
import type { Table } from "./table.ts";
import * as tables from "./tables.ts";

interface Compared {
  readonly name: string;
  /** How many of the columns lead as its key. */
  readonly keys: number;
  readonly columns: readonly string[];
  /** What follows the table's name. */
  readonly grouped: string;
}

const PROJECTIONS: readonly Compared[] = [
  compared(tables.INCARNATION),
  compared(tables.RUN),
  compared(tables.RUN_KEY),
  compared(tables.EFFECT),
  compared(EXCEPTION),
  compared(ISSUE_OVERLAY),
  compared(ROUTING),
  compared(CLASSIFICATION_RULE),
  compared(tables.REVIEW),
  compared(tables.DEPENDENCY),
  compared(tables.DECLARATION),
  compared(tables.ACCEPTED_EVENT),
  compared(tables.EARLY_ANSWER),
  compared(tables.RECEIVED),
  compared(tables.KEPT_EVENT),
  compared(tables.AWAITING),
  compared(tables.PENDING),
  compared(tables.RECOVERY_GROUP),
  compared(ARCHIVED_RUN),
  compared(CELL_LIST),
  compared(CARRIED_KEY),
  // Not where it leads: of two workers that place a key at once, the order of records does not tell.
  keysCompared(PLACED_KEY),
];

/** What is counted by shard is compared by its sums; a sum of nothing need not be there. */
const SUMMED: readonly Compared[] = [
  {
    name: "counter",
    keys: 1,
    columns: ["name", "sum(value)"],
    grouped: "group by name having sum(value) <> 0",
  },
  {
    name: "issue",
    keys: 1,
    columns: [
      "fingerprint",
      "min(first_seen_at_ms)",
      "max(last_seen_at_ms)",
      "sum(open_count)",
      "sum(total_count)",
    ],
    grouped: "group by fingerprint",
  },
];

/** Records folded at once. */
const RECORDS_PER_FOLD = 2000;

/** Needs a journal that was found sound, and a transaction, whose snapshot it compares. */
export async function rebuildProjections(connection: Connection): Promise<readonly Damage[]> {
  for (const { name } of [...PROJECTIONS, ...SUMMED]) {
    await connection.script(
      `create temp table ${name} (like ${SCHEMA}.${name} including all) on commit drop`,
    );
  }
  const over = await fold(connection);
  const damage: Damage[] = [];
  for (const table of [...PROJECTIONS, ...SUMMED]) {
    damage.push(...(await compare(connection, withoutForgotten(table, over))));
  }
  return damage;
}

/** Until then keys, and ids of events, may have been forgotten, milliseconds; 0 where none is gone. */
interface Forgotten {
  keysMs: number;
  idsMs: number;
  /** The same of messages from outside, which any worker forgets: also where no run has left. */
  messagesMs: number;
}

/**
 * Where runs have left, rows whose time is over may be there or not, and nothing looks at them any
 * more: a fold does not know all records that have forgotten some, nor when each worker did.
 */
function withoutForgotten(table: Compared, { keysMs, idsMs, messagesMs }: Forgotten): Compared {
  if (table.name === tables.RUN_KEY.name) {
    return { ...table, grouped: `where until_ms is null or until_ms > ${String(keysMs)}` };
  }
  if (table.name === tables.RECEIVED.name) {
    return { ...table, grouped: `where until_ms is null or until_ms > ${String(messagesMs)}` };
  }
  if (table.name === tables.ACCEPTED_EVENT.name) {
    return { ...table, grouped: `where until_ms > ${String(idsMs)}` };
  }
  return table;
}

async function fold(connection: Connection): Promise<Forgotten> {
  const projections = new Projections(SYSTEM_SHARD);
  const seen = { archivedMs: 0, acceptedMs: 0, receivedMs: 0 };
  for (const [incarnation] of await connection.rows("chains", CHAINS_SQL)) {
    projections.beginChain(incarnation as number);
  }
  const kinds = RECORD_KINDS.flatMap((_, kind) => (hasProjection(kind) ? [kind] : []));
  const folded = `j.kind in (${kinds.join(", ")})`;
  await foldPart(connection, projections, {
    where: `${folded} and (j.run < 0 or j.kind = ${String(kindNumber("event"))})`,
    order: CHAIN_ORDER,
    has(derived) {
      const { change, record } = derived;
      note(seen, derived);
      return record.run === 0 || isOfStore(change);
    },
  });
  await foldPart(connection, projections, {
    where: `${folded} and j.run > 0`,
    order: "j.run, j.seq",
    has: ({ change }) => !isOfStore(change),
  });
  await foldKeys(connection, seen.archivedMs);
  const { archivedMs, acceptedMs, receivedMs: messagesMs } = seen;
  if (archivedMs === 0) return { keysMs: 0, idsMs: 0, messagesMs };
  return { keysMs: archivedMs, idsMs: Math.max(archivedMs, acceptedMs), messagesMs };
}

type Seen = Record<"archivedMs" | "acceptedMs" | "receivedMs", number>;

function note(seen: Seen, { change }: Derived): void {
  if (change.kind === "message-received")
    seen.receivedMs = Math.max(seen.receivedMs, change.row.atMs);
  if (change.kind === "runs-archived") seen.archivedMs = Math.max(seen.archivedMs, change.atMs);
  if (change.kind === "event-accepted") seen.acceptedMs = Math.max(seen.acceptedMs, change.atMs);
}

/**
 * What belongs to no run is written by one worker after the other, in the order of their chains. A
 * run's records may be in several chains, back and forth; their order is that of the run.
 */
function isOfStore({ kind }: Derived["change"]): boolean {
  return kind.startsWith("event-") || kind.startsWith("early-");
}

interface Part {
  readonly where: string;
  readonly order: string;
  readonly has: (derived: Derived) => boolean;
}

async function foldPart(connection: Connection, projections: Projections, part: Part) {
  let batch: Derived[] = [];
  for await (const cells of wholeJournal(connection, part.where, part.order)) {
    const record = recordOf(cells);
    const by = cells[10] as number;
    const { changes, issues } = historyOf(record);
    for (const issue of issues) projections.addIssue(issue);
    for (const change of [...project(record), ...changes]) {
      const derived = { change, record, by };
      if (part.has(derived)) batch.push(derived);
    }
    if (batch.length < RECORDS_PER_FOLD) continue;
    await write(connection, projections, batch);
    batch = [];
  }
  await write(connection, projections, batch);
}

async function write(
  connection: Connection,
  projections: Projections,
  batch: readonly Derived[],
): Promise<void> {
  const runs = new Set(batch.map(({ record }) => record.run));
  await projections.load(projections.missing(runs, batch), connection.rows);
  await projections.loadOver(projections.missingOver(batch), connection.rows);
  for (const entry of batch) projections.fold(entry);
  for (const { name, text, values } of projections.finish()) {
    await connection.rows(name, text, values);
  }
}

/** At most one finding a table: the first row that differs. */
async function compare(connection: Connection, table: Compared): Promise<readonly Damage[]> {
  const { name, keys, columns, grouped } = table;
  const select = (schema: string) =>
    `select ${columns.join(", ")} from ${schema}.${name} ${grouped}`;
  const first = async (left: string, right: string) => {
    const order = columns.slice(0, keys).map((_, index) => index + 1);
    const sql = `(${select(left)} except ${select(right)}) order by ${order.join(", ")} limit 1`;
    return (await connection.rows("", sql))[0] ?? null;
  };
  const stored = await first(SCHEMA, "pg_temp");
  const folded = await first("pg_temp", SCHEMA);
  if (stored === null && folded === null) return [];
  if (stored !== null && folded !== null && isSameKey(stored, folded, keys)) {
    const column = stored.findIndex((cell, index) => !isSame(cell, folded[index]));
    const values = `${show(stored[column])}, the journal says ${show(folded[column])}`;
    return [
      { what: `${name}.${columns[column] ?? "?"} of row ${shown(folded, keys)} is ${values}` },
    ];
  }
  const damage: Damage[] = [];
  if (folded !== null) damage.push({ what: `${name} lacks the row ${shown(folded, keys)}` });
  else if (stored !== null) {
    damage.push({ what: `${name} has a row too many: ${shown(stored, keys)}` });
  }
  return damage;
}

/** Keys first, so that they order the rows and name them. */
function compared<Row>({ name, columns }: Table<Row>): Compared {
  const keys = columns.filter(({ role }) => role === "key");
  const others = columns.filter(({ role }) => role !== "key");
  const names = [...keys, ...others].map((column) => column.name);
  return { name, keys: keys.length, columns: names, grouped: "" };
}

function keysCompared<Row>(table: Table<Row>): Compared {
  const { keys, columns, ...of } = compared(table);
  return { ...of, keys, columns: columns.slice(0, keys) };
}

function isSameKey(left: Cells, right: Cells, keys: number): boolean {
  return left.slice(0, keys).every((cell, index) => isSame(cell, right[index]));
}

function isSame(left: unknown, right: unknown): boolean {
  if (left instanceof Uint8Array && right instanceof Uint8Array) {
    return Buffer.compare(left, right) === 0;
  }
  return left === right;
}

function shown(cells: Cells, keys: number): string {
  return cells.slice(0, keys).map(show).join(", ");
}

function show(cell: unknown): string {
  if (cell instanceof Uint8Array) return Buffer.from(cell).toString("hex");
  const text = JSON.stringify(cell) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
