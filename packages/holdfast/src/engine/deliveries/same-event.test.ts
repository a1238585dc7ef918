import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { formatRunId } from "../../core/run-number.ts";
import { DEFAULT_LIMITS } from "../limits.ts";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld, type LifeOptions } from "../test-world.test-support.ts";

const DAY_MS = 86_400_000;
const paid = { name: "paid", schema: z.object({ cents: z.number(), of: z.string().optional() }) };

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

/** Takes two events. */
const twice = testWorkflow("twice", async (input, run) => [
  await run.wait(paid, { key: input.id, as: "a" }),
  await run.wait(paid, { key: input.id, as: "b" }),
]);
const once = testWorkflow("once", (input, run) => run.wait(paid, { key: input.id }));

const send = (key: string, id: string, cents: number) =>
  world.engine.commands.send("paid", key, id, { cents });

async function waitingRun(key: string): Promise<number> {
  const run = await world.start(twice, { id: key });
  await world.untilState(run, "waiting");
  return run;
}

/** How many of its two events the run has. */
async function gotten(run: number): Promise<number> {
  return (await world.records(run)).filter((record) => record.kind === "event").length;
}

async function keptCount(key: string): Promise<number> {
  return (await world.engine.store.keptEvents({ namespace: "main", event: "paid", key }, 100))
    .length;
}

describe("the same event", () => {
  test("is delivered once to a run that waits, however often it is sent", async () => {
    await world.begin([twice]);
    const run = await waitingRun("1");
    for (let n = 0; n < 3; n += 1) await send("1", "e1", 100);
    expect(await gotten(run)).toBe(1);
    await send("1", "e2", 100);
    expect(await world.resultOf(run)).toEqual([{ cents: 100 }, { cents: 100 }]);
    expect(await world.exceptions()).toEqual([]);
  });

  test("is kept once while nobody waits, and is not delivered again after it was taken", async () => {
    await world.begin([twice]);
    await send("1", "e1", 100);
    await send("1", "e1", 100);
    expect(await keptCount("1")).toBe(1);
    const run = await waitingRun("1");
    await send("1", "e1", 100);
    expect(await gotten(run)).toBe(1);
    expect(await keptCount("1")).toBe(0);
  });

  test("is the same whatever the order of its properties", async () => {
    await world.begin([twice]);
    const run = await waitingRun("1");
    await world.engine.commands.send("paid", "1", "e1", { cents: 1, of: "a" });
    await world.engine.commands.send("paid", "1", "e1", { of: "a", cents: 1 });
    expect(await gotten(run)).toBe(1);
    expect(await world.exceptions()).toEqual([]);
  });

  test("is accepted once when it comes many times at the same moment", async () => {
    await world.begin([twice]);
    const run = await waitingRun("1");
    await Promise.all(Array.from({ length: 20 }, () => send("1", "e1", 100)));
    expect(await gotten(run)).toBe(1);
    expect(await keptCount("1")).toBe(0);
  });

  test("is known after a crash and after a clean restart", async () => {
    await world.begin([twice]);
    const run = await waitingRun("1");
    await send("1", "e1", 100);
    await world.crash();
    await world.begin([twice]);
    await send("1", "e1", 100);
    await world.close();
    await world.begin([twice]);
    await send("1", "e1", 100);
    expect(await gotten(run)).toBe(1);
    expect(await keptCount("1")).toBe(0);
  });

  test("is another event under another name", async () => {
    await world.begin([twice]);
    await send("1", "e1", 100);
    await world.engine.commands.send("shipped", "1", "e1", { cents: 100 });
    expect(await world.exceptions()).toEqual([]);
    expect(
      await world.engine.store.keptEvents({ namespace: "main", event: "shipped", key: "1" }, 10),
    ).toHaveLength(1);
  });

  test("is not accepted by being refused: it may be mended and sent again under its id", async () => {
    await world.begin([once]);
    const run = await world.start(once, { id: "1" });
    await world.untilState(run, "waiting");
    const bad = world.engine.commands.send("paid", "1", "e1", { cents: "many" });
    await expect(bad).rejects.toMatchObject({ code: "HF4102" });
    await send("1", "e1", 5);
    expect(await world.resultOf(run)).toEqual({ cents: 5 });
    expect(await world.exceptions()).toEqual([]);
  });

  test("is delivered once, whatever flush the process dies at", async () => {
    for (const early of [false, true]) {
      for (let at = 2; at < 7; at += 1) {
        for (const fate of ["diesBefore", "diesAfter"] as const) {
          world = new TestWorld(at);
          await world.begin([twice]);
          const run = early ? await world.start(twice, { id: "1" }) : await waitingRun("1");
          await world.crash();
          await world.begin([twice], {
            fateOf: (flush) => (flush.number === at ? fate : "applied"),
          });
          // Its sender hears nothing if the process dies, and sends again.
          void send("1", "e1", 100).catch(() => null);
          await world.settle();
          await world.crash();
          await world.begin([twice]);
          await send("1", "e1", 100);
          await send("1", "e2", 200);
          expect(await world.resultOf(run)).toEqual([{ cents: 100 }, { cents: 200 }]);
          expect(await keptCount("1")).toBe(0);
          await world.remove();
        }
      }
    }
    world = new TestWorld();
  });

  test("is remembered for the named window, and is a new one after it", async () => {
    expect(DEFAULT_LIMITS.eventIdsMs).toBeGreaterThanOrEqual(30 * DAY_MS);
    await world.begin([twice], { limits: { eventIdsMs: DAY_MS } });
    const run = await waitingRun("1");
    await send("1", "e1", 100);
    await world.advance(DAY_MS - 1_000);
    await send("1", "e1", 100);
    expect(await gotten(run)).toBe(1);
    await world.advance(1_000);
    await send("1", "e1", 300);
    expect(await world.resultOf(run)).toEqual([{ cents: 100 }, { cents: 300 }]);
  });

  test.each(["", "x".repeat(513), "\ud800", 7])(
    "has an id and a key that are texts: %j",
    async (text) => {
      await world.begin([once]);
      const bad = text as string;
      await expect(send("1", bad, 1)).rejects.toMatchObject({ code: "HF4102" });
      await expect(send(bad, "e1", 1)).rejects.toMatchObject({ code: "HF4102" });
      expect(await world.engine.store.acceptedCount(0)).toBe(0);
    },
  );
});

describe("another event under a known id", () => {
  test("is not delivered, is refused with what differs, and stands as an exception at the run that has the first", async () => {
    await world.begin([twice]);
    const run = await waitingRun("1");
    await send("1", "e1", 100);
    const conflict = send("1", "e1", 101);
    await expect(conflict).rejects.toMatchObject({
      code: "HF4106",
      message: expect.stringMatching(
        new RegExp(`with another payload \\(at /cents\\); .*${formatRunId(run)}.*team-flow`),
      ) as string,
    });
    await expect(conflict).rejects.not.toMatchObject({
      message: expect.stringContaining("101") as string,
    });
    expect(await gotten(run)).toBe(1);
    const [open, ...others] = await world.exceptions();
    expect(others).toEqual([]);
    expect(open).toMatchObject({
      run,
      class: "data",
      owner: "team-flow",
      step: "",
      reasonCode: "HF4106",
    });
    expect(open?.dueAtMs).toBeGreaterThan(open?.openedAtMs ?? 0);
    expect(open?.closedAtMs).toBeNull();
    // What came is in the journal, and in no list.
    expect(JSON.stringify(open)).not.toContain("101");
    const opened = (await world.records(run)).find((record) => record.kind === "opened");
    expect(opened?.data).toBe('{"cents":101}');
    expect(world.life.events.filter(({ type }) => type === "exception.opened")).toMatchObject([
      { run, beside: true, owner: "team-flow" },
    ]);
  });

  test.each([
    ["2", 100, "key"],
    ["2", 101, "key and payload (at /cents)"],
  ] as const)("says that the key differs, too: %s, %i", async (key, cents, differs) => {
    await world.begin([twice]);
    await waitingRun("1");
    await send("1", "e1", 100);
    await expect(send(key, "e1", cents)).rejects.toMatchObject({
      code: "HF4106",
      message: expect.stringContaining(`with another ${differs};`) as string,
    });
    expect(await keptCount("2")).toBe(0);
  });

  test("does not disturb the run: it goes on waiting, and takes the next event", async () => {
    await world.begin([twice]);
    const run = await waitingRun("1");
    await send("1", "e1", 100);
    await world.untilState(run, "waiting");
    await expect(send("1", "e1", 101)).rejects.toMatchObject({ code: "HF4106" });
    expect(await world.stateOf(run)).toBe("waiting");
    await world.crash();
    await world.begin([twice]);
    expect(await world.stateOf(run)).toBe("waiting");
    await send("1", "e2", 200);
    expect(await world.resultOf(run)).toEqual([{ cents: 100 }, { cents: 200 }]);
    expect(await world.exceptions(run)).toHaveLength(1);
  });

  test("stands at a run that has ended", async () => {
    await world.begin([once]);
    await send("1", "e1", 100);
    const run = await world.start(once, { id: "1" });
    await world.resultOf(run);
    await expect(send("1", "e1", 101)).rejects.toMatchObject({ code: "HF4106" });
    expect(await world.exceptions()).toMatchObject([{ run, class: "data" }]);
    expect(await world.stateOf(run)).toBe("completed");
  });

  test("stands at the store itself, with the app's owner, while no run has the first", async () => {
    await world.begin([once]);
    await send("1", "e1", 100);
    await expect(send("1", "e1", 101)).rejects.toMatchObject({ code: "HF4106" });
    expect(await world.exceptions()).toMatchObject([
      { run: 0, class: "data", owner: "operators", workflow: "" },
    ]);
    // The first one is what the next run gets.
    expect(await world.resultOf(await world.start(once, { id: "1" }))).toEqual({ cents: 100 });
  });

  test("is one exception, however often it is sent, also after that was closed and over a crash", async () => {
    await world.begin([twice]);
    const run = await waitingRun("1");
    await send("1", "e1", 100);
    const again = () => expect(send("1", "e1", 101)).rejects.toMatchObject({ code: "HF4106" });
    await Promise.all([again(), again()]);
    await world.crash();
    await world.begin([twice]);
    await again();
    const [open] = await world.exceptions();
    await world.engine.exceptions.beside.close(
      { run, seq: open?.seq ?? 0 },
      "ana",
      "told the shop",
    );
    await again();
    expect(await world.exceptions()).toHaveLength(1);
    await expect(send("1", "e1", 102)).rejects.toMatchObject({ code: "HF4106" });
    expect(await world.exceptions()).toHaveLength(2);
  });

  test("is on record before its sender is told, whatever flush the process dies at", async () => {
    for (let at = 2; at < 6; at += 1) {
      for (const fate of ["diesBefore", "diesAfter"] as const) {
        world = new TestWorld(at);
        await world.begin([twice]);
        const run = await waitingRun("1");
        await send("1", "e1", 100);
        await world.crash();
        await world.begin([twice], { fateOf: (f) => (f.number === at ? fate : "applied") });
        const told: unknown[] = [];
        void send("1", "e1", 101).catch((error: unknown) => told.push(error));
        await world.settle();
        const wasTold = told.length > 0;
        await world.crash();
        await world.begin([twice]);
        // Told means on record; not told, it may be either.
        const openCount = (await world.exceptions(run)).length;
        expect(wasTold ? openCount : 1).toBe(1);
        await expect(send("1", "e1", 101)).rejects.toMatchObject({ code: "HF4106" });
        expect(await world.exceptions(run)).toHaveLength(1);
        await world.remove();
      }
    }
    world = new TestWorld();
  });
});

describe("events that nobody waits for", () => {
  test("are refused when too many are kept, and taken again when some of them have been", async () => {
    const limits: LifeOptions["limits"] = { keptEventsMax: 2 };
    await world.begin([once], { limits });
    for (const id of ["a", "b"]) await send("1", id, 1);
    const full = { code: "HF4204", message: expect.stringContaining("keptEventsMax") as string };
    await expect(send("2", "c", 1)).rejects.toMatchObject(full);
    expect(await keptCount("2")).toBe(0);
    await world.crash();
    await world.begin([once], { limits });
    await expect(send("2", "c", 1)).rejects.toMatchObject(full);
    // Who waits is told all the same, and its id was not taken by the refusal.
    const run = await world.start(once, { id: "2" });
    await send("2", "c", 1);
    await world.untilState(run, "completed");
    await world.start(once, { id: "1" });
    await world.advance(60_000);
    await send("3", "d", 1);
    expect(await keptCount("3")).toBe(1);
  });
});

describe("the memory of event ids", () => {
  test("refuses a new event when it is full, knows the old ones, and takes again when ids are old", async () => {
    const limits: LifeOptions["limits"] = { eventIdsMax: 3, eventIdsMs: DAY_MS };
    await world.begin([once], { limits });
    for (const id of ["a", "b", "c"]) await send("1", id, 1);
    await expect(send("1", "d", 1)).rejects.toMatchObject({
      code: "HF4202",
      message: expect.stringContaining("eventIdsMax") as string,
    });
    await send("1", "a", 1);
    expect(await keptCount("1")).toBe(3);
    await world.crash();
    await world.begin([once], { limits });
    await expect(send("1", "d", 1)).rejects.toMatchObject({ code: "HF4202" });
    await world.advance(DAY_MS);
    await send("1", "d", 1);
    expect(await keptCount("1")).toBe(4);
  });
});
