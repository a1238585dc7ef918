import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Run } from "../../workflow/run.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let system: Counterpart;
let reserve: ReturnType<typeof testEffect>;
let charge: ReturnType<typeof testEffect>;
beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("shop", "keys");
  reserve = testEffect("keyed", system, "reserve", { undo: "call" });
  charge = testEffect("keyed", system, "charge", { undo: "call" });
});
afterEach(() => world.remove());

const actions = () => system.ledger.map((row) => row.action);
const openOnes = async (run: number) =>
  (await world.exceptions(run)).filter((exception) => exception.closedAtMs === null);

/** What the code has done after it was stopped. */
const done: string[] = [];
const child = testWorkflow("child", async () => done.push("child"));

function swallowStop(run: Run): void {
  try {
    run.stop("no", { compensate: true });
  } catch {
    // The code goes on as if nothing was.
  }
}

async function begun(body: (input: { id: string }, run: Run) => Promise<unknown>, options = {}) {
  const flow = testWorkflow("flow", body, options);
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  return { run };
}

describe("run.stop", () => {
  test.each([
    [undefined, undefined, false],
    [undefined, true, true],
    ["compensate", undefined, true],
    ["compensate", false, false],
    ["stop", undefined, false],
  ] as const)(
    "with onFailure %s and compensate %s undoes: %s",
    async (onFailure, compensate, undoes) => {
      const { run } = await begun(
        async (input, r) => {
          await r.do(reserve, input);
          r.stop("not today", compensate === undefined ? {} : { compensate });
        },
        onFailure === undefined ? {} : { onFailure },
      );
      await world.untilState(run, "stopped");
      expect(actions()).toEqual(undoes ? ["reserve", "undo-reserve"] : ["reserve"]);
      expect(await world.row(run)).toMatchObject({
        reason: "not today",
        compensated: undoes ? "fully" : "no",
      });
    },
  );

  test("cannot be swallowed by the code's own catch", async () => {
    const { run } = await begun(async (input, r) => {
      try {
        r.stop("really");
      } catch {
        await r.do(charge, input);
      }
      return "went on";
    });
    await world.untilState(run, "stopped");
    expect(actions()).toEqual([]);
  });

  test.each<[string, (input: { id: string }, r: Run) => Promise<unknown>]>([
    ["do", (input, r) => r.do(charge, input)],
    ["try", (input, r) => r.try(charge, input)],
    ["step", (_input, r) => r.step("later", () => done.push("step"))],
    ["call", (input, r) => r.call(child, input)],
    ["scope", (_input, r) => r.scope("unit", async () => done.push("scope"))],
    ["sleep", (_input, r) => r.sleep("1ms").then(() => done.push("slept"))],
    ["since", (_input, r) => r.since("1").then(() => done.push("asked"))],
    [
      "step, in a scope",
      (_input, r) => {
        return r.scope("unit", async (unit) => {
          swallowStop(unit);
          await unit.step("later", () => done.push("step"));
        });
      },
    ],
  ])("after it nothing of the code begins: run.%s", async (_verb, act) => {
    done.length = 0;
    const flow = testWorkflow("flow", async (input, r) => {
      await r.do(reserve, input);
      swallowStop(r);
      await act(input, r);
      return "went on";
    });
    await world.begin([flow, child]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "stopped");
    expect(done).toEqual([]);
    expect(actions()).toEqual(["reserve", "undo-reserve"]);
    expect(await world.row(run)).toMatchObject({ reason: "no", compensated: "fully" });
  });

  test("works in code that is no async function", async () => {
    const { run } = await begun((_input, r) => r.stop("at once"));
    expect(await world.row(run)).toMatchObject({ state: "stopped", reason: "at once" });
  });

  test("waits for an effect that is under way at the same time", async () => {
    system.plan("charge", { kind: "slow", takesMs: 3_000 });
    const { run } = await begun(async (input, r) => {
      void r.do(charge, input);
      await r.step("think", () => 1, { durable: true });
      await r.step("longer", () => 1, { durable: true });
      r.stop("no", { compensate: true });
    });
    await world.untilState(run, "stopped");
    expect(actions()).toEqual(["charge", "undo-charge"]);
  });
});

async function failing(input: { id: string }, run: Run): Promise<unknown> {
  await run.do(reserve, input);
  return run.do(charge, input);
}

describe("onFailure", () => {
  test("compensate: undoes and stops", async () => {
    system.plan("charge", { kind: "no", class: "permanent" });
    const { run } = await begun(failing, { onFailure: "compensate" });
    await world.untilState(run, "stopped");
    expect(actions()).toEqual(["reserve", "undo-reserve"]);
  });

  test("stop: stops and undoes nothing", async () => {
    system.plan("charge", { kind: "no", class: "permanent" });
    const { run } = await begun(failing, { onFailure: "stop" });
    await world.untilState(run, "stopped");
    expect(actions()).toEqual(["reserve"]);
  });

  test("ask, the default: an exception of the workflow's owner, and a resume does it again", async () => {
    system.plan("charge", { kind: "no", class: "permanent" });
    const { run } = await begun(failing);
    await world.untilState(run, "exception");
    const [exception] = await openOnes(run);
    expect(exception).toMatchObject({ owner: "team-flow", class: "permanent" });
    await world.engine.commands.resume(run, null, "cy", "mended");
    expect(await world.resultOf(run)).toEqual({ ref: "charge:1" });
    expect(actions()).toEqual(["reserve", "charge"]);
    expect(await openOnes(run)).toHaveLength(0);
  });

  test("repair comes first, whatever is declared", async () => {
    system.plan("charge", { kind: "no", class: "data" });
    const { run } = await begun(failing, { onFailure: "compensate" });
    await world.untilState(run, "exception");
    expect(actions()).toEqual(["reserve"]);
  });

  test("a resume does again what failed for good, and not what the code has handled", async () => {
    system.plan("reserve", { kind: "no", class: "permanent" });
    system.plan("charge", { kind: "no", class: "permanent" });
    const { run } = await begun(async (input, r) => {
      const reserved = await r.do(reserve, input).then(
        () => true,
        () => false,
      );
      const worked = await r
        .step("work", () => Promise.reject(new Error("handled")))
        .catch(() => "no");
      await r.do(charge, input);
      return { reserved, worked };
    });
    await world.untilState(run, "exception");
    await world.engine.commands.resume(run, null, "cy", "mended");
    expect(await world.resultOf(run)).toEqual({ reserved: false, worked: "no" });
    expect(actions()).toEqual(["charge"]);
  });
});

describe("code that returns while effects are open", () => {
  test("does not end before they have", async () => {
    system.plan("charge", { kind: "slow", takesMs: 3_000 });
    const { run } = await begun(async (input, r) => {
      void r.do(charge, input);
      await r.step("think", () => 1);
      return "done";
    });
    expect(await world.stateOf(run)).toBe("running");
    expect(await world.resultOf(run)).toBe("done");
    expect(actions()).toEqual(["charge"]);
  });

  test("needs no catch for a lost race: the loser's failure is nobody's", async () => {
    system.plan("charge", { kind: "no", class: "permanent" });
    const { run } = await begun(async (input, r) => {
      const lost = r.do(charge, input);
      return Promise.race([
        lost.catch(() => new Promise(() => undefined)),
        r.step("quick", () => "won"),
      ]);
    });
    expect(await world.resultOf(run)).toBe("won");
  });
});
