import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;
const paid = { name: "paid", schema: z.object({ cents: z.number() }) };

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const waits = testWorkflow("waits", (input, run) => run.wait(paid, { key: input.id }));
const waitsAnHour = testWorkflow("waits-an-hour", (input, run) =>
  run.wait(paid, { key: input.id, within: "1h" }),
);
const sleepsFirst = testWorkflow("sleeps-first", async (input, run) => {
  await run.sleep("1h");
  return run.wait(paid, { key: input.id });
});

const send = (key: string, id: string, cents: number) =>
  world.engine.commands.send("paid", key, id, { cents });

async function keptIds(key: string): Promise<readonly string[]> {
  await world.settle();
  return (await world.engine.store.keptEvents({ namespace: "main", event: "paid", key }, 100)).map(
    ({ id }) => id,
  );
}

describe("run.wait", () => {
  test("gets the event with its key, and no other", async () => {
    await world.begin([waits]);
    const one = await world.start(waits, { id: "1" });
    const two = await world.start(waits, { id: "2" });
    await world.untilState(two, "waiting");
    await send("2", "e1", 200);
    expect(await world.resultOf(two)).toEqual({ cents: 200 });
    expect(await world.stateOf(one)).toBe("waiting");
  });

  test("takes an event that came before it waited, also over a crash", async () => {
    await world.begin([sleepsFirst]);
    const run = await world.start(sleepsFirst, { id: "1" });
    await send("1", "e1", 100);
    await world.crash();
    await world.begin([sleepsFirst]);
    expect(await world.resultOf(run)).toEqual({ cents: 100 });
  });

  test("takes an event that came before the run was started", async () => {
    await world.begin([waits]);
    await send("1", "e1", 100);
    expect(await world.resultOf(await world.start(waits, { id: "1" }))).toEqual({ cents: 100 });
  });

  test("gives each early event to one wait, oldest first", async () => {
    const twice = testWorkflow("twice", async (input, run) => [
      await run.wait(paid, { key: input.id, as: "a" }),
      await run.wait(paid, { key: input.id, as: "b" }),
    ]);
    await world.begin([twice]);
    await send("1", "e1", 1);
    await send("1", "e2", 2);
    expect(await world.resultOf(await world.start(twice, { id: "1" }))).toEqual([
      { cents: 1 },
      { cents: 2 },
    ]);
  });

  test("gives each early event to one of two waits that ask in the same moment", async () => {
    const both = testWorkflow("both", (input, run) =>
      Promise.all([
        run.wait(paid, { key: input.id, as: "a" }),
        run.wait(paid, { key: input.id, as: "b" }),
      ]),
    );
    await world.begin([both]);
    await send("1", "e1", 1);
    await send("1", "e2", 2);
    expect(await world.resultOf(await world.start(both, { id: "1" }))).toEqual([
      { cents: 1 },
      { cents: 2 },
    ]);
  });

  test("gives one early event to one of two waits, and the other goes on waiting", async () => {
    const both = testWorkflow("both", (input, run) =>
      Promise.all([
        run.wait(paid, { key: input.id, as: "a", within: "1h" }),
        run.wait(paid, { key: input.id, as: "b", within: "1h" }),
      ]),
    );
    await world.begin([both]);
    await send("1", "e1", 1);
    expect(await world.resultOf(await world.start(both, { id: "1" }))).toEqual([
      { cents: 1 },
      "timeout",
    ]);
  });

  test("gives one event to one of two runs that wait for it: the one that waited first", async () => {
    const other = testWorkflow("other", (_input, run) => run.wait(paid, { key: "shared" }));
    await world.begin([other]);
    const first = await world.start(other, { id: "1" });
    await world.untilState(first, "waiting");
    const second = await world.start(other, { id: "2" });
    await world.untilState(second, "waiting");
    await send("shared", "e1", 1);
    expect(await world.stateOf(first)).toBe("completed");
    expect(await world.stateOf(second)).toBe("waiting");
    await send("shared", "e2", 2);
    expect(await world.stateOf(second)).toBe("completed");
  });

  test("says timeout when nothing came in time, also if that passed while nothing ran", async () => {
    await world.begin([waitsAnHour]);
    const run = await world.start(waitsAnHour, { id: "1" });
    await world.advance(HOUR_MS - 5_000);
    expect(await world.stateOf(run)).toBe("waiting");
    await world.crash();
    world.clock.setMs(world.clock.nowMs() + HOUR_MS);
    await world.begin([waitsAnHour]);
    await world.advance(1_000);
    expect(await world.resultOf(run)).toBe("timeout");
  });

  test("keeps an event that comes after the timeout for the next who waits", async () => {
    await world.begin([waitsAnHour]);
    const run = await world.start(waitsAnHour, { id: "1" });
    await world.advance(2 * HOUR_MS);
    expect(await world.resultOf(run)).toBe("timeout");
    await send("1", "late", 7);
    const other = testWorkflow("other", (_input, r) => r.wait(paid, { key: "1" }));
    await world.close();
    await world.begin([waitsAnHour, other]);
    expect(await world.resultOf(await world.start(other, { id: "x" }))).toEqual({ cents: 7 });
  });

  test("loses no event that comes in the moment in which the run begins to wait", async () => {
    const flow = testWorkflow("flow", async (input, run) => {
      for (let n = 0; n < Number(input.id) % 7; n += 1)
        await run.step("busy", () => n, { as: String(n) });
      return run.wait(paid, { key: input.id });
    });
    await world.begin([flow]);
    const runs: number[] = [];
    for (let n = 0; n < 40; n += 1) {
      const id = String(n);
      const starting = world.engine.startRun(flow, { id });
      for (let turn = 0; turn < n % 11; turn += 1)
        await new Promise<void>((resolve) => setImmediate(resolve));
      await send(id, `e${id}`, n);
      runs.push((await starting).run);
    }
    for (const [n, run] of runs.entries()) expect(await world.resultOf(run)).toEqual({ cents: n });
  });

  test("loses no event to a run that begins to wait while the sender is being told that nobody waits", async () => {
    await world.begin([waits]);
    const { store } = world.life.watched;
    const awaiting = store.awaiting.bind(store);
    let run = 0;
    Object.assign(store, {
      awaiting: async (...args: Parameters<typeof awaiting>) => {
        const answer = await awaiting(...args);
        if (run === 0) {
          run = await world.start(waits, { id: "1" });
          await world.untilState(run, "waiting");
        }
        return answer;
      },
    });
    await send("1", "e1", 9);
    expect(await world.resultOf(run)).toEqual({ cents: 9 });
  });

  test("keeps the second of two events that come at the same moment for one wait", async () => {
    await world.begin([waits]);
    const run = await world.start(waits, { id: "1" });
    await world.untilState(run, "waiting");
    await Promise.all([send("1", "e1", 1), send("1", "e2", 2)]);
    const first = (await world.resultOf(run)) as { cents: number };
    const other = testWorkflow("other", (_input, r) => r.wait(paid, { key: "1" }));
    await world.close();
    await world.begin([other]);
    const second = (await world.resultOf(await world.start(other, { id: "x" }))) as {
      cents: number;
    };
    expect(new Set([first.cents, second.cents])).toEqual(new Set([1, 2]));
  });

  test("refuses an event that breaks the schema of who waits, and goes on waiting", async () => {
    await world.begin([waits]);
    const run = await world.start(waits, { id: "1" });
    await world.untilState(run, "waiting");
    await expect(
      world.engine.commands.send("paid", "1", "bad", { cents: "many" }),
    ).rejects.toMatchObject({ code: "HF4102" });
    await send("1", "good", 5);
    expect(await world.resultOf(run)).toEqual({ cents: 5 });
  });

  test("makes an exception of an early event that does not fit, and takes the one behind it", async () => {
    await world.begin([waits]);
    await world.engine.commands.send("paid", "1", "e1", { cents: "many" });
    await send("1", "e2", 5);
    await send("1", "e3", 6);
    const run = await world.start(waits, { id: "1" });
    expect(await world.resultOf(run)).toEqual({ cents: 5 });
    const open = await world.exceptions();
    expect(open).toMatchObject([{ run, class: "data", owner: "team-flow", reasonCode: "HF4102" }]);
    const [misfit] = open;
    expect(misfit?.dueAtMs).toBeGreaterThan(misfit?.openedAtMs ?? 0);
    expect(misfit?.because).toContain('"e1"');
    expect(misfit?.because).toContain("cents");
    expect(JSON.stringify(misfit)).not.toContain("many");
    // It is nobody's any more: only the good one is left.
    expect(await keptIds("1")).toEqual(["e3"]);
    const opened = (await world.records(run)).find((record) => record.kind === "opened");
    expect(opened?.data).toBe('{"cents":"many"}');
  });

  test("goes on waiting after an early event that does not fit, also over crashes", async () => {
    await world.begin([waits]);
    await world.engine.commands.send("paid", "1", "e1", { cents: "many" });
    const run = await world.start(waits, { id: "1" });
    expect(await world.stateOf(run)).toBe("waiting");
    await world.crash();
    await world.begin([waits]);
    expect(await world.stateOf(run)).toBe("waiting");
    expect(await world.exceptions()).toHaveLength(1);
    await send("1", "e2", 7);
    expect(await world.resultOf(run)).toEqual({ cents: 7 });
  });

  test("loses no early event and opens one exception for each misfit, whatever flush the process dies at", async () => {
    for (let at = 2; at < 8; at += 1) {
      for (const fate of ["diesBefore", "diesAfter"] as const) {
        const own = new TestWorld(at);
        world = own;
        await own.begin([waits]);
        await own.engine.commands.send("paid", "1", "bad", { cents: "many" });
        await send("1", "good", 5);
        await own.crash();
        await own.begin([waits], {
          fateOf: (flush) => (flush.number === at ? fate : "applied"),
        });
        const starting = own.engine.startRun(waits, { id: "1" }).catch(() => null);
        await own.settle();
        await own.crash();
        await own.begin([waits]);
        const { run } = await own.engine.startRun(waits, { id: "1" });
        expect(await own.resultOf(run)).toEqual({ cents: 5 });
        expect(await own.exceptions(run)).toHaveLength(1);
        void starting;
        await own.remove();
      }
    }
    world = new TestWorld();
  });

  test("gives the same event again on recovery", async () => {
    const flow = testWorkflow("flow", async (input, run) => {
      const event = await run.wait(paid, { key: input.id });
      await run.sleep("1h");
      return event;
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await send("1", "e1", 3);
    await world.untilState(run, "waiting");
    await world.crash();
    await world.begin([flow]);
    expect(await world.resultOf(run)).toEqual({ cents: 3 });
  });
});
