import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { effect, type EffectDefinition } from "../workflow/effect.ts";
import { workflow } from "../workflow/workflow.ts";
import type { Schema } from "../workflow/schema.ts";
import type { Plan } from "./counterpart.test-support.ts";
import { integrationOf, testEffect, testWorkflow } from "./test-effects.test-support.ts";
import { TestWorld } from "./test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const broken = (): never => {
  throw new TypeError("x is not a function");
};

const LOST: Plan = { kind: "lostAnswer", happened: true };

/** A schema that answers later, and badly. */
const rejecting: Schema = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: () => Promise.reject(new TypeError("no")),
  },
};

/** A run whose effect has one part of its definition broken. */
async function heldRun(
  kind: "keyed" | "once" | "probeable",
  parts: Partial<Record<keyof EffectDefinition, unknown>>,
  ...plans: readonly Plan[]
) {
  const system = world.counterpart("erp", kind === "keyed" ? "keys" : "none");
  system.plan("act", ...plans);
  const act = testEffect(kind, system, "act");
  Object.assign(act.definition, parts);
  const flow = testWorkflow("flow", (input, run) => run.do(act, input));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  return { system, run, flow };
}

/** A parent that calls a child, one definition of which throws until it is mended. */
function family(part: "key" | "lane" | "describe", isBad = true) {
  let bad = isBad;
  const child = workflow(
    "child",
    {
      input: z.object({ id: z.string() }),
      output: z.string(),
      key: (input) => (bad && part === "key" ? broken() : input.id),
      lane: () => (bad && part === "lane" ? broken() : "one"),
      describe: () => (bad && part === "describe" ? broken() : {}),
      owner: "team",
    },
    async (input, run) => {
      await run.sleep("1h");
      return input.id;
    },
  );
  const parent = testWorkflow("parent", (input, run) => run.call(child, input));
  const setBad = (value: boolean) => () => {
    bad = value;
  };
  return { parent, child, mend: setBad(false), breakIt: setBad(true) };
}

describe("a definition that throws", () => {
  test("in describe, holds the run before anything is sent", async () => {
    const { system, run } = await heldRun("keyed", { describe: broken });
    await world.untilState(run, "held");
    expect(system.requests).toHaveLength(0);
    expect((await world.exceptions(run))[0]).toMatchObject({ class: "defect", effect: "never" });
  });

  test("in classify, leaves the outcome unknown", async () => {
    const { system, run } = await heldRun("once", { classify: broken }, LOST);
    await world.untilState(run, "exception");
    expect(system.requests).toHaveLength(1);
    expect((await world.exceptions(run))[0]).toMatchObject({ class: "ambiguous" });
  });

  test.each([
    ["at once", z.object({ ref: z.string().transform(broken) })],
    ["later", rejecting],
  ])("in the output schema (%s), counts as an answer that does not fit", async (_when, output) => {
    const { system, run } = await heldRun("keyed", { output });
    await world.untilState(run, "exception");
    expect(system.count("act")).toBe(1);
    expect(system.requests).toHaveLength(1);
    expect((await world.exceptions(run))[0]).toMatchObject({ effect: "surely" });
  });

  test("in the input schema, holds the run before anything is sent", async () => {
    const { system, run } = await heldRun("keyed", {
      input: z.object({ id: z.string().transform(broken) }),
    });
    await world.untilState(run, "held");
    expect(system.requests).toHaveLength(0);
  });

  test.each([
    ["nothing", undefined],
    ["a word", "done"],
    ["an unknown saying", { seen: "perhaps" }],
    ["a value that is no JSON", { seen: "done", value: { ref: "a", at: 1n } }],
  ])("in a look-up that answers %s, cannot tell", async (_what, answer) => {
    const probe = () => Promise.resolve(answer);
    const { system, run } = await heldRun("probeable", { probe }, LOST);
    await world.untilState(run, "exception");
    expect(system.requests).toHaveLength(1);
    expect((await world.exceptions(run))[0]).toMatchObject({ class: "ambiguous" });
    const probes = (await world.records(run)).filter((record) => record.kind === "probe");
    expect(probes.length).toBeGreaterThan(2);
    expect(probes.length).toBeLessThan(10);
  });

  test("in the mapping to an undoing effect, leaves the undoing to a person", async () => {
    const system = world.counterpart("erp", "keys");
    const undo = testEffect("keyed", system, "undo");
    const act = testEffect("keyed", system, "act", { undo: { effect: undo, input: broken } });
    const flow = testWorkflow("flow", async (input, run) => {
      await run.do(act, input);
      run.stop("changed our mind", { compensate: true });
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held", "exception");
    expect((await world.exceptions(run))[0]).toMatchObject({ owner: "team-flow" });
  });

  test("two integrations of one name hold the run", async () => {
    const system = world.counterpart("erp", "keys");
    const act = testEffect("keyed", system, "act");
    const twin = { ...integrationOf(system) };
    const other = testEffect("keyed", system, "other", { on: twin });
    const flow = testWorkflow("flow", async (input, run) => {
      await run.do(act, input);
      await run.do(other, input);
      return null;
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    expect((await world.exceptions(run))[0]).toMatchObject({ reasonCode: "HF1002" });
  });

  test.each(["key", "lane", "describe"] as const)(
    "in a workflow's %s, refuses the start and holds up nobody else of the lane",
    async (part) => {
      let bad = true;
      const flow = workflow(
        "flow",
        {
          input: z.object({ id: z.string() }),
          output: z.string(),
          key: (input) => (bad && part === "key" ? broken() : input.id),
          lane: () => (bad && part === "lane" ? broken() : "one"),
          describe: () => (bad && part === "describe" ? broken() : {}),
          owner: "team",
        },
        (input) => Promise.resolve(input.id),
      );
      await world.begin([flow]);
      await expect(world.start(flow, { id: "1" })).rejects.toThrow("x is not a function");
      await world.settle();
      expect(await world.allRuns()).toHaveLength(0);
      bad = false;
      const run = await world.start(flow, { id: "2" });
      expect(await world.resultOf(run)).toBe("2");
    },
  );

  test.each(["key", "lane", "describe"] as const)(
    "in the %s of a child, holds the run that calls it, and lets it go on once that is mended",
    async (part) => {
      const { parent, child, mend } = family(part);
      await world.begin([parent, child]);
      const run = await world.start(parent, { id: "1" });
      await world.untilState(run, "held");
      expect((await world.exceptions(run))[0]).toMatchObject({ class: "defect" });
      mend();
      await world.engine.commands.resume(run, null, "ana", "mended");
      expect(await world.resultOf(run)).toBe("1");
    },
  );

  test("in the key of a child that may have been started, holds the run that is taken back", async () => {
    let dies = false;
    const { parent, child, mend, breakIt } = family("key", false);
    await world.begin([parent, child], {
      fateOf: ({ kinds }) => (dies && kinds.includes("called") ? "diesBefore" : "applied"),
      limits: { flushRecordsMax: 1 },
    });
    dies = true;
    const run = await world.start(parent, { id: "1" });
    await world.until("death", () => world.life.watched.isDead);
    await world.crash();
    breakIt();
    await world.beginOnly([parent, child]);
    await world.untilState(run, "held");
    await world.engine.commands.cancel(run, "ana", "no need");
    await world.advance(1_000);
    expect(await world.stateOf(run)).toBe("held");
    // The cancel has closed the first: what stands in the way of the taking back is another one.
    expect((await world.exceptions(run)).filter((one) => one.closedAtMs === null)).toHaveLength(1);
    mend();
    await world.engine.commands.resume(run, null, "ana", "mended");
    await world.untilState(run, "cancelled");
    expect((await world.allRuns()).map((row) => row.state)).toEqual(["cancelled", "cancelled"]);
  });

  test("is refused when it is declared without sense", () => {
    const system = world.counterpart("erp");
    const declare = (parts: object) => () =>
      effect("act", {
        on: integrationOf(system),
        repeat: "keyed",
        keyWindow: "1h",
        input: z.unknown(),
        output: z.unknown(),
        run: () => Promise.resolve(null),
        ...parts,
      });
    expect(declare({})).not.toThrow();
    expect(declare({ repeat: undefined })).toThrow(expect.objectContaining({ code: "HF1101" }));
    expect(declare({ repeat: "twice" })).toThrow(expect.objectContaining({ code: "HF1101" }));
    expect(declare({ keyWindow: undefined })).toThrow(expect.objectContaining({ code: "HF1001" }));
    expect(declare({ timeout: "soon" })).toThrow(expect.objectContaining({ code: "HF1001" }));
    expect(declare({ retry: { attempts: 0 } })).toThrow(
      expect.objectContaining({ code: "HF1001" }),
    );
    expect(declare({ retry: { within: "36h" } })).toThrow(
      expect.objectContaining({ code: "HF1107" }),
    );
    expect(declare({ repeat: "once", keyWindow: undefined, retry: { attempts: 2 } })).toThrow(
      expect.objectContaining({ code: "HF1107" }),
    );
    expect(declare({ repeat: "probeable" })).toThrow(expect.objectContaining({ code: "HF1001" }));
    expect(declare({ repeat: "idempotent" })).toThrow(expect.objectContaining({ code: "HF1001" }));
  });
});
