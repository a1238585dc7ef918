import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Run } from "../../workflow/run.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let system: Counterpart;
let reserve: ReturnType<typeof testEffect>;
beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("shop", "keys");
  reserve = testEffect("keyed", system, "reserve", { undo: "call" });
});
afterEach(() => world.remove());

const actions = () => system.ledger.map((row) => row.action);
const cancel = (run: number) => world.engine.commands.cancel(run, "ana", "customer asked");
const openOnes = async (run: number) =>
  (await world.exceptions(run)).filter((exception) => exception.closedAtMs === null);

async function begun(body: (input: { id: string }, run: Run) => Promise<unknown>) {
  const flow = testWorkflow("flow", body);
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  return { run, flow };
}

describe("cancelling while an outcome is unknown that nobody can look up", () => {
  test.each([
    ["idempotent", true, 0],
    ["idempotent", true, 1],
    ["idempotent", false, 0],
    ["idempotent", false, 1],
    ["keyed", true, 0],
    ["keyed", false, 1],
  ] as const)(
    "sends what is unknown once more where that is harmless, and undoes it (%s, %s, %s crashes)",
    async (kind, happened, crashes) => {
      const crm = world.counterpart("crm", kind === "keyed" ? "keys" : "upsert");
      const upsert = testEffect(kind, crm, "upsert", { undo: "call", retry: { first: "30s" } });
      crm.plan("upsert", { kind: "lostAnswer", happened });
      const { run, flow } = await begun(async (input, r) => {
        await r.do(reserve, input);
        return r.do(upsert, input);
      });
      expect(await world.stateOf(run)).toBe("waiting");
      await cancel(run);
      for (let life = 0; life < crashes; life += 1) {
        await world.crash();
        await world.begin([flow]);
      }
      await world.untilState(run, "cancelled");
      expect(crm.requestsOf("upsert")).toHaveLength(2);
      expect(crm.ledger.map((row) => row.action)).toEqual(["upsert", "undo-upsert"]);
      expect(actions()).toEqual(["reserve", "undo-reserve"]);
      expect(await world.exceptions(run)).toEqual([]);
    },
  );

  test("while the harmless attempt is under way, and its answer is lost, finds out by itself", async () => {
    const crm = world.counterpart("crm", "upsert");
    const upsert = testEffect("idempotent", crm, "upsert", { undo: "call" });
    crm.plan("upsert", { kind: "silent", happened: true });
    const { run } = await begun((input, r) => r.do(upsert, input));
    await cancel(run);
    await world.untilState(run, "cancelled");
    expect(crm.ledger.map((row) => row.action)).toEqual(["upsert", "undo-upsert"]);
    expect(await world.exceptions(run)).toEqual([]);
  });

  test.each([
    ["an effect that may be done only once", "once", "24h"],
    ["a key that has grown too old", "keyed", "4s"],
  ] as const)("asks a person about %s and sends nothing", async (_what, kind, keyWindow) => {
    const bank = world.counterpart("bank", "none");
    const wire = testEffect(kind, bank, "wire", { keyWindow });
    // Nobody answers: by the time-out the key is older than its window, less a margin.
    bank.plan("wire", { kind: "deaf", happened: true });
    const { run } = await begun((input, r) => r.do(wire, input));
    await cancel(run);
    await world.untilState(run, "exception", "cancelled");
    await world.advance(3_600_000);
    expect(bank.requestsOf("wire")).toHaveLength(1);
    expect(await world.stateOf(run)).toBe("exception");
    expect(await openOnes(run)).toMatchObject([{ class: "ambiguous" }]);
  });

  test("gives a harmless repeat that is refused each time to a person, after its attempts", async () => {
    const crm = world.counterpart("crm", "upsert");
    const upsert = testEffect("idempotent", crm, "upsert", { retry: { attempts: 3 } });
    crm.always("upsert", { kind: "lostAnswer", happened: false });
    const { run } = await begun((input, r) => r.do(upsert, input));
    await cancel(run);
    await world.untilState(run, "exception");
    expect(crm.requestsOf("upsert")).toHaveLength(3);
    expect(await openOnes(run)).toMatchObject([{ class: "ambiguous", owner: "team-crm" }]);
  });
});
