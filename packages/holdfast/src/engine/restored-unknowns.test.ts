import { copyFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { acceptStore } from "../store-sqlite/index.ts";
import { effect } from "../workflow/effect.ts";
import type { AnyWorkflow } from "../workflow/workflow.ts";
import { CallFailed, type Attempt } from "../workflow/attempt.ts";
import { ANSWER, testEffect, testIntegration, testWorkflow } from "./test-effects.test-support.ts";
import { TestWorld } from "./test-world.test-support.ts";

const HOUR_MS = 3_600_000;
let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

async function accept() {
  await acceptStore({
    path: world.path,
    reason: "disk lost",
    by: "ana",
    nowMs: () => world.clock.nowMs(),
  });
}

async function restored(workflows: readonly AnyWorkflow[], lostMs: number): Promise<void> {
  await world.close();
  const backup = `${world.path}.backup`;
  copyFileSync(world.path, backup);
  await world.begin(workflows);
  await world.advance(lostMs);
  await world.close();
  copyFileSync(backup, world.path);
  await accept();
  await world.begin(workflows);
}

describe("R1 child of a restored run", () => {
  test("a keyed effect in a called run is not sent under another key", async () => {
    const bank = world.counterpart("bank", "keys");
    const pay = testEffect("keyed", bank, "pay");
    const child = testWorkflow("child", (input, run) => run.do(pay, input));
    const flow = testWorkflow("flow", async (input, run) => {
      await run.sleep("1h");
      return run.call(child, input);
    });
    await world.begin([flow, child]);
    const run = await world.start(flow, { id: "1" });
    await restored([flow, child], 2 * HOUR_MS);
    await world.untilState(run, "completed", "exception", "waiting");
    await world.advance(HOUR_MS);
    expect(bank.ledger).toHaveLength(1);
  });
  test("a probe of a called run that looks by key", async () => {
    const bank = world.counterpart("bank", "none");
    const pay = effect("pay", {
      on: testIntegration("bank"),
      repeat: "probeable",
      settle: "20s",
      timeout: "5s",
      input: z.object({ id: z.string() }),
      output: ANSWER,
      run: (input: { id: string }, attempt: Attempt) => bank.call("pay", input.id, attempt),
      probe: (_input: unknown, attempt: Attempt) => {
        const row = bank.ledger.find((one) => one.key === attempt.key);
        return Promise.resolve(
          row === undefined
            ? { seen: "notDone" as const }
            : { seen: "done" as const, value: { ref: "x" } },
        );
      },
    } as never);
    const child = testWorkflow("child", (input, run) => run.do(pay, input));
    const flow = testWorkflow("flow", async (input, run) => {
      await run.sleep("1h");
      return run.call(child, input);
    });
    await world.begin([flow, child]);
    await world.start(flow, { id: "1" });
    await restored([flow, child], 2 * HOUR_MS);
    await world.advance(2 * HOUR_MS);
    expect(bank.ledger).toHaveLength(1);
  });
});

describe("R2 a backup in the middle of looking up", () => {
  test("between the two look-ups: the original sends again late, the restored one is not to send", async () => {
    const bank = world.counterpart("bank");
    const pay = testEffect("probeable", bank, "pay");
    const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
    // 1st attempt lost; 2nd (original) is lost and done 0.6 settle later.
    bank.plan("pay", { kind: "lostAnswer", happened: false }, { kind: "late", afterMs: 12_000 });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.until("one look", () => bank.lookups.length === 1);
    await world.close();
    const backup = `${world.path}.backup`;
    copyFileSync(world.path, backup);
    await world.begin([flow]);
    // second look, then attempt 2 leaves
    await world.until("sent again", () => bank.requests.length === 2);
    await world.close();
    copyFileSync(backup, world.path);
    await accept();
    await world.begin([flow]);
    await world.until("end", async () =>
      ["completed", "exception"].includes(await world.stateOf(run)),
    );
    await world.advance(60_000);
    expect(bank.ledger).toHaveLength(1);
  });
  test("with an attempt in flight: original resent late", async () => {
    const bank = world.counterpart("bank");
    const pay = testEffect("probeable", bank, "pay");
    const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
    bank.plan("pay", { kind: "lostAnswer", happened: false }, { kind: "late", afterMs: 12_000 });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    await world.close();
    const backup = `${world.path}.backup`;
    copyFileSync(world.path, backup);
    await world.begin([flow]);
    await world.until("sent again", () => bank.requests.length === 2);
    await world.close();
    copyFileSync(backup, world.path);
    await accept();
    await world.begin([flow]);
    await world.until("end", async () =>
      ["completed", "exception"].includes(await world.stateOf(run)),
    );
    await world.advance(60_000);
    expect(bank.ledger).toHaveLength(1);
  });
});

describe("R3 a 422 under a live key after a restore", () => {
  test("may mean that the original used the key with another payload", async () => {
    const done: { key: string; body: string }[] = [];
    const pay = effect("pay", {
      on: testIntegration("bank"),
      repeat: "keyed",
      keyWindow: "24h",
      settle: "20s",
      timeout: "5s",
      input: z.object({ id: z.string(), at: z.string() }),
      output: ANSWER,
      run: (input: { id: string; at: string }, attempt: { key: string }) => {
        const known = done.find((one) => one.key === attempt.key);
        const body = JSON.stringify(input);
        if (known === undefined) {
          done.push({ key: attempt.key, body });
          return Promise.resolve({ ref: "r" });
        }
        if (known.body === body) return Promise.resolve({ ref: "r" });
        // IETF idempotency-key draft: 422 for a key that is used again with another payload.
        return Promise.reject(
          new CallFailed({
            message: "key reused with another payload",
            evidence: { phase: "answered", status: 422, callCount: 1 },
            table: {
              says: { class: "data", effect: "never", origin: "remote", reasonCode: "HTTP:422" },
              rule: { source: "table", id: "http/422", version: 1 },
            },
          } as never),
        );
      },
    } as never);
    const flow = testWorkflow("flow", async (input, run) => {
      await run.sleep("1h");
      const at = run.now("at");
      return run.do(pay, { id: input.id, at: at.toISOString() });
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await restored([flow], 2 * HOUR_MS);
    await world.untilState(run, "completed", "exception");
    const effects = await world.effects(run);
    expect(done).toHaveLength(1);
    // It was done. The store must not say that it is proven not to have been.
    expect(effects[0]?.proof).not.toBe("never");
  });
});
