import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HoldfastError } from "../../core/error.ts";
import { listReviews } from "../../operate/list-work.ts";
import { openSqliteReader } from "../../store-sqlite/index.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let bank: Counterpart;
let run: number;

beforeEach(() => {
  world = new TestWorld();
  bank = world.counterpart("bank");
});
afterEach(() => world.remove());

const flowOf = (isBusy: boolean) => {
  const transfer = testEffect("once", bank, "transfer", { undo: "none" });
  return testWorkflow("flow", (input, r) =>
    Promise.all([
      r.do(transfer, input),
      // Work in this process keeps the run in memory.
      isBusy
        ? r.step("busy", () => new Promise<void>((resolve) => world.clock.after(9e6, resolve)))
        : 1,
    ]),
  );
};

async function asked(isBusy = false): Promise<number> {
  bank.plan("transfer", { kind: "lostAnswer", happened: true });
  const flow = flowOf(isBusy);
  await world.begin([flow]);
  run = await world.start(flow, { id: "1" });
  await world.until("a question", async () => (await open()).length === 1);
  return (await open())[0]?.seq ?? 0;
}

async function open() {
  return (await world.exceptions(run)).filter(({ closedAtMs }) => closedAtMs === null);
}

const cannotTell = (exception: number, command?: string) =>
  world.engine.commands.cannotTell({
    run,
    exception,
    by: "bo",
    reason: "their system is gone",
    ...(command === undefined ? {} : { command }),
  });

describe("who cannot tell what happened", () => {
  test.each([false, true])(
    "has the next owner asked, with nothing sent (run at work: %s)",
    async (isBusy) => {
      const first = await asked(isBusy);
      expect((await open())[0]?.owner).toBe("team-bank");
      await cannotTell(first);
      await world.settle();
      const [second, ...more] = await open();
      expect(more).toEqual([]);
      expect(second).toMatchObject({
        class: "ambiguous",
        owner: "team-flow",
        effectName: "transfer",
      });
      const [was] = await world.exceptions(run);
      const afterOpening = (row: typeof was) =>
        row?.record.crossings.map(({ kind, atMs }) => [kind, atMs - row.openedAtMs]);
      expect(afterOpening(second)).toEqual(afterOpening(was));
      expect(second?.record.crossings.map(({ to }) => to)).not.toContain("team-bank");
      expect(second?.because).toMatch(/bo \(team-bank\) cannot tell: their system is gone\.$/u);
      await cannotTell(second?.seq ?? 0);
      const [third] = await open();
      expect(third?.owner).toBe("operators");
      await expect(cannotTell(third?.seq ?? 0)).rejects.toThrow(/operators is the last/u);
      expect((await open()).map(({ seq }) => seq)).toEqual([third?.seq]);
      expect(bank.requests).toHaveLength(1);
    },
  );

  test("is asked no second time by the same command, and another one is refused", async () => {
    const first = await asked();
    await cannotTell(first, "cmd_1");
    await cannotTell(first, "cmd_1");
    expect((await open()).map(({ owner }) => owner)).toEqual(["team-flow"]);
    await expect(cannotTell(first)).rejects.toBeInstanceOf(HoldfastError);
  });

  test("leaves the question to be settled, after a crash too", async () => {
    const first = await asked();
    await cannotTell(first);
    await world.crash();
    await world.begin([flowOf(false)]);
    expect(await world.stateOf(run)).toBe("exception");
    const [operation] = await world.effects(run);
    await world.engine.commands.settle({
      run,
      operation: operation?.operation ?? 0,
      happened: true,
      value: { ref: "t-1" },
      ref: null,
      by: "kim",
      reason: "in the statement",
    });
    expect(await world.resultOf(run)).toEqual([{ ref: "t-1" }, 1]);
    expect(await open()).toEqual([]);
  });
});

describe("the question what happened", () => {
  test("is listed among the reviews, with its evidence and what each answer does", async () => {
    const invoice = testEffect("probeable", bank, "invoice", { settle: "20s" });
    const flow = testWorkflow("flow", (input, r) => r.do(invoice, input));
    bank.plan("invoice", { kind: "lostAnswer", happened: true });
    bank.lookupSays("invoice", { seen: "conflict", value: { ref: "another" } });
    await world.begin([flow]);
    run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    const reader = await openSqliteReader({ path: world.path });
    try {
      const { outcomes, next } = await listReviews(reader, { limit: 10 }, world.clock.nowMs());
      expect(next).toBeNull();
      expect(outcomes).toHaveLength(1);
      const { exception, outcome } = outcomes[0] ?? {};
      expect(exception?.owner).toBe("team-bank");
      expect(outcome?.sent?.text).toBe('{"id":"1"}');
      expect(outcome?.found?.text).toBe('{"ref":"another"}');
      expect(outcome?.lastPhase).toBe("sent");
      expect(outcome?.attempts).toHaveLength(1);
      expect(outcome?.looks.map(({ says }) => says)).toEqual(["conflict"]);
      expect(outcome?.answers.map(({ answer }) => answer)).toEqual([
        "happened",
        "not",
        "cannot-tell",
      ]);
      expect(outcome?.answers[1]?.does).toMatch(/if it did happen, it happens twice$/u);
      for (const { command } of outcome?.answers ?? [])
        expect(command).toMatch(/^holdfast settle eff_\S+ .*--exception exc_\S+ --reason/u);
      expect((await listReviews(reader, { limit: 10, by: "nobody" }, 0)).outcomes).toEqual([]);
    } finally {
      await reader.close();
    }
  });

  test.each([
    [
      "keyed",
      { keyWindow: "7d" },
      /knows its key until 2\S+Z and does it once; after that it happens twice$/u,
    ],
    ["idempotent", {}, /the same again changes nothing over there$/u],
  ] as const)("says of one that is %s what a repeat would do", async (contract, options, says) => {
    const invoice = testEffect(contract, bank, "invoice", options);
    const flow = testWorkflow("flow", (input, r) => r.do(invoice, input));
    bank.plan("invoice", { kind: "answers", value: "no invoice" });
    await world.begin([flow]);
    run = await world.start(flow, { id: "1" });
    await world.untilState(run, "exception");
    const reader = await openSqliteReader({ path: world.path });
    try {
      const { outcomes } = await listReviews(reader, { limit: 10 }, world.clock.nowMs());
      const not = outcomes[0]?.outcome.answers.find(({ answer }) => answer === "not");
      expect(not?.does).toMatch(says);
    } finally {
      await reader.close();
    }
  });
});
