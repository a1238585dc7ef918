import { copyFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { PROBE_SCHEDULE_MS } from "../../core/after-probe.ts";
import { CallFailed, type Attempt } from "../../workflow/attempt.ts";
import { effect } from "../../workflow/effect.ts";
import { cannotTell, done, notDone } from "../../workflow/seen.ts";
import { accept, putBackupBack, restore } from "./restored-store.test-support.ts";
import { ANSWER, testEffect, testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const asksAPerson = [{ class: "ambiguous", reasonCode: "STORE:RESTORED", step: "pay" }];

describe("what a repeat or a look-up would not tell of", () => {
  test("a keyed effect of a called run: the original's had another key", async () => {
    const bank = world.counterpart("bank", "keys");
    const pay = testEffect("keyed", bank, "pay");
    const child = testWorkflow("child", (input, run) => run.do(pay, input));
    const flow = testWorkflow("flow", async (input, run) => {
      await run.sleep("1h");
      return run.call(child, input);
    });
    await world.begin([flow, child]);
    await world.start(flow, { id: "1" });
    await restore(world, [flow, child], 2 * HOUR_MS);
    await world.advance(HOUR_MS);
    expect(bank.ledger).toHaveLength(1);
    expect(await world.exceptions()).toMatchObject(asksAPerson);
  });

  test("a look-up by key in a called run", async () => {
    const bank = world.counterpart("bank", "none");
    const pay = effect("pay", {
      on: testIntegration("bank"),
      repeat: "probeable",
      settle: "20s",
      timeout: "5s",
      input: z.object({ id: z.string() }),
      output: ANSWER,
      run: ({ id }, attempt) => bank.call("pay", id, attempt),
      probe: async (_input, attempt) =>
        bank.ledger.some((row) => row.key === attempt.key) ? done({ ref: "x" }) : notDone(),
    });
    const child = testWorkflow("child", (input, run) => run.do(pay, input));
    const flow = testWorkflow("flow", async (input, run) => {
      await run.sleep("1h");
      return run.call(child, input);
    });
    await world.begin([flow, child]);
    await world.start(flow, { id: "1" });
    await restore(world, [flow, child], 2 * HOUR_MS);
    await world.advance(2 * HOUR_MS);
    expect(bank.ledger).toHaveLength(1);
    expect(await world.exceptions()).toMatchObject(asksAPerson);
  });

  test("a reference that local work makes anew", async () => {
    const bank = world.counterpart("bank");
    const pay = testEffect("probeable", bank, "pay");
    let made = 0;
    const flow = testWorkflow("flow", async (_input, run) => {
      await run.sleep("1h");
      const id = await run.step("reference", () => {
        made += 1;
        return `ref-${String(made)}`;
      });
      return run.do(pay, { id });
    });
    await world.begin([flow]);
    await world.start(flow, { id: "1" });
    await restore(world, [flow], 2 * HOUR_MS);
    await world.advance(2 * HOUR_MS);
    expect([made, bank.ledger.length]).toEqual([2, 1]);
    expect(await world.exceptions()).toMatchObject(asksAPerson);
  });
});

/**
 * The first attempt is lost; the original's second is done 0.6 of settle after it left. Answers with how
 * often it was done in the end.
 */
async function resentLate(untilBackup: (looks: () => number) => Promise<void>): Promise<number> {
  const bank = world.counterpart("bank");
  const pay = testEffect("probeable", bank, "pay");
  const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
  bank.plan("pay", { kind: "lostAnswer", happened: false }, { kind: "late", afterMs: 12_000 });
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await untilBackup(() => bank.lookups.length);
  await putBackupBack(world, [flow], () =>
    world.until("sent again", () => bank.requests.length === 2),
  );
  await accept(world);
  await world.begin([flow]);
  expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
  await world.advance(60_000);
  return bank.ledger.length;
}

describe("a backup in the middle of looking up", () => {
  test("counts no look-up from before the restore, and settle from the restore", async () => {
    const once = await resentLate((looks) => world.until("one look", () => looks() === 1));
    expect(once).toBe(1);
  });

  test("asks a person only after as many look-ups as ever: those before the restore do not count", async () => {
    const bank = world.counterpart("bank");
    const pay = testEffect("probeable", bank, "pay");
    const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
    bank.plan("pay", { kind: "lostAnswer", happened: true });
    bank.lookupSays("pay", cannotTell("their archive is closed"));
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    const looksMax = PROBE_SCHEDULE_MS.length + 2;
    const before = looksMax - 2;
    await world.until("all look-ups but two", () => bank.lookups.length === before);
    await putBackupBack(world, [flow], () => Promise.resolve());
    await accept(world);
    await world.begin([flow]);
    await world.untilState(run, "exception");
    expect(bank.lookups.length - before).toBe(looksMax);
  });

  test("waits for what the original may have sent before its first look-up", async () => {
    expect(await resentLate(() => world.settle())).toBe(1);
  });
});

/** Keeps what came under a key, and answers 422 to anything else under it. */
function strictBank() {
  const kept = new Map<string, string>();
  const call = async (input: unknown, { key }: Attempt): Promise<{ ref: string }> => {
    const body = JSON.stringify(input);
    if ((kept.get(key) ?? body) !== body) throw keyReused();
    kept.set(key, body);
    return { ref: "r" };
  };
  const pay = effect("pay", {
    on: testIntegration("bank"),
    repeat: "keyed",
    keyWindow: "24h",
    timeout: "5s",
    input: z.object({ id: z.string(), at: z.string() }),
    output: ANSWER,
    run: call,
  });
  return { kept, pay };
}

describe("a refusal of a key that the original may have used for something else", () => {
  test("proves nothing, where the time was told anew", async () => {
    const { kept, pay } = strictBank();
    const flow = testWorkflow("flow", async ({ id }, run) => {
      await run.sleep("1h");
      return run.do(pay, { id, at: run.now("at").toISOString() });
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await restore(world, [flow], 2 * HOUR_MS);
    await world.untilState(run, "exception");
    expect(kept.size).toBe(1);
    expect((await world.effects(run))[0]).toMatchObject({ proof: "maybe", ended: false });
  });

  test("proves nothing, where another system was read anew", async () => {
    const { kept, pay } = strictBank();
    let price = 0;
    const read = effect("read-price", {
      on: testIntegration("shop"),
      repeat: "read",
      timeout: "5s",
      input: z.null(),
      output: z.string(),
      run: async () => {
        price += 1;
        return String(price);
      },
    });
    const flow = testWorkflow("flow", async ({ id }, run) => {
      await run.sleep("1h");
      return run.do(pay, { id, at: await run.do(read, null) });
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await restore(world, [flow], 2 * HOUR_MS);
    await world.untilState(run, "exception");
    expect(kept.size).toBe(1);
    expect((await world.effects(run))[0]).toMatchObject({ proof: "maybe", ended: false });
  });
});

test.each(["accepted twice", "restored again before an engine ran"])(
  "a key is not taken to be younger than it may be: %s",
  async (how) => {
    // By then the other system has forgotten the key.
    const bank = world.counterpart("bank", "none");
    const pay = testEffect("keyed", bank, "pay", { keyWindow: "2h" });
    const flow = testWorkflow("flow", async (input, run) => {
      await run.sleep("1h");
      return run.do(pay, input);
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await putBackupBack(world, [flow], () => world.advance(10 * HOUR_MS));
    await accept(world);
    if (how !== "accepted twice") {
      copyFileSync(world.path, `${world.path}.again`);
      copyFileSync(`${world.path}.again`, world.path);
    }
    await accept(world);
    await world.begin([flow]);
    await world.untilState(run, "exception");
    expect(bank.requests).toHaveLength(1);
  },
);

test("a key is as old as the oldest restore that its run has gone through", async () => {
  const bank = world.counterpart("bank", "none");
  const pay = testEffect("keyed", bank, "pay", { keyWindow: "2h" });
  const lane = { lane: () => "one" };
  const first = testWorkflow("first", (_input, run) => run.sleep("100h"), lane);
  const second = testWorkflow("second", (input, run) => run.do(pay, input), lane);
  const other = testWorkflow("other", (input) => Promise.resolve(input));
  const all = [first, second, other];
  await world.begin(all);
  const before = await world.start(first, { id: "1" });
  const run = await world.start(second, { id: "2" });
  const letGo = () => world.engine.commands.cancel(before, "bo", "makes room");
  await putBackupBack(world, all, async () => {
    await letGo();
    await world.until("paid", () => bank.requests.length === 1);
    await world.advance(10 * HOUR_MS);
  });
  await accept(world);
  // An engine has done something else, and is restored in its turn.
  await world.begin(all);
  await world.start(other, { id: "3" });
  await world.settle();
  await putBackupBack(world, all, () => world.advance(1));
  await accept(world);
  await world.begin(all);
  await letGo();
  await world.untilState(run, "exception");
  expect(bank.requests).toHaveLength(1);
});

/** IETF idempotency-key draft: 422 for a key that is used again with another payload. */
function keyReused(): CallFailed {
  return new CallFailed({
    message: "key reused with another payload",
    evidence: { phase: "answered", status: 422, callCount: 1 },
    table: {
      says: { class: "data", effect: "never", origin: "remote", reasonCode: "HTTP:422" },
      rule: { source: "table", id: "http/422", version: 1 },
    },
  });
}
