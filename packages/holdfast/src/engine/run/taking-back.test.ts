import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatRunId } from "../../core/run-number.ts";
import type { Run } from "../../workflow/run.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { DEFAULT_LIMITS } from "../limits.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;

let world: TestWorld;
let shop: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  shop = world.counterpart("shop", "keys");
});
afterEach(() => world.remove());

const actions = () => shop.ledger.map((row) => row.action);
const cancel = (run: number) => world.engine.commands.cancel(run, "ana", "customer asked");
const waitLong = (_input: { id: string }, r: Run): Promise<unknown> => r.sleep("9d");

/** A parent that has reserved, its child that has booked, and a grandchild that has paid: all wait. */
function family(system: Counterpart, options: Parameters<typeof testWorkflow>[2] = {}) {
  const step = (action: string) => testEffect("keyed", system, action, { undo: "call" });
  const grandchild = testWorkflow("grandchild", async (input, r) => {
    await r.do(step("pay"), input);
    await waitLong(input, r);
    return null;
  });
  const child = testWorkflow("child", async (input, r) => {
    await r.do(step("book"), input);
    return r.call(grandchild, input);
  });
  const parent = testWorkflow(
    "parent",
    async (input, r) => {
      await r.do(step("reserve"), input);
      return r.call(child, input);
    },
    options,
  );
  return { workflows: [parent, child, grandchild], parent };
}

const TAKEN_BACK = ["reserve", "book", "pay", "undo-pay", "undo-book", "undo-reserve"];

async function statesOf(of: TestWorld): Promise<readonly (readonly [string, string])[]> {
  return (await of.allRuns()).map((row) => [row.workflow, row.state]);
}

async function begun(workflows: Parameters<TestWorld["begin"]>[0]): Promise<number> {
  await world.begin(workflows);
  const [parent] = workflows;
  if (parent === undefined) throw new Error("no parent");
  const run = await world.start(parent, { id: "1" });
  await world.advance(1_000);
  return run;
}

describe("a parent that is taken back", () => {
  test.each([0, 1])(
    "takes its children along, the youngest first (%s crashes)",
    async (crashes) => {
      const { workflows } = family(shop);
      const run = await begun(workflows);
      expect(actions()).toEqual(["reserve", "book", "pay"]);
      for (let life = 0; life < crashes; life += 1) {
        await world.crash();
        await world.begin(workflows);
      }
      await cancel(run);
      await world.untilState(run, "cancelled");
      expect(actions()).toEqual(TAKEN_BACK);
      expect((await statesOf(world)).map(([, state]) => state)).toEqual(
        Array.from({ length: 3 }, () => "cancelled"),
      );
    },
  );

  test.each(["diesBefore", "diesAfter"] as const)(
    "goes on over a crash at each flush of the way back (%s)",
    async (fate) => {
      for (let at = 0; at < 14; at += 1) {
        const own = new TestWorld(at);
        const system = own.counterpart("shop", "keys");
        const { workflows, parent } = family(system);
        let armed = Number.POSITIVE_INFINITY;
        await own.begin(workflows, {
          fateOf: () => {
            armed -= 1;
            return armed < 0 ? fate : "applied";
          },
        });
        const run = await own.start(parent, { id: "1" });
        await own.advance(1_000);
        armed = at;
        void own.engine.commands.cancel(run, "ana", "no");
        await own.settle();
        await own.advance(60_000);
        await own.crash();
        await own.begin(workflows);
        await own.settle();
        if ((await own.stateOf(run)) === "waiting")
          await own.engine.commands.cancel(run, "ana", "no");
        await own.untilState(run, "cancelled");
        expect(system.ledger.map((row) => row.action)).toEqual(TAKEN_BACK);
        expect((await statesOf(own)).map(([, state]) => state)).toEqual(
          Array.from({ length: 3 }, () => "cancelled"),
        );
        await own.remove();
      }
    },
  );

  test("finds a child whose start was never written down by the parent", async () => {
    const { workflows, parent } = family(shop);
    await world.begin(workflows, {
      fateOf: ({ kinds }) => (kinds.includes("cancel") ? "diesAfter" : "applied"),
    });
    // Asked for when the child has just been started: the parent hears of it only once it is durable.
    world.engine.on((event) => {
      if (event.type !== "run.started" || event.workflow !== "child") return;
      const [own] = [...world.engine.live.values()].filter((one) => one.row.workflow === "parent");
      own?.ending.cancel("ana", "customer asked");
    });
    const run = await world.start(parent, { id: "1" });
    await world.settle();
    expect(world.life.watched.isDead).toBe(true);
    expect((await world.records(run)).map((record) => record.kind)).not.toContain("called");
    expect((await statesOf(world)).map(([workflow]) => workflow)).toEqual(["parent", "child"]);
    await world.crash();
    await world.begin(workflows);
    await world.untilState(run, "cancelled");
    await world.advance(HOUR_MS);
    expect(await statesOf(world)).not.toContainEqual(["child", "waiting"]);
    expect((await statesOf(world))[1]).toEqual(["child", "cancelled"]);
  });

  test("does so at its deadline too", async () => {
    const { workflows } = family(shop, { deadline: "1h", onLate: "compensate" });
    const run = await begun(workflows);
    await world.advance(2 * HOUR_MS);
    await world.untilState(run, "stopped");
    expect(actions()).toEqual(TAKEN_BACK);
  });

  test.each([true, false])("and when it stops itself, if that undoes (%s)", async (compensate) => {
    const child = testWorkflow("child", async (input, r) => {
      await r.do(testEffect("keyed", shop, "book", { undo: "call" }), input);
      await r.sleep("2h");
      return null;
    });
    const parent = testWorkflow("parent", async (input, r) => {
      const call = r.call(child, input);
      await r.sleep("1m");
      r.stop("no longer wanted", { compensate });
      return call;
    });
    const run = await begun([parent, child]);
    await world.untilState(run, "stopped");
    await world.advance(3 * HOUR_MS);
    expect((await statesOf(world))[1]).toEqual(["child", compensate ? "cancelled" : "completed"]);
    expect(actions()).toEqual(compensate ? ["book", "undo-book"] : ["book"]);
  });

  test("waits for a child that needs a person, says so by its name, and goes on after", async () => {
    const mail = testEffect("once", shop, "mail");
    shop.plan("mail", { kind: "lostAnswer", happened: true });
    const child = testWorkflow("child", (input, r) => r.do(mail, input));
    const parent = testWorkflow("parent", async (input, r) => {
      await r.do(testEffect("keyed", shop, "reserve", { undo: "call" }), input);
      return r.call(child, input);
    });
    const run = await begun([parent, child]);
    await cancel(run);
    await world.advance(120_000);
    const [, childRow] = await world.allRuns();
    expect(childRow?.state).toBe("exception");
    const row = await world.row(run);
    expect(row.state).toBe("cancelling");
    expect(row.reason).toContain(formatRunId(childRow?.run ?? 0));
    expect(row.reason).toContain("exception");
    expect(world.engine.live.size).toBe(0);
    expect(actions()).toEqual(["reserve", "mail"]);
    const [effect] = await world.effects(childRow?.run ?? 0);
    await world.engine.commands.settle({
      run: childRow?.run ?? 0,
      operation: effect?.operation ?? 0,
      happened: false,
      value: null,
      ref: null,
      by: "cy",
      reason: "not in the sent box",
    });
    await world.advance(1_000);
    expect(await world.stateOf(run)).toBe("cancelled");
    expect(actions()).toEqual(["reserve", "mail", "undo-reserve"]);
  });

  test("leaves no record for each look at a child that needs a person for days", async () => {
    const mail = testEffect("once", shop, "mail");
    shop.plan("mail", { kind: "lostAnswer", happened: true });
    const child = testWorkflow("child", (input, r) => r.do(mail, input));
    const parent = testWorkflow("parent", (input, r) => r.call(child, input));
    const run = await begun([parent, child]);
    await cancel(run);
    await world.advance(HOUR_MS);
    const before = await world.records(run);
    await world.advance(4 * 24 * HOUR_MS);
    expect(await world.records(run)).toEqual(before);
    // Nor does it where it is loaded for something else, or by the next engine.
    await world.engine.commands.cancel(run, "bo", "again");
    await world.crash();
    await world.begin([parent, child]);
    await world.advance(12 * HOUR_MS);
    const later = (await world.records(run)).slice(before.length);
    expect(later.filter(({ kind }) => kind === "state")).toEqual([]);
  });

  test("waits for a child whose code is not here, and says so", async () => {
    const { workflows, parent } = family(shop);
    const run = await begun(workflows);
    await world.crash();
    await world.begin([parent]);
    await cancel(run);
    await world.advance(120_000);
    expect(await world.row(run)).toMatchObject({ state: "cancelling" });
    expect((await world.row(run)).reason).toMatch(/waits until workflow "child" \(run_\w+\)/);
    await world.crash();
    await world.begin(workflows);
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(TAKEN_BACK);
  });

  test("leaves a run alone that somebody else has started and that it only waits for", async () => {
    const child = testWorkflow("child", async (_input, r) => {
      await r.sleep("2h");
      return null;
    });
    const parent = testWorkflow("parent", (input, r) => r.call(child, input));
    await world.begin([parent, child]);
    const other = await world.start(child, { id: "1" });
    const run = await world.start(parent, { id: "1" });
    await world.advance(1_000);
    await cancel(run);
    await world.untilState(run, "cancelled");
    expect(await world.stateOf(other)).toBe("waiting");
    await world.untilState(other, "completed");
  });

  test.each([true, false])(
    "finds the child that nobody wrote down, also if there is no room then (%s)",
    async (isFull) => {
      const child = testWorkflow("child", waitLong);
      const parent = testWorkflow("parent", (input, r) => r.call(child, input));
      await world.begin([parent, child], {
        fateOf: ({ kinds }) => (kinds.includes("cancel") ? "diesAfter" : "applied"),
      });
      // The parent is cancelled while the start of its child is on its way to the disk.
      const { committer, commands } = world.engine;
      const add = committer.add.bind(committer);
      let started = 0;
      committer.add = (record) => {
        const added = add(record);
        if (record.kind === "started") started += 1;
        if (record.kind === "started" && started === 2)
          void commands.cancel(run, "ana", "customer asked");
        return added;
      };
      const run = await world.start(parent, { id: "1" });
      await world.until("death", () => world.life.watched.isDead);
      expect((await world.records(run)).map((record) => record.kind)).not.toContain("called");
      await world.crash();
      const { bufferedRecordsMax } = DEFAULT_LIMITS;
      const limits = isFull ? { bufferedRecordsMax: 0 } : {};
      await world.begin([parent, child], { limits });
      // There is room again.
      Object.assign(world.engine.limits, { bufferedRecordsMax });
      world.engine.committer.backlog.written(0, 0);
      await world.advance(HOUR_MS);
      expect(await statesOf(world)).toEqual([
        ["parent", "cancelled"],
        ["child", "cancelled"],
      ]);
    },
  );

  test("lets a child be that has ended already", async () => {
    const child = testWorkflow("child", (input, r) =>
      r.do(testEffect("keyed", shop, "book", { undo: "call" }), input),
    );
    const parent = testWorkflow("parent", async (input, r) => {
      await r.call(child, input);
      await r.sleep("9d");
      return null;
    });
    const run = await begun([parent, child]);
    await cancel(run);
    await world.untilState(run, "cancelled");
    expect((await statesOf(world))[1]).toEqual(["child", "completed"]);
    expect(actions()).toEqual(["book"]);
  });

  test("cancels a child before its turn in a lane, too", async () => {
    const child = testWorkflow("child", waitLong, { lane: () => "L" });
    const parent = testWorkflow("parent", (input, r) => r.call(child, input));
    await world.begin([parent, child]);
    await world.start(child, { id: "first" });
    const run = await world.start(parent, { id: "1" });
    await world.advance(1_000);
    await cancel(run);
    await world.untilState(run, "cancelled");
    expect((await world.allRuns()).find((row) => row.parentRun === run)?.state).toBe("cancelled");
  });
});
