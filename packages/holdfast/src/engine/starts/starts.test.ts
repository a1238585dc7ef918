import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const echo = testWorkflow("echo", async (input, run) => {
  await run.step("think", () => 1);
  return { got: input.id };
});
const sleeper = testWorkflow("sleeper", async (_input, run) => {
  await run.sleep("1h");
  return "slept";
});

describe("starting a run", () => {
  test("runs the code once and gives its result", async () => {
    await world.begin([echo]);
    const run = await world.start(echo, { id: "a" });
    expect(await world.resultOf(run)).toEqual({ got: "a" });
    expect(await world.stateOf(run)).toBe("completed");
  });

  test("joins the run that has the same key, whether it works, waits or has ended", async () => {
    const engine = await world.begin([sleeper]);
    const first = await engine.startRun(sleeper, { id: "a" });
    const working = await engine.startRun(sleeper, { id: "a" });
    await world.untilState(first.run, "waiting");
    const waiting = await engine.startRun(sleeper, { id: "a" });
    await world.advance(3_600_000);
    expect(await world.stateOf(first.run)).toBe("completed");
    const ended = await engine.startRun(sleeper, { id: "a" });

    expect(first.isNew).toBe(true);
    for (const again of [working, waiting, ended])
      expect(again).toEqual({ run: first.run, isNew: false, differs: false });
    expect(await world.allRuns()).toHaveLength(1);
  });

  test("makes one run of a hundred starts at the same moment", async () => {
    const engine = await world.begin([echo]);
    const started = await Promise.all(
      Array.from({ length: 100 }, () => engine.startRun(echo, { id: "same" })),
    );
    expect(started.filter((one) => one.isNew)).toHaveLength(1);
    expect(new Set(started.map((one) => one.run)).size).toBe(1);
    expect(await world.allRuns()).toHaveLength(1);
  });

  test("joins it also after a crash and after a clean restart", async () => {
    await world.begin([sleeper]);
    const run = await world.start(sleeper, { id: "a" });
    await world.crash();
    const again = await world.begin([sleeper]);
    expect(await again.startRun(sleeper, { id: "a" })).toEqual({
      run,
      isNew: false,
      differs: false,
    });
    await world.close();
    const third = await world.begin([sleeper]);
    expect(await third.startRun(sleeper, { id: "a" })).toEqual({
      run,
      isNew: false,
      differs: false,
    });
  });

  test("keeps what it has accepted, even if the process dies at once", async () => {
    await world.begin([echo]);
    const run = await world.start(echo, { id: "a" });
    await world.crash();
    await world.begin([echo]);
    expect(await world.resultOf(run)).toEqual({ got: "a" });
  });

  test("tells workflows apart that have the same key", async () => {
    await world.begin([echo, sleeper]);
    const one = await world.start(echo, { id: "a" });
    const two = await world.start(sleeper, { id: "a" });
    expect(two).not.toBe(one);
  });

  test("gives a joiner the result of the run it has joined", async () => {
    const engine = await world.begin([sleeper]);
    const { run } = await engine.startRun(sleeper, { id: "a" });
    const joined = await engine.startRun(sleeper, { id: "a" });
    const ends = Promise.all([engine.end(run), engine.end(joined.run)]);
    await world.advance(3_600_000);
    expect((await ends).map((end) => end.data)).toEqual(['"slept"', '"slept"']);
  });

  test("refuses a workflow that the app does not list", async () => {
    const engine = await world.begin([echo]);
    expect(() => engine.startRun(sleeper, { id: "a" })).toThrow(
      expect.objectContaining({ code: "HF1003" }),
    );
  });

  test("refuses two workflows of one name", async () => {
    const twin = testWorkflow("echo", async () => null);
    await expect(world.begin([echo, twin])).rejects.toMatchObject({ code: "HF1002" });
  });
});

describe("a full intake", () => {
  test("refuses what is new and joins what is there, and takes again when there is room", async () => {
    const engine = await world.begin([sleeper, echo], {
      limits: { liveRunsMax: 3, keepLiveMs: 2 * 3_600_000 },
    });
    for (const id of ["a", "b", "c"]) await engine.startRun(sleeper, { id });
    await expect(engine.startRun(sleeper, { id: "d" })).rejects.toMatchObject({ code: "HF4201" });
    expect(await engine.startRun(sleeper, { id: "a" })).toMatchObject({ isNew: false });
    expect(await world.allRuns()).toHaveLength(3);

    await world.advance(3_600_000);
    expect(await engine.startRun(sleeper, { id: "d" })).toMatchObject({ isNew: true });
  });

  test("refuses when too much waits to be written", async () => {
    const engine = await world.begin([echo], { limits: { bufferedRecordsMax: 5 } });
    const starts = Array.from({ length: 50 }, (_, n) =>
      engine.startRun(echo, { id: String(n) }).then(
        () => "taken",
        (error: { code?: string }) => error.code,
      ),
    );
    const ends = await Promise.all(starts);
    expect(ends).toContain("taken");
    expect(ends).toContain("HF4201");
    const taken = ends.filter((end) => end === "taken").length;
    await world.settle();
    expect(await world.allRuns()).toHaveLength(taken);
  });
});
