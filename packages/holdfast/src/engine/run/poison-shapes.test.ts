/**
 * One run ends at most so many processes, wherever in its code it does so: at the first nothing may be on
 * disk yet, and after that it has as many tries as it has when it is alone.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { effect } from "../../workflow/effect.ts";
import type { Run } from "../../workflow/run.ts";
import { done, notDone } from "../../workflow/seen.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import { DEFAULT_LIMITS } from "../limits.ts";
import { ANSWER, integrationOf, REFERENCE, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const DEATHS_MAX = DEFAULT_LIMITS.crashesMax + 1;
const MINUTE_MS = 60_000;
/** Longer than whatever a run here waits for. */
const LIFE_MINUTES = 70;
const LIVES_MAX = DEATHS_MAX + 4;

let world: TestWorld;
/** From when on the code ends its process. */
let isDeadly: boolean;
beforeEach(() => {
  world = new TestWorld();
  isDeadly = true;
});
afterEach(() => world.remove());

async function die(): Promise<void> {
  if (!isDeadly) return;
  world.life.watched.isDead = true;
  await new Promise<never>(() => undefined);
}

interface Shape {
  readonly workflows: () => readonly [AnyWorkflow, ...AnyWorkflow[]];
  /** Before its code is deadly; not given: it is from its start on. */
  readonly before?: (flow: AnyWorkflow) => Promise<void>;
  /** What the outside has for it, each minute of each life. */
  readonly again?: (flow: AnyWorkflow) => Promise<unknown>;
}

const start = (flow: AnyWorkflow) => world.engine.startRun(flow, { id: "1" });
const theRun = async () =>
  (await world.allRuns()).find(({ workflow }) => workflow === "flow")?.run ?? 0;
const cancel = async () => world.engine.commands.cancel(await theRun(), "ana", "not wanted");

async function untilWaiting(flow: AnyWorkflow): Promise<void> {
  await start(flow);
  await world.untilState(await theRun(), "waiting");
}

const flowOf = (body: (input: { id: string }, run: Run) => Promise<unknown>) =>
  testWorkflow("flow", body);

const counterpart = () => world.counterpart("bank", "keys");

type Call = Parameters<ReturnType<typeof counterpart>["call"]>[2];

/** An effect `pay`, and what happens in its call. */
function pays(kind: "keyed" | "idempotent" | "probeable" | "read", more: () => Promise<void>) {
  const bank = counterpart();
  const base = {
    on: integrationOf(bank),
    timeout: "5s",
    input: REFERENCE,
    output: ANSWER,
    run: async ({ id }: { id: string }, attempt: Call) => {
      await more();
      return await bank.call("pay", id, attempt);
    },
  } as const;
  switch (kind) {
    case "read":
      return effect("pay", { ...base, repeat: "read" });
    case "keyed":
      return effect("pay", { ...base, repeat: "keyed", keyWindow: "30d" });
    case "idempotent":
      return effect("pay", { ...base, repeat: "idempotent", why: "upsert" });
    case "probeable":
      return effect("pay", {
        ...base,
        repeat: "probeable",
        settle: "20s",
        probe: () => Promise.resolve(notDone()),
      });
  }
}

const inCall = (kind: Parameters<typeof pays>[0]): Shape["workflows"] => {
  return () => {
    const pay = pays(kind, die);
    return [flowOf((input, run) => run.do(pay, input))];
  };
};

/** Slowed down by each other call, it ends its process in the one after it. */
function slowedThenDeadly() {
  const bank = counterpart();
  bank.always("pay", { kind: "throttled", afterMs: 2 * MINUTE_MS });
  let calls = 0;
  return effect("pay", {
    on: integrationOf(bank),
    timeout: "5s",
    repeat: "keyed",
    keyWindow: "30d",
    input: REFERENCE,
    output: ANSWER,
    run: async ({ id }, attempt) => {
      calls += 1;
      if (calls % 2 === 0) await die();
      return await bank.call("pay", id, attempt);
    },
  });
}

/** Its answer is lost, and a look-up finds it. */
function lost() {
  const bank = counterpart();
  return effect("pay", {
    on: integrationOf(bank),
    timeout: "5s",
    repeat: "probeable",
    settle: "20s",
    input: REFERENCE,
    output: ANSWER,
    run: async ({ id }, attempt) => {
      await bank.call("pay", id, attempt);
      throw new Error("the answer is lost");
    },
    probe: ({ id }) => Promise.resolve(done({ ref: id })),
  });
}

/** It is undone by a call that is looked up, and ends its process. */
function undoneDeadly() {
  const bank = counterpart();
  const base = {
    on: integrationOf(bank),
    timeout: "5s",
    input: REFERENCE,
    output: ANSWER,
  } as const;
  const refund = effect("refund", {
    ...base,
    repeat: "probeable",
    settle: "20s",
    run: async ({ id }, attempt) => {
      await die();
      return await bank.call("refund", id, attempt);
    },
    probe: () => Promise.resolve(notDone()),
  });
  return effect("pay", {
    ...base,
    repeat: "keyed",
    keyWindow: "30d",
    run: ({ id }, attempt) => bank.call("pay", id, attempt),
    compensate: { effect: refund, input: ({ id }) => ({ id }) },
  });
}

/** Code that takes another way for a while. */
const deployed = { isOther: false };

const SHAPES: Readonly<Record<string, Shape>> = {
  "in its very first turn": {
    workflows: () => [flowOf(() => die().then(() => null))],
    again: start,
  },
  "in a read": { workflows: inCall("read"), again: start },
  "in a call that is harmless to repeat": { workflows: inCall("idempotent"), again: start },
  "in a call under a key": { workflows: inCall("keyed"), again: start },
  "in a call that is looked up before it is repeated": {
    workflows: inCall("probeable"),
    again: start,
  },
  "in a call, each time after it was slowed down": {
    workflows: () => {
      const pay = slowedThenDeadly();
      return [flowOf((input, run) => run.do(pay, input))];
    },
    again: start,
  },
  "when it wakes": {
    workflows: () => [
      flowOf(async (_input, run) => {
        await run.sleep("1h");
        await die();
        return null;
      }),
    ],
    before: untilWaiting,
  },
  "on its way back to where it was": {
    workflows: () => [
      flowOf(async (_input, run) => {
        await die();
        await run.sleep("1h");
        return null;
      }),
    ],
    before: untilWaiting,
  },
  "once a look-up has found what it had done": {
    workflows: () => {
      const pay = lost();
      return [
        flowOf(async (input, run) => {
          await run.do(pay, input);
          await die();
          return null;
        }),
      ];
    },
    again: start,
  },
  "while it is taken back, once a look-up has found what it had done": {
    workflows: () => {
      const pay = lost();
      return [
        flowOf(async (input, run) => {
          await run.do(pay, input);
          await die();
          return null;
        }),
      ];
    },
    before: async (flow) => {
      await start(flow);
      await world.settle();
      await cancel();
    },
  },
  "in an undoing that is looked up before it is repeated": {
    workflows: () => {
      const pay = undoneDeadly();
      return [
        flowOf(async (input, run) => {
          await run.do(pay, input);
          await run.sleep("30d");
          return null;
        }),
      ];
    },
    before: untilWaiting,
    again: cancel,
  },
  "once its code fits again, and whoever resumes it does so again and again": {
    workflows: () => [
      flowOf(async (_input, run) => {
        if (deployed.isOther) await run.sleep("2h", { as: "other" });
        else await die();
        await run.sleep("1h");
        return null;
      }),
    ],
    before: async (flow) => {
      await untilWaiting(flow);
      deployed.isOther = true;
      await world.close();
      await world.begin([flow]);
      await world.advance(61 * MINUTE_MS);
      expect(await world.stateOf(await theRun())).toBe("held");
      deployed.isOther = false;
    },
    again: async () => world.engine.commands.resume(await theRun(), null, "ana", "it fits"),
  },
  "when its child has ended": {
    workflows: () => {
      const child = testWorkflow("child", async (_input, run) => {
        await run.sleep("1h");
        return null;
      });
      const flow = flowOf(async (input, run) => {
        await run.call(child, { id: `${input.id}.child` });
        await die();
        return null;
      });
      return [flow, child];
    },
    before: untilWaiting,
  },
};

const isPutAway = async () =>
  (await world.exceptions()).some((one) => one.class === "poison" && one.closedAtMs === null);

/** How many processes the run has ended when it is its owner's. */
async function deathsOf({ workflows, before, again }: Shape, resumed = false): Promise<number> {
  const all = workflows();
  const [flow] = all;
  if (before !== undefined) {
    isDeadly = false;
    await world.begin(all);
    await before(flow);
    isDeadly = true;
    await world.close();
  }
  const deaths = await livesOf(all, () => again?.(flow));
  if (!resumed) return deaths;
  void world.engine.commands.resume(await theRun(), null, "ana", "mended").catch(() => undefined);
  await world.advance(MINUTE_MS);
  const sooner = world.life.watched.isDead ? 1 : 0;
  await world.crash();
  return sooner + (await livesOf(all, () => undefined));
}

/** Lives of one process after the other, until the run is put away in the last one. */
async function livesOf(
  all: Parameters<typeof world.beginOnly>[0],
  again: () => Promise<unknown> | undefined,
): Promise<number> {
  let deaths = 0;
  for (let life = 0; life < LIVES_MAX; life += 1) {
    await world.beginOnly(all);
    for (let minute = 0; minute < LIFE_MINUTES && !world.life.watched.isDead; minute += 1) {
      if (await isPutAway()) return deaths;
      void again()?.catch(() => undefined);
      await world.advance(MINUTE_MS);
    }
    if (world.life.watched.isDead) deaths += 1;
    await world.crash();
  }
  throw new Error(`it has ended ${String(deaths)} processes, and nobody was asked`);
}

describe("a run whose code ends its process is its owner's soon", () => {
  test.each(Object.entries(SHAPES))("%s", async (_name, shape) => {
    const deaths = await deathsOf(shape);
    expect(deaths).toBeGreaterThanOrEqual(DEATHS_MAX - 1);
    expect(deaths).toBeLessThanOrEqual(DEATHS_MAX);
    const asked = (await world.exceptions()).filter((one) => one.closedAtMs === null);
    expect(asked.filter(({ step }) => step === "").map((one) => one.class)).toEqual(["poison"]);
  });

  test("and as soon again where it was resumed, and was not mended", async () => {
    const shape = SHAPES["in a call that is looked up before it is repeated"];
    if (shape === undefined) throw new Error("no such shape");
    const deaths = await deathsOf(shape, true);
    expect(deaths).toBeGreaterThanOrEqual(DEATHS_MAX - 1);
    expect(deaths).toBeLessThanOrEqual(DEATHS_MAX);
  });
});
