import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Run } from "../../workflow/run.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow, type TestEffect } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let system: Counterpart;
let tax: TestEffect;
let vat: TestEffect;
beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("erp", "keys");
  tax = testEffect("keyed", system, "tax");
  vat = testEffect("keyed", system, "vat");
});
afterEach(() => world.remove());

type Body = (input: { id: string }, run: Run) => Promise<unknown>;
const flowOf = (body: Body) => testWorkflow("flow", body);

/** Before the change. */
const old: Body = async (input, run) => {
  await run.sleep("1h", { as: "before" });
  await run.do(tax, input);
  await run.sleep("1h", { as: "after" });
  return "tax";
};
/** The change: VAT in the place of a tax. */
const changed: Body = async (input, run) => {
  await run.sleep("1h", { as: "before" });
  const isNew = await run.since("v45");
  await run.do(isNew ? vat : tax, input);
  await run.sleep("1h", { as: "after" });
  return isNew ? "vat" : "tax";
};
/** The old path is left out. */
const cleaned: Body = async (input, run) => {
  await run.sleep("1h", { as: "before" });
  await run.do(vat, input);
  await run.sleep("1h", { as: "after" });
  return "vat";
};

async function deploy(
  version: string,
  body: Body,
  how: "closes" | "crashes" = "closes",
  earlierVersions: readonly string[] = [],
) {
  await (how === "closes" ? world.close() : world.crash());
  // Versions are told apart by when they came first.
  world.clock.setMs(world.clock.nowMs() + 1_000);
  const flow = flowOf(body);
  await world.begin([flow], { version, earlierVersions });
  return flow;
}

async function begunOn(version: string, body: Body): Promise<number> {
  const flow = flowOf(body);
  await world.begin([flow], { version });
  return await world.start(flow, { id: "1" });
}

const answers = async (run: number) =>
  (await world.records(run)).flatMap(({ name, head }) => {
    const { since } = JSON.parse(head ?? "{}") as { since?: { isNew: boolean } };
    return since === undefined ? [] : [[name, since.isNew]];
  });

const anHour = () => world.advance(3_700_000);

async function expectHeld(run: number, code: string, says: RegExp): Promise<void> {
  const row = await world.row(run);
  expect(row.state).toBe("held");
  expect(row.reason).toMatch(says);
  expect(row.reason).toContain(code);
  expect((await world.exceptions(run)).at(-1)).toMatchObject({ class: "defect", reasonCode: code });
}

describe("run.since", () => {
  test("a run that began before takes the old path for ever, one that begins with it the new one", async () => {
    const before = await begunOn("v44", old);
    const flow = await deploy("v45", changed);
    const after = await world.start(flow, { id: "2" });
    await anHour();
    expect([system.count("tax"), system.count("vat")]).toEqual([1, 1]);
    expect(await answers(before)).toEqual([["since v45", false]]);
    expect(await answers(after)).toEqual([["since v45", true]]);
    await deploy("v46", changed, "crashes");
    expect(await world.resultOf(before)).toBe("tax");
    expect(await world.resultOf(after)).toBe("vat");
    expect([system.count("tax"), system.count("vat")]).toEqual([1, 1]);
    expect(await answers(before)).toHaveLength(1);
  });

  test("on a store that has never seen the version new runs take the new path, and keep it", async () => {
    const run = await begunOn("v47", changed);
    await anHour();
    expect(await answers(run)).toEqual([["since v45", true]]);
    await deploy("v48", changed, "crashes");
    expect(await world.resultOf(run)).toBe("vat");
  });

  test("a deployment that skipped the version holds older runs until the code lists it", async () => {
    const run = await begunOn("v44", old);
    await deploy("v47", changed);
    await anHour();
    await expectHeld(run, "HF1111", /nobody can say.*earlierVersions/u);
    const flow = await deploy("v47", changed, "closes", ["v44", "v45", "v46"]);
    const later = await world.start(flow, { id: "2" });
    await world.engine.commands.resume(run, null, "op", "listed");
    expect(await world.resultOf(run)).toBe("tax");
    expect(await world.resultOf(later)).toBe("vat");
  });

  test("a run whose history has come past without asking takes the old path, whatever it began with", async () => {
    // Deployed under the same name: the version alone would say the new path.
    const run = await begunOn("v45", old);
    await anHour();
    expect(system.count("tax")).toBe(1);
    await deploy("v45", changed);
    expect(await world.resultOf(run)).toBe("tax");
    expect(await answers(run)).toEqual([["since v45", false]]);
    expect(system.count("vat")).toBe(0);
  });

  test("one whose history ends just before the question is told by the version that it began with", async () => {
    const run = await begunOn("v45", old);
    await deploy("v45", changed);
    expect(await world.resultOf(run)).toBe("vat");
    expect(await answers(run)).toEqual([["since v45", true]]);
  });

  test("a run that was told to take the old path is told so everywhere", async () => {
    const run = await begunOn("v45", old);
    await anHour();
    await deploy("v45", async (input, r) => {
      const result = await changed(input, r);
      return [result, await r.since("v45", { as: "later" })];
    });
    expect(await world.resultOf(run)).toEqual(["tax", false]);
  });

  test("the answer of a run that comes back is written only if its history fits", async () => {
    const run = await begunOn("v44", old);
    await anHour();
    await deploy("v45", async (input, r) => {
      await r.sleep("1h", { as: "before" });
      await r.since("v45");
      return r.do(vat, input);
    });
    await anHour();
    await expectHeld(run, "HF2104", /step "tax"/);
    expect(await answers(run)).toEqual([]);
    expect(system.count("vat")).toBe(0);
  });
});

describe("run.since that cannot be answered", () => {
  test.each([
    ["of a version that nobody has deployed", "v45", "v99", /never deployed on this store/],
    ["of the files that the app is made of", "sha256:0011", "v45", /those have no order/],
  ])("%s: held, and nothing is executed", async (_what, running, asked, says) => {
    const run = await begunOn("v44", (_input, r) => r.sleep("1h"));
    await deploy(running, async (input, r) => {
      const isNew = await r.since(asked);
      return r.do(isNew ? vat : tax, input);
    });
    await anHour();
    await expectHeld(run, "HF1111", says);
    expect(system.requests).toEqual([]);
  });

  test("of a version newer than its own, after a rollback of the name alone", async () => {
    const run = await begunOn("v44", old);
    await deploy("v45", changed);
    await deploy("v44", changed);
    await anHour();
    await expectHeld(run, "HF1111", /newer than the version of this app, which is v44/);
    expect(system.requests).toEqual([]);
  });

  test("where a run of the new path has come past another question without it", async () => {
    const run = await begunOn("v45", changed);
    await anHour();
    expect(system.count("vat")).toBe(1);
    await deploy("v45", async (input, r) => {
      await r.sleep("1h", { as: "before" });
      const isNew = await r.since("v45");
      // A second change under the name of the first: the history is past it.
      await r.since("v45", { as: "second" });
      await r.do(isNew ? vat : tax, input);
      await r.sleep("1h", { as: "after" });
      return isNew;
    });
    await anHour();
    await expectHeld(run, "HF1111", /was told true before, and at "since v45#second"/);
    expect(system.count("tax")).toBe(0);
  });

  test("a second use under one name is refused, as of any step", async () => {
    const run = await begunOn("v45", async (_input, r) => [
      await r.since("v45"),
      await r.since("v45"),
    ]);
    expect(await world.row(run)).toMatchObject({
      state: "held",
      reason: expect.stringContaining("HF1203") as string,
    });
  });

  test("a step of that name that was something else is no answer", async () => {
    const run = await begunOn("v45", async (_input, r) => {
      await r.step("since v45", () => true);
      await r.sleep("1h");
    });
    await deploy("v46", async (_input, r) => {
      await r.since("v45");
      await r.sleep("1h");
    });
    await anHour();
    await expectHeld(run, "HF2104", /"since v45" was local work; your code asks for a question/);
  });
});

describe("code that has no question any more", () => {
  test("rolled back to before the question, it has the runs of the old path and holds those of the new one", async () => {
    const before = await begunOn("v44", old);
    const flow = await deploy("v45", changed);
    const after = await world.start(flow, { id: "2" });
    await anHour();
    await deploy("v44", old);
    expect(await world.resultOf(before)).toBe("tax");
    await anHour();
    await expectHeld(after, "HF2104", /step "vat" was the effect "vat"|path that v45 has brought/);
    expect([system.count("tax"), system.count("vat")]).toEqual([1, 1]);
    // Forward again: nothing was lost.
    await deploy("v45", changed);
    await world.engine.commands.resume(after, null, "ana", "v45 is back");
    expect(await world.resultOf(after)).toBe("vat");
    expect(system.count("vat")).toBe(1);
  });

  test("holds a run of the old path although no step of it differs", async () => {
    const before = await begunOn("v44", old);
    await deploy("v45", async (input, run) => {
      await run.sleep("1h", { as: "before" });
      const isNew = await run.since("v45");
      await run.sleep("1h", { as: "between" });
      return run.do(isNew ? vat : tax, input);
    });
    await anHour();
    expect(await answers(before)).toEqual([["since v45", false]]);
    await deploy("v46", async (input, run) => {
      await run.sleep("1h", { as: "before" });
      await run.sleep("1h", { as: "between" });
      return run.do(vat, input);
    });
    await anHour();
    await expectHeld(
      before,
      "HF2104",
      /on the path from before v45, which your code no longer has/,
    );
    expect(system.count("vat")).toBe(0);
  });

  test("goes on with a run of the new path", async () => {
    const run = await begunOn("v45", changed);
    await anHour();
    await deploy("v46", cleaned);
    expect(await world.resultOf(run)).toBe("vat");
    expect(system.count("vat")).toBe(1);
  });
});
