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

const ROWS_PER_STATEMENT = 16;
const ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const KEY = "k".repeat(44);
const NO_DIGEST = Buffer.alloc(16);

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
    const rows = count - index >= ROWS_PER_STATEMENT ? ROWS_PER_STATEMENT : 1;
    const bound = Array.from({ length: rows }, (_, row) => valuesOf(records, index + row)).flat();
    (rows === 1 ? one : many).run(...bound);
    index += rows;
  }
  database.exec("commit");
}

function valuesOf(records: RecordColumns, index: number) {
  lastPos += 1;
  const { run, seq, kind, attempt, name, atMs, head, data } = records;
  const numbers = [lastPos, run[index], seq[index], kind[index], attempt[index]] as number[];
  const texts = [name[index] ?? "", head[index] ?? null, data[index] ?? null] as const;
  const text = `${KEY}${numbers.join("|")}|${atMs[index] ?? 0}|${texts.join("|")}`;
  const digest = digests ? Buffer.from(hash("sha256", text, "hex").slice(0, 32), "hex") : NO_DIGEST;
  return [...numbers, texts[0], atMs[index] ?? 0, texts[1], texts[2], digest];
}
