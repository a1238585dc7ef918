import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Run } from "../../workflow/run.ts";
import { review } from "../../workflow/review.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let system: Counterpart;
let reserve: ReturnType<typeof testEffect>;
let charge: ReturnType<typeof testEffect>;
beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("shop", "keys");
  reserve = testEffect("keyed", system, "reserve", { undo: "call" });
  charge = testEffect("keyed", system, "charge", { undo: "call" });
});
afterEach(() => world.remove());

const actions = () => system.ledger.map((row) => row.action);
const cancel = (run: number) => world.engine.commands.cancel(run, "ana", "customer asked");
const openOnes = async (run: number) =>
  (await world.exceptions(run)).filter((exception) => exception.closedAtMs === null);

async function begun(body: (input: { id: string }, run: Run) => Promise<unknown>, options = {}) {
  const flow = testWorkflow("flow", body, options);
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  return { run, flow };
}

describe("cancelling", () => {
  test.each([0, 1, 2])("undoes what was done, newest first, over %s crashes", async (crashes) => {
    const { run, flow } = await begun(async (input, r) => {
      await r.do(reserve, input);
      await r.do(charge, input);
      await r.sleep("1h");
      return null;
    });
    for (let life = 0; life < crashes; life += 1) {
      await world.crash();
      await world.begin([flow]);
    }
    await cancel(run);
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(["reserve", "charge", "undo-charge", "undo-reserve"]);
    expect(await world.row(run)).toMatchObject({ compensated: "fully" });
    const undone = (await world.effects(run)).filter((row) => row.undoes !== null);
    expect(undone.map((row) => row.undoes)).toEqual(["charge", "reserve"]);
  });

  test("is on record as its asker's where it closes what waited for a person", async () => {
    const post = testEffect("keyed", system, "post");
    system.plan("post", { kind: "no", class: "data" });
    const { run } = await begun((input, r) => r.do(post, input));
    await world.untilState(run, "exception");
    await cancel(run);
    await world.untilState(run, "cancelled");
    expect(await world.exceptions(run)).toMatchObject([
      { resolution: "cancelled", closedBy: "ana" },
    ]);
  });

  test("before anything was done ends at once", async () => {
    const { run } = await begun(async (_input, r) => {
      await r.sleep("1h");
      return null;
    });
    await cancel(run);
    expect(await world.row(run)).toMatchObject({ state: "cancelled", compensated: "no" });
  });

  test.each(["review", "event", "child"] as const)(
    "ends a run that waits for a %s",
    async (kind) => {
      const ask = review("big", { subject: z.any(), decision: z.any(), by: "boss" });
      const child = testWorkflow("child", async (_input, r) => {
        await r.sleep("9d");
        return null;
      });
      const flow = testWorkflow("flow", async (input, r) => {
        await r.do(reserve, input);
        if (kind === "review") return r.ask(ask, {});
        if (kind === "event") return r.wait({ name: "e", schema: z.any() }, { key: "k" });
        return r.call(child, input);
      });
      await world.begin([flow, child]);
      const run = await world.start(flow, { id: "1" });
      await world.untilState(run, "waiting", "review");
      await cancel(run);
      await world.untilState(run, "cancelled");
      expect(actions()).toEqual(["reserve", "undo-reserve"]);
    },
  );

  test("while a call is under way lets it end, and undoes it", async () => {
    system.plan("charge", { kind: "slow", takesMs: 3_000 });
    const { run } = await begun((input, r) => r.do(charge, input));
    await cancel(run);
    expect(await world.stateOf(run)).toBe("cancelling");
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(["charge", "undo-charge"]);
  });

  test("while a call is under way that fails for sure sends nothing more", async () => {
    const call = system.call.bind(system);
    system.call = async (action, id, attempt) => {
      if (action !== "charge") return call(action, id, attempt);
      system.requests.push({ action, id, key: "", number: attempt.number, atMs: 0 });
      await new Promise<void>((resolve) => world.clock.after(2_000, resolve));
      system.plan("late-no", { kind: "no", class: "transient" });
      return call("late-no", id, attempt);
    };
    const { run } = await begun((input, r) => r.do(charge, input));
    await cancel(run);
    await world.untilState(run, "cancelled");
    await world.advance(3_600_000);
    expect(system.requestsOf("charge")).toHaveLength(1);
    expect(actions()).toEqual([]);
  });

  test("between two attempts sends nothing more", async () => {
    system.always("charge", { kind: "no", class: "contention" });
    const { run } = await begun((input, r) => r.do(charge, input));
    const before = system.requestsOf("charge").length;
    await cancel(run);
    await world.untilState(run, "cancelled");
    await world.advance(3_600_000);
    expect(system.requestsOf("charge").length).toBeLessThanOrEqual(before + 1);
    expect(actions()).toEqual([]);
  });

  test("while it is parked for a system that is down ends at once", async () => {
    system.isDown = true;
    const { run } = await begun((input, r) => r.do(charge, input));
    expect(await world.stateOf(run)).toBe("parked");
    await cancel(run);
    await world.advance(100);
    expect(await world.stateOf(run)).toBe("cancelled");
    system.isDown = false;
    await world.advance(3_600_000);
    expect(actions()).toEqual([]);
  });

  test.each(["data", "policy", "defect", "permanent"] as const)(
    "while a person is needed for a failure of class %s ends, and closes the exception",
    async (failureClass) => {
      system.always("charge", { kind: "no", class: failureClass });
      const { run } = await begun(async (input, r) => {
        await r.do(reserve, input);
        return r.do(charge, input);
      });
      await world.untilState(run, "exception", "held");
      await cancel(run);
      await world.untilState(run, "cancelled");
      expect(actions()).toEqual(["reserve", "undo-reserve"]);
      expect(await openOnes(run)).toHaveLength(0);
    },
  );

  test.each([0, 1])(
    "waits until an unknown effect was settled, then undoes the rest (%s crashes)",
    async (crashes) => {
      const mail = testEffect("once", system, "mail");
      system.plan("mail", { kind: "lostAnswer", happened: true });
      const { run, flow } = await begun(async (input, r) => {
        await r.do(reserve, input);
        return r.do(mail, input);
      });
      await world.untilState(run, "exception");
      await cancel(run);
      for (let life = 0; life < crashes; life += 1) {
        await world.crash();
        await world.begin([flow]);
      }
      await world.advance(3_600_000);
      expect(["cancelling", "exception"]).toContain(await world.stateOf(run));
      expect(actions()).toEqual(["reserve", "mail"]);
      const operation =
        (await world.effects(run)).find((row) => row.effect === "mail")?.operation ?? 0;
      const said = { happened: true, value: { ref: "m" }, ref: null, by: "cy", reason: "sent box" };
      await world.engine.commands.settle({ run, operation, ...said });
      await world.untilState(run, "cancelled");
      expect(actions()).toEqual(["reserve", "mail", "undo-reserve"]);
      expect(system.requestsOf("mail")).toHaveLength(1);
      // The question is answered. That the mail stays is another one, for its owner.
      expect(await openOnes(run)).toMatchObject([{ step: "mail", reasonCode: "HF3004" }]);
    },
  );

  test.each([
    [true, 0],
    [true, 1],
    [false, 0],
    [false, 1],
  ])(
    "looks an unknown effect up first, and undoes it only if it happened (%s, %s crashes)",
    async (happened, crashes) => {
      const undo = testEffect("keyed", system, "unbook");
      const book = testEffect("probeable", world.counterpart("erp"), "book", {
        undo: { effect: undo, input: (input) => input },
        settle: "20s",
      });
      const erp = world.counterpart("erp2");
      const booking = testEffect("probeable", erp, "book", {
        undo: { effect: undo, input: (input) => input },
        settle: "20s",
      });
      expect(book.name).toBe(booking.name);
      erp.plan("book", { kind: "lostAnswer", happened });
      const { run, flow } = await begun((input, r) => r.do(booking, input));
      await cancel(run);
      for (let life = 0; life < crashes; life += 1) {
        await world.crash();
        await world.begin([flow]);
      }
      await world.untilState(run, "cancelled");
      expect(erp.requestsOf("book")).toHaveLength(1);
      expect(system.count("unbook")).toBe(happened ? 1 : 0);
    },
  );

  test("twice is once, and after the end it is refused", async () => {
    const { run } = await begun(async (input, r) => {
      await r.do(reserve, input);
      await r.sleep("1h");
      return null;
    });
    await Promise.allSettled([cancel(run), cancel(run)]);
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(["reserve", "undo-reserve"]);
    await expect(cancel(run)).rejects.toMatchObject({ code: "HF6003" });
    expect((await world.records(run)).filter((r) => r.kind === "finished")).toHaveLength(1);
  });

  test("gives the code no say any more: its catch and finally do nothing outside", async () => {
    let caught = 0;
    const { run } = await begun(async (input, r) => {
      try {
        await r.sleep("1h");
      } catch {
        caught += 1;
      } finally {
        await r.do(charge, input);
      }
      return null;
    });
    await cancel(run);
    await world.untilState(run, "cancelled");
    await world.advance(7_200_000);
    expect(caught).toBe(0);
    expect(actions()).toEqual([]);
  });

  test.each(["diesBefore", "diesAfter"] as const)(
    "goes on over a crash at each flush of the way back (%s)",
    async (fate) => {
      for (let at = 0; at < 12; at += 1) {
        const own = new TestWorld(at);
        const shop = own.counterpart("shop", "keys");
        const one = testEffect("keyed", shop, "one", { undo: "call" });
        const two = testEffect("keyed", shop, "two", { undo: "call" });
        const flow = testWorkflow("flow", async (input, r) => {
          await r.do(one, input);
          await r.do(two, input);
          await r.sleep("1h");
          return null;
        });
        let armed = Number.POSITIVE_INFINITY;
        await own.begin([flow], {
          fateOf: () => {
            armed -= 1;
            return armed < 0 ? fate : "applied";
          },
        });
        const run = await own.start(flow, { id: "1" });
        await own.untilState(run, "waiting");
        armed = at;
        void own.engine.commands.cancel(run, "ana", "no");
        await own.settle();
        await own.advance(60_000);
        await own.crash();
        await own.begin([flow]);
        await own.settle();
        const row = await own.row(run);
        // The wish may have been lost with the process: then the run is as it was.
        if (row.state === "waiting") await own.engine.commands.cancel(run, "ana", "no");
        await own.untilState(run, "cancelled");
        expect(shop.ledger.map((r) => r.action)).toEqual(["one", "two", "undo-two", "undo-one"]);
        await own.remove();
      }
    },
  );

  test("before the first step, over a crash, does not begin the run after all", async () => {
    // Its code waits for something of its own, so that nothing is on record when it is cancelled.
    const gate: { go: () => void } = { go: () => undefined };
    const flow = testWorkflow("flow", async (input, r) => {
      await new Promise<void>((resolve) => {
        gate.go = resolve;
      });
      return r.do(charge, input);
    });
    await world.begin([flow], {
      fateOf: (flush) => (flush.kinds.includes("cancel") ? "diesAfter" : "applied"),
      // So that the wish and the end of the run do not go out together.
      limits: { flushRecordsMax: 2 },
    });
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    void cancel(run);
    await world.settle();
    expect(world.life.watched.isDead).toBe(true);
    await world.crash();
    await world.begin([flow]);
    gate.go();
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual([]);
  });
});

describe("an undoing that fails", () => {
  test("is tried again like any effect", async () => {
    system.plan(
      "undo-charge",
      { kind: "no", class: "transient" },
      { kind: "lostAnswer", happened: true },
    );
    const { run } = await begun(async (input, r) => {
      await r.do(reserve, input);
      await r.do(charge, input);
      await r.sleep("1h");
      return null;
    });
    await cancel(run);
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(["reserve", "charge", "undo-charge", "undo-reserve"]);
  });

  test.each(["permanent", "data", "policy"] as const)(
    "for good (%s) waits for its owner and is never given up; those before it wait too",
    async (failureClass) => {
      system.always("undo-charge", { kind: "no", class: failureClass });
      const { run, flow } = await begun(async (input, r) => {
        await r.do(reserve, input);
        await r.do(charge, input);
        await r.sleep("1h");
        return null;
      });
      await cancel(run);
      await world.advance(86_400_000);
      expect(await world.stateOf(run)).toBe("exception");
      expect(actions()).toEqual(["reserve", "charge"]);
      const [exception] = await openOnes(run);
      expect(exception).toMatchObject({ owner: "team-shop", step: "undo/charge" });
      await world.crash();
      await world.begin([flow]);
      system.always("undo-charge", { kind: "ok" });
      await world.engine.commands.resume(run, "undo/charge", "cy", "mended");
      await world.untilState(run, "cancelled");
      expect(actions()).toEqual(["reserve", "charge", "undo-charge", "undo-reserve"]);
      expect(await openOnes(run)).toHaveLength(0);
    },
  );

  test("goes on when it is resumed without naming the step", async () => {
    system.plan("undo-charge", { kind: "no", class: "permanent" });
    const { run } = await begun(async (input, r) => {
      await r.do(charge, input);
      await r.sleep("1h");
      return null;
    });
    await cancel(run);
    await world.untilState(run, "exception");
    await world.engine.commands.resume(run, null, "cy", "mended");
    await world.untilState(run, "cancelled");
    expect(actions()).toEqual(["charge", "undo-charge"]);
  });
});
