import { afterEach, beforeEach, expect, test } from "vitest";
import { effect } from "../../workflow/effect.ts";
import { notDone } from "../../workflow/seen.ts";
import { ANSWER, integrationOf, REFERENCE, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const MINUTE_MS = 60_000;

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

/** Whose engine is killed in the middle of each call, and looked up before it is sent again. */
function flowOf(isKilled: () => boolean) {
  const bank = world.counterpart("bank", "keys");
  const pay = effect("pay", {
    on: integrationOf(bank),
    timeout: "5s",
    repeat: "probeable",
    settle: "20s",
    input: REFERENCE,
    output: ANSWER,
    run: async ({ id }, attempt) => {
      if (isKilled()) {
        world.life.watched.isDead = true;
        await new Promise<never>(() => undefined);
      }
      return await bank.call("pay", id, attempt);
    },
    probe: () => Promise.resolve(notDone()),
  });
  return testWorkflow("flow", (input, run) => run.do(pay, input));
}

/** Lives in which the call was sent, until its run is somebody's; each with code of this version. */
async function killsWith(versionOf: (life: number) => string, lives: number): Promise<number> {
  let isKilled = true;
  const flow = flowOf(() => isKilled);
  let kills = 0;
  for (let life = 0; life < lives; life += 1) {
    await world.beginOnly([flow], { version: versionOf(life) });
    if (life === 0) void world.engine.startRun(flow, { id: "1" }).catch(() => undefined);
    for (let minute = 0; minute < 10 && !world.life.watched.isDead; minute += 1)
      await world.advance(MINUTE_MS);
    if (!world.life.watched.isDead) return kills;
    kills += 1;
    await world.crash();
  }
  isKilled = false;
  await world.begin([flow], { version: versionOf(lives) });
  await world.advance(10 * MINUTE_MS);
  const [run] = await world.allRuns();
  expect(run?.state).toBe("completed");
  return kills;
}

test("a call is tried alone for two ends, and then its run is put away", async () => {
  expect(await killsWith(() => "1", 7)).toBe(4);
  const [exception] = await world.exceptions();
  expect(exception).toMatchObject({ class: "poison", closedAtMs: null });
  expect(exception?.because).toContain("at least 3 times while it was at work");
});

test("a call that each deployment cuts off is not held against code that is new", async () => {
  expect(await killsWith((life) => `v${String(life)}`, 7)).toBe(7);
  expect(await world.exceptions()).toEqual([]);
});
