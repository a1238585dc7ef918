import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { workflow } from "../../workflow/workflow.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;
const GO = { name: "go", schema: z.unknown() };

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

/** The first run of the lane waits for an event; those behind it are done in no time. */
function laned(deadline: "1h" | "30d" = "30d") {
  return workflow(
    "laned",
    {
      input: z.object({ id: z.string(), note: z.string().optional() }),
      output: z.unknown(),
      key: (input) => input.id,
      owner: "team",
      lane: () => "L",
      deadline: (input) => (input.id === "1" ? "30d" : deadline),
    },
    async (input, run) => {
      if (input.id === "1") await run.wait(GO, { key: "k" });
      return run.step("work", () => input.id);
    },
  );
}

async function begun(flow = laned()) {
  await world.begin([flow]);
  const first = await world.start(flow, { id: "1" });
  const second = await world.start(flow, { id: "2" });
  await world.settle();
  return { flow, first, second };
}

/** The run at the front of the lane ends, and there is time for the next. */
async function turnComes(first: number): Promise<void> {
  await world.engine.commands.send("go", "k", "e1", {});
  await world.untilState(first, "completed");
  await world.advance(HOUR_MS);
}

const resume = (run: number) => world.engine.commands.resume(run, null, "ana", "late is fine");

describe("a run that waits for its turn", () => {
  test("gets it although somebody looked at it who had an exception beside it", async () => {
    const { flow, first, second } = await begun();
    // Started again with another input: an exception beside the run, which does not wait for it.
    await world.start(flow, { id: "2", note: "differs" });
    await world.settle();
    await expect(resume(second)).rejects.toMatchObject({ code: "HF6003" });
    await world.settle();
    expect(world.engine.live.has(second)).toBe(false);
    await turnComes(first);
    expect(await world.stateOf(second)).toBe("completed");
  });

  test("gets it after it was late and its owner let it go on", async () => {
    const { first, second } = await begun(laned("1h"));
    await world.advance(2 * HOUR_MS);
    expect(await world.stateOf(second)).toBe("exception");
    await resume(second);
    await world.settle();
    expect(world.engine.live.has(second)).toBe(false);
    await turnComes(first);
    expect(await world.stateOf(second)).toBe("completed");
  });

  test("is late when its deadline passes, also with an exception beside it", async () => {
    const { flow, first, second } = await begun(laned("1h"));
    await world.start(flow, { id: "2", note: "differs" });
    await world.advance(2 * HOUR_MS);
    expect(await world.stateOf(second)).toBe("exception");
    await turnComes(first);
    expect(await world.stateOf(second)).toBe("exception");
    await resume(second);
    await world.untilState(second, "completed");
  });
});

/** The process dies right after the cancel is durable. */
async function diesAtCancel() {
  let armed = false;
  const flow = laned("1h");
  await world.begin([flow], {
    limits: { flushRecordsMax: 2 },
    fateOf: ({ kinds }) => (armed && kinds.includes("cancel") ? "diesAfter" : "applied"),
  });
  await world.start(flow, { id: "1" });
  const second = await world.start(flow, { id: "2" });
  await world.settle();
  armed = true;
  const cancelled = world.engine.commands.cancel(second, "ana", "not wanted");
  await Promise.race([
    cancelled.catch(() => undefined),
    world.until("death", () => world.life.watched.isDead),
  ]);
  await world.crash();
  await world.begin([flow]);
  await world.settle();
  return second;
}

describe("a run that is cancelled before its turn", () => {
  test("is taken back after a crash without waiting for its lane", async () => {
    const second = await diesAtCancel();
    expect(await world.stateOf(second)).toBe("cancelled");
  });
});
