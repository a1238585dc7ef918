import { afterEach, beforeEach, expect, test } from "vitest";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld, type LifeOptions } from "../test-world.test-support.ts";
import { Repairing } from "./repair-world.test-support.ts";

let world: TestWorld;
let people: Repairing;
beforeEach(() => {
  world = new TestWorld();
  people = new Repairing(world);
});
afterEach(async () => {
  await world.remove();
});

async function stuck(limits: LifeOptions["limits"] = {}) {
  const shop = world.counterpart("shop", "none");
  shop.always("mail", { kind: "no", class: "data" });
  const mail = testEffect("once", shop, "mail");
  const flow = testWorkflow("flow", async (input, run) => (await run.do(mail, input)).ref);
  await world.begin([flow], { limits });
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  const value = { ref: "x" };
  const { proposal } = await people.repair(run, "supply", { step: "mail", value });
  return { run, proposal: proposal ?? 0, shop };
}

async function stateOfProposal(run: number): Promise<string | undefined> {
  return (await world.reviews(run)).at(-1)?.state;
}

test("a proposal is not approved by who has made it, however the name is written", async () => {
  const { run, proposal } = await stuck();
  const approved = people.decide(run, proposal, " ANA ");
  await expect(approved).rejects.toMatchObject({ code: "HF6002" });
  expect(await stateOfProposal(run)).toBe("open");
});

test("a proposal that is rejected is done by nobody; it cannot be approved after that", async () => {
  const { run, proposal } = await stuck();
  await people.decide(run, proposal, "bo", false);
  expect(await world.stateOf(run)).toBe("exception");
  await expect(people.decide(run, proposal, "cy")).rejects.toMatchObject({ code: "HF6003" });
});

test("a proposal expires after a day", async () => {
  const { run, proposal } = await stuck();
  await world.advance(86_400_000);
  await expect(people.decide(run, proposal)).rejects.toMatchObject({ code: "HF6003" });
  expect(await stateOfProposal(run)).toBe("withdrawn");
});

test("any change of the run voids a proposal", async () => {
  const { run, proposal } = await stuck();
  await world.engine.commands.resume(run, null, "cy", "again");
  await world.untilState(run, "exception");
  await expect(people.decide(run, proposal)).rejects.toMatchObject({ code: "HF6007" });
  expect(await stateOfProposal(run)).toBe("withdrawn");
  const [decided] = (await world.records(run)).filter(({ kind }) => kind === "decided");
  expect(JSON.parse(decided?.head ?? "")).toMatchObject({ verdict: "void", by: "bo" });
});

test("a proposal is not voided by a second one, nor by a run that is only looked at", async () => {
  const { run, proposal } = await stuck();
  const other = await people.repair(run, "skip", { step: "mail", value: { ref: "y" }, by: "cy" });
  await people.decide(run, proposal);
  expect(await world.resultOf(run)).toBe("x");
  await expect(people.decide(run, other.proposal)).rejects.toMatchObject({ code: "HF6007" });
});

test("at the limit of open proposals of a run no further one is made, until one is decided", async () => {
  const { run, proposal } = await stuck({ proposalsOpenMax: 2 });
  const skip = (ref: string) =>
    people.repair(run, "skip", { step: "mail", value: { ref }, by: "cy" });
  await skip("y");
  const count = async () => (await world.records(run)).filter((r) => r.kind === "proposed").length;
  await expect(skip("z")).rejects.toMatchObject({
    code: "HF4208",
    message: expect.stringContaining("2 proposals of run") as string,
  });
  expect(await count()).toBe(2);
  await people.decide(run, proposal, "bo", false);
  await skip("z");
  await expect(skip("w")).rejects.toMatchObject({ code: "HF4208" });
  // What nobody has decided waits no more.
  await world.advance(86_400_000);
  await skip("w");
  expect(await count()).toBe(4);
});

test("what two people say of an outcome is bounded with it; said twice it is one", async () => {
  const shop = world.counterpart("shop", "none");
  shop.plan("mail", { kind: "silent", happened: true });
  const mail = testEffect("once", shop, "mail");
  const flow = testWorkflow("flow", async (input, run) => (await run.do(mail, input)).ref);
  await world.begin([flow], { limits: { proposalsOpenMax: 1 } });
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  const [open] = await world.exceptions(run);
  const say = (value: unknown) =>
    world.engine.commands.repairs.settle({
      run,
      operation: open?.operation ?? 0,
      happened: true,
      value,
      ref: null,
      by: "ana",
      reason: "seen",
    });
  const { proposal } = await say({ ref: "x" });
  expect(await say({ ref: "x" })).toMatchObject({ proposal });
  await expect(say({ ref: "y" })).rejects.toMatchObject({ code: "HF4208" });
});
