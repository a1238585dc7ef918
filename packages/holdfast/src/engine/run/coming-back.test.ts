import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";
import { ComingBack } from "./coming-back.ts";

const LIVES_MAX = 8;

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const theRun = async () => (await world.allRuns())[0]?.run ?? 0;

describe("a run that was at work at a crash", () => {
  const deadly = testWorkflow("deadly", async (_input, run) => {
    await run.step("before", () => 1, { durable: true });
    world.life.watched.isDead = true;
    await new Promise<never>(() => undefined);
    return null;
  });

  test.each([
    {
      by: "it is due, or a child of it has come to stand still",
      wake: (run: number) => world.engine.wakes.add([run]),
    },
    {
      by: "somebody has something for it",
      wake: (run: number) => void world.engine.wakes.reach(run),
    },
  ])("is woken because $by only once it is on record that it comes back", async ({ wake }) => {
    await world.begin([deadly]);
    void world.engine.startRun(deadly, { id: "0" }).catch(() => undefined);
    await world.settle();
    let deaths = 1;
    for (; deaths < LIVES_MAX; deaths += 1) {
      await world.crash();
      await world.beginOnly([deadly]);
      wake(await theRun());
      await world.settle();
      await world.advance(2_000);
      if (!world.life.watched.isDead) break;
    }
    expect(deaths).toBe(3);
    expect(await world.stateOf(await theRun())).toBe("exception");
  });

  test("is at work once where it is woken meanwhile", async () => {
    const slow = testWorkflow("slow", async (_input, run) => {
      await run.step("before", () => 1, { durable: true });
      await run.step(
        "work",
        () => new Promise((resolve) => world.clock.after(2_000, () => resolve(1))),
      );
      return null;
    });
    await world.begin([slow]);
    const run = await world.start(slow, { id: "0" });
    await world.crash();
    await world.beginOnly([slow]);
    world.engine.wakes.add([run]);
    await world.settle();
    expect(world.engine.live.size).toBe(1);
    await world.advance(5_000);
    expect(await world.stateOf(run)).toBe("completed");
    expect(world.engine.wakes.keptCount).toBe(0);
  });
});

describe("whoever waits for runs that come back", () => {
  test("waits for nothing while none does", () => {
    expect(new ComingBack().turnOf(1)).toBeNull();
  });

  test("goes on when that run has come, when all have, or when the engine ends", async () => {
    const coming = new ComingBack();
    coming.begin();
    coming.begin();
    const turns = [1, 2].map((run) => coming.turnOf(run));
    coming.came(1);
    await turns[0];
    coming.end();
    expect(coming.keptCount).toBe(1);
    coming.end();
    await turns[1];
    coming.begin();
    const last = coming.turnOf(3);
    coming.close();
    await last;
    expect(coming.keptCount).toBe(0);
  });
});
