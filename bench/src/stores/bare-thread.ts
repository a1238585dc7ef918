/**
 * The thread of the bare journal: the embedded store's journal table, index and pragmas, its
 * records and one commit per flush; of its seals only what is asked for, and none of its
 * projections. What it costs less than the embedded store is what those cost.
 */
import { hash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { RecordColumns } from "holdfast/testing";
import type { ThreadRequest } from "./thread-store.ts";

export interface BareSettings {
  readonly path: string;
  readonly digests: boolean;
}

type Bound = null | number | string | Uint8Array;

const ROWS_PER_STATEMENT = 16;
const COLUMNS = 10;
const DIGEST_BYTES = 16;
const ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const KEY = "k".repeat(44);
const NO_DIGEST = Buffer.alloc(DIGEST_BYTES);

// Set by `bareStore`.
const { path, digests } = workerData as BareSettings;
const database = new DatabaseSync(path);
database.exec(`pragma journal_mode = wal; pragma synchronous = full;
  pragma wal_autocheckpoint = 4000;
  create table journal (pos integer primary key, run integer not null, seq integer not null,
    kind integer not null, attempt integer not null, name text not null, at_ms integer not null,
    head text, data text, digest blob not null) strict;
  create unique index journal_run on journal (run, seq)`);
const one = database.prepare(`insert into journal values ${ROW}`);
const many = database.prepare(
  `insert into journal values ${Array.from({ length: ROWS_PER_STATEMENT }, () => ROW).join(", ")}`,
);
const boundOne: Bound[] = Array.from({ length: COLUMNS }, () => null);
const boundMany: Bound[] = Array.from({ length: COLUMNS * ROWS_PER_STATEMENT }, () => null);
let lastPos = 0;

const port = parentPort;
port?.on("message", (request: ThreadRequest) => {
  if (request.verb === "flush") write(request.batch.records);
  port?.postMessage(request.id);
});

function write(records: RecordColumns): void {
  const count = records.run.length;
  database.exec("begin immediate");
  let index = 0;
  while (index < count) {
    const isMany = count - index >= ROWS_PER_STATEMENT;
    const bound = isMany ? boundMany : boundOne;
    const rows = isMany ? ROWS_PER_STATEMENT : 1;
    for (let row = 0; row < rows; row += 1) bind(bound, row * COLUMNS, records, index + row);
    (isMany ? many : one).run(...bound);
    index += rows;
  }
  database.exec("commit");
}

function bind(bound: Bound[], at: number, records: RecordColumns, index: number): void {
  lastPos += 1;
  const { run, seq, kind, attempt, name, atMs, head, data } = records;
  bound[at] = lastPos;
  bound[at + 1] = run[index] ?? 0;
  bound[at + 2] = seq[index] ?? 0;
  bound[at + 3] = kind[index] ?? 0;
  bound[at + 4] = attempt[index] ?? 0;
  bound[at + 5] = name[index] ?? "";
  bound[at + 6] = atMs[index] ?? 0;
  bound[at + 7] = head[index] ?? null;
  bound[at + 8] = data[index] ?? null;
  bound[at + 9] = digests ? digestOf(bound, at) : NO_DIGEST;
}

/** What the embedded store hashes of a record, near enough to cost the same. */
function digestOf(bound: readonly Bound[], at: number): Buffer {
  const text = `${KEY}${bound.slice(at, at + COLUMNS - 1).join("|")}`;
  const digest = Buffer.allocUnsafe(DIGEST_BYTES);
  digest.write(hash("sha256", text, "binary"), 0, DIGEST_BYTES, "latin1");
  return digest;
}
