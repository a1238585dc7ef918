import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Run } from "../../workflow/run.ts";
import { review } from "../../workflow/review.ts";
import { workflow } from "../../workflow/workflow.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow, type TestEffect } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let system: Counterpart;
let tax: TestEffect;
let pay: TestEffect;
beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("erp", "keys");
  tax = testEffect("keyed", system, "tax");
  pay = testEffect("keyed", system, "pay");
});
afterEach(() => world.remove());

type Body = (input: { id: string }, run: Run) => Promise<unknown>;

/** Calls tax, sleeps an hour, pays. */
const original: Body = async (input, run) => {
  await run.do(tax, input);
  await run.sleep("1h");
  return run.do(pay, input);
};

/** The same, with local work after the tax. */
const noting: Body = async (input, run) => {
  await run.do(tax, input);
  await run.step("note", () => 1);
  await run.sleep("1h");
  return run.do(pay, input);
};

const flowOf = (body: Body) => testWorkflow("flow", body);

/** Runs `first` until it sleeps, then starts an engine with other code, and wakes it. */
async function changedTo(body: Body, first: Body = original): Promise<number> {
  const flow = flowOf(first);
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "waiting");
  await world.close();
  await world.begin([flowOf(body)], { version: "2" });
  await world.advance(3_700_000);
  return run;
}

async function expectHeld(run: number, says: RegExp): Promise<void> {
  const row = await world.row(run);
  expect(row.state).toBe("held");
  expect(row.reason).toMatch(says);
  expect(row.reason).toMatch(/HF2104/);
  expect(system.count("pay")).toBe(0);
  const open = (await world.exceptions(run)).filter((one) => one.closedAtMs === null);
  expect(open).toHaveLength(1);
  expect(open[0]).toMatchObject({ class: "defect", owner: "team-flow", reasonCode: "HF2104" });
}

/** How the code was changed, the code, and what the sentence must name. */
const CHANGES: readonly (readonly [string, Body, RegExp])[] = [
  [
    "asks for another step under the recorded name",
    async (input, run) => {
      await run.step("tax", () => 1);
      await run.sleep("1h");
      return run.do(pay, input);
    },
    /"tax" was the effect "tax"; your code asks for local work/,
  ],
  [
    "no longer asks for a recorded step",
    async (input, run) => {
      await run.sleep("1h");
      return run.do(pay, input);
    },
    /"tax" was the effect "tax"; your code no longer asks for it here/,
  ],
  [
    "asks for a recorded effect with another input",
    async (_input, run) => {
      await run.do(tax, { id: "other" });
      await run.sleep("1h");
      return run.do(pay, { id: "1" });
    },
    /"tax" was the effect "tax" with another input .*, which differs at \/id\./,
  ],
  [
    "ends before a recorded step",
    async (_input, run) => {
      await run.step("nothing", () => 1);
      return null;
    },
    /"tax"/,
  ],
  [
    "throws before a recorded step",
    () => {
      throw new TypeError("new bug");
    },
    /tax|new bug/,
  ],
  ["stops before a recorded step", async (_input, run) => run.stop("new rule"), /"tax"/],
];

describe("code that does not fit a run's journal", () => {
  test.each(CHANGES)("%s: held, and nothing is executed", async (_what, body, says) => {
    const run = await changedTo(body);
    const row = await world.row(run);
    expect(row.state).toBe("held");
    expect(row.reason).toMatch(says);
    expect(system.count("pay")).toBe(0);
    expect(system.requests).toHaveLength(1);
    const open = (await world.exceptions(run)).filter((one) => one.closedAtMs === null);
    expect(open).toHaveLength(1);
    expect(open[0]?.owner).toBe("team-flow");
  });

  test("executes no step that is new before the recorded one", async () => {
    let executed = 0;
    const run = await changedTo(async (input, r) => {
      await r.step("new", () => {
        executed += 1;
      });
      await r.do(tax, input);
      await r.sleep("1h");
      return r.do(pay, input);
    });
    expect(executed).toBe(0);
    await expectHeld(run, /step "tax" was the effect "tax"; your code asks for step new here\./);
  });

  test.each(["sleep", "review", "event", "call", "effect"] as const)(
    "that waits at another kind of step (%s) is held",
    async (kind) => {
      const ask = review("x", { subject: z.any(), decision: z.any(), by: "boss" });
      const child = testWorkflow("child", async (_input, r) => {
        await r.sleep("30d");
        return null;
      });
      const event = { name: "x", schema: z.any() };
      const verbs: Record<typeof kind, Body> = {
        sleep: (_input, r) => r.sleep("10h", { as: "w" }),
        review: (_input, r) => r.ask(ask, {}, { as: "w" }),
        event: (_input, r) => r.wait(event, { key: "k", as: "w", within: "10h" }),
        call: (input, r) => r.call(child, input, { as: "w" }),
        effect: (input, r) => r.do(tax, input, { as: "w" }),
      };
      const named =
        (verb: string, body: Body): Body =>
        async (input, r) => {
          // All under one name: what the verb itself is called differs.
          const path = { sleep: "sleep", review: "x", event: "x", call: "child", effect: "tax" };
          expect(path).toHaveProperty(verb);
          await body(input, r);
          return r.do(pay, input);
        };
      const first = named(kind, verbs[kind]);
      const second: Body = async (input, r) => {
        const name = { sleep: "sleep", review: "x", event: "x", call: "child", effect: "tax" }[
          kind
        ];
        await r.step(name, () => 1, { as: "w" });
        return r.do(pay, input);
      };
      system.always("tax", { kind: "throttled", afterMs: 36_000_000 });
      const flow = flowOf(first);
      await world.begin([flow, child]);
      const run = await world.start(flow, { id: "1" });
      await world.untilState(run, "waiting", "review", "parked");
      await world.close();
      await world.begin([flowOf(second), child]);
      await world.engine.wakes.reach(run);
      await world.settle();
      const was = {
        sleep: "a timer",
        review: 'the review "x"',
        event: 'the event "x"',
        call: 'the workflow "child"',
        effect: 'the effect "tax"',
      }[kind];
      await expectHeld(run, new RegExp(`"[a-z]+#w" was ${was}; your code asks for local work\\.`));
      const [open] = await world.exceptions(run);
      expect(open?.because).toContain(was);
      expect(open?.message).toContain(was);
    },
  );

  test("whose input schema no longer takes the recorded input is held", async () => {
    const before = testWorkflow("flow", original);
    await world.begin([before]);
    const run = await world.start(before, { id: "1" });
    await world.untilState(run, "waiting");
    await world.close();
    const after = workflow(
      "flow",
      {
        input: z.object({ id: z.string(), vat: z.string() }),
        output: z.unknown(),
        key: (input) => input.id,
        owner: "team-flow",
      },
      original,
    );
    await world.begin([after]);
    await world.advance(3_700_000);
    await expectHeld(run, /vat/);
  });

  test("whose effect no longer takes its recorded answer is held", async () => {
    const flow = flowOf(original);
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    await world.close();
    Object.assign(tax.definition, { output: z.object({ ref: z.number() }) });
    await world.begin([flow]);
    await world.advance(3_700_000);
    await expectHeld(run, /tax/);
  });

  test("that asks for recorded steps in another order is held", async () => {
    const run = await changedTo(async (input, r) => {
      await r.step("note", () => 1);
      await r.do(tax, input);
      await r.sleep("1h");
      return r.do(pay, input);
    }, noting);
    await expectHeld(
      run,
      /step "tax" was the effect "tax"; your code asks for step note first here/,
    );
  });

  test("keeps all other runs going", async () => {
    const run = await changedTo(async () => null);
    const other = flowOf(async (input, r) => r.do(pay, input));
    expect(await world.stateOf(run)).toBe("held");
    await world.close();
    await world.begin([other]);
    const fresh = await world.start(other, { id: "2" });
    expect(await world.resultOf(fresh)).toEqual({ ref: "pay:2" });
  });
});

describe("a held run", () => {
  test("goes on where it was once code that fits is there and a person says so", async () => {
    const run = await changedTo(async () => null);
    expect(await world.stateOf(run)).toBe("held");
    await world.close();
    await world.begin([flowOf(original)]);
    await world.advance(3_700_000);
    expect(await world.stateOf(run)).toBe("held");
    await world.engine.commands.resume(run, null, "dev", "version 3 fits");
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
    expect(system.count("tax")).toBe(1);
    expect(system.count("pay")).toBe(1);
    const exceptions = await world.exceptions(run);
    expect(exceptions.every((one) => one.closedAtMs !== null)).toBe(true);
    expect(exceptions.at(-1)).toMatchObject({ resolution: "resumed", closedBy: "dev" });
  });

  test("stays held when it is resumed with code that still does not fit, and can be resumed later", async () => {
    const run = await changedTo(async () => null);
    await world.engine.commands.resume(run, null, "dev", "let us see").catch(() => undefined);
    await world.settle();
    expect(await world.stateOf(run)).toBe("held");
    const open = (await world.exceptions(run)).filter((one) => one.closedAtMs === null);
    expect(open).toHaveLength(1);
    await world.close();
    await world.begin([flowOf(original)]);
    await world.engine.commands.resume(run, null, "dev", "version 3 fits");
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
  });

  test("is not set going by anything but a resume", async () => {
    const run = await changedTo(async () => null);
    await world.close();
    await world.begin([flowOf(original)]);
    await world.engine.commands
      .settle({ run, operation: 3, happened: true, value: null, ref: null, by: "x", reason: "" })
      .catch(() => undefined);
    await world.advance(3_700_000);
    expect(await world.stateOf(run)).toBe("held");
    expect(system.count("pay")).toBe(0);
  });

  test("can be cancelled when its code fits again, and undoes what it did", async () => {
    const undoable = testEffect("keyed", system, "tax", { undo: "call" });
    const first: Body = async (input, r) => {
      await r.do(undoable, input);
      await r.sleep("1h");
      return r.do(pay, input);
    };
    const run = await changedTo(async () => null, first);
    expect(await world.stateOf(run)).toBe("held");
    await world.close();
    await world.begin([flowOf(first)]);
    await world.engine.commands.cancel(run, "ana", "no longer wanted");
    await world.untilState(run, "cancelled");
    expect(system.count("undo-tax")).toBe(1);
    expect(system.count("pay")).toBe(0);
    const open = (await world.exceptions(run)).filter((one) => one.closedAtMs === null);
    expect(open).toHaveLength(0);
  });

  test("after its code threw: the failed step is done again on resume", async () => {
    let tries = 0;
    const flow = flowOf(async (input, r) => {
      await r.step("flaky", () => {
        tries += 1;
        if (tries === 1) throw new RangeError("first time");
      });
      return r.do(pay, input);
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    await world.crash();
    await world.begin([flow]);
    expect(await world.stateOf(run)).toBe("held");
    await world.engine.commands.resume(run, null, "dev", "mended");
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
    expect(tries).toBe(2);
    const exceptions = await world.exceptions(run);
    expect(exceptions).toHaveLength(1);
    expect(exceptions[0]).toMatchObject({ resolution: "resumed" });
  });

  test("after its code threw: goes on when new code handles it", async () => {
    const bad = flowOf(async (input, r) => {
      await r.do(tax, input);
      throw new TypeError("x is not a function");
    });
    await world.begin([bad]);
    const run = await world.start(bad, { id: "1" });
    await world.untilState(run, "held");
    await world.close();
    const good = flowOf(async (input, r) => {
      await r.do(tax, input);
      return r.do(pay, input);
    });
    await world.begin([good]);
    await world.advance(60_000);
    expect(await world.stateOf(run)).toBe("held");
    await world.engine.commands.resume(run, null, "dev", "deployed");
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
    const exceptions = await world.exceptions(run);
    expect(exceptions).toHaveLength(1);
    expect(exceptions[0]).toMatchObject({ resolution: "resumed", closedBy: "dev" });
    expect(system.count("tax")).toBe(1);
  });

  test("whose workflow this app does not have is held for an app that has it", async () => {
    const flow = flowOf(original);
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "waiting");
    await world.crash();
    await world.begin([testWorkflow("other", () => Promise.resolve(null))]);
    await world.advance(3_700_000);
    expect(await world.stateOf(run)).toBe("held");
    expect((await world.exceptions(run))[0]).toMatchObject({ reasonCode: "HF2105" });
    await world.crash();
    await world.begin([flow]);
    await world.engine.commands.resume(run, null, "dev", "it is back");
    expect(await world.resultOf(run)).toEqual({ ref: "pay:1" });
    const exceptions = await world.exceptions(run);
    expect(exceptions).toHaveLength(1);
    expect(exceptions[0]).toMatchObject({ resolution: "resumed" });
  });
});
