/**
 * A million runs in the store, most of them completed: how long the lists take that people ask for,
 * each from places all over the store, on a connection that has just been opened and on one in use.
 */
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { openPostgresReader } from "holdfast/postgres";
import { openSqliteReader } from "holdfast/sqlite";
import type { RecordColumns, Store } from "holdfast/testing";
import { quantile, type Figure } from "../figure.ts";
import { openOnPostgres, openStore } from "../stores/open-store.ts";

type Reader = Awaited<ReturnType<typeof openSqliteReader>>;

const RUNS = 1_000_000;
const OWNERS = 50;
const WORKFLOWS = 200;
const PAGE_ROWS = 50;
const RUNS_PER_FLUSH = 2000;
const EFFECT_EVERY = 4;
const WARM_READS = 200;
const COLD_READS = 40;
const START_MS = 1_800_000_000_000;

/** Numbers of RECORD_KINDS. */
const KIND = {
  started: 0,
  intent: 2,
  outcome: 3,
  asked: 9,
  state: 16,
  opened: 17,
  closed: 18,
  finished: 21,
} as const;

const CLASSES = [
  ["transient", "transient"],
  ["throttled", "transient"],
  ["contention", "transient"],
  ["unavailable", "transient"],
  ["permanent", "permanent"],
  ["misconfigured", "permanent"],
  ["defect", "permanent"],
  ["exhausted", "permanent"],
  ["data", "data"],
  ["policy", "policy"],
  ["expired", "policy"],
  ["ambiguous", "ambiguous"],
  ["poison", "permanent"],
  ["cancelled", "permanent"],
  ["interrupted", "ambiguous"],
] as const;

interface Asked {
  readonly list: string;
  readonly filter: string;
  readonly ask: (reader: Reader, at: { afterRun: number; limit: number }) => Promise<unknown>;
}

const LISTS: readonly Asked[] = [
  runs("none", {}),
  runs("state=completed", { states: ["completed"] }),
  runs("state=exception", { states: ["exception"] }),
  runs("state=waiting", { states: ["waiting"] }),
  runs("state=exception,stopped", { states: ["exception", "stopped"] }),
  runs("owner", { owner: "team-7" }),
  runs("workflow", { workflow: "flow-7" }),
  runs("key", { key: "order-777777" }),
  runs("state=exception owner", { states: ["exception"], owner: "team-7" }),
  runs("state=waiting owner", { states: ["waiting"], owner: "team-7" }),
  runs("state=completed owner", { states: ["completed"], owner: "team-7" }),
  runs("state=stopped workflow", { states: ["stopped"], workflow: "flow-7" }),
  runs("state=completed workflow", { states: ["completed"], workflow: "flow-7" }),
  runs("owner unknown", { owner: "nobody" }),
  exceptions("none", {}),
  exceptions("owner", { owner: "team-7" }),
  exceptions("class", { class: "data" }),
  exceptions("workflow", { workflow: "flow-7" }),
  exceptions("class owner", { class: "data", owner: "team-7" }),
  exceptions("all", { all: true }),
  exceptions("all owner", { all: true, owner: "team-7" }),
  exceptions("all class", { all: true, class: "data" }),
  effects("none", {}),
  effects("open", { open: true }),
  effects("name", { effect: "charge-8" }),
  effects("proof=maybe", { proof: "maybe" }),
  effects("proof=never", { proof: "never" }),
  reviews("none", {}),
  reviews("by", { by: "team-7" }),
  reviews("all by", { all: true, by: "team-7" }),
  { list: "issues", filter: "none", ask: (reader) => reader.issues("place", PAGE_ROWS) },
  { list: "counters", filter: "runs/flow-7/", ask: (reader) => reader.counters("runs/flow-7/") },
  { list: "counters", filter: "all", ask: (reader) => reader.counters("") },
];

export async function measureLists(
  folder: string,
  postgresUrl: string | null,
  report: (figure: Figure) => void,
): Promise<void> {
  const makeMs = await made(
    postgresUrl === null ? await openStore("sqlite", folder) : await openOnPostgres(postgresUrl),
  );
  const path = join(folder, "store.db");
  const open = () =>
    postgresUrl === null ? openSqliteReader({ path }) : openPostgresReader({ url: postgresUrl });
  const settings = { runs: RUNS, owners: OWNERS, workflows: WORKFLOWS };
  const whole = (metric: string, value: number, unit: string) =>
    report({ workload: "lists", metric, value, unit, settings });
  whole("make_s", makeMs / 1000, "s");
  whole("store_mb", (await sizeBytes(path, postgresUrl)) / 1e6, "MB");
  const warm = await open();
  for (const asked of LISTS) {
    const times = { cold: [] as number[], warm: [] as number[] };
    for (let read = 0; read < COLD_READS; read += 1) {
      const reader = await open();
      times.cold.push(await timed(reader, asked, read));
      await reader.close();
    }
    for (let read = 0; read < WARM_READS; read += 1) {
      times.warm.push(await timed(warm, asked, read));
    }
    for (const connection of ["cold", "warm"] as const) {
      const of = { list: asked.list, filter: asked.filter, connection, rows: PAGE_ROWS };
      for (const [metric, q] of [
        ["p50_ms", 0.5],
        ["p95_ms", 0.95],
      ] as const) {
        const value = quantile(times[connection], q);
        report({ workload: "lists", metric, value, unit: "ms", settings: of });
      }
    }
  }
  await warm.close();
}

/** From the beginning and from places that are spread over the store by the golden ratio. */
async function timed(reader: Reader, { ask }: Asked, read: number): Promise<number> {
  const afterRun = Math.floor(RUNS * ((read * 0.618_034) % 1));
  const startMs = performance.now();
  await ask(reader, { afterRun, limit: PAGE_ROWS });
  return performance.now() - startMs;
}

function runs(filter: string, query: Partial<Parameters<Reader["runs"]>[0]>): Asked {
  return { list: "runs", filter, ask: (reader, at) => reader.runs({ ...at, ...query }) };
}

function exceptions(filter: string, query: Partial<Parameters<Reader["exceptions"]>[0]>): Asked {
  return {
    list: "exceptions",
    filter,
    ask: (reader, at) => reader.exceptions({ ...at, ...query }),
  };
}

function effects(filter: string, query: Partial<Parameters<Reader["effects"]>[0]>): Asked {
  return { list: "effects", filter, ask: (reader, at) => reader.effects({ ...at, ...query }) };
}

function reviews(filter: string, query: Partial<Parameters<Reader["reviews"]>[0]>): Asked {
  return { list: "reviews", filter, ask: (reader, at) => reader.reviews({ ...at, ...query }) };
}

async function sizeBytes(path: string, postgresUrl: string | null): Promise<number> {
  if (postgresUrl === null) return statSync(path).size;
  const client = new Client({ connectionString: postgresUrl });
  await client.connect();
  const { rows } = await client.query("select pg_database_size(current_database())::text as size");
  await client.end();
  return Number((rows[0] as { size: string }).size);
}

/** Makes the runs and closes the store. Answers the milliseconds that it took. */
async function made(store: Store): Promise<number> {
  const startMs = performance.now();
  let number = 0;
  for (let first = 1; first <= RUNS; first += RUNS_PER_FLUSH) {
    const batch = new Batch();
    for (let run = first; run < first + RUNS_PER_FLUSH; run += 1) addRun(batch, run);
    number += 1;
    await store.flush({ number, atMs: START_MS + first, records: batch.columns, taken: [] });
  }
  await store.close();
  return performance.now() - startMs;
}

class Batch {
  readonly columns: RecordColumns = {
    run: [],
    seq: [],
    kind: [],
    attempt: [],
    name: [],
    atMs: [],
    head: [],
    data: [],
  };
  #run = 0;
  #seq = 0;

  begin(run: number): void {
    this.#run = run;
    this.#seq = 0;
  }

  /** Answers the number of the record within its run. */
  add(kind: keyof typeof KIND, head: object, name = ""): number {
    const { columns } = this;
    this.#seq += 1;
    columns.run.push(this.#run);
    columns.seq.push(this.#seq);
    columns.kind.push(KIND[kind]);
    columns.attempt.push(kind === "intent" || kind === "outcome" ? 1 : 0);
    columns.name.push(name);
    columns.atMs.push(START_MS + this.#run);
    columns.head.push(JSON.stringify(head));
    columns.data.push(null);
    return this.#seq;
  }
}

/** 95 of 100 are completed, 3 wait or sleep, one has failed, and one needs a person. */
function addRun(batch: Batch, run: number): void {
  const hash = createHash("sha256").update(String(run)).digest("hex");
  const chance = Number.parseInt(hash.slice(0, 6), 16);
  const of = Number.parseInt(hash.slice(6, 12), 16) % WORKFLOWS;
  const workflow = `flow-${of}`;
  const owner = `team-${of % OWNERS}`;
  batch.begin(run);
  batch.add("started", startedHead(run, hash, workflow, owner));
  const fate = chance % 100;
  if (run % EFFECT_EVERY === 0) addEffect(batch, run, fate);
  if (fate < 95) batch.add("finished", finished(workflow, "running", "completed"));
  else if (fate < 98) batch.add("state", moved(workflow, "waiting", run));
  else
    addTrouble(batch, fate, { chance: Number.parseInt(hash.slice(12, 18), 16), workflow, owner });
}

interface Trouble {
  readonly chance: number;
  readonly workflow: string;
  readonly owner: string;
}

function addTrouble(batch: Batch, fate: number, { chance, workflow, owner }: Trouble): void {
  const [failureClass, family] = CLASSES[chance % CLASSES.length] ?? CLASSES[0];
  const groups = [1, 2, 3].map((level) => `f${level}.1.${failureClass}/${workflow}`);
  const [cause, place, code] = groups;
  const record = { ...RECORD, fingerprints: { version: 1, cause, place, code, data: null } };
  const head = { workflow, owner, class: failureClass, family, record, titles: groups };
  if (fate === 99 && chance % 10 === 0) {
    const asked = { review: "large", by: owner, notBy: null, dueAtMs: null, digest: "d" };
    batch.add("asked", asked, "ask");
    batch.add("state", moved(workflow, "review", null));
    return;
  }
  const opened = batch.add("opened", { ...OPENED, ...head }, "step");
  batch.add("state", moved(workflow, "exception", null));
  if (fate === 99) return;
  const closes = { opened, resolution: "rejected", by: "anna", reason: "no", groups };
  batch.add("closed", { ...closes, class: failureClass });
  batch.add("finished", finished(workflow, "exception", "stopped"));
}

function addEffect(batch: Batch, run: number, fate: number): void {
  const effect = `charge-${run % 100}`;
  const intent = { effect, integration: "pay", contract: "keyed", key: `k-${run}`, generation: 1 };
  const asked = { ...intent, digest: "d".repeat(64), deadlineAtMs: START_MS + run, operation: 2 };
  batch.add("intent", asked, "charge");
  // What needs a person is mostly what is not known, or is known not to have happened.
  if (fate === 99) return;
  const proof = fate === 98 ? "never" : "surely";
  batch.add("outcome", { operation: 2, effect, proof, end: "value" }, "charge");
}

function startedHead(run: number, keyHash: string, workflow: string, owner: string): object {
  return {
    namespace: "main",
    workflow,
    key: `order-${run}`,
    keyHash,
    inputDigest: "a".repeat(32),
    generation: 1,
    version: "1",
    owner,
    lane: null,
    correlationId: `c-${run}`,
    startedBy: "api",
    parent: null,
    state: "running",
    reason: "it has just begun",
    deadlineAtMs: null,
  };
}

function moved(workflow: string, to: string, wakeAtMs: number | null): object {
  return { workflow, from: "running", to, reason: `it is ${to}`, wakeAtMs };
}

function finished(workflow: string, from: string, state: string): object {
  return { workflow, from, state, reason: "it is over", lane: null };
}

const RECORD = { ownership: { rule: "code", isFallback: false }, crossings: [] } as const;

const OPENED = {
  effect: "never",
  scope: "item",
  origin: "remote",
  reasonCode: "X",
  rule: "r",
  message: "The other system has refused it.",
  because: "it was refused",
  dueAtMs: START_MS,
} as const;
