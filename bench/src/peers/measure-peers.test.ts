import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Figure } from "../figure.ts";
import { measurePeers, type PeersRun } from "./measure-peers.ts";
import { PRODUCTS, type Group, type Product } from "./rivals.ts";
import { PartyProcess } from "./start-party.ts";

const NODE_OPTIONS = ["--conditions=holdfast-source", "--disable-warning=ExperimentalWarning"];

/** What a product is like that keeps nothing, and whose runs go on at once. */
const EAGER = `export const open = async ({ step, steps }) => ({
  start: async (id) => { for (let i = 0; i < steps; i += 1) step(id, i); },
  end: () => new Promise((resolve) => setImmediate(resolve)),
  close: async () => undefined,
});`;
const BROKEN = `export const open = async () => { throw new Error("no licence"); };`;
/** Works until it has done a hundred runs. */
const WEARY = EAGER.replace(
  "end: () =>",
  "end: (_, n = globalThis.n = (globalThis.n ?? 0) + 1) => n > 100 ? Promise.reject(new Error('worn out')) :",
);

let folder: string;
let figures: Figure[];
let missed: string[];
let progress: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-peers-"));
  // The user who runs PostgreSQL for root has to pass through.
  chmodSync(folder, 0o755);
  [figures, missed, progress] = [[], [], []];
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function oursOn(group: Group): Product {
  const found = PRODUCTS.find((product) => product.group === group);
  if (found === undefined) throw new Error(`nothing is measured on ${group}`);
  return found;
}

function rival(name: string, code: string): Product {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, code);
  const settings = { concurrency: 4, inFlight: 4, timesMin: 30 };
  return { ...oursOn("embedded"), ...settings, name, adapter: pathToFileURL(path).href };
}

async function measure(over: Partial<PeersRun>): Promise<void> {
  const data = join(folder, "data");
  mkdirSync(data);
  await measurePeers({
    folder: data,
    pace: { rounds: 2, settleMs: 20, sliceMs: 200 },
    budgetMs: 60_000,
    workloads: ["peers-embedded-throughput", "peers-embedded-latency"],
    execArgv: NODE_OPTIONS,
    report: (figure) => figures.push(figure),
    missed: (because) => missed.push(because),
    progress: (line) => progress.push(line),
    ...over,
  });
}

function of(peer: string, workload: string): string[] {
  return figures
    .filter((figure) => figure.settings["peer"] === peer && figure.workload === workload)
    .map(({ metric }) => metric);
}

test("measures ours and a rival in turns, each in a process of its own", async () => {
  await measure({ products: [oursOn("embedded"), rival("eager", EAGER)] });
  expect(missed).toEqual([]);
  const turns = progress.filter((line) => line.startsWith("peers-embedded-throughput"));
  expect(turns.map((line) => line.split(": ")[1])).toEqual([
    "holdfast",
    "eager",
    "holdfast",
    "eager",
  ]);
  for (const peer of ["holdfast", "eager"]) {
    expect(of(peer, "peers-embedded-throughput")).toEqual([
      "steps_per_s",
      "cpu_s_per_1000_steps",
      "peak_memory_mb",
    ]);
    expect(of(peer, "peers-embedded-latency")).toEqual([
      "cpu_s_per_1000_steps",
      "peak_memory_mb",
      "p50_ms",
      "last_step_p50_ms",
    ]);
  }
  for (const { value } of figures) expect(value).toBeGreaterThanOrEqual(0);
});

test("asks the database how many commits and statements a step has cost", async () => {
  await measure({ products: [oursOn("postgres")], workloads: ["peers-postgres-throughput"] });
  expect(missed).toEqual([]);
  expect(of("holdfast", "peers-postgres-throughput")).toContain("commits_per_step");
  const statements = figures.find(({ metric }) => metric === "statements_per_step");
  expect(statements?.value).toBeGreaterThan(0);
});

test("goes on without a rival that does not come up or breaks down, and says why", async () => {
  const products = [rival("broken", BROKEN), rival("weary", WEARY), rival("eager", EAGER)];
  await measure({ products, workloads: ["peers-embedded-throughput"] });
  expect(missed).toHaveLength(2);
  expect(missed[0]).toMatch(/^broken: .*Error: no licence/su);
  expect(missed[1]).toMatch(/^weary: Error: worn out/u);
  expect(of("weary", "peers-embedded-throughput")).toEqual([]);
  expect(of("eager", "peers-embedded-throughput")).not.toEqual([]);
});

test("begins no slice that the whole has no time for", async () => {
  const pace = { rounds: 1, settleMs: 20, sliceMs: 120_000 };
  await measure({ products: [rival("eager", EAGER)], pace });
  expect(figures).toEqual([]);
  expect(missed[0]).toBe("eager: no time left for round 1 of peers-embedded-latency");
});

test("starts nobody when the time is up", async () => {
  await measure({ products: [rival("eager", EAGER)], budgetMs: -1 });
  expect(missed).toEqual(["eager on embedded: no time left to start it"]);
});

test("waits for no answer when the time is up", async () => {
  const { adapter, concurrency } = rival("eager", EAGER);
  const settings = { adapter, folder, concurrency };
  const bounds = { endMs: performance.now(), execArgv: NODE_OPTIONS };
  await expect(PartyProcess.start("eager", settings, bounds)).rejects.toThrow(
    'eager: no answer to "open" in 0.0 s',
  );
});
