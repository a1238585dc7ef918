import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

/** Runs whose id is in here end the process when they are worked on. */
const deadly = new Set<string>();

async function dieIfDeadly(id: string): Promise<void> {
  if (!deadly.has(id)) return;
  world.life.watched.isDead = true;
  await new Promise<never>(() => undefined);
}

async function putAway(): Promise<string[]> {
  return (await world.allRuns()).filter((row) => row.state === "exception").map((row) => row.key);
}

describe("a run that was put away because it ended processes", () => {
  const deadlyFlow = testWorkflow("deadly-flow", async (input, run) => {
    await run.step("before", () => 1, { durable: true });
    await dieIfDeadly(input.id);
    return null;
  });

  async function lifeOfDeadly(): Promise<void> {
    await world.crash();
    await world.beginOnly([deadlyFlow]);
    await world.settle();
    await world.advance(2_000);
  }

  beforeEach(async () => {
    deadly.add("0");
    await world.begin([deadlyFlow]);
    void world.engine.startRun(deadlyFlow, { id: "0" }).catch(() => undefined);
    await world.settle();
    for (let life = 0; life < 10 && (await putAway()).length === 0; life += 1) await lifeOfDeadly();
  });

  test("is cancelled without its code, which would end the next process", async () => {
    expect(await putAway()).toEqual(["0"]);
    const [row] = await world.allRuns();
    await world.engine.commands.cancel(row?.run ?? 0, "ana", "not wanted");
    await world.untilState(row?.run ?? 0, "cancelled");
    expect(world.life.watched.isDead).toBe(false);
  });

  test("is resumed on record before its code runs: its crashes count again", async () => {
    expect(await putAway()).toEqual(["0"]);
    const [row] = await world.allRuns();
    await world.engine.commands.resume(row?.run ?? 0, null, "ana", "mended, I think");
    await world.settle();
    expect(world.life.watched.isDead).toBe(true);
    let count = 0;
    for (; count < 10 && (await putAway()).length === 0; count += 1) await lifeOfDeadly();
    expect(await putAway()).toEqual(["0"]);
    expect(count).toBeLessThanOrEqual(4);
    const { length } = await world.exceptions();
    expect(length).toBe(2);
  });
});
