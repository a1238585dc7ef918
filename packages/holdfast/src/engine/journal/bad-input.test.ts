import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { workflow } from "../../workflow/workflow.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

/** Takes everything, so that what is refused is refused by the engine. */
const takesAll = workflow(
  "takes-all",
  {
    input: z.unknown(),
    output: z.unknown(),
    key: (input) => (typeof input === "string" ? input : "key"),
    owner: "team",
    describe: () => ({ keys: { a: "b" } }),
  },
  async (input, run) => {
    await run.step("see", () => input, { durable: true });
    await run.sleep("1h");
    return input;
  },
);

function nested(depth: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 1;
  for (let n = 0; n < depth; n += 1) value = wrap(value);
  return value;
}

function cyclic(): unknown {
  const value: Record<string, unknown> = {};
  value["self"] = { value };
  return value;
}

/** A small graph with 2^40 paths: not large, and endless to walk. */
function braided(): unknown {
  let value: unknown = "x";
  for (let n = 0; n < 40; n += 1) value = [value, value];
  return value;
}

const REFUSED: readonly (readonly [string, string, () => unknown])[] = [
  ["a Date", "HF4103", () => ({ at: new Date(0) })],
  ["a bigint", "HF4103", () => ({ cents: 10n })],
  ["NaN", "HF4103", () => [Number.NaN]],
  ["Infinity", "HF4103", () => ({ n: Number.POSITIVE_INFINITY })],
  ["minus zero's cousin, an integer beyond 2^53", "HF4103", () => ({ n: 2 ** 53 + 2 })],
  ["undefined in an array", "HF4103", () => [1, undefined, 3]],
  ["a hole in an array", "HF4103", () => Object.assign([], { length: 3, 0: 1, 2: 3 })],
  ["a function", "HF4103", () => ({ f: () => 1 })],
  ["a symbol", "HF4103", () => ({ s: Symbol("s") })],
  ["a Map", "HF4103", () => ({ m: new Map([[1, 2]]) })],
  ["a Set", "HF4103", () => new Set([1])],
  ["a typed array", "HF4103", () => ({ bytes: new Uint8Array(3) })],
  ["a Promise", "HF4103", () => ({ p: Promise.resolve(1) })],
  ["an object of a class", "HF4103", () => ({ u: new URL("http://localhost") })],
  ["a lone high surrogate", "HF4103", () => ({ text: "a\ud800b" })],
  ["a lone low surrogate", "HF4103", () => ["\udfff"]],
  ["a lone surrogate in a key", "HF4103", () => ({ ["\ud83d"]: 1 })],
  ["10,000 nested arrays", "HF4105", () => nested(10_000, (inner) => [inner])],
  ["10,000 nested objects", "HF4105", () => nested(10_000, (inner) => ({ inner }))],
  ["200,000 nested arrays", "HF4105", () => nested(200_000, (inner) => [inner])],
  ["a cycle", "HF4103", cyclic],
  ["20 MB of text", "HF4104", () => ({ text: "x".repeat(20 * 1024 * 1024) })],
  ["20 MB of small parts", "HF4104", () => Array.from({ length: 4_000_000 }, () => 12345)],
  ["an endless braid", "HF4104", braided],
];

describe("an input that cannot be kept", () => {
  test.each(REFUSED)(
    "%s is refused with %s, and nothing of it is kept",
    async (_what, code, make) => {
      const engine = await world.begin([takesAll]);
      const flushes = world.life.watched.flushes.length;
      await expect(engine.startRun(takesAll, make())).rejects.toMatchObject({
        code,
        message: expect.stringContaining("input of takes-all"),
        remedy: expect.stringMatching(/./),
      });
      await world.settle();
      expect(await world.allRuns()).toHaveLength(0);
      expect(world.life.watched.flushes.length).toBe(flushes);
      expect(engine.live.size).toBe(0);
      // The same key is free still.
      expect(await engine.startRun(takesAll, "key")).toMatchObject({ isNew: true });
    },
  );

  test("says where the fault is", async () => {
    const engine = await world.begin([takesAll]);
    const input = { lines: [{ ok: 1 }, { "a/b~c": [0, 1, new Date(0)] }] };
    await expect(engine.startRun(takesAll, input)).rejects.toThrow("/lines/1/a~1b~0c/2");
  });

  test("does not name the content of a large text", async () => {
    const engine = await world.begin([takesAll]);
    const secret = `SECRET${"x".repeat(9_000_000)}`;
    const error = await engine.startRun(takesAll, { secret }).catch((thrown: unknown) => thrown);
    expect(String(error).length).toBeLessThan(500);
    expect(String(error)).not.toContain("SECRET");
  });
});

describe("keys", () => {
  test.each([
    ["empty", ""],
    ["longer than the limit", "k".repeat(513)],
  ])("that are %s are refused", async (_what, key) => {
    const engine = await world.begin([takesAll]);
    await expect(engine.startRun(takesAll, key)).rejects.toMatchObject({ code: "HF4102" });
    expect(await world.allRuns()).toHaveLength(0);
  });

  test.each([undefined, null, 7, {}, []])("that are no text (%s) are refused", async (key) => {
    const flow = workflow(
      "flow",
      // The cast makes what an untyped caller could write.
      { input: z.unknown(), output: z.unknown(), key: () => key as string, owner: "t" },
      () => Promise.resolve(null),
    );
    const engine = await world.begin([flow]);
    await expect(engine.startRun(flow, {})).rejects.toMatchObject({ code: "HF4102" });
    expect(await world.allRuns()).toHaveLength(0);
  });

  test("with a lone surrogate from the workflow's own key function are refused", async () => {
    const flow = workflow(
      "flow",
      { input: z.unknown(), output: z.unknown(), key: () => "a\ud800", owner: "t" },
      () => Promise.resolve(null),
    );
    const engine = await world.begin([flow]);
    await expect(engine.startRun(flow, {})).rejects.toMatchObject({
      code: expect.stringMatching(/^HF410[23]$/),
    });
    await world.settle();
    expect(await world.allRuns()).toHaveLength(0);
  });
});

describe("prototypes", () => {
  test("are not to be reached by a payload", async () => {
    const before = Object.getOwnPropertyNames(Object.prototype).toSorted();
    const evil = JSON.parse(
      '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 2}}, "a": {"__proto__": {"polluted": 3}}}',
    ) as unknown;
    const engine = await world.begin([takesAll]);
    const run = await engine.startRun(takesAll, evil).then(
      (started) => started.run,
      () => 0,
    );
    await world.crash();
    await world.begin([takesAll]);
    const result = run === 0 ? {} : ((await world.resultOf(run)) as { polluted?: unknown });
    expect(result).not.toHaveProperty("polluted");
    const probe: { polluted?: unknown } = {};
    expect(probe.polluted).toBeUndefined();
    expect(Object.getOwnPropertyNames(Object.prototype).toSorted()).toEqual(before);
  });

  test("are not looked through: a property that only the prototype has is no input", async () => {
    const strict = workflow(
      "strict",
      {
        input: z.object({ id: z.string() }),
        output: z.unknown(),
        key: (input) => input.id,
        owner: "t",
      },
      () => Promise.resolve(null),
    );
    const engine = await world.begin([strict]);
    await expect(engine.startRun(strict, Object.create({ id: "inherited" }))).rejects.toMatchObject(
      {
        code: expect.stringMatching(/^HF410[23]$/),
      },
    );
    expect(await world.allRuns()).toHaveLength(0);
  });
});

describe("a wrong schema", () => {
  test.each([
    ["nothing", undefined],
    ["null", null],
    ["a text", "order"],
    ["an empty object", {}],
    ["a wrong type", { orderId: 7, cents: 1 }],
    ["a fraction of a cent", { orderId: "1", cents: 12.5 }],
    ["an array", [{ orderId: "1", cents: 1 }]],
  ])("refuses %s, naming the places, and starts nothing", async (_what, input) => {
    const order = workflow(
      "order",
      {
        input: z.object({ orderId: z.string(), cents: z.number().int() }),
        output: z.unknown(),
        key: (o) => o.orderId,
        owner: "t",
      },
      () => Promise.resolve(null),
    );
    const engine = await world.begin([order]);
    await expect(engine.startRun(order, input)).rejects.toMatchObject({
      code: "HF4102",
      message: expect.stringMatching(/^The input of order is not valid: .*Nothing was started\.$/),
    });
    await world.settle();
    expect(await world.allRuns()).toHaveLength(0);
  });
});

/** The cast makes what an untyped caller could return. */
function returning(n: unknown) {
  return workflow(
    "flow",
    { input: z.unknown(), output: z.object({ n: z.number() }), key: () => "k", owner: "t" },
    () => Promise.resolve({ n } as { n: number }),
  );
}

describe("a result that cannot be kept", () => {
  test.each([
    ["a Date", () => new Date(0)],
    ["undefined in an array", () => [undefined]],
    ["20 MB", () => "x".repeat(20 * 1024 * 1024)],
  ])("(%s) holds the run for its code's owner", async (_what, make) => {
    const flow = workflow(
      "flow",
      { input: z.unknown(), output: z.unknown(), key: () => "k", owner: "team-code" },
      () => Promise.resolve(make() as unknown),
    );
    await world.begin([flow]);
    const run = await world.start(flow, {});
    await world.untilState(run, "held");
    expect((await world.exceptions(run))[0]).toMatchObject({ class: "defect", owner: "team-code" });
  });

  test("that breaks the output schema holds it too, and the mended code completes it", async () => {
    await world.begin([returning("one")]);
    const run = await world.start(world.engine.workflow("flow") ?? returning(1), {});
    await world.untilState(run, "held");
    await world.close();
    await world.begin([returning(1)]);
    await world.engine.commands.resume(run, null, "dev", "mended");
    expect(await world.resultOf(run)).toEqual({ n: 1 });
  });
});
