/** What code and other systems hand to the engine, against what their types say. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { formatRunId } from "../../core/run-number.ts";
import { verifyStore } from "../../store-sqlite/index.ts";
import { effect } from "../../workflow/effect.ts";
import { review } from "../../workflow/review.ts";
import { done, notDone, pending, type Seen } from "../../workflow/seen.ts";
import { workflow, type WorkflowOptions } from "../../workflow/workflow.ts";
import { testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const good = testWorkflow("good", async (input, run) => run.step("s", () => input.id));

/** Whether the engine lives, another run is done, and what is on the disk is sound. */
async function soundness(): Promise<object> {
  await world.settle();
  const { hasFailed } = world.engine.committer;
  const other = await world.resultOf(await world.start(good, { id: "after" }));
  await world.close();
  const { damage } = await verifyStore({ path: world.path });
  return { hasFailed, other, damage };
}

const SOUND = { hasFailed: false, other: "after", damage: [] };

/** The casts make what untyped callers could write. */
const NO_TEXT: readonly (readonly [string, unknown])[] = [
  ["a number", 7],
  ["an object", { a: 1 }],
  ["a list", ["x"]],
  ["true", true],
  ["a symbol", Symbol("s")],
  ["half a character", "a\ud800"],
  ["a text with NUL", "a\u0000b"],
  ["10,000 characters", "x".repeat(10_000)],
];

function broken(part: Partial<WorkflowOptions<z.ZodType, z.ZodType>>) {
  return workflow(
    "broken",
    { input: z.unknown(), output: z.unknown(), key: () => "k", owner: "t", ...part },
    () => Promise.resolve(1),
  );
}

/** What a start comes to that has to be refused, and what it leaves behind. */
async function refusalOf(flow: ReturnType<typeof broken>): Promise<object> {
  await world.begin([flow, good]);
  const error = await world.engine.startRun(flow, {}).catch((thrown: unknown) => thrown);
  await world.settle();
  const runs = await world.allRuns();
  const inLane = world.engine.lanes.mayGo("main", "a", 1);
  return { error, runs, inLane, ...(await soundness()) };
}

const REFUSED = {
  ...SOUND,
  error: { code: "HF4102", message: expect.stringContaining("broken") as string },
  runs: [],
  inLane: false,
};

describe("a workflow's own functions", () => {
  test.each(NO_TEXT)("whose lane is %s start nothing", async (_what, lane) => {
    expect(await refusalOf(broken({ lane: () => lane as string }))).toMatchObject(REFUSED);
  });

  test.each(NO_TEXT)("whose amount is %s start nothing", async (_what, amount) => {
    expect(
      await refusalOf(broken({ lane: () => "a", describe: () => ({ amount: amount as string }) })),
    ).toMatchObject(REFUSED);
  });

  test.each([...NO_TEXT, ["null", null] as const])(
    "whose business keys hold %s start nothing",
    async (_what, value) => {
      expect(
        await refusalOf(
          broken({ lane: () => "a", describe: () => ({ keys: { a: value as string } }) }),
        ),
      ).toMatchObject(REFUSED);
    },
  );

  test.each([
    ["a text", "order 7"],
    ["a number", 7],
    ["a list", []],
    ["a promise", Promise.resolve({})],
  ])("whose description is %s start nothing", async (_what, described) => {
    expect(
      await refusalOf(broken({ lane: () => "a", describe: () => described as object })),
    ).toMatchObject(REFUSED);
  });

  test("may say nothing, and what they say beside the agreed is left out", async () => {
    const flow = broken({
      lane: () => undefined as unknown as string,
      describe: () => ({ amount: "1.00", workflow: "other", state: "completed" }) as object,
    });
    await world.begin([flow, good]);
    const run = await world.start(flow, {});
    expect(await world.resultOf(run)).toBe(1);
    expect(await world.row(run)).toMatchObject({ workflow: "broken", amount: "1.00", lane: null });
    expect((await world.records(run))[0]?.head).not.toContain("other");
  });

  test.each(NO_TEXT)(
    "are not reached by %s as who starts it, or as its correlation",
    async (_what, text) => {
      await world.begin([good]);
      for (const options of [{ by: text as string }, { correlationId: text as string }]) {
        await expect(world.engine.startRun(good, { id: "1" }, options)).rejects.toMatchObject({
          code: "HF4102",
        });
      }
      expect(await world.allRuns()).toEqual([]);
      expect(await soundness()).toEqual(SOUND);
    },
  );
});

const THROWN: readonly (readonly [string, () => unknown])[] = [
  ["nothing", () => undefined],
  ["null", () => null],
  ["a symbol", () => Symbol("s")],
  ["an object without a prototype", () => Object.create(null) as unknown],
  ["an error whose message is no text", () => Object.assign(new Error("x"), { message: 7 })],
  ["an error whose name is no text", () => Object.assign(new Error("x"), { name: { a: 1 } })],
  ["an error without a message", () => Object.assign(new Error("x"), { message: undefined })],
  ["an error whose message is cut within a character", () => new Error(`${"x".repeat(499)}😀`)],
  ["an error with half a character", () => new Error("a\ud800b")],
  [
    "an object that throws when it is read",
    () => ({
      toString() {
        throw new Error("no");
      },
    }),
  ],
  [
    "an error that throws when it is read",
    () =>
      Object.defineProperty(new Error("x"), "message", {
        get() {
          throw new Error("no");
        },
      }),
  ],
  ["an error with NUL", () => new Error("a\u0000b")],
  ["20 MB of message", () => new Error("m".repeat(20 * 1024 * 1024))],
];

describe("what is thrown", () => {
  test.each(THROWN)("(%s) by local work holds its run", async (_what, make) => {
    const flow = testWorkflow("flow", (_input, run) =>
      run.step("s", () => {
        throw make();
      }),
    );
    await world.begin([flow, good]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    expect((await world.exceptions(run))[0]?.message.length).toBeLessThanOrEqual(500);
    expect(await soundness()).toEqual(SOUND);
  });

  test.each(THROWN)("(%s) by local work later holds its run", async (_what, make) => {
    const flow = testWorkflow("flow", (_input, run) =>
      run.step("s", async () => {
        await Promise.resolve();
        throw make();
      }),
    );
    await world.begin([flow, good]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    expect(await soundness()).toEqual(SOUND);
  });

  test.each(THROWN)("(%s) by a workflow's code holds its run", async (_what, make) => {
    const flow = testWorkflow("flow", () => {
      throw make();
    });
    await world.begin([flow, good]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    expect(await soundness()).toEqual(SOUND);
  });

  test.each(THROWN)("(%s) by an effect has an owner", async (_what, make) => {
    await world.begin([flowOf(() => Promise.reject(make())), good]);
    const run = await world.start(world.engine.workflow("flow") ?? good, { id: "1" });
    await world.untilState(run, "exception", "held");
    expect(await world.exceptions(run)).toHaveLength(1);
    expect(await soundness()).toEqual(SOUND);
  });
});

const on = testIntegration("erp");

function flowOf(
  call: () => Promise<unknown>,
  options: {
    readonly probe?: () => Promise<Seen<unknown>>;
    readonly classify?: () => never;
    readonly describe?: () => object;
  } = {},
) {
  const { probe = () => Promise.resolve(notDone()), ...rest } = options;
  const act = effect("act", {
    on,
    repeat: "probeable",
    input: z.object({ id: z.string() }),
    output: z.unknown(),
    timeout: "5s",
    settle: "20s",
    run: call,
    probe,
    ...rest,
  });
  return testWorkflow("flow", (input, run) => run.do(act, input));
}

/** What became of the run, and whether that harmed anything else. */
async function fateOf(flow: ReturnType<typeof flowOf>): Promise<object> {
  await world.begin([flow, good]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception", "held");
  const exceptions = await world.exceptions(run);
  return { exceptions, ...(await soundness()) };
}

const OWNED = {
  ...SOUND,
  exceptions: [
    { step: "act", owner: "team-erp", class: expect.stringMatching(/defect|ambiguous/) as string },
  ],
};

const NO_JSON: readonly (readonly [string, () => unknown])[] = [
  ["a Date", () => new Date(0)],
  ["a bigint", () => ({ cents: 10n })],
  ["half a character", () => "a\ud800"],
  ["10,000 nested lists", () => JSON.parse("[".repeat(10_000) + "]".repeat(10_000)) as unknown],
  ["20 MB", () => "x".repeat(20 * 1024 * 1024)],
  [
    "an object that throws when it is read",
    () => ({
      get a() {
        throw new Error("no");
      },
    }),
  ],
  ["a toJSON of its own", () => ({ toJSON: () => undefined })],
];

describe("what an effect answers", () => {
  test.each(NO_JSON)("(%s) that cannot be kept is its owner's", async (_what, make) => {
    expect(await fateOf(flowOf(() => Promise.resolve(make())))).toMatchObject(OWNED);
  });

  test.each(NO_TEXT)("later, under a reference that is %s, is its owner's", async (_what, ref) => {
    expect(
      await fateOf(flowOf(() => Promise.resolve(pending({ ref: ref as string, within: "1h" })))),
    ).toMatchObject(OWNED);
  });

  test.each(["soon", 7, null, "-1h"])("later, within %s, is its owner's", async (within) => {
    expect(
      await fateOf(flowOf(() => Promise.resolve(pending({ ref: "r", within: within as "1h" })))),
    ).toMatchObject(OWNED);
  });

  test.each(NO_TEXT)(
    "when described with an amount that is %s is not even asked",
    async (_what, amount) => {
      let calls = 0;
      const call = () => {
        calls += 1;
        return Promise.resolve(1);
      };
      expect(await fateOf(flowOf(call, { describe: () => ({ amount }) }))).toMatchObject(OWNED);
      expect(calls).toBe(0);
    },
  );

  test.each([
    ["no class", { class: "sometimes" }],
    ["no object", "transient"],
    ["an effect that there is not", { class: "transient", effect: "perhaps" }],
    ["a reason that is no text", { class: "transient", reasonCode: 7 }],
    ["a message that is no text", { class: "permanent", message: { a: 1 } }],
  ])("when classified as %s is its owner's", async (_what, says) => {
    expect(
      await fateOf(flowOf(() => Promise.reject(new Error("x")), { classify: () => says as never })),
    ).toMatchObject(OWNED);
  });
});

const lost = () => Promise.reject(new Error("lost"));

describe("what a look-up answers", () => {
  test.each(NO_JSON)("(%s) that cannot be kept is its owner's", async (_what, make) => {
    expect(
      await fateOf(flowOf(lost, { probe: () => Promise.resolve(done(make())) })),
    ).toMatchObject(OWNED);
  });

  test.each(NO_TEXT)("with a reference that is %s is its owner's", async (_what, ref) => {
    expect(
      await fateOf(flowOf(lost, { probe: () => Promise.resolve(done(1, { ref: ref as string })) })),
    ).toMatchObject(OWNED);
  });

  test.each([
    ["nothing", undefined],
    ["null", null],
    ["true", true],
    ["a word", "done"],
    ["something unknown", { seen: "perhaps" }],
    ["no reason", { seen: "cannotTell", why: 7 }],
    ["a finality that is no truth value", { seen: "notDone", final: "no" }],
  ])("(%s) that is none is its owner's", async (_what, seen) => {
    expect(
      await fateOf(flowOf(lost, { probe: () => Promise.resolve(seen as Seen<unknown>) })),
    ).toMatchObject(OWNED);
  });
});

describe("what a workflow waits for or asks", () => {
  test.each(NO_TEXT)("under a key that is %s is a defect of its code", async (_what, key) => {
    const flow = testWorkflow("flow", (_input, run) =>
      run.wait({ name: "paid", schema: z.unknown() }, { key: key as string }),
    );
    await world.begin([flow, good]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    expect((await world.exceptions(run))[0]).toMatchObject({ reasonCode: "HF4102" });
    expect(await soundness()).toEqual(SOUND);
  });

  test.each(NO_JSON.slice(0, 6))(
    "(%s) that cannot be kept is a defect of its code",
    async (_what, make) => {
      const big = review("big", { subject: z.unknown(), decision: z.unknown(), by: "boss" });
      const flow = testWorkflow("flow", (_input, run) => run.ask(big, make()));
      await world.begin([flow, good]);
      const run = await world.start(flow, { id: "1" });
      await world.untilState(run, "held");
      expect(await soundness()).toEqual(SOUND);
    },
  );

  test("described with an amount that is no text is a defect of its code", async () => {
    const big = review("big", {
      subject: z.unknown(),
      decision: z.unknown(),
      by: "boss",
      describe: () => ({ amount: 7 }) as object,
    });
    const flow = testWorkflow("flow", (_input, run) => run.ask(big, {}));
    await world.begin([flow, good]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    expect(await soundness()).toEqual(SOUND);
  });

  test("stopped for a reason that is no text, or is endless, ends all the same", async () => {
    for (const reason of [7, "x".repeat(20_000_000), "a\ud800", "a\u0000b", undefined]) {
      world = new TestWorld();
      const flow = testWorkflow("flow", async (_input, run) => run.stop(reason as string));
      await world.begin([flow, good]);
      const run = await world.start(flow, { id: "1" });
      await world.untilState(run, "stopped");
      expect((await world.row(run)).reason.length).toBeLessThan(1_000);
      expect(formatRunId(run)).toMatch(/^run_/);
      expect(await soundness()).toEqual(SOUND);
      await world.remove();
    }
    world = new TestWorld();
  });
});
