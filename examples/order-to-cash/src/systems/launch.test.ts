import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { startSystems, type LaunchOptions, type Systems } from "./launch.ts";
import { readLedger } from "./ledger.ts";
import { SYSTEM_NAMES, type SystemEnd } from "./system-process.ts";

// Each test starts processes, and a busy machine takes a second for one.
vi.setConfig({ testTimeout: 20_000 });

const toRemove: string[] = [];
const toStop: Systems[] = [];

afterEach(async () => {
  await Promise.all(toStop.splice(0).map(async (systems) => systems.stop()));
  for (const dir of toRemove.splice(0)) rmSync(dir, { recursive: true });
});

async function launch(options: Partial<LaunchOptions> = {}): Promise<Systems> {
  const dir = mkdtempSync(join(tmpdir(), "holdfast-launch-"));
  toRemove.push(dir);
  const systems = await startSystems({
    dir: join(dir, "made"),
    seed: 1,
    faults: 0,
    settleMs: 500,
    ...options,
  });
  toStop.push(systems);
  return systems;
}

async function createInvoice(port: number, orderId: string, timeoutMs = 5_000): Promise<string> {
  try {
    const response = await fetch(`http://127.0.0.1:${String(port)}/invoices`, {
      method: "POST",
      body: JSON.stringify({ orderId, customer: "Ada", cents: 100 }),
      signal: AbortSignal.timeout(timeoutMs),
      headers: { connection: "close" },
    });
    return String(response.status);
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
}

describe("startSystems", () => {
  test("starts four processes behind proxies, counts, and ends them cleanly", async () => {
    const systems = await launch();
    const pids = SYSTEM_NAMES.map((name) => systems.places[name].pid);
    expect(new Set(pids).size).toBe(4);
    expect(pids.every(isAlive)).toBe(true);
    expect(await createInvoice(systems.places.erp.port, "ORD-1")).toBe("200");
    expect(systems.counts().erp).toMatchObject({ decisions: 1, passed: 1 });
    expect(systems.counts().crm.decisions).toBe(0);
    const report = await systems.stop();
    expect(report).toMatchObject({ deaths: [], killed: [], counts: { erp: { passed: 1 } } });
    expect(pids.some(isAlive)).toBe(false);
    expect(readLedger(systems.places.erp.ledgerFile)).toHaveLength(1);
  });

  test("a late request is in the ledger once the systems have settled", async () => {
    const systems = await launch({ faults: 1, settleMs: 1_500, mixes: { erp: { late: 1 } } });
    const { port, ledgerFile } = systems.places.erp;
    expect(await createInvoice(port, "ORD-1", 50)).toBe("TimeoutError");
    expect(readLedger(ledgerFile)).toEqual([]);
    await systems.settled();
    expect(readLedger(ledgerFile)).toMatchObject([
      { businessKey: "ORD-1", action: "create-invoice" },
    ]);
  });

  test("the faults may be changed on the way", async () => {
    const systems = await launch({ mixes: { erp: { throttle: 1 } } });
    expect(await createInvoice(systems.places.erp.port, "ORD-1")).toBe("200");
    systems.setFaults(1);
    expect(await createInvoice(systems.places.erp.port, "ORD-2")).toBe("429");
    expect(readLedger(systems.places.erp.ledgerFile)).toHaveLength(1);
  });

  test("reports a system that died", async () => {
    const ends: SystemEnd[] = [];
    const systems = await launch({ onDeath: (end) => ends.push(end) });
    process.kill(systems.places.crm.pid, "SIGKILL");
    await expect.poll(() => ends).toMatchObject([{ name: "crm", signal: "SIGKILL" }]);
    const report = await systems.stop();
    expect(report.deaths).toMatchObject([{ name: "crm", signal: "SIGKILL" }]);
    expect(report.killed).toEqual([]);
  });

  test("too-late is for the systems whose contract may be broken, and for no other", async () => {
    const mixes = { erp: { "too-late": 1 } };
    await expect(launch({ mixes })).rejects.toThrow(/breakContract/);
    const systems = await launch({ mixes, breakContractOf: ["erp"], settleMs: 100, faults: 1 });
    await createInvoice(systems.places.erp.port, "ORD-1", 20);
    await systems.settled();
    expect(systems.counts().erp.faults["too-late"]).toBe(1);
    expect(readLedger(systems.places.erp.ledgerFile)).toHaveLength(1);
  });
});
