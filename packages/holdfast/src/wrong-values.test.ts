/** What is no definition, no event or no function is refused where it is given, in words (HF1001). */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { type App, holdfast } from "./holdfast.ts";
import { fault } from "./testing/bed/fault.ts";
import { testbed } from "./testing/bed/testbed.ts";
import { rehearse } from "./testing/index.ts";
import { effect } from "./workflow/effect.ts";
import { integration } from "./workflow/integration.ts";
import { review } from "./workflow/review.ts";
import type { Run } from "./workflow/run.ts";
import { workflow } from "./workflow/workflow.ts";

// Callers in JavaScript, and a circular import: the cast gives what the compiler would refuse.
const missing = undefined as never;

const options = { input: z.string(), output: z.unknown(), key: (id: string) => id, owner: "team" };
const flow = workflow("flow", options, async (id) => id);
const shop = integration("shop", { owner: "team" });
const approval = review("approval", { subject: z.string(), decision: z.boolean(), by: "team" });
const paid = { name: "paid", schema: z.string() };

const refused = (words: string) =>
  expect.objectContaining({ code: "HF1001", message: expect.stringContaining(words) as string });

describe("a definition", () => {
  const effectOptions = {
    on: shop,
    repeat: "read",
    input: z.string(),
    output: z.string(),
    run: async (text: string) => text,
  } as const;

  describe.each([
    ["workflow", (name: string) => workflow(name, options, async (id) => id)],
    ["effect", (name: string) => effect(name, effectOptions)],
    ["integration", (name: string) => integration(name, { owner: "team" })],
    ["review", (name: string) => review(name, approval.definition as never)],
  ])("of %s", (kind, make) => {
    test.each([
      [undefined],
      [{}],
      [5],
      [""],
      ["a\u0000b"],
      ["a\nb"],
      ["x".repeat(201)],
      ["\ud800"],
    ])("has a name, which %j is not", (name) => {
      expect(() => make(name as string)).toThrow(refused(`${kind} is not valid`));
    });
  });

  test.each([
    ["workflow", () => workflow("a", missing, missing)],
    ["effect", () => effect("a", missing)],
    ["integration", () => integration("a", missing)],
    ["review", () => review("a", missing)],
  ])("of %s without options is refused in words", (kind, make) => {
    expect(make).toThrow(refused(`${kind} "a" is not valid: expected an object of options`));
  });
});

describe("an app", () => {
  let app: App;
  beforeEach(() => {
    app = holdfast({ store: ":memory:", workflows: [flow], log: () => undefined });
  });
  afterEach(() => app.close());

  test.each([
    ["workflows[0]", { workflows: [undefined] }],
    ["workflows[1]", { workflows: [flow, {}] }],
    ["effects[0]", { effects: [undefined] }],
    ['"effects"', { effects: shop }],
  ])("says which of its lists is wrong: %s", (where, over) => {
    const made = { store: ":memory:", workflows: [flow], ...over } as never;
    expect(() => holdfast(made)).toThrow(refused(where));
  });

  test("asks for a circular import where a definition is undefined", () => {
    expect(() => holdfast({ store: ":memory:", workflows: [missing] })).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining("circle") as string }),
    );
  });

  test.each<[string, (it: App) => Promise<unknown>]>([
    ["workflow of app.start", (it) => it.start(missing, "1")],
    ["workflow of app.startIn", (it) => it.startIn({} as never, missing, "1")],
    ["app.cancel", (it) => it.cancel("run_1", missing)],
    ["app.resume", (it) => it.resume("run_1", missing)],
    ["app.answer", (it) => it.answer("rev_1", true, missing)],
    ["app.settle", (it) => it.settle("eff_1", missing, { by: "bo" })],
    ["app.answer", (it) => it.settle("eff_1", { happened: true }, missing)],
    ["app.decide", (it) => it.decide("prp_1", true, missing)],
    ["app.closeException", (it) => it.closeException("exc_1", missing)],
    ["app.send", (it) => it.send(paid, missing)],
    ["event that is sent", (it) => it.send(missing, { key: "k", id: "1", payload: "" })],
    ["event that is sent", (it) => it.send({} as never, { key: "k", id: "1", payload: "" })],
    ["app.pruneLocal", (it) => it.pruneLocal({} as never, missing)],
  ])("refuses an undefined %s in words", async (where, act) => {
    await expect(act(app)).rejects.toEqual(refused(where));
  });

  test.each([[5], [undefined], [{}]])("takes no listener that is %j", (listener) => {
    expect(() => app.on(listener as never)).toThrow(refused("listener of app.on"));
  });
});

describe("a run's verb", () => {
  test.each<[string, (run: Run) => Promise<unknown>]>([
    ["effect of run.do", (run) => run.do(missing, "x")],
    ["effect of run.try", (run) => run.try(missing, "x")],
    ["review of run.ask", (run) => run.ask(missing, "x")],
    ["event of run.wait", (run) => run.wait(missing, { key: "k" })],
    ["run.wait", (run) => run.wait(paid, missing)],
    ["workflow of run.call", (run) => run.call(missing, "x")],
    ['work of step "x"', (run) => run.step("x", missing)],
    ['work of scope "x"', (run) => run.scope("x", missing)],
  ])("refuses an undefined %s in words", async (where, act) => {
    const told: unknown[] = [];
    const asks = workflow("asks", options, async (id, run) => {
      await act(run).catch((error: unknown) => told.push(error));
      return id;
    });
    const bed = testbed({ workflows: [asks] });
    expect((await bed.start(asks, "1")).state).toBe("completed");
    expect(told).toEqual([refused(where)]);
    await bed.close();
  });
});

describe("a test bed", () => {
  test.each<[string, () => unknown]>([
    ["workflows[0] of testbed", () => testbed({ workflows: [missing] })],
    ["effects[0] of testbed", () => testbed({ workflows: [flow], effects: [missing] })],
    ["effect of bed.on", () => testbed({ workflows: [flow] }).on(missing)],
    [
      "review of bed.decide",
      () => testbed({ workflows: [flow] }).decide(missing, true, { user: "a" }),
    ],
    ["bed.decide", () => testbed({ workflows: [flow] }).decide(approval, true, missing)],
    ["event of bed.sends", () => testbed({ workflows: [flow] }).sends(missing, missing)],
    ["bed.sends", () => testbed({ workflows: [flow] }).sends(paid, missing)],
    ["fault.lostAnswer", () => fault.lostAnswer(missing)],
    ["fault.silent", () => fault.silent({} as never)],
    ["workflow of rehearse", () => rehearse(missing, missing)],
  ])("refuses an undefined %s in words", async (where, act) => {
    await expect(Promise.resolve().then(act)).rejects.toEqual(refused(where));
  });

  test.each<[string, (bed: ReturnType<typeof testbed>) => Promise<unknown>]>([
    ["workflow of bed.start", (bed) => bed.start(missing, "1")],
    ["review of bed.answer", (bed) => bed.answer(missing, true, { user: "a" })],
    ["bed.answer", (bed) => bed.answer(approval, true, missing)],
    ["event of bed.send", (bed) => bed.send(missing, missing)],
    ["bed.cancel", (bed) => bed.cancel("run_1", missing)],
  ])("refuses an undefined %s in words", async (where, act) => {
    const bed = testbed({ workflows: [flow] });
    await expect(act(bed)).rejects.toEqual(refused(where));
    await bed.close();
  });
});
