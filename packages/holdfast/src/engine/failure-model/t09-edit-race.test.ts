/** T9 of the failure model: two operators correct the same at the same time. One wins, the other is told. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { effect } from "../../workflow/effect.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { Repairing } from "../repair/repair-world.test-support.ts";
import { ANSWER, integrationOf, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let people: Repairing;
let shop: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  people = new Repairing(world);
  shop = world.counterpart("shop", "keys");
});
afterEach(() => world.remove());

/** Streets that it was sent to. */
const sentTo = () => shop.requestsOf("book").map(({ id }) => id);

function flowOf() {
  const booking = effect("book", {
    on: integrationOf(shop),
    repeat: "keyed",
    keyWindow: "24h",
    input: z.object({ street: z.string() }),
    output: ANSWER,
    editable: ["/street"],
    classify: () => ({ class: "data", effect: "never" }),
    run: ({ street }, attempt) => shop.call("book", street, attempt),
  });
  return testWorkflow("flow", (_input, run) => run.do(booking, { street: "Hihg Street" }));
}

const TOLD = { reason: { code: "HF6007", message: expect.stringContaining("moved") as unknown } };

async function bothHaveSeen() {
  const flow = flowOf();
  shop.plan("book", { kind: "no", class: "data" });
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  const by = async (name: string, street: string) => {
    const value = [{ at: "/street", value: street }];
    return { ...(await people.order(run, "edit", { step: "book", value })), by: name };
  };
  const [ana, bo] = [await by("ana", "High Street"), await by("bo", "Low Street")];
  return { run, ana, bo };
}

test.each(["ana", "bo"] as const)(
  "of two at the same moment %s, who was first, wins",
  async (who) => {
    const { run, ana, bo } = await bothHaveSeen();
    // So that the run is still at it when the other one comes.
    shop.plan("book", { kind: "slow", takesMs: 1_000 });
    const [first, second] = who === "ana" ? [ana, bo] : [bo, ana];
    const { repairs } = world.engine.commands;
    const ends = await Promise.allSettled([repairs.repair(first), repairs.repair(second)]);
    expect(ends).toMatchObject([{ status: "fulfilled" }, { status: "rejected", ...TOLD }]);
    await world.untilState(run, "completed");
    expect(sentTo()).toEqual(["Hihg Street", who === "ana" ? "High Street" : "Low Street"]);
    const edited = (await world.records(run)).filter(({ kind }) => kind === "edited");
    expect(edited.map(({ head }) => (JSON.parse(head ?? "") as { by: string }).by)).toEqual([who]);
  },
);

test("who comes after the first one's correction was refused as well is told, and changes nothing", async () => {
  const { run, ana, bo } = await bothHaveSeen();
  shop.plan("book", { kind: "no", class: "data" });
  await world.engine.commands.repairs.repair(ana);
  await world.untilState(run, "exception");
  await expect(world.engine.commands.repairs.repair(bo)).rejects.toMatchObject(TOLD.reason);
  expect(sentTo()).toEqual(["Hihg Street", "High Street"]);
  expect(await world.stateOf(run)).toBe("exception");
});
