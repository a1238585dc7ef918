import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { cannotTell } from "../../workflow/seen.ts";
import { effect } from "../../workflow/effect.ts";
import {
  ANSWER,
  integrationOf,
  REFERENCE,
  testEffect,
  testWorkflow,
} from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";
import type { FlushFate, FlushSeen } from "../../testing/bed/watched-store.ts";
import { approveOpen, Repairing } from "./repair-world.test-support.ts";

let world: TestWorld;
let people: Repairing;
beforeEach(() => {
  world = new TestWorld();
  people = new Repairing(world);
});
afterEach(() => world.remove());

const THEIRS = { ref: "theirs" };
const MONEY = { describe: () => ({ amount: "12.50", currency: "EUR" }) };

/** A run whose only effect may or may not have happened: nobody but a person can tell. */
async function unknown(
  kind: "once" | "money" | "neither",
  fateOf: (flush: FlushSeen) => FlushFate = () => "applied",
) {
  const bank = world.counterpart("bank");
  bank.plan("pay", { kind: "lostAnswer", happened: false });
  const looked = {
    on: integrationOf(bank),
    repeat: "probeable",
    settle: "1s",
    input: REFERENCE,
    output: ANSWER,
    run: ({ id }: z.output<typeof REFERENCE>, attempt: Parameters<typeof bank.call>[2]) =>
      bank.call("pay", id, attempt),
    probe: () => Promise.resolve(cannotTell("no access")),
  } as const;
  const pay =
    kind === "once"
      ? testEffect("once", bank, "pay")
      : effect("pay", { ...looked, ...(kind === "money" ? MONEY : {}) });
  const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
  await world.begin([flow], { fateOf });
  const run = await world.start(flow, { id: "1" });
  await world.advance(3 * 3_600_000);
  await world.untilState(run, "exception");
  const operation = (await world.effects(run))[0]?.operation ?? 0;
  return { flow, run, operation, bank };
}

type Stuck = Pick<Awaited<ReturnType<typeof unknown>>, "run" | "operation">;

async function say({ run, operation }: Stuck, happened: boolean, value: unknown = null) {
  const said = { run, operation, happened, value, ref: happened ? "b-7" : null };
  const settled = await world.engine.commands.repairs.settle({
    ...said,
    by: "ana",
    reason: "seen",
  });
  await world.settle();
  return settled.proposal;
}

describe("what happened outside is said by two people", () => {
  test("where it may be done only once; and nothing goes on before", async () => {
    const stuck = await unknown("once");
    const proposal = await say(stuck, true, THEIRS);
    expect(proposal).not.toBeNull();
    expect(await world.stateOf(stuck.run)).toBe("exception");
    const alone = people.decide(stuck.run, proposal, " ANA");
    await expect(alone).rejects.toMatchObject({ code: "HF6002" });
    await people.decide(stuck.run, proposal, "bo");
    expect(await world.resultOf(stuck.run)).toEqual(THEIRS);
    expect(stuck.bank.requestsOf("pay")).toHaveLength(1);
    const settled = (await world.records(stuck.run)).find(({ kind }) => kind === "settled");
    expect(JSON.parse(settled?.head ?? "")).toMatchObject({
      by: "ana",
      approvedBy: "bo",
      ref: "b-7",
    });
    await world.crash();
    await world.begin([stuck.flow]);
    expect(await world.resultOf(stuck.run)).toEqual(THEIRS);
  });

  test("where it is about money", async () => {
    const stuck = await unknown("money");
    expect(await say(stuck, false)).not.toBeNull();
    expect(stuck.bank.requestsOf("pay")).toHaveLength(1);
    await approveOpen(world, stuck.run);
    expect(await world.resultOf(stuck.run)).toEqual({ ref: "pay:1" });
  });

  test("else by one", async () => {
    const stuck = await unknown("neither");
    expect(await say(stuck, true, THEIRS)).toBeNull();
    expect(await world.resultOf(stuck.run)).toEqual(THEIRS);
  });

  test("also of a run that has ended, whose ledger alone is put right", async () => {
    const mail = world.counterpart("mail");
    const send = testEffect("once", mail, "send");
    mail.plan("send", { kind: "lostAnswer", happened: true });
    const flow = testWorkflow("flow", async (input, run) => {
      await run.try(send, input);
      return null;
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "completed");
    const operation = (await world.effects(run))[0]?.operation ?? 0;
    const proposal = await say({ run, operation }, true);
    expect((await world.effects(run))[0]).toMatchObject({ proof: "maybe" });
    await people.decide(run, proposal);
    expect((await world.effects(run))[0]).toMatchObject({ proof: "surely", settledBy: "ana" });
    expect((await world.exceptions(run))[0]).toMatchObject({ resolution: "settled" });
  });
});

describe("a proposal to settle", () => {
  test("is refused at once where it would be when it is approved", async () => {
    const stuck = await unknown("once");
    await expect(say(stuck, true, { wrong: 1 })).rejects.toMatchObject({ code: "HF4102" });
    const other = { run: stuck.run, operation: stuck.operation, happened: true, value: THEIRS };
    const said = { ...other, ref: null, by: "ana", reason: "seen", attempts: 2 };
    await expect(world.engine.commands.repairs.settle(said)).rejects.toMatchObject({
      code: "HF6003",
    });
    expect(await world.reviews(stuck.run)).toHaveLength(0);
  });

  test("made twice is one", async () => {
    const stuck = await unknown("once");
    expect(await say(stuck, true, THEIRS)).toBe(await say(stuck, true, THEIRS));
    expect(await say(stuck, true, { ref: "other" })).not.toBe(await say(stuck, true, THEIRS));
  });

  test("is void once its run has moved, and lapses after a day", async () => {
    const stuck = await unknown("once");
    const yes = await say(stuck, true, THEIRS);
    const no = await say(stuck, false);
    await people.decide(stuck.run, no);
    expect(await world.resultOf(stuck.run)).toEqual({ ref: "pay:1" });
    await expect(people.decide(stuck.run, yes)).rejects.toMatchObject({ code: "HF6007" });
    await world.remove();
    world = new TestWorld();
    people = new Repairing(world);
    const later = await unknown("once");
    const proposal = await say(later, true, THEIRS);
    await world.advance(24 * 3_600_000);
    await expect(people.decide(later.run, proposal)).rejects.toMatchObject({ code: "HF6003" });
    expect(await world.stateOf(later.run)).toBe("exception");
  });

  test("is void where another step has moved while it was approved", async () => {
    const paid = { name: "paid", schema: REFERENCE };
    const bank = world.counterpart("bank");
    bank.plan("pay", { kind: "lostAnswer", happened: false });
    const look = { isSlow: false, end: (): void => expect.unreachable() };
    const slow = ANSWER.refine(async () => {
      if (look.isSlow) await new Promise<void>((resolve) => (look.end = resolve));
      return true;
    });
    const pay = effect("pay", {
      on: integrationOf(bank),
      repeat: "once",
      input: REFERENCE,
      output: slow,
      run: ({ id }, attempt) => bank.call("pay", id, attempt),
    });
    const flow = testWorkflow("flow", (input, run) =>
      Promise.all([run.do(pay, input), run.wait(paid, { key: input.id })]),
    );
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    const operation = (await world.effects(run))[0]?.operation ?? 0;
    const proposal = await say({ run, operation }, true, THEIRS);
    look.isSlow = true;
    const approved = people.decide(run, proposal);
    approved.catch(() => undefined);
    await world.settle();
    await world.engine.commands.send("paid", "1", "e1", { id: "1" });
    await world.settle();
    look.end();
    await expect(approved).rejects.toMatchObject({ code: "HF6007" });
    expect((await world.effects(run))[0]).toMatchObject({ proof: "maybe", settledBy: null });
    const again = people.decide(run, proposal);
    await expect(again).rejects.toThrow(/void already/u);
  });

  test("is approved in the flush that settles it: a crash leaves both, or neither", async () => {
    const flushes: (readonly string[])[] = [];
    const stuck = await unknown("once", ({ kinds }) => {
      flushes.push(kinds);
      return "applied";
    });
    await people.decide(stuck.run, await say(stuck, true, THEIRS));
    const flush = flushes.find((kinds) => kinds.includes("decided"));
    expect(flush).toContain("settled");
  });
});
