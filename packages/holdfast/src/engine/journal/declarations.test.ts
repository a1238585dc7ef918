import { type } from "arktype";
import * as v from "valibot";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Schema } from "../../workflow/schema.ts";
import { review } from "../../workflow/review.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

interface Declared {
  readonly definition: string;
  readonly name: string;
  readonly sensitive: readonly string[];
  readonly decision: readonly { readonly name: string; readonly expects: string }[] | null;
}

const declared = async () => {
  const records = await world.records(0);
  return (
    records
      .filter(({ kind }) => kind === "declared")
      .map(({ head }) => JSON.parse(head ?? "") as Declared)
      // The version of the code is put down in the same way.
      .filter(({ definition }) => definition !== "version")
  );
};

describe("what definitions declare", () => {
  test("is on record once, over any number of runs and lives", async () => {
    const pay = testEffect("keyed", world.counterpart("shop", "keys"), "pay");
    const body = async (
      input: { id: string },
      r: Parameters<Parameters<typeof testWorkflow>[1]>[1],
    ) => {
      await r.step("copy", () => 1, { sensitive: ["/b", "/a", "/b"] });
      return r.do(pay, input);
    };
    const flow = testWorkflow("flow", body, { sensitive: ["/id"] });
    await world.begin([flow]);
    for (const id of ["1", "2"]) await world.resultOf(await world.start(flow, { id }));
    await world.crash();
    await world.begin([flow]);
    await world.resultOf(await world.start(flow, { id: "3" }));
    // What it answers: a slip of who settles it by hand is found without its code.
    const answer = [{ name: "ref", expects: "TEXT", isRequired: true }];
    expect(await declared()).toEqual([
      { definition: "workflow", name: "flow", sensitive: ["/id"], decision: null },
      { definition: "step", name: "flow/copy", sensitive: ["/a", "/b"], decision: null },
      { definition: "integration", name: "shop", sensitive: [], decision: null },
      { definition: "effect", name: "pay", sensitive: [], decision: answer },
    ]);
    await world.close();
    await world.begin([testWorkflow("flow", body, { sensitive: ["/id", "/more"] })]);
    expect((await declared()).at(-1)).toMatchObject({ name: "flow", sensitive: ["/id", "/more"] });
  });

  test("is bounded: a name for every use is refused", async () => {
    const flow = testWorkflow("flow", async (_input, r) => {
      for (const name of ["a", "b", "c"]) await r.step(name, () => 1, { sensitive: [] });
      return null;
    });
    await world.begin([flow], { limits: { declarationsMax: 3 } });
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    expect((await world.exceptions(run))[0]).toMatchObject({ reasonCode: "HF4104" });
  });

  test.each<readonly [string, Schema, string | null]>([
    [
      "zod",
      z.object({ ok: z.boolean(), note: z.string().optional() }),
      "ok: true|false, note: TEXT",
    ],
    ["arktype", type({ ok: "boolean" }), "ok: true|false"],
    [
      "valibot, which says only what is missing",
      v.object({ ok: v.boolean() }),
      'ok: Invalid key: Expected "ok" but received undefined, ...: perhaps more fields',
    ],
    [
      "a date, which has no JSON form",
      z.object({ at: z.date() }),
      "at: Invalid input: expected date, received undefined, ...: perhaps more fields",
    ],
    ["anything", z.any(), ": JSON"],
  ])("of a review tells what answers it: %s", async (_library, decision, fields) => {
    const ask = review("ask", { subject: z.any(), decision, by: "boss" });
    const flow = testWorkflow("flow", (_input, r) => r.ask(ask, {}));
    await world.begin([flow]);
    await world.start(flow, { id: "1" });
    await world.settle();
    const head = (await declared()).find(({ name }) => name === "ask") as {
      readonly decision: readonly { readonly name: string; readonly expects: string }[];
    };
    const told = head.decision.map(({ name, expects }) => `${name}: ${expects}`).join(", ");
    expect(told).toBe(fields);
  });
});
