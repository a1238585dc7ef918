/** R37 where the code, or what a person says, does not fit what was done in part. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Classified } from "../../core/failure.ts";
import type { Part } from "../../core/parts.ts";
import type { SaidParts } from "../../core/said-parts.ts";
import { effect } from "../../workflow/effect.ts";
import { testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const LINES = ["line 1", "line 2", "line 3"] as const;

/** What the ledger answers of one line: posted, refused, or nothing. */
type Line = "posted" | "refused" | "lost";

class LinesFailed extends Error {
  readonly says: Classified;

  constructor(says: Classified) {
    super("207 Multi-Status");
    this.says = says;
  }
}

let world: TestWorld;
/** Lines that were posted, in their order; each once, if all is well. */
let posted: string[];
/** How each line ends from now on; those not named are posted. */
let fate: Record<string, Line>;
/** Why the lines that are refused are refused. */
let refusal: Classified["class"];
beforeEach(() => {
  world = new TestWorld();
  posted = [];
  fate = {};
  refusal = "data";
});
afterEach(() => world.remove());

function post(names: readonly string[]): { posted: number } {
  const parts = names.map((name): Part => {
    const line = fate[name] ?? "posted";
    if (line !== "refused") posted.push(name);
    if (line === "posted") return { name, effect: "surely" };
    return line === "lost"
      ? { name, effect: "maybe" }
      : { name, effect: "never", reason: "closed account" };
  });
  if (parts.every((part) => part.effect === "surely")) return { posted: names.length };
  throw new LinesFailed({ class: refusal, reasonCode: "LEDGER:LINES", parts });
}

function flowOf(byParts: boolean) {
  const lines = effect("post-lines", {
    on: testIntegration("ledger"),
    repeat: "once",
    input: z.object({ id: z.string() }),
    output: z.object({ posted: z.number() }),
    byParts,
    classify: (error: unknown) => (error instanceof LinesFailed ? error.says : undefined),
    run: (_input: unknown, attempt: { readonly partsDone: readonly string[] }) =>
      Promise.resolve(post(LINES.filter((name) => !byParts || !attempt.partsDone.includes(name)))),
  });
  return testWorkflow("flow", (input, run) => run.do(lines, input));
}

async function begun(byParts: boolean): Promise<number> {
  const flow = flowOf(byParts);
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  return run;
}

const resume = (run: number) => world.engine.commands.resume(run, null, "ann", "mended");

async function said(run: number, parts: SaidParts) {
  const [row] = await world.effects(run);
  await world.engine.commands.settle({
    run,
    operation: row?.operation ?? 0,
    happened: false,
    parts,
    value: null,
    ref: null,
    by: "ann",
    reason: "looked at the ledger",
  });
}

describe("code that leaves out no parts any more", () => {
  test.each(["settled by part", "by itself", "resumed"] as const)(
    "does not send again what was done in part: it is held (%s)",
    async (how) => {
      fate = { "line 2": "refused" };
      if (how === "settled by part") fate["line 3"] = "lost";
      if (how === "by itself") refusal = "throttled";
      const run = await begun(true);
      if (how === "settled by part") {
        fate = { "line 2": "refused" };
        refusal = "throttled";
        await said(run, { "line 3": "happened" });
        await world.settle();
      }
      await world.crash();
      fate = {};
      await world.begin([flowOf(false)]);
      await world.settle();
      if (how === "resumed") await resume(run).catch(() => undefined);
      await world.advance(3_600_000);
      expect(posted.filter((name) => name === "line 1")).toHaveLength(1);
      expect(await world.stateOf(run)).toBe("held");
      // With the code that does, the rest alone is sent.
      await world.crash();
      await world.begin([flowOf(true)]);
      await resume(run);
      await world.settle();
      // What had asked a person before asks again.
      if ((await world.stateOf(run)) === "exception") await resume(run);
      await world.advance(3_600_000);
      expect(posted.filter((name) => name === "line 1")).toHaveLength(1);
      expect(posted).toContain("line 2");
    },
  );
});

test("that all of it happened is not said together with parts that did not", async () => {
  fate = { "line 2": "refused", "line 3": "lost" };
  const run = await begun(true);
  const [row] = await world.effects(run);
  const order = {
    run,
    operation: row?.operation ?? 0,
    happened: true,
    parts: { "line 3": "not" } as const,
    value: { posted: 3 },
    ref: null,
    by: "ann",
    reason: "looked",
  };
  await expect(world.engine.commands.settle(order)).rejects.toThrow("not both");
  expect(await world.stateOf(run)).toBe("exception");
});
