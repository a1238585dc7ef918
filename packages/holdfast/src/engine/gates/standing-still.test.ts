import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Counterpart } from "../counterpart.test-support.ts";
import { effect } from "../../workflow/effect.ts";
import { pending } from "../../workflow/seen.ts";
import { Deferred } from "../run/deferred.ts";
import {
  ANSWER,
  integrationOf,
  REFERENCE,
  testEffect,
  testWorkflow,
} from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

let world: TestWorld;
let shop: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  shop = world.counterpart("shop", "keys");
});
afterEach(() => world.remove());

const openOnes = async (run: number) =>
  (await world.exceptions(run)).filter((exception) => exception.closedAtMs === null);

describe("a run that stands still and is taken back", () => {
  test("while an attempt is out has what waits beside that settled as well", async () => {
    const wire = testEffect("keyed", shop, "wire", { timeout: "50m", undo: "call" });
    const mail = testEffect("probeable", shop, "mail", { settle: "90m", undo: "none" });
    shop.plan("wire", { kind: "slow", takesMs: 40 * MINUTE_MS });
    shop.plan("mail", { kind: "lostAnswer", happened: true });
    const flow = testWorkflow(
      "flow",
      async (input, r) => {
        await r.sleep("5m");
        await Promise.all([r.do(wire, input), r.do(mail, input)]);
      },
      { deadline: "1h" },
    );
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.advance(30 * MINUTE_MS);
    world.clock.setMs(world.clock.nowMs() + 35 * MINUTE_MS);
    await world.untilState(run, "exception");
    expect(world.engine.live.has(run)).toBe(true);
    await world.engine.commands.cancel(run, "ana", "too late");
    await world.untilState(run, "cancelled");
    expect((await world.effects(run)).map(({ proof }) => proof)).not.toContain("maybe");
    expect(await openOnes(run)).toEqual([]);
  });

  test("by its deadline has what its journal leaves open settled first", async () => {
    const mail = testEffect("probeable", shop, "mail", { settle: "90m" });
    shop.plan("mail", { kind: "lostAnswer", happened: true });
    const version = (isMended: boolean) =>
      testWorkflow(
        "flow",
        async (input, r) => {
          const sent = r.do(mail, input);
          await r.sleep("5m");
          if (!isMended) throw new Error("broken");
          await sent;
        },
        { deadline: "1h", onLate: "stop" },
      );
    const broken = version(false);
    await world.begin([broken]);
    const run = await world.start(broken, { id: "1" });
    await world.untilState(run, "held");
    await world.close();
    await world.begin([version(true)]);
    // Somebody looks at it while its deadline passes: it is late before it can leave memory.
    const unpin = (await world.engine.wakes.reach(run))?.pin();
    await world.settle();
    world.clock.setMs(world.clock.nowMs() + HOUR_MS);
    unpin?.();
    await world.untilState(run, "stopped");
    expect((await world.effects(run)).map(({ proof }) => proof)).toEqual(["surely"]);
  });
});

/** Its deadline passes by a jump of the clock; an attempt of it is out until then. */
async function isLate(run: number): Promise<void> {
  world.clock.setMs(world.clock.nowMs() + 65 * MINUTE_MS);
  await world.until("late", () => world.engine.live.get(run)?.ending.isFrozen === true);
}

describe("a run that stands still while it waits for room", () => {
  const loops = testWorkflow("loops", async (_input, run) => {
    for (let n = 0; n < 60; n += 1) await run.step("s", () => n, { as: String(n) });
  });
  const limits = { bufferedRecordsMax: 100, intakeShare: 1 };

  /** The store stops writing, and the buffer is full. The answer lets it write. */
  async function fill(): Promise<() => Promise<unknown>> {
    world.life.watched.hold();
    const starts = ["a", "b"].map((id) => world.engine.startRun(loops, { id }));
    await world.settle();
    expect(world.engine.committer.backlog.isFull).toBe(true);
    return () => {
      world.life.watched.release();
      return Promise.all(starts);
    };
  }

  test("begins no step when there is room, neither now nor when it is cancelled", async () => {
    const slow = testEffect("read", shop, "slow", { timeout: "50m" });
    const mail = testEffect("probeable", shop, "mail", { settle: "90m" });
    shop.plan("slow", { kind: "slow", takesMs: 40 * MINUTE_MS });
    shop.plan("mail", { kind: "lostAnswer", happened: true });
    const child = testWorkflow("child", (_input, r) => r.step("s", () => 1));
    const wanted = new Deferred<void>();
    const flow = testWorkflow(
      "flow",
      async (input, r) => {
        const call = wanted.promise.then(() => r.call(child, input));
        await Promise.all([r.do(slow, input), r.do(mail, input), call]);
      },
      { deadline: "1h" },
    );
    await world.begin([child, flow, loops], { limits });
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    const empty = await fill();
    wanted.resolve();
    await world.settle();
    await isLate(run);
    await empty();
    await world.settle();
    expect(world.engine.live.has(run)).toBe(true);
    await world.engine.commands.cancel(run, "ana", "too late");
    await world.advance(MINUTE_MS);
    // The look-up is far away, and nothing else holds the run in memory.
    expect(await world.stateOf(run)).toBe("cancelling");
    expect(world.engine.live.has(run)).toBe(false);
    await world.untilState(run, "cancelled");
    expect((await world.records(run)).map(({ kind }) => kind)).not.toContain("called");
    expect((await world.allRuns()).map(({ workflow }) => workflow)).not.toContain("child");
  });

  test("sends no attempt when there is room; its run leaves memory instead", async () => {
    const look = testEffect("read", shop, "look");
    shop.plan("look", { kind: "throttled", afterMs: 900 });
    const flow = testWorkflow("flow", (input, r) => r.do(look, input), { deadline: "1h" });
    await world.begin([flow, loops], { limits });
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    expect(shop.requestsOf("look")).toHaveLength(1);
    const empty = await fill();
    await world.advance(950);
    await isLate(run);
    await empty();
    await world.settle();
    expect(shop.requestsOf("look")).toHaveLength(1);
    expect(await world.stateOf(run)).toBe("exception");
    expect(world.engine.live.has(run)).toBe(false);
    await world.engine.commands.resume(run, null, "ana", "late is fine");
    await world.untilState(run, "completed");
    expect(shop.requestsOf("look")).toHaveLength(2);
  });
});

/** Accepted, and not answered when the deadline of its run has passed. */
async function acceptedAndLate(): Promise<number> {
  const transfer = effect("transfer", {
    on: integrationOf(shop),
    repeat: "keyed",
    keyWindow: "24h",
    timeout: "5s",
    input: REFERENCE,
    output: ANSWER,
    run: async (input, attempt) => {
      await shop.call("transfer", input.id, attempt);
      return pending({ ref: `tx-${input.id}`, within: "9h" });
    },
  });
  const flow = testWorkflow(
    "flow",
    async (input, r) => {
      const answer = await r.do(transfer, input);
      return r.step("after", () => answer.ref);
    },
    { deadline: "1h" },
  );
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.advance(2 * HOUR_MS);
  expect(await world.stateOf(run)).toBe("exception");
  expect(world.engine.live.has(run)).toBe(false);
  return run;
}

const complete = (outcome: Parameters<typeof world.engine.commands.complete>[2]) =>
  world.engine.commands.complete("shop", "tx-1", outcome);
const kinds = async (run: number) => (await world.records(run)).map(({ kind }) => kind);

describe("what an accepted request of a run that stands still came to", () => {
  test("is taken, and its run goes on from there once its owner lets it", async () => {
    const run = await acceptedAndLate();
    await complete({ ok: true, value: { ref: "done" } });
    await world.advance(HOUR_MS);
    expect(await world.stateOf(run)).toBe("exception");
    expect(await kinds(run)).not.toContain("result");
    expect(world.engine.live.has(run)).toBe(false);
    await world.engine.commands.resume(run, null, "ana", "late is fine");
    expect(await world.resultOf(run)).toBe("done");
    expect(shop.requestsOf("transfer")).toHaveLength(1);
  });

  test("is known when its run is taken back instead", async () => {
    const run = await acceptedAndLate();
    await complete({ ok: true, value: { ref: "done" } });
    await world.engine.commands.cancel(run, "ana", "too late");
    await world.untilState(run, "cancelled");
    expect(await world.effects(run)).toMatchObject([{ proof: "surely" }]);
  });

  test("may be a no, and is still asked for where the run is taken back before it comes", async () => {
    const run = await acceptedAndLate();
    await world.engine.commands.cancel(run, "ana", "too late");
    await world.advance(HOUR_MS);
    expect(await world.stateOf(run)).toBe("cancelling");
    await complete({ ok: false, message: "no" });
    await world.untilState(run, "cancelled");
    expect(await world.effects(run)).toMatchObject([{ proof: "never" }]);
  });
});
