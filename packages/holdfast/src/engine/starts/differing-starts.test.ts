import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { workflow } from "../../workflow/workflow.ts";
import { Deferred } from "../run/deferred.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const input = z.object({ id: z.string(), cents: z.number(), note: z.string().optional() });
const options = {
  input,
  output: z.any(),
  key: ({ id }: { readonly id: string }) => id,
  owner: "order-desk",
};
const sleeper = workflow("sleeper", options, async ({ cents }, run) => {
  await run.sleep("1h");
  return cents;
});
const quick = workflow("quick", options, async ({ cents }) => cents);
const laned = workflow("laned", { ...options, lane: () => "one" }, async ({ cents }, run) => {
  await run.sleep("1h");
  return cents;
});
const busyLaned = workflow("busy", { ...options, lane: () => "two" }, ({ id, cents }, run) =>
  run.step("work", async () => cents + ((await works.get(id)?.promise) ?? 0)),
);
/** Work of a run that ends when a test says so. */
const works = new Map<string, Deferred<number>>();

const start = (cents: number, more: object = {}) =>
  world.engine.startRun(sleeper, { id: "a", cents, ...more }, { by: "shop" });

describe("a start with the key of a run and another input", () => {
  test("joins the run, says so, and opens an exception beside it for the owner", async () => {
    await world.begin([sleeper]);
    const first = await start(100);
    expect(first.differs).toBe(false);
    await world.untilState(first.run, "waiting");
    const second = await start(101);
    expect(second).toEqual({ run: first.run, isNew: false, differs: true });
    const [open, ...others] = await world.exceptions();
    expect(others).toEqual([]);
    expect(open).toMatchObject({
      run: first.run,
      class: "data",
      owner: "order-desk",
      reasonCode: "HF4107",
      step: "",
    });
    expect(open?.because).toMatch(/^Started again by shop .*goes on with the input it began with/);
    expect(open?.dueAtMs).toBeGreaterThan(open?.openedAtMs ?? 0);
    expect(JSON.stringify(open)).not.toContain("101");
    const opened = (await world.records(first.run)).find((record) => record.kind === "opened");
    expect(opened?.data).toBe('{"id":"a","cents":101}');
    expect(await world.allRuns()).toHaveLength(1);
  });

  test("does not disturb the run, whether it is at work, waits or is brought back", async () => {
    await world.begin([sleeper]);
    const { run } = await start(100);
    await start(101);
    await world.untilState(run, "waiting");
    await start(102);
    expect(await world.stateOf(run)).toBe("waiting");
    await world.crash();
    await world.begin([sleeper]);
    await start(103);
    expect(await world.stateOf(run)).toBe("waiting");
    await world.advance(3_600_000);
    expect(await world.resultOf(run)).toBe(100);
    expect(await world.exceptions(run)).toHaveLength(3);
  });

  test("opens an exception also at a run that has ended", async () => {
    await world.begin([quick]);
    const { run } = await world.engine.startRun(quick, { id: "a", cents: 1 });
    expect(await world.resultOf(run)).toBe(1);
    const again = await world.engine.startRun(quick, { id: "a", cents: 2 });
    expect(again).toEqual({ run, isNew: false, differs: true });
    const [open] = await world.exceptions(run);
    expect(open?.because).toContain("The run is completed with the input it began with");
    expect(await world.stateOf(run)).toBe("completed");
    expect(await world.resultOf(run)).toBe(1);
  });

  test("is one exception for each input, however often it comes, also at once and over a crash", async () => {
    await world.begin([sleeper]);
    const { run } = await start(100);
    await Promise.all([start(101), start(101), start(102)]);
    await world.crash();
    await world.begin([sleeper]);
    await start(101);
    const open = await world.exceptions(run);
    expect(open).toHaveLength(2);
    await world.engine.exceptions.beside.close(
      { run, seq: open[0]?.seq ?? 0 },
      "ana",
      "told the shop",
    );
    expect((await start(101)).differs).toBe(true);
    expect(await world.exceptions(run)).toHaveLength(2);
  });

  test("is found among starts that come in the same moment", async () => {
    await world.begin([sleeper]);
    const started = await Promise.all([start(100), start(101), start(100)]);
    expect(started.map(({ isNew, differs }) => [isNew, differs])).toEqual([
      [true, false],
      [false, true],
      [false, false],
    ]);
    expect(await world.exceptions()).toHaveLength(1);
  });

  test("is none if only the order of the properties differs", async () => {
    await world.begin([sleeper]);
    await start(100, { note: "n" });
    const again = await world.engine.startRun(sleeper, { note: "n", cents: 100, id: "a" });
    expect(again).toMatchObject({ isNew: false, differs: false });
    expect(await world.exceptions()).toEqual([]);
  });

  test("costs a start that does not differ no further message to the store", async () => {
    await world.begin([sleeper]);
    await start(100);
    await world.settle();
    const before = world.life.watched.activity;
    await start(100);
    // One look-up: its begin and its end.
    expect(world.life.watched.activity - before).toBe(2);
  });

  test("is refused when too many stand open beside the run, until some are closed", async () => {
    await world.begin([sleeper], { limits: { besideOpenMax: 2 } });
    const { run } = await start(100);
    await start(101);
    await start(102);
    await expect(start(103)).rejects.toMatchObject({
      code: "HF4203",
      message: expect.stringContaining("besideOpenMax") as string,
    });
    await start(102);
    await start(100);
    const [open] = await world.exceptions(run);
    await world.engine.exceptions.beside.close(
      { run, seq: open?.seq ?? 0 },
      "ana",
      "told the shop",
    );
    await start(103);
    expect(await world.exceptions(run)).toHaveLength(3);
  });

  test("leaves a run that waits for its turn in a lane what it is", async () => {
    await world.begin([laned]);
    const first = await world.engine.startRun(laned, { id: "a", cents: 1 });
    const second = await world.engine.startRun(laned, { id: "b", cents: 2 });
    await world.engine.startRun(laned, { id: "b", cents: 3 });
    expect(await world.stateOf(second.run)).toBe("waiting");
    await world.crash();
    await world.begin([laned]);
    await world.engine.startRun(laned, { id: "b", cents: 4 });
    await world.untilState(first.run, "completed");
    expect(await world.exceptions(second.run)).toHaveLength(2);
    expect(await world.resultOf(second.run)).toBe(2);
  });

  test("does not keep the turn of such a run off the record while its first work is under way", async () => {
    for (const id of ["a", "b"]) works.set(id, new Deferred());
    await world.begin([busyLaned]);
    const startBusy = (id: string, cents: number) =>
      world.engine.startRun(busyLaned, { id, cents });
    await startBusy("a", 1);
    const { run } = await startBusy("b", 2);
    await startBusy("b", 3);
    expect(await world.stateOf(run)).toBe("waiting");
    works.get("a")?.resolve(0);
    expect(await world.stateOf(run)).toBe("running");
    works.get("b")?.resolve(0);
    expect(await world.resultOf(run)).toBe(2);
  });

  test("lets such a run have its turn if the one before it ended just before a crash", async () => {
    let died = false;
    await world.begin([laned], {
      fateOf: ({ kinds }) => {
        if (!kinds.includes("finished")) return "applied";
        died = true;
        return "diesAfter";
      },
    });
    await world.engine.startRun(laned, { id: "a", cents: 1 });
    const { run } = await world.engine.startRun(laned, { id: "b", cents: 2 });
    await world.engine.startRun(laned, { id: "b", cents: 3 });
    const [open] = await world.exceptions(run);
    await world.engine.exceptions.beside.close(
      { run, seq: open?.seq ?? 0 },
      "ana",
      "told the shop",
    );
    await world.until("the end of the first run", () => died);
    await world.crash();
    await world.begin([laned]);
    expect(await world.resultOf(run)).toBe(2);
  });

  test("is on record before its caller is told, whatever flush the process dies at", async () => {
    for (let at = 2; at < 6; at += 1) {
      for (const fate of ["diesBefore", "diesAfter"] as const) {
        world = new TestWorld(at);
        await world.begin([sleeper]);
        const { run } = await start(100);
        await world.untilState(run, "waiting");
        await world.crash();
        await world.begin([sleeper], { fateOf: (f) => (f.number === at ? fate : "applied") });
        let wasTold = false;
        void start(101).then(
          () => (wasTold = true),
          () => null,
        );
        await world.settle();
        const told = wasTold;
        await world.crash();
        await world.begin([sleeper]);
        // Told means on record; not told, it may be either.
        const openCount = (await world.exceptions(run)).length;
        expect(told ? openCount : 1).toBe(1);
        await start(101);
        expect(await world.exceptions(run)).toHaveLength(1);
        await world.remove();
      }
    }
    world = new TestWorld();
  });
});

describe("a run that is written to while it is being read", () => {
  test("is read again by whoever brings it back, and has no record twice", async () => {
    const engine = await world.begin([sleeper]);
    const { run } = await start(100);
    await world.untilState(run, "waiting");
    const { store } = engine;
    const load = store.load.bind(store);
    const held = new Deferred<void>();
    store.load = async (runs) => {
      store.load = load;
      const stored = await load(runs);
      await held.promise;
      return stored;
    };
    const reached = engine.wakes.reach(run);
    await world.settle();
    await start(101);
    held.resolve();
    expect((await reached)?.row.run).toBe(run);
    await world.advance(3_600_000);
    expect(await world.resultOf(run)).toBe(100);
    expect(engine.committer.hasFailed).toBe(false);
  });

  test("is read again before it is written to, if it has gone on meanwhile", async () => {
    const engine = await world.begin([sleeper]);
    const { run } = await start(100);
    await world.untilState(run, "waiting");
    const { store } = engine;
    const load = store.load.bind(store);
    const held = new Deferred<void>();
    let loads = 0;
    store.load = async (runs) => {
      loads += 1;
      const number = loads;
      const stored = await load(runs);
      // The first is for the row, the second for the records.
      if (number === 2) await held.promise;
      return stored;
    };
    const joining = start(101);
    await world.settle();
    expect(loads).toBe(2);
    await engine.wakes.reach(run);
    await world.settle();
    held.resolve();
    expect(await joining).toMatchObject({ differs: true });
    expect(await world.exceptions(run)).toHaveLength(1);
    expect(engine.committer.hasFailed).toBe(false);
    await world.advance(3_600_000);
    expect(await world.resultOf(run)).toBe(100);
  });

  test("is brought back all the same if that happens while the engine starts", async () => {
    let firstLife = true;
    const busy = workflow("busy", options, async ({ cents }, run) => {
      await run.step("work", () => 1, { durable: true });
      if (firstLife) await new Promise<never>(() => undefined);
      return cents;
    });
    await world.begin([busy]);
    await world.engine.startRun(busy, { id: "a", cents: 1 });
    await world.settle();
    await world.crash();
    firstLife = false;
    const held = new Deferred<void>();
    const reading = new Deferred<void>();
    await world.beginOnly([busy], {
      onStore: (store) => {
        const page = store.page.bind(store);
        return {
          ...store,
          page: async (...asked) => {
            const stored = await page(...asked);
            reading.resolve();
            await held.promise;
            return stored;
          },
        };
      },
    });
    await reading.promise;
    const again = await world.engine.startRun(busy, { id: "a", cents: 2 });
    expect(again).toMatchObject({ isNew: false, differs: true });
    held.resolve();
    expect(await world.resultOf(again.run)).toBe(1);
    expect(world.engine.committer.hasFailed).toBe(false);
  });
});
