import { afterEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { workflow } from "../workflow/workflow.ts";
import { TestWorld } from "./test-world.test-support.ts";

const nap = workflow(
  "nap",
  { input: z.object({ id: z.string() }), output: z.string(), key: (i) => i.id, owner: "team-nap" },
  async (_input, run) => {
    await run.sleep("1h");
    return await run.step("after", () => "rested");
  },
);

describe("a run whose workflow the app does not have", () => {
  const world = new TestWorld();
  afterEach(() => world.remove());

  test("is held and owned when it is due, and goes on once the code is back", async () => {
    await world.begin([nap]);
    const run = await world.start(nap, { id: "a" });
    await world.close();
    await world.begin([]);
    await world.advance(2 * 3_600_000);
    expect(await world.stateOf(run)).toBe("held");
    expect(await world.exceptions(run)).toMatchObject([
      { class: "defect", owner: "team-nap", reasonCode: "HF2105" },
    ]);
    await world.close();
    const engine = await world.begin([nap]);
    await engine.commands.resume(run, null, "ana", "deployed again");
    await world.settle();
    expect(await world.stateOf(run)).toBe("completed");
    expect(await world.resultOf(run)).toBe("rested");
  });
});
