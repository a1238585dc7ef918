import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { verifyStore } from "../../store-sqlite/index.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const doing = { by: "kim", reason: "because", command: null };

let world: TestWorld;
let bank: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  bank = world.counterpart("bank", "keys");
});
afterEach(() => world.remove());

const openOf = async (run: number) =>
  (await world.exceptions(run)).filter(({ closedAtMs }) => closedAtMs === null);

function flowOf() {
  const book = testEffect("keyed", bank, "book");
  const mail = testEffect("keyed", bank, "mail");
  return testWorkflow("flow", (input, run) =>
    Promise.all([run.do(book, input), run.do(mail, input)]),
  );
}

/** Both steps are refused, and bo has the exception of the first. */
async function refused() {
  const flow = flowOf();
  bank.always("book", { kind: "no", class: "data" });
  bank.always("mail", { kind: "no", class: "data" });
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  const first = (await openOf(run)).find(({ step }) => step === "book");
  if (first === undefined) throw new Error("none is open");
  const { acts } = world.engine.exceptions;
  await acts.handle(first, { kind: "assigned", to: "bo" }, doing);
  return { run, flow, first };
}

async function resume(run: number): Promise<void> {
  await world.engine.commands.resume(run, null, "kim", "try again");
  await world.settle();
}

describe("an exception of a step that fails once more", () => {
  test.each([0, 1])(
    "alike is the same person's, and nobody else's (%s crashes)",
    async (crashes) => {
      const { run, flow, first } = await refused();
      if (crashes > 0) {
        await world.crash();
        await world.begin([flow]);
      }
      for (let time = 0; time < 2; time += 1) {
        await resume(run);
        const open = await openOf(run);
        expect(open.map(({ seq }) => seq)).not.toContain(first.seq);
        expect(new Map(open.map(({ step, handling }) => [step, handling.assignee]))).toEqual(
          new Map([
            ["book", "bo"],
            ["mail", null],
          ]),
        );
        expect(open.find(({ step }) => step === "book")?.handling.status).toBe("in-progress");
      }
      await world.close();
      expect((await verifyStore({ path: world.path })).damage).toEqual([]);
    },
  );

  test("alike while its run is in memory, for another call of it, is the same person's", async () => {
    const book = testEffect("keyed", bank, "book");
    const slow = testEffect("keyed", bank, "slow", { timeout: "12h" });
    const flow = testWorkflow("flow", (input, run) =>
      Promise.all([run.do(book, input), run.do(slow, input)]),
    );
    bank.always("book", { kind: "no", class: "data" });
    bank.plan("slow", { kind: "slow", takesMs: 3_600_000 });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.settle();
    const [first] = await openOf(run);
    if (first === undefined) throw new Error("none is open");
    await world.engine.exceptions.acts.handle(first, { kind: "assigned", to: "bo" }, doing);
    await world.engine.commands.resume(run, "book", "kim", "try again");
    await world.settle();
    const [again] = await openOf(run);
    expect(again?.seq).not.toBe(first.seq);
    expect(again?.handling.assignee).toBe("bo");
  });

  test("for another cause is nobody's", async () => {
    const { run } = await refused();
    bank.always("book", { kind: "no", class: "policy" });
    await resume(run);
    const open = (await openOf(run)).find(({ step }) => step === "book");
    expect(open).toMatchObject({ class: "policy", handling: { assignee: null, status: "new" } });
  });

  test("is nobody's where another team had it by then, or the person has given it back", async () => {
    const { run, first } = await refused();
    const { acts } = world.engine.exceptions;
    await acts.handle(first, { kind: "handed-over", owner: "team-tax" }, doing);
    await acts.handle(first, { kind: "assigned", to: "tess" }, doing);
    await resume(run);
    const again = (await openOf(run)).find(({ step }) => step === "book");
    expect(again).toMatchObject({ owner: "team-bank", handling: { assignee: null } });
    if (again === undefined) throw new Error("none is open");
    await acts.handle(again, { kind: "assigned", to: "bo" }, doing);
    await acts.handle(again, { kind: "assigned", to: null }, doing);
    await resume(run);
    const last = (await openOf(run)).find(({ step }) => step === "book");
    expect(last?.handling.assignee).toBeNull();
  });
});
