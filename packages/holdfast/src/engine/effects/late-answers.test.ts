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
      return pending({ ref: `tx-${input.id}`, within: "4h" });
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
