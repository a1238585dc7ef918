import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Counterpart } from "./counterpart.test-support.ts";
import { testEffect, testWorkflow } from "./test-effects.test-support.ts";
import { TestWorld } from "./test-world.test-support.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

let world: TestWorld;
let shop: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  shop = world.counterpart("shop", "keys");
});
afterEach(() => world.remove());

const openOnes = async (run: number) =>
  (await world.exceptions(run)).filter((exception) => exception.closedAtMs === null);

describe("a run that stands still and is taken back", () => {
  test("while an attempt is out has what waits beside that settled as well", async () => {
    const wire = testEffect("keyed", shop, "wire", { timeout: "50m", undo: "call" });
    const mail = testEffect("probeable", shop, "mail", { settle: "90m", undo: "none" });
    shop.plan("wire", { kind: "slow", takesMs: 40 * MINUTE_MS });
    shop.plan("mail", { kind: "lostAnswer", happened: true });
    const flow = testWorkflow(
      "flow",
      async (input, r) => {
        await r.sleep("5m");
        await Promise.all([r.do(wire, input), r.do(mail, input)]);
      },
      { deadline: "1h" },
    );
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.advance(30 * MINUTE_MS);
    world.clock.setMs(world.clock.nowMs() + 35 * MINUTE_MS);
    await world.untilState(run, "exception");
    expect(world.engine.live.has(run)).toBe(true);
    await world.engine.commands.cancel(run, "ana", "too late");
    await world.untilState(run, "cancelled");
    expect((await world.effects(run)).map(({ proof }) => proof)).not.toContain("maybe");
    expect(await openOnes(run)).toEqual([]);
  });

  test("by its deadline has what its journal leaves open settled first", async () => {
    const mail = testEffect("probeable", shop, "mail", { settle: "90m" });
    shop.plan("mail", { kind: "lostAnswer", happened: true });
    const version = (isMended: boolean) =>
      testWorkflow(
        "flow",
        async (input, r) => {
          const sent = r.do(mail, input);
          await r.sleep("5m");
          if (!isMended) throw new Error("broken");
          await sent;
        },
        { deadline: "1h", onLate: "stop" },
      );
    const broken = version(false);
    await world.begin([broken]);
    const run = await world.start(broken, { id: "1" });
    await world.untilState(run, "held");
    await world.close();
    await world.begin([version(true)]);
    // Somebody looks at it while its deadline passes: it is late before it can leave memory.
    const unpin = (await world.engine.wakes.reach(run))?.pin();
    await world.settle();
    world.clock.setMs(world.clock.nowMs() + HOUR_MS);
    unpin?.();
    await world.untilState(run, "stopped");
    expect((await world.effects(run)).map(({ proof }) => proof)).toEqual(["surely"]);
  });
});
