/** SIGTERM: what is under way ends and is on record, nothing new begins, and the next start is clean. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteReader } from "holdfast/sqlite";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { Counterpart } from "./drain/counterpart.ts";
import { startProgram, type Program } from "./kill/programs.ts";

const ENGINE = new URL("drain/engine.ts", import.meta.url);
/** Longer than a test may take: an engine that waits for this has not drained. */
const FOREVER_MS = 600_000;
const TEST_MS_MAX = 60_000;
// Each test starts processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: TEST_MS_MAX, hookTimeout: TEST_MS_MAX });

let folder: string;
let store: string;
let counterpart: Counterpart;
let port: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-drain-"));
  store = join(folder, "engine.db");
  counterpart = new Counterpart();
  port = String(await counterpart.listen());
});

afterEach(async () => {
  await counterpart.close();
  rmSync(folder, { recursive: true, force: true });
});

/** @param listener - whether the app has a SIGTERM listener of its own, which says what it sees. */
function startEngine(
  drainMs: number,
  listener: "own" | "none",
  orders: readonly string[],
): Program {
  return startProgram(ENGINE, [store, port, String(drainMs), listener, ...orders]);
}

/** Starts an engine, and asks it to end as soon as it says that all orders have ended. */
async function runToTheEnd(orders: readonly string[]): Promise<readonly unknown[]> {
  const engine = startEngine(FOREVER_MS, "none", orders);
  const said: unknown[] = [];
  for await (const line of engine.lines) {
    said.push(line);
    if (z.object({ over: z.literal(true) }).safeParse(line).success) engine.kill("SIGTERM");
  }
  expect(await engine.ended).toEqual({ code: 0, signal: null, err: "" });
  return said;
}

/** Whether each engine but the first found that the one before had closed the store, oldest first. */
async function cleanStarts(): Promise<readonly boolean[]> {
  const incarnation = z.object({ closes: z.array(z.object({ clean: z.boolean() })) });
  return (await ownRecords("incarnation")).flatMap((head) =>
    incarnation.parse(head).closes.map(({ clean }) => clean),
  );
}

async function ownRecords(kind: string): Promise<readonly unknown[]> {
  const reader = await openSqliteReader({ path: store });
  try {
    const records = await reader.records(0, 0, 1_000);
    return records.filter((one) => one.kind === kind).map((one) => JSON.parse(one.head ?? "null"));
  } finally {
    await reader.close();
  }
}

async function effects(): Promise<readonly object[]> {
  const reader = await openSqliteReader({ path: store });
  try {
    const page = { afterRun: 0, limit: 100 };
    const runs = new Map((await reader.runs(page)).map(({ run, key }) => [run, key]));
    return (await reader.effects(page)).map(({ run, effect, proof, attempts }) => ({
      order: runs.get(run),
      effect,
      proof,
      attempts,
    }));
  } finally {
    await reader.close();
  }
}

describe("SIGTERM", () => {
  test("lets the attempt in flight end and be recorded, and starts nothing new", async () => {
    const engine = startEngine(FOREVER_MS, "own", ["a", "b", "c"]);
    const said: unknown[] = [];
    for await (const line of engine.lines) {
      said.push(line);
      if (z.object({ accepted: z.literal("c") }).safeParse(line).success) {
        await counterpart.firstReceived();
        engine.kill("SIGTERM");
      }
      // It is draining now, with one attempt outside: the answer may come.
      if (z.object({ refused: z.string() }).safeParse(line).success) counterpart.answerAll();
    }
    expect(await engine.ended).toEqual({ code: 0, signal: null, err: "" });
    expect(said.slice(-2)).toEqual([{ refused: "HF4201" }, { closed: true }]);
    expect(counterpart.received.map(({ what }) => what)).toEqual(["POST /charges/a"]);
    const surely = (await effects()).filter((one) => "proof" in one && one.proof !== "never");
    expect(surely).toEqual([{ order: "a", effect: "charge", proof: "surely", attempts: 1 }]);

    // The next one finds nobody suspect, and does the rest, each once.
    const next = await runToTheEnd(["a", "b", "c"]);
    expect(next).toContainEqual({ suspects: 0 });
    expect(await cleanStarts()).toEqual([true]);
    expect(await ownRecords("group")).toEqual([]);
    expect(counterpart.received.map(({ what }) => what).toSorted()).toEqual([
      "POST /charges/a",
      "POST /charges/b",
      "POST /charges/c",
      "PUT /profiles/a",
      "PUT /profiles/b",
      "PUT /profiles/c",
    ]);
  });

  test("waits for an attempt no longer than drainMs, and the next engine settles it", async () => {
    const engine = startEngine(50, "none", ["a"]);
    for await (const line of engine.lines) {
      if (!z.object({ accepted: z.literal("a") }).safeParse(line).success) continue;
      await counterpart.firstReceived();
      engine.kill("SIGTERM");
    }
    expect(await engine.ended).toEqual({ code: 0, signal: null, err: "" });
    expect(await cleanStarts()).toEqual([]);
    expect(await effects()).toMatchObject([{ order: "a", effect: "charge" }]);

    counterpart.answerAll();
    await runToTheEnd(["a"]);
    expect(await cleanStarts()).toEqual([true]);
    expect(counterpart.received.map(({ what }) => what)).toEqual([
      "POST /charges/a",
      "POST /charges/a",
      "PUT /profiles/a",
    ]);
    const [first, second] = counterpart.received;
    expect(first?.idempotencyKey).toMatch(/\w{16}/u);
    expect(second?.idempotencyKey).toBe(first?.idempotencyKey);
  });
});
