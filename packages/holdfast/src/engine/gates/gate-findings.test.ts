/** Nobody is left behind at a gate: found in review, each with the shape that showed it. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { effect } from "../../workflow/effect.ts";
import { review } from "../../workflow/review.ts";
import type { Run } from "../../workflow/run.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { ANSWER, integrationOf } from "../test-effects.test-support.ts";
import { testEffect, testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Calls that find nobody there until the breaker opens. */
const OPENING = ["o1", "o2", "o3", "o4"];
const PATIENT = { retry: { attempts: 3, within: "7d" }, keyWindow: "30d" } as const;

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

function flowOf(system: Counterpart, name = "flow") {
  const book = testEffect("keyed", system, "book", PATIENT);
  return { book, flow: testWorkflow(name, (input, run) => run.do(book, input)) };
}

function askedFlow(body: (input: { id: string }, run: Run) => Promise<unknown>) {
  return testWorkflow("asked", body);
}

const approval = review("approval", {
  subject: z.object({}),
  decision: z.object({}),
  by: "team-flow",
});

describe("a gate that opens and closes", () => {
  test("is tried again where the breaker opens while parked runs are being fetched", async () => {
    const system = world.counterpart("erp");
    const { book, flow } = flowOf(system);
    const busy = testWorkflow("busy", (input, run) =>
      Promise.all([run.do(book, input), run.step("busy", () => new Promise(() => undefined))]),
    );
    await world.begin([flow, busy]);
    const { store } = world.life.watched;
    const parked = store.parked.bind(store);
    store.parked = async (integration, page) => {
      for (let turn = 0; turn < 30; turn += 1) await new Promise((next) => setImmediate(next));
      return parked(integration, page);
    };
    system.isDown = true;
    for (const id of OPENING) await world.start(busy, { id });
    const runs: number[] = [];
    for (let n = 0; n < 8; n += 1) runs.push(await world.start(flow, { id: String(n) }));
    await world.settle();
    // Up for the canary only.
    const call = system.call.bind(system);
    let answers = 1;
    system.call = (action, id, attempt) => {
      system.isDown = answers <= 0;
      answers -= 1;
      return call(action, id, attempt);
    };
    await world.advance(MINUTE_MS);
    expect(answers).toBeLessThan(0);
    system.call = call;
    system.isDown = false;
    // Sooner than any of them looks by itself.
    await world.advance(3 * MINUTE_MS);
    for (const run of runs) expect(await world.stateOf(run)).toBe("completed");
  });
});

describe("a canary", () => {
  test("that ends before it calls gives its place to another one", async () => {
    const system = world.counterpart("erp");
    const { flow } = flowOf(system);
    const strict = effect("strict", {
      on: integrationOf(system),
      timeout: "5s",
      repeat: "read",
      input: z.object({ id: z.string().max(2) }),
      output: ANSWER,
      run: (input, attempt) => system.call("strict", input.id, attempt),
    });
    const bad = testWorkflow("bad", (input, run) => run.do(strict, input));
    await world.begin([flow, bad]);
    system.isDown = true;
    const opening: number[] = [];
    for (const id of OPENING) opening.push(await world.start(flow, { id }));
    await world.settle();
    for (const run of opening) await world.engine.commands.cancel(run, "ana", "no need");
    await world.advance(MINUTE_MS);
    system.isDown = false;
    const before = system.requests.length;
    const canary = await world.start(bad, { id: "too long" });
    await world.settle();
    expect(await world.stateOf(canary)).not.toBe("parked");
    expect(system.requests).toHaveLength(before);

    const run = await world.start(flow, { id: "n" });
    await world.advance(5_000);
    expect(await world.stateOf(run)).toBe("completed");
  });

  test("that never says anything is given up, though nobody had waited when it went", async () => {
    const system = world.counterpart("erp");
    const { flow } = flowOf(system);
    const slow = testEffect("keyed", system, "slow", { timeout: "1h", settle: "2h" });
    const slowFlow = testWorkflow("slow-flow", (input, run) => run.do(slow, input));
    await world.begin([flow, slowFlow]);
    system.isDown = true;
    const opening: number[] = [];
    for (const id of OPENING) opening.push(await world.start(flow, { id }));
    await world.settle();
    for (const run of opening) await world.engine.commands.cancel(run, "ana", "no need");
    await world.advance(MINUTE_MS);
    system.isDown = false;
    system.always("slow", { kind: "deaf", happened: false });
    await world.start(slowFlow, { id: "s" });
    await world.settle();
    const run = await world.start(flow, { id: "n" });
    await world.settle();
    expect(await world.stateOf(run)).toBe("parked");
    await world.advance(70_000);
    expect(await world.stateOf(run)).toBe("completed");
  });

  test("that is a health check without an answer counts as a no", async () => {
    const system = world.counterpart("erp");
    let hangs = true;
    const health = () => (hangs ? new Promise<never>(() => undefined) : Promise.resolve(true));
    const book = testEffect("keyed", system, "book", { on: testIntegration("erp", { health }) });
    const flow = testWorkflow("flow", (input, run) => run.do(book, input));
    await world.begin([flow]);
    system.isDown = true;
    const runs: number[] = [];
    for (const id of OPENING) runs.push(await world.start(flow, { id }));
    await world.advance(12_000);
    hangs = false;
    system.isDown = false;
    // The hanging check has 10 s, and the next one follows in twice the first wait.
    await world.advance(2 * MINUTE_MS);
    for (const run of runs) expect(await world.stateOf(run)).toBe("completed");
  });
});

describe("a run that waits for more than one thing", () => {
  test("goes on with what was parked while its review is open", async () => {
    const system = world.counterpart("erp");
    const { book, flow } = flowOf(system);
    const asked = askedFlow((input, run) =>
      Promise.all([run.ask(approval, {}), run.do(book, input)]),
    );
    await world.begin([flow, asked]);
    system.isDown = true;
    for (const id of OPENING) await world.start(flow, { id });
    await world.settle();
    const run = await world.start(asked, { id: "1" });
    await world.advance(MINUTE_MS);
    expect(await world.stateOf(run)).toBe("review");
    system.isDown = false;
    await world.advance(10 * MINUTE_MS);
    expect(system.count("book", "1")).toBe(1);
    expect(await world.stateOf(run)).toBe("review");
  });

  test("goes on with the dependency that is back, and looks seldom for the one that is not", async () => {
    const [a, b] = [world.counterpart("a"), world.counterpart("b")];
    const [onA, onB] = [flowOf(a, "a-flow"), flowOf(b, "b-flow")];
    const bookB = testEffect("keyed", b, "put", PATIENT);
    const both = askedFlow((input, run) =>
      Promise.all([run.do(onA.book, input), run.do(bookB, input)]),
    );
    await world.begin([onA.flow, onB.flow, both]);
    a.isDown = true;
    b.isDown = true;
    for (const id of OPENING) {
      await world.start(onA.flow, { id });
      await world.start(onB.flow, { id });
    }
    await world.settle();
    const run = await world.start(both, { id: "1" });
    await world.advance(MINUTE_MS);
    b.isDown = false;
    await world.advance(10 * MINUTE_MS);
    expect(b.count("put", "1")).toBe(1);
    expect(await world.stateOf(run)).toBe("parked");

    // What an outage costs in records: about one an hour and run once it is long.
    await world.advance(2 * 60 * MINUTE_MS);
    const before = await world.records(run);
    await world.advance(10 * 60 * MINUTE_MS);
    const looks = (await world.records(run)).length - before.length;
    // It is also the oldest that is parked, and may be woken to be the canary.
    const tried = a.requests.filter((request) => request.id === "1").length;
    expect(looks).toBeLessThanOrEqual(14 + 4 * tried);
    a.isDown = false;
    await world.advance(DAY_MS);
    expect(await world.stateOf(run)).toBe("completed");
  });
});

test("two steps of one run at one gate are both let through when it closes", async () => {
  const [system, other] = [world.counterpart("erp"), world.counterpart("slow")];
  const { book, flow } = flowOf(system);
  const slow = testEffect("keyed", other, "slow", { timeout: "1h", settle: "2h" });
  const twice = testWorkflow("twice", ({ id }, run) =>
    Promise.all([
      run.do(slow, { id }),
      run.do(book, { id: `${id}a` }, { as: "a" }),
      run.do(book, { id: `${id}b` }, { as: "b" }),
    ]),
  );
  await world.begin([flow, twice]);
  system.isDown = true;
  for (const id of OPENING) await world.start(flow, { id });
  await world.settle();
  // It keeps the run in memory: the store cannot know what its steps wait for.
  other.plan("slow", { kind: "slow", takesMs: 10 * MINUTE_MS });
  const run = await world.start(twice, { id: "1" });
  await world.settle();
  system.isDown = false;
  await world.advance(2 * MINUTE_MS);
  expect([system.count("book", "1a"), system.count("book", "1b")]).toEqual([1, 1]);
  await world.advance(20 * MINUTE_MS);
  expect(await world.stateOf(run)).toBe("completed");
});

test("a step that has passed by itself is not hurried by the gate afterwards", async () => {
  const system = world.counterpart("erp");
  const { flow } = flowOf(system);
  const act = testEffect("keyed", system, "act", PATIENT);
  const busy = testWorkflow("busy", (input, run) =>
    Promise.all([run.do(act, input), run.step("busy", () => new Promise(() => undefined))]),
  );
  await world.begin([flow, busy]);
  // One bad call parks its own run only, which goes on by itself and then has to wait.
  system.plan("act", { kind: "refused" }, { kind: "throttled", afterMs: 30 * MINUTE_MS });
  await world.start(busy, { id: "1" });
  await world.until("its second call", () => system.requestsOf("act", "1").length === 2);
  await world.settle();
  const calls = system.requestsOf("act", "1").length;
  system.isDown = true;
  for (const id of OPENING) await world.start(flow, { id });
  await world.settle();
  system.isDown = false;
  await world.advance(MINUTE_MS);
  expect(system.count("book")).toBe(OPENING.length);
  expect(system.requestsOf("act", "1")).toHaveLength(calls);
  await world.advance(60 * MINUTE_MS);
  expect(system.count("act", "1")).toBe(1);
});

type Part = "ask" | "a" | "b" | "nap";
interface Shape {
  readonly parts: readonly Part[];
  /** Minutes that each is down. */
  readonly downA: number;
  readonly downB: number;
  /** Answers that `a` gives before it is gone once more, and back for good after as long again. */
  readonly flapsAfter: number;
}

async function dayAfterOutages({ parts, downA, downB, flapsAfter }: Shape): Promise<void> {
  const own = new TestWorld(parts.length + downA);
  try {
    const [a, b] = [own.counterpart("a", "keys"), own.counterpart("b", "keys")];
    const does = {
      a: testEffect("keyed", a, "ado", PATIENT),
      b: testEffect("keyed", b, "bdo", PATIENT),
    };
    const flow = testWorkflow("flow", async ({ id }, run) => {
      const all = parts.map((part, index): Promise<unknown> => {
        const as = `${part}${String(index)}`;
        if (part === "ask") return run.ask(approval, {}, { as });
        if (part === "nap") return run.sleep("3m", { as });
        return run.do(does[part], { id: `${id}-${String(index)}` }, { as });
      });
      await Promise.all(all);
    });
    await own.begin([flow]);
    a.isDown = true;
    b.isDown = true;
    const runs: number[] = [];
    for (let n = 0; n < 5; n += 1) runs.push(await own.start(flow, { id: String(n) }));
    const [first, second] = downA <= downB ? [a, b] : [b, a];
    await own.advance(Math.min(downA, downB) * MINUTE_MS);
    first.isDown = false;
    await own.advance(Math.abs(downA - downB) * MINUTE_MS);
    second.isDown = false;
    const before = a.requests.length;
    const enough = () => a.requests.length >= before + flapsAfter;
    for (let n = 0; n < 60 && !enough(); n += 1) await own.advance(1_000);
    a.isDown = true;
    await own.advance(downA * MINUTE_MS);
    a.isDown = false;
    await own.advance(DAY_MS);
    const end = parts.includes("ask") ? "review" : "completed";
    for (const run of runs) expect(await own.row(run)).toMatchObject({ state: end });
    const wanted = (part: Part) => runs.length * parts.filter((one) => one === part).length;
    expect([a.count("ado"), b.count("bdo")]).toEqual([wanted("a"), wanted("b")]);
  } finally {
    await own.remove();
  }
}

test("no run is parked a day after all dependencies are up again, whatever it waited for", async () => {
  const shape = fc.record({
    parts: fc.array(fc.constantFrom<Part>("ask", "a", "b", "nap"), { minLength: 1, maxLength: 5 }),
    downA: fc.integer({ min: 1, max: 90 }),
    downB: fc.integer({ min: 1, max: 90 }),
    flapsAfter: fc.integer({ min: 1, max: 4 }),
  });
  await fc.assert(fc.asyncProperty(shape, dayAfterOutages), { numRuns: 6, seed: 7 });
});
