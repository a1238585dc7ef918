import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { effect } from "../../workflow/effect.ts";
import { pending } from "../../workflow/seen.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { Latch } from "../run/latch.ts";
import type { LateOutcome } from "../steps/step-slot.ts";
import { ANSWER, integrationOf, REFERENCE, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;
const DONE: LateOutcome = { ok: true, value: { ref: "done-1" } };

let world: TestWorld;
let bank: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  bank = world.counterpart("bank", "keys");
});
afterEach(() => world.remove());

/** The bank accepts after a second, under a reference that the caller has given it. */
function transferring() {
  const transfer = effect("transfer", {
    on: integrationOf(bank),
    repeat: "keyed",
    keyWindow: "24h",
    timeout: "5s",
    input: REFERENCE,
    output: ANSWER,
    run: async (input, attempt) => {
      await bank.call("transfer", input.id, attempt);
      return pending({ ref: `tx-${input.id}`, within: "4h" });
    },
  });
  return testWorkflow("flow", (input, run) => run.do(transfer, input));
}

async function begun(limits: Parameters<TestWorld["begin"]>[1] = {}) {
  bank.plan("transfer", { kind: "slow", takesMs: 1_000 });
  const flow = transferring();
  await world.begin([flow], limits);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  return { run, flow };
}

const complete = (ref: string, outcome: LateOutcome = DONE) =>
  world.engine.commands.complete("bank", ref, outcome);
const toldOf = async () => (await world.exceptions()).filter((one) => one.run === 0);
const unaskedOnes = () => world.life.events.filter((event) => event.type === "answer.unasked");

describe("an answer that comes before its request is on record", () => {
  test("is kept, and is the step's as soon as the request is there", async () => {
    const { run } = await begun();
    await complete("tx-1");
    expect(await world.earlyAnswers()).toMatchObject([
      { integration: "bank", ref: "tx-1", state: "kept", owner: "team-bank" },
    ]);
    await world.advance(1_000);
    expect(await world.stateOf(run)).toBe("completed");
    expect(await world.resultOf(run)).toEqual({ ref: "done-1" });
    expect(await world.earlyAnswers()).toEqual([]);
    await world.advance(2 * HOUR_MS);
    expect(unaskedOnes()).toEqual([]);
  });

  test("may be a no", async () => {
    const { run } = await begun();
    await complete("tx-1", { ok: false, message: "account closed" });
    await world.untilState(run, "exception");
    expect((await world.exceptions(run))[0]?.message).toContain("account closed");
    expect(await world.earlyAnswers()).toEqual([]);
  });

  test("survives a crash before the request is repeated", async () => {
    const { run, flow } = await begun();
    await complete("tx-1");
    await world.crash();
    await world.begin([flow]);
    expect(await world.resultOf(run)).toEqual({ ref: "done-1" });
    expect(bank.count("transfer")).toBe(1);
    expect(await world.earlyAnswers()).toEqual([]);
  });

  test.each(["diesBefore", "diesAfter"] as const)(
    "is given once although the process %s of any flush on the way",
    async (fate) => {
      for (let at = 0; at < 6; at += 1) {
        const own = new TestWorld(at);
        const system = own.counterpart("bank", "keys");
        bank = system;
        system.plan("transfer", { kind: "slow", takesMs: 1_000 });
        const flow = transferring();
        let armed = Number.POSITIVE_INFINITY;
        await own.begin([flow], {
          fateOf: () => {
            armed -= 1;
            return armed < 0 ? fate : "applied";
          },
          limits: { flushRecordsMax: 1 },
        });
        const run = await own.start(flow, { id: "1" });
        await own.settle();
        armed = at;
        let isKept = false;
        void own.engine.commands.complete("bank", "tx-1", DONE).then(() => {
          isKept = true;
        });
        await own.advance(2_000);
        await own.crash();
        await own.begin([flow]);
        await own.settle();
        // What was not kept is the sender's to send again.
        const again = isKept ? null : own.engine.commands.complete("bank", "tx-1", DONE);
        await again?.catch(() => undefined);
        // Soon, and not only when its time is up.
        await own.advance(60_000);
        expect(await own.stateOf(run)).toBe("completed");
        const ends = (await own.records(run)).filter(
          (r) => r.kind === "outcome" && r.data !== null,
        );
        expect(ends).toHaveLength(1);
        await own.advance(2 * HOUR_MS);
        expect(await own.earlyAnswers()).toEqual([]);
        await own.remove();
      }
    },
  );

  test("is taken although its request is written while it is being looked for", async () => {
    const { run } = await begun();
    const { store } = world.engine;
    const endedByRef = store.endedByRef.bind(store);
    const accepted = new Latch();
    Object.assign(store, {
      endedByRef: async (integration: string, ref: string) => {
        await accepted.opened;
        return endedByRef(integration, ref);
      },
    });
    const sent = complete("tx-1");
    await world.untilState(run, "waiting");
    accepted.open();
    await sent;
    expect(await world.stateOf(run)).toBe("completed");
    expect(await world.resultOf(run)).toEqual({ ref: "done-1" });
    expect(await world.earlyAnswers()).toEqual([]);
  });

  test("is refused the second time, before and after its request has ended", async () => {
    const { run } = await begun();
    await complete("tx-1");
    await expect(complete("tx-1")).rejects.toMatchObject({ code: "HF6003" });
    await world.untilState(run, "completed");
    await expect(complete("tx-1")).rejects.toMatchObject({ code: "HF6003" });
    expect(await world.earlyAnswers()).toEqual([]);
  });

  test("and a no, sent again after it was taken, is known to have been taken", async () => {
    const { run } = await begun();
    const no = { ok: false, message: "account closed" } as const;
    await complete("tx-1", no);
    await world.untilState(run, "exception");
    await world.engine.commands.cancel(run, "ana", "given up");
    await world.untilState(run, "cancelled");
    await expect(complete("tx-1", no)).rejects.toMatchObject({ code: "HF6003" });
  });
});

describe("an answer that nobody asks for", () => {
  test("becomes an exception beside the store after its time, once, over restarts", async () => {
    const { flow } = await begun();
    await complete("tx-unknown");
    await world.advance(HOUR_MS - 1);
    expect(unaskedOnes()).toEqual([]);
    await world.advance(1_000);
    expect(unaskedOnes()).toMatchObject([{ ref: "tx-unknown", owner: "team-bank" }]);
    await world.crash();
    await world.begin([flow]);
    await world.advance(2 * HOUR_MS);
    expect(unaskedOnes()).toEqual([]);
    expect(await world.earlyAnswers()).toEqual([]);
    const [exception, ...others] = await toldOf();
    expect(others).toEqual([]);
    expect(exception).toMatchObject({ class: "data", owner: "team-bank", reasonCode: "HF4108" });
    expect(exception?.because).toContain("tx-unknown");
    await world.engine.exceptions.beside.close(
      { run: 0, seq: exception?.seq ?? 0 },
      "ana",
      "it was a test",
    );
    expect((await toldOf()).filter((one) => one.closedAtMs === null)).toEqual([]);
  });

  test("becomes one exception although the process dies before it is no longer kept", async () => {
    bank.plan("transfer", { kind: "slow", takesMs: 1_000 });
    const flow = transferring();
    let mayDie = false;
    await world.begin([flow], {
      fateOf: ({ kinds }) => (mayDie && kinds.includes("opened") ? "diesAfter" : "applied"),
    });
    await complete("tx-unknown");
    mayDie = true;
    await world.advance(HOUR_MS);
    expect(world.life.watched.isDead).toBe(true);
    await world.crash();
    await world.begin([flow]);
    await world.advance(HOUR_MS);
    expect(await world.earlyAnswers()).toEqual([]);
    expect(await toldOf()).toHaveLength(1);
  });

  test("again under the same reference, after the first was closed, is another exception", async () => {
    await begun();
    for (const count of [1, 2]) {
      await complete("tx-unknown");
      await world.advance(HOUR_MS);
      const all = await toldOf();
      expect(all).toHaveLength(count);
      const seq = all.find((one) => one.closedAtMs === null)?.seq ?? 0;
      await world.engine.exceptions.beside.close({ run: 0, seq }, "ana", "looked at");
    }
  });

  test("stays kept while too many exceptions are open, and is told of when one is closed", async () => {
    await begun({ limits: { besideOpenMax: 1 } });
    await complete("a");
    await complete("b");
    await world.advance(5 * HOUR_MS);
    expect(await toldOf()).toHaveLength(1);
    expect(await world.earlyAnswers()).toMatchObject([{ ref: "b", state: "kept" }]);
    const seq = (await toldOf())[0]?.seq ?? 0;
    await world.engine.exceptions.beside.close({ run: 0, seq }, "ana", "looked at");
    await world.advance(60_000);
    expect(await toldOf()).toHaveLength(2);
    expect(await world.earlyAnswers()).toEqual([]);
  });

  test("is not told of while its run is taking it as its time is over", async () => {
    const { run } = await begun();
    const { commands } = world.engine;
    const answerPending = commands.answerPending.bind(commands);
    const [asks, reads] = [new Latch(), new Latch()];
    // Begun in time, and over only after it.
    commands.answerPending = async (...answer) => {
      asks.open();
      await reads.opened;
      return answerPending(...answer);
    };
    world.engine.early.asked("bank", "nothing");
    const sent = world.engine.early.keep("bank", "tx-1", DONE);
    await asks.opened;
    await world.advance(HOUR_MS);
    reads.open();
    await sent;
    await world.advance(HOUR_MS);
    expect(await world.resultOf(run)).toEqual({ ref: "done-1" });
    expect(unaskedOnes()).toEqual([]);
    expect(await toldOf()).toEqual([]);
  });

  test("is told of although reads fail as its time is over", async () => {
    await begun();
    await complete("tx-unknown");
    const failed = new Set<string>();
    world.life.watched.failsRead = (verb) => {
      if (!["pendingByRef", "endedByRef", "besideExceptions"].includes(verb)) return false;
      return failed.size < failed.add(verb).size;
    };
    await world.advance(2 * HOUR_MS);
    expect(failed.size).toBe(3);
    expect(await toldOf()).toHaveLength(1);
    expect(await world.earlyAnswers()).toEqual([]);
  });

  test("is found although its time passes while no engine runs", async () => {
    const { flow } = await begun();
    await complete("tx-unknown");
    await world.crash();
    await world.advance(5 * HOUR_MS);
    await world.begin([flow]);
    await world.advance(1_000);
    expect(await world.earlyAnswers()).toEqual([]);
    expect(await toldOf()).toHaveLength(1);
  });

  test.each([undefined, "", 7, "a\u0000b"])(
    "under a name that is none (%j) is refused, and nothing of it is kept",
    async (name) => {
      await begun();
      // The casts make what an untyped caller could pass.
      const sent = [
        complete(name as string),
        world.engine.commands.complete(name as string, "x", DONE),
      ];
      for (const one of sent) await expect(one).rejects.toMatchObject({ code: "HF4102" });
      expect(await world.earlyAnswers()).toEqual([]);
    },
  );

  test.each([null, {}, { ok: "yes" }, { ok: false }, { ok: true }])(
    "and that is no answer at all is refused, and nothing of it is kept (%j)",
    async (outcome) => {
      await begun();
      const sent = complete("tx-1", outcome as unknown as LateOutcome);
      await expect(sent).rejects.toMatchObject({ code: "HF4102" });
      expect(await world.earlyAnswers()).toEqual([]);
    },
  );

  test("has an owner also where this engine knows nothing of the integration", async () => {
    await world.begin([transferring()]);
    await world.engine.commands.complete("stranger", "x", DONE);
    expect(await world.earlyAnswers()).toMatchObject([{ owner: "operators" }]);
  });

  test("is refused beyond the limit, whose name and remedy the sender hears", async () => {
    await begun({ limits: { earlyAnswersMax: 2 } });
    await complete("a");
    await complete("b");
    await expect(complete("c")).rejects.toMatchObject({
      code: "HF4201",
      message: expect.stringContaining("earlyAnswersMax") as string,
    });
    await world.advance(2 * HOUR_MS);
    // Those have their owner now, and take no place from what may still be asked for.
    await complete("c");
  });
});
