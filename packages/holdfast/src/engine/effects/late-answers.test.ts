import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { effect } from "../../workflow/effect.ts";
import { pending } from "../../workflow/seen.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { ANSWER, integrationOf, REFERENCE, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;

let world: TestWorld;
let bank: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  bank = world.counterpart("bank");
});
afterEach(() => world.remove());

function transferring(kind: "probeable" | "once") {
  const base = {
    on: integrationOf(bank),
    input: REFERENCE,
    output: ANSWER,
    timeout: "5s",
    settle: "20s",
    run: async (input: { id: string }, attempt: Parameters<Counterpart["call"]>[2]) => {
      await bank.call("transfer", input.id, attempt);
      // Each request is known there by a reference of its own.
      const again = attempt.number === 1 ? "" : `-${String(attempt.number)}`;
      return pending({ ref: `tx-${input.id}${again}`, within: "4h" });
    },
  } as const;
  const transfer =
    kind === "once"
      ? effect("transfer", { ...base, repeat: "once" })
      : effect("transfer", {
          ...base,
          repeat: "probeable",
          probe: (input, attempt) => Promise.resolve(bank.find("transfer", input.id, attempt)),
        });
  return testWorkflow("flow", (input, run) => run.do(transfer, input));
}

async function accepted(flow: ReturnType<typeof transferring>): Promise<number> {
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "waiting");
  return run;
}

const complete = (ref: string, outcome: Parameters<typeof world.engine.commands.complete>[2]) =>
  world.engine.commands.complete("bank", ref, outcome);

describe("accepted now, done later", () => {
  test("waits without memory, and the late answer is the step's", async () => {
    const run = await accepted(transferring("once"));
    expect(world.engine.live.size).toBe(0);
    expect((await world.row(run)).reason).toContain("tx-1");
    await complete("tx-1", { ok: true, value: { ref: "done-1" } });
    expect(await world.resultOf(run)).toEqual({ ref: "done-1" });
    expect(bank.requests).toHaveLength(1);
    expect((await world.effects(run))[0]).toMatchObject({ proof: "surely", ref: "tx-1" });
  });

  test("over a crash too", async () => {
    const flow = transferring("once");
    const run = await accepted(flow);
    await world.crash();
    await world.begin([flow]);
    await complete("tx-1", { ok: true, value: { ref: "done-1" } });
    expect(await world.resultOf(run)).toEqual({ ref: "done-1" });
    expect(bank.requests).toHaveLength(1);
  });

  test("the late no is a refusal for good", async () => {
    const run = await accepted(transferring("once"));
    await complete("tx-1", { ok: false, message: "account closed" });
    await world.untilState(run, "exception");
    expect(bank.requests).toHaveLength(1);
    const open = (await world.exceptions(run)).filter((one) => one.closedAtMs === null);
    expect(open[0]?.message).toContain("account closed");
  });

  test("past its time it is unknown: a person is asked, and nothing is sent", async () => {
    const run = await accepted(transferring("once"));
    await world.advance(4 * HOUR_MS + 1_000);
    await world.untilState(run, "exception");
    expect(bank.requests).toHaveLength(1);
    expect((await world.exceptions(run))[0]).toMatchObject({ class: "ambiguous" });
  });

  test("past its time it is looked up where it can be", async () => {
    const run = await accepted(transferring("probeable"));
    await world.advance(5 * HOUR_MS);
    expect(await world.resultOf(run)).toEqual({ ref: "transfer:1" });
    expect(bank.requests).toHaveLength(1);
  });

  test("an answer that comes after that closes the case", async () => {
    const run = await accepted(transferring("once"));
    await world.advance(5 * HOUR_MS);
    await world.untilState(run, "exception");
    await complete("tx-1", { ok: true, value: { ref: "done-1" } });
    expect(await world.resultOf(run)).toEqual({ ref: "done-1" });
    const [exception] = await world.exceptions(run);
    expect(exception).toMatchObject({ resolution: "late-answer" });
  });

  test("the second answer is told that nobody waits, and changes nothing", async () => {
    const run = await accepted(transferring("once"));
    await complete("tx-1", { ok: true, value: { ref: "done-1" } });
    await expect(complete("tx-1", { ok: false, message: "no" })).rejects.toMatchObject({
      code: expect.stringMatching(/^HF600[13]$/),
    });
    expect(await world.resultOf(run)).toEqual({ ref: "done-1" });
  });

  test("two answers at the same moment: one counts", async () => {
    const run = await accepted(transferring("once"));
    const ends = await Promise.allSettled([
      complete("tx-1", { ok: true, value: { ref: "a" } }),
      complete("tx-1", { ok: true, value: { ref: "b" } }),
    ]);
    expect(ends.filter((end) => end.status === "fulfilled")).toHaveLength(1);
    expect(await world.stateOf(run)).toBe("completed");
    const ended = (await world.records(run)).filter((r) => r.kind === "outcome" && r.data !== null);
    expect(ended).toHaveLength(1);
  });

  test("an answer that breaks the schema leaves the result to a person", async () => {
    const run = await accepted(transferring("once"));
    await complete("tx-1", { ok: true, value: { wrong: 1 } }).catch(() => undefined);
    await world.untilState(run, "exception");
    expect(bank.requests).toHaveLength(1);
    expect((await world.exceptions(run))[0]).toMatchObject({ effect: "surely" });
  });
});

async function said(happened: boolean, value: unknown): Promise<number> {
  const run = await accepted(transferring("once"));
  await world.advance(5 * HOUR_MS);
  await world.untilState(run, "exception");
  const [operation] = await world.effects(run);
  await world.engine.commands.settle({
    run,
    operation: operation?.operation ?? 0,
    happened,
    value,
    ref: null,
    by: "bo",
    reason: "read in the statement",
  });
  await world.settle();
  return run;
}

async function breaks(run: number) {
  return (await world.exceptions(run)).filter(({ reasonCode }) => reasonCode === "HF3008");
}

describe("a late answer about what a person has spoken of", () => {
  const DONE = { ok: true, value: { ref: "done-1" } } as const;
  const OTHER = { ok: true, value: { ref: "other" } } as const;
  const NO = { ok: false, message: "account closed" } as const;

  test.each([
    ["that it happened, and it was refused", true, DONE.value, NO, /it was refused/u],
    ["that it happened, with another answer", true, DONE.value, OTHER, /differs at \/ref/u],
    ["that it did not, and it has", false, null, DONE, /it has happened/u],
  ])("is an exception of its own: said %s", async (_what, happened, value, outcome, how) => {
    const run = await said(happened, value);
    const before = await world.effects(run);
    const sent = bank.requests.length;
    await complete("tx-1", outcome);
    const [open] = await breaks(run);
    expect(open).toMatchObject({ class: "data", owner: "team-bank", effect: "maybe" });
    expect(open?.because).toMatch(how);
    expect(open?.because).toMatch(/^bo has said of "transfer"/u);
    // Nothing was overwritten, and nothing more was sent.
    expect(await world.effects(run)).toEqual(before);
    expect(bank.requests).toHaveLength(sent);
    // It comes again: one exception is enough.
    await complete("tx-1", outcome);
    expect(await breaks(run)).toHaveLength(1);
  });

  test.each([
    ["happened", true, DONE.value, DONE],
    ["did not happen", false, null, NO],
  ])("changes nothing where both say the same: it %s", async (_what, happened, value, outcome) => {
    const run = await said(happened, value);
    await expect(complete("tx-1", outcome)).rejects.toMatchObject({
      code: "HF6003",
      message: expect.stringMatching(/says the same/u),
    });
    expect(await breaks(run)).toEqual([]);
  });

  test("is heard after the run has ended, and after a crash", async () => {
    const run = await said(true, DONE.value);
    expect(await world.stateOf(run)).toBe("completed");
    await world.crash();
    await world.begin([transferring("once")]);
    await complete("tx-1", NO);
    expect(await breaks(run)).toHaveLength(1);
    expect(await world.stateOf(run)).toBe("completed");
  });
});
