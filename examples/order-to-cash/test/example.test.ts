import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { makeOrders } from "../src/systems/orders.ts";
import type { Summary } from "../src/summary.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

// As Vitest sets it up for the programs of all tests.
const CONDITION = `--conditions=${process.env["HOLDFAST_TEST_CONDITION"] ?? "holdfast-source"}`;

// Settle times of 5 s pass for real, and a busy machine is slower than that.
vi.setConfig({ testTimeout: 120_000 });

const toRemove: string[] = [];
const running: ChildProcess[] = [];

afterEach(() => {
  // Its children end with it: their stdin closes.
  for (const child of running.splice(0)) child.kill("SIGKILL");
  for (const dir of toRemove.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function freshDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "holdfast-order-to-cash-"));
  toRemove.push(dir);
  return dir;
}

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly said: string }>;
  /** Resolves once it has said this. */
  hears(text: string): Promise<void>;
}

function start(...flags: readonly string[]): Started {
  const child = spawn(process.execPath, [CONDITION, MAIN, ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.push(child);
  let said = "";
  const waiting: { readonly text: string; readonly resolve: () => void }[] = [];
  const hear = (part: Buffer): void => {
    said += part.toString("utf8");
    for (const { text, resolve } of waiting) if (said.includes(text)) resolve();
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  return {
    child,
    ended: new Promise((resolve) => {
      child.once("close", (code) => {
        resolve({ code, said });
      });
    }),
    hears: async (text) =>
      new Promise((resolve) => {
        waiting.push({ text, resolve });
        if (said.includes(text)) resolve();
      }),
  };
}

function summaryIn(dir: string): Summary {
  // Written by our own report, as JSON of a Summary.
  return JSON.parse(readFileSync(join(dir, "summary.json"), "utf8")) as Summary;
}

describe("order-to-cash", () => {
  test("keeps every promise through faults and two kills", async () => {
    const dir = freshDir();
    const flags = ["--orders", "30", "--kills", "2", "--seed", "7", "--dir", dir];
    const said = expect.stringContaining("Every promise was kept");
    expect(await start(...flags).ended).toMatchObject({ code: 0, said });
    const summary = summaryIn(dir);
    const { orders, effects, kills } = summary;
    expect(summary.broken).toEqual([]);
    expect([summary.duplicated, summary.lost, summary.orphaned]).toEqual([[], [], []]);
    expect(kills).toEqual({ asked: 2, done: 2 });
    const arrivals = makeOrders({ count: 30, seed: 7 });
    expect(orders).toMatchObject({ arrived: arrivals.length, distinct: 30, accepted: 30 });
    expect(orders.duplicatesAbsorbed).toBe(
      arrivals.filter((arrival) => arrival.kind === "duplicate").length,
    );
    expect(Object.values(orders.malformedRefused)).toEqual([1]);
    expect(orders.completed + orders.cancelled + orders.rejected + orders.waiting).toBe(30);
    // With 30 orders some are plain in any case, and plain ones go through.
    expect(orders.completed).toBeGreaterThan(15);
    const countedWrong = effects.filter(
      ({ effect, expected, open, counted }) =>
        counted < expected || (counted > expected + open && effect !== "upsert-customer"),
    );
    expect(countedWrong).toEqual([]);
    const fired = Object.values(summary.faults).flatMap((kinds) => Object.values(kinds));
    expect(fired.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(10);
  });

  test("tells of an outage once, and no order is lost by it", async () => {
    const dir = freshDir();
    const flags = ["--orders", "20", "--outage", "erp:4s", "--seed", "7", "--dir", dir];
    const said = expect.stringContaining("Every promise was kept");
    expect(await start(...flags).ended).toMatchObject({ code: 0, said });
    const { incidents, broken, orders } = summaryIn(dir);
    expect(broken).toEqual([]);
    expect(orders.accepted).toBe(20);
    expect(incidents.map(({ integration }) => integration)).toEqual(["erp"]);
    const [incident] = incidents;
    expect((incident?.endedAtMs ?? 0) - (incident?.startedAtMs ?? 0)).toBeGreaterThan(2_000);
    expect(incident?.parkedCount).toBeGreaterThan(0);
  });

  test("keeps every promise on PostgreSQL, through faults and a kill", async () => {
    const dir = freshDir();
    const flags = ["--store", "postgres", "--orders", "12", "--kills", "1", "--seed", "5"];
    expect(await start(...flags, "--dir", dir).ended).toMatchObject({ code: 0 });
    const summary = summaryIn(dir);
    expect(summary.broken).toEqual([]);
    expect([summary.duplicated, summary.lost, summary.orphaned]).toEqual([[], [], []]);
    expect(summary.kills).toEqual({ asked: 1, done: 1 });
    expect(summary.orders.completed).toBeGreaterThan(3);
    // Nothing of it is in a file.
    expect(existsSync(join(dir, "holdfast.db"))).toBe(false);
  });

  test("keeps every promise with three workers on one store, and kills among all of them", async () => {
    const dir = freshDir();
    const flags = ["--store", "postgres", "--workers", "3", "--orders", "15", "--kills", "3"];
    expect(await start(...flags, "--seed", "6", "--dir", dir).ended).toMatchObject({ code: 0 });
    const summary = summaryIn(dir);
    expect(summary.broken).toEqual([]);
    expect([summary.duplicated, summary.lost, summary.orphaned]).toEqual([[], [], []]);
    expect(summary.kills).toEqual({ asked: 3, done: 3 });
    expect(summary.orders.completed).toBeGreaterThan(5);
  });

  test("finds and names the duplicate of a contract that the other side breaks", async () => {
    const dir = freshDir();
    const run = start("--broken-contract", "--orders", "4", "--seed", "3", "--dir", dir);
    const named = expect.stringMatching(/BROKEN CONTRACT {2}erp: create-invoice of ORD-3-/);
    expect(await run.ended).toMatchObject({ code: 0, said: named });
    const summary = summaryIn(dir);
    expect(summary.brokenContracts).toHaveLength(1);
    const [found] = summary.brokenContracts;
    expect(found).toMatchObject({ action: "create-invoice", rowCount: 2 });
    expect(found?.lateMs).toBeGreaterThan(5_000);
    expect(summary.duplicated.map((finding) => finding.orderId)).toEqual([found?.orderId]);
  });

  test("ends cleanly with Ctrl-C", async () => {
    const dir = freshDir();
    const run = start("--orders", "200", "--kills", "0", "--dir", dir);
    // The first line of progress comes when orders are under way.
    await run.hears(" in, ");
    run.child.kill("SIGINT");
    const said = expect.stringContaining("everything was stopped");
    expect(await run.ended).toMatchObject({ code: 130, said });
    expect(existsSync(join(dir, "summary.json"))).toBe(false);
  });

  test("refuses what it does not understand, and does nothing", async () => {
    const dir = freshDir();
    for (const [flags, why] of [
      [["--order", "3"], "--order"],
      [["--faults", "1.5"], 'expected a share from 0 to 1 for --faults, got "1.5"'],
      [["--kills", "-1"], "--kills"],
      [["--broken-contract", "--kills", "2"], "without --kills"],
      [["--store", "paper"], 'expected sqlite or postgres for --store, got "paper"'],
      [["--workers", "2"], "expected --store postgres for --workers 2"],
    ] as const) {
      const end = await start(...flags, "--dir", dir).ended;
      expect(end).toMatchObject({ code: 2, said: expect.stringContaining(why) });
      expect(end.said).toContain("usage: npm start");
    }
    expect(existsSync(join(dir, "holdfast.db"))).toBe(false);
  });

  test("does not empty a directory that is not its own", async () => {
    const dir = freshDir();
    writeFileSync(join(dir, "thesis.txt"), "three years");
    const end = await start("--orders", "1", "--dir", dir).ended;
    expect(end).toMatchObject({ code: 1, said: expect.stringContaining("thesis.txt") });
    expect(readFileSync(join(dir, "thesis.txt"), "utf8")).toBe("three years");
  });
});
