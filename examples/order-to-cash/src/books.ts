/** What Holdfast says of every order, read from its store, and what the other systems have executed. */
import { join } from "node:path";
import { openAuditLog } from "./audit-log.ts";
import { AUDIT_FILE } from "./places.ts";
import type { EffectRow, ExceptionRow, ReviewRow, RunRow, StoreReader } from "./store-reader.ts";
import type { RecordedEffect } from "./systems/judge.ts";
import { readLedger, type LedgerRow } from "./systems/ledger.ts";
import type { SystemPlace } from "./systems/launch.ts";
import { allOf } from "./watch.ts";

/** One order as Holdfast has it on record. */
export interface OrderBook {
  readonly orderId: string;
  readonly run: RunRow;
  /** By effect name, all operations of the order together. */
  readonly effects: Readonly<Record<string, RecordedEffect>>;
  readonly operations: readonly EffectRow[];
  /** Open ones only. */
  readonly exceptions: readonly ExceptionRow[];
  readonly reviews: readonly ReviewRow[];
}

/** What is judged. */
export interface JudgedBooks {
  readonly orders: readonly OrderBook[];
  /** One row for each effect that another system, or our own audit log, really has. */
  readonly ledger: readonly LedgerRow[];
}

export interface Books extends JudgedBooks {
  /** Outages as Holdfast tells people of them, oldest first. */
  readonly incidents: readonly Incident[];
}

export interface Incident {
  readonly integration: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
  /** Orders that waited when it answered again. */
  readonly parkedCount: number | null;
  readonly drainedAtMs: number | null;
}

export async function readBooks(
  reader: StoreReader,
  dir: string,
  places: Readonly<Record<string, SystemPlace>>,
): Promise<Books> {
  const runs = await allOf((page) => reader.runs(page));
  const effects = byRun(await allOf((page) => reader.effects(page)));
  const exceptions = byRun(await allOf((page) => reader.exceptions(page)));
  const reviews = byRun(await allOf((page) => reader.reviews(page)));
  const orders = runs.map((run) => {
    const operations = effects.get(run.run) ?? [];
    return {
      orderId: run.key,
      run,
      effects: recorded(operations),
      operations,
      exceptions: exceptions.get(run.run) ?? [],
      reviews: reviews.get(run.run) ?? [],
    };
  });
  const ledger = Object.values(places).flatMap((place) => readLedger(place.ledgerFile));
  const incidents = await incidentsOf(reader);
  return { orders, ledger: [...ledger, ...auditRows(dir)], incidents };
}

/** Records of the store itself, of which nobody's run is. */
const STORE_RUN = 0;
const STORE_RECORDS_MAX = 100_000;

/** By the newest that is on record of each. */
async function incidentsOf(reader: StoreReader): Promise<Incident[]> {
  const incidents = new Map<string, Incident>();
  for (const { kind, head } of await reader.records(STORE_RUN, 0, STORE_RECORDS_MAX)) {
    if (kind !== "dependency" || head === null) continue;
    // As Holdfast writes it.
    const { integration, incident } = JSON.parse(head) as {
      readonly integration: string;
      readonly incident?: Omit<Incident, "integration">;
    };
    if (incident === undefined) continue;
    incidents.set(`${integration} ${String(incident.startedAtMs)}`, { integration, ...incident });
  }
  return [...incidents.values()];
}

function auditRows(dir: string): LedgerRow[] {
  const log = openAuditLog(join(dir, AUDIT_FILE));
  try {
    return log.entries().map(({ orderId, cents, atMs }) => ({
      businessKey: orderId,
      action: "write-audit",
      amountCents: cents,
      idempotencyKey: null,
      atMs,
    }));
  } finally {
    log.close();
  }
}

function byRun<Row extends { readonly run: number }>(rows: readonly Row[]): Map<number, Row[]> {
  const lists = new Map<number, Row[]>();
  for (const row of rows) {
    const list = lists.get(row.run) ?? [];
    list.push(row);
    lists.set(row.run, list);
  }
  return lists;
}

/** Where an order did the same twice, under two names, the surer statement counts. */
const SUREST_FIRST: readonly RecordedEffect[] = ["done", "open", "not-done"];

function recorded(operations: readonly EffectRow[]): Record<string, RecordedEffect> {
  const effects: Record<string, RecordedEffect> = {};
  for (const operation of operations) {
    const before = effects[operation.effect];
    const both = before === undefined ? [stateOf(operation)] : [before, stateOf(operation)];
    effects[operation.effect] = SUREST_FIRST.find((state) => both.includes(state)) ?? "none";
  }
  return effects;
}

function stateOf({ proof }: EffectRow): RecordedEffect {
  switch (proof) {
    case "surely":
      return "done";
    case "maybe":
    case "partial":
      return "open";
    case "never":
      return "not-done";
  }
}
