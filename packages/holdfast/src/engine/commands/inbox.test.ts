import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { formatRunId } from "../../core/run-number.ts";
import type { InboxRow } from "../../store/rows.ts";
import { openSqliteReader } from "../../store-sqlite/index.ts";
import { review } from "../../workflow/review.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { approveOpen } from "../repair/repair-world.test-support.ts";
import { TestWorld, type LifeOptions } from "../test-world.test-support.ts";

/** The door is looked at often here: other tests keep it shut. */
const OPEN: LifeOptions = { limits: { inboxIdleMs: 200, inboxBusyMs: 25 } };

let world: TestWorld;
let system: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  system = world.counterpart("erp");
});
afterEach(() => world.remove());

const paid = { name: "paid", schema: z.object({ cents: z.number() }) };
const big = review("big", {
  subject: z.any(),
  decision: z.object({ ok: z.boolean() }),
  by: "boss",
});
const waits = testWorkflow("waits", (input, run) => run.wait(paid, { key: input.id }));
const asks = testWorkflow("asks", (_input, run) => run.ask(big, {}));
const sleeps = testWorkflow("sleeps", async (_input, run) => {
  await run.sleep("9h");
  return null;
});

const SETTLE = {
  run: formatRunId(4_711),
  operation: 1,
  happened: true,
  value: null,
  ref: null,
  reason: "",
};

/** As another process would. */
async function post(id: string, topic: InboxRow["topic"], command: unknown): Promise<void> {
  const reader = await openSqliteReader({ path: world.path });
  const data = JSON.stringify(command);
  await reader.post({ id, topic, atMs: world.clock.nowMs(), by: "cli ana", data });
  await reader.close();
}

async function answerTo(
  id: string,
): Promise<{ ok: boolean; code?: string; run?: string; isNew?: boolean }> {
  let answer: string | null = null;
  await world.until(`an answer to ${id}`, async () => {
    const reader = await openSqliteReader({ path: world.path });
    answer = await reader.answer(id);
    await reader.close();
    return answer !== null;
  });
  return JSON.parse(answer ?? "null") as { ok: boolean };
}

describe("the inbox", () => {
  test("starts a run for another process, once for one key and one id", async () => {
    await world.begin([sleeps], OPEN);
    await post("c1", "start", { workflow: "sleeps", input: { id: "1" } });
    const first = await answerTo("c1");
    expect(first).toMatchObject({ ok: true, isNew: true });
    await post("c1", "start", { workflow: "sleeps", input: { id: "1" } });
    await post("c2", "start", { workflow: "sleeps", input: { id: "1" } });
    expect(await answerTo("c2")).toEqual({
      ok: true,
      run: first.run,
      isNew: false,
      differs: false,
    });
    const rows = await world.allRuns();
    expect(rows).toHaveLength(1);
    expect(rows[0]?.startedBy).toBe("cli ana");
  });

  test("tells another process that its start has joined a run with another input", async () => {
    const takesAll = testWorkflow("takes-all", async () => null);
    const loose = { ...takesAll, definition: { ...takesAll.definition, input: z.any() } };
    await world.begin([loose], OPEN);
    await post("c1", "start", { workflow: "takes-all", input: { id: "1" } });
    const first = await answerTo("c1");
    await post("c2", "start", { workflow: "takes-all", input: { id: "1", more: 1 } });
    expect(await answerTo("c2")).toEqual({
      ok: true,
      run: first.run,
      isNew: false,
      differs: true,
    });
    expect(await world.exceptions()).toMatchObject([{ reasonCode: "HF4107" }]);
  });

  test("takes an event once under the sender's id, from whatever command it comes", async () => {
    await world.begin([waits], OPEN);
    const event = { event: "paid", key: "1", id: "sender-1", payload: { cents: 5 } };
    await post("e1", "send", event);
    await post("e2", "send", event);
    for (const id of ["e1", "e2"]) expect(await answerTo(id)).toEqual({ ok: true });
    expect(
      await world.engine.store.keptEvents({ namespace: "main", event: "paid", key: "1" }, 10),
    ).toMatchObject([{ id: "sender-1" }]);
    await post("e3", "send", { ...event, payload: { cents: 6 } });
    expect(await answerTo("e3")).toMatchObject({ ok: false, code: "HF4106" });
  });

  test("applies an event once that was delivered, but not marked as taken, before a crash", async () => {
    const twice = testWorkflow("twice", async (input, run) => [
      await run.wait(paid, { key: input.id, as: "a" }),
      await run.wait(paid, { key: input.id, as: "b" }),
    ]);
    let died = false;
    await world.begin([twice], {
      ...OPEN,
      fateOf: ({ kinds }) => {
        if (!kinds.includes("event")) return "applied";
        died = true;
        return "diesAfter";
      },
    });
    const run = await world.start(twice, { id: "1" });
    await world.untilState(run, "waiting");
    await post("e1", "send", { event: "paid", key: "1", payload: { cents: 5 } });
    await world.until("the flush with the event", () => died);
    await world.crash();
    await world.begin([twice], OPEN);
    expect(await answerTo("e1")).toEqual({ ok: true });
    const events = (await world.records(run)).filter((record) => record.kind === "event");
    expect(events).toHaveLength(1);
    expect(
      await world.engine.store.keptEvents({ namespace: "main", event: "paid", key: "1" }, 10),
    ).toEqual([]);
  });

  test("closes an exception for an operator, with name and reason", async () => {
    await world.begin([waits], OPEN);
    const event = { event: "paid", key: "1", id: "e" };
    await post("e1", "send", { ...event, payload: { cents: 5 } });
    await post("e2", "send", { ...event, payload: { cents: 6 } });
    expect(await answerTo("e2")).toMatchObject({ code: "HF4106" });
    const [open] = await world.exceptions();
    const at = { run: formatRunId(open?.run ?? 1), seq: open?.seq };
    await post("x0", "close", { ...at, reason: "" });
    expect(await answerTo("x0")).toMatchObject({ ok: false, code: "HF4102" });
    await post("x1", "close", { ...at, reason: "told the shop" });
    expect(await answerTo("x1")).toEqual({ ok: true });
    expect(await world.exceptions()).toMatchObject([
      { resolution: "dealt-with", closedBy: "cli ana" },
    ]);
  });

  test("takes what was left while no engine ran", async () => {
    await world.begin([waits], OPEN);
    const run = await world.start(waits, { id: "1" });
    await world.untilState(run, "waiting");
    await world.close();
    await post("e1", "send", { event: "paid", key: "1", payload: { cents: 5 } });
    await world.begin([waits], OPEN);
    expect(await answerTo("e1")).toEqual({ ok: true });
    expect(await world.resultOf(run)).toEqual({ cents: 5 });
  });

  test("answers a review, settles, resumes, completes and cancels", async () => {
    const mail = testEffect("once", system, "mail");
    const mails = testWorkflow("mails", (input, run) => run.do(mail, input));
    const books = testWorkflow("books", (input, run) => run.do(book, input));
    const book = testEffect("keyed", world.counterpart("shop", "keys"), "book", {
      retry: { attempts: 1 },
    });
    system.plan("mail", { kind: "lostAnswer", happened: true });
    await world.begin([asks, mails, books, sleeps], OPEN);
    const asking = await world.start(asks, { id: "1" });
    const mailing = await world.start(mails, { id: "1" });
    const sleeping = await world.start(sleeps, { id: "1" });
    await world.untilState(asking, "review");
    await world.untilState(mailing, "exception");
    const [question] = await world.reviews(asking);
    const [effect] = await world.effects(mailing);
    await post("a", "answer", {
      run: formatRunId(asking),
      seq: question?.seq,
      decision: { ok: true },
    });
    const said = { happened: true, value: { ref: "m" }, ref: null, reason: "sent box" };
    await post("s", "settle", {
      run: formatRunId(mailing),
      operation: effect?.operation,
      attempts: 1,
      ...said,
    });
    await post("c", "cancel", { run: formatRunId(sleeping), reason: "no need" });
    for (const one of ["a", "c"]) expect(await answerTo(one)).toEqual({ ok: true });
    // What is done only once two people say together.
    expect(await answerTo("s")).toMatchObject({
      ok: true,
      proposal: expect.stringMatching(/^prp_/u) as string,
    });
    await approveOpen(world, mailing);
    expect(await world.resultOf(asking)).toEqual({ ok: true });
    expect(await world.resultOf(mailing)).toEqual({ ref: "m" });
    expect(await world.stateOf(sleeping)).toBe("cancelled");
    expect((await world.reviews(asking))[0]).toMatchObject({ answeredBy: "cli ana" });
    await post("r", "resume", { run: formatRunId(sleeping), step: null, reason: "oh" });
    expect(await answerTo("r")).toMatchObject({ ok: false, code: "HF6003" });
  });

  test.each([
    ["start", { workflow: "nobody", input: {} }, "HF1003"],
    ["start", { workflow: "sleeps", input: { id: 7 } }, "HF4102"],
    ["cancel", { run: "run_nonsense", reason: "" }, /^HF/],
    ["cancel", { run: formatRunId(4_711), reason: "" }, "HF6001"],
    // Its request may still come: it is kept.
    ["complete", { integration: "x", ref: "y", outcome: { ok: true, value: 1 } }, "true"],
    ["settle", { ...SETTLE, attempts: 1 }, "HF6001"],
    // What does not have the shape of its topic is never guessed at.
    ["start", { workflow: 7, input: {} }, "HF4102"],
    ["start", { workflow: "sleeps", input: { id: "1" }, correlationId: 7 }, "HF4102"],
    ["answer", {}, "HF4102"],
    ["answer", { run: formatRunId(4_711), seq: "1", decision: 1 }, "HF4102"],
    ["resume", null, "HF4102"],
    ["resume", [], "HF4102"],
    ["cancel", { run: formatRunId(4_711), reason: 7 }, "HF4102"],
    ["send", "nonsense", "HF4102"],
    ["send", { event: "paid", key: "", payload: 1 }, "HF4102"],
    ["send", { event: "paid", key: "k".repeat(10_000), payload: 1 }, "HF4102"],
    ["send", { event: "paid", key: "1", payload: "x".repeat(8 * 1024 * 1024) }, "HF4104"],
    ["send", { event: "paid", key: "1", payload: "x".repeat(20 * 1024 * 1024) }, "HF4104"],
    ["complete", { integration: "x", ref: "y", outcome: { ok: "no", message: "m" } }, "HF4102"],
    ["complete", { integration: "x", ref: "y", outcome: { ok: false } }, "HF4102"],
    ["complete", { integration: "x", ref: "y", outcome: null }, "HF4102"],
    ["settle", { ...SETTLE, attempts: 1, happened: "no" }, "HF4102"],
    // An older poster does not say of which attempt it speaks.
    ["settle", SETTLE, "HF4102"],
    [
      "settle",
      { run: formatRunId(4_711), operation: 1.5, happened: true, value: 1, ref: null, reason: "" },
      "HF4102",
    ],
    [
      "settle",
      { run: formatRunId(4_711), operation: 1, happened: true, value: 1, ref: 7, reason: "" },
      "HF4102",
    ],
    ["close", {}, "HF4102"],
  ] as const)(
    "answers a %s that cannot be done with its code, and goes on",
    async (topic, command, code) => {
      await world.begin([sleeps], OPEN);
      await post("bad", topic, command);
      const answer = await answerTo("bad");
      expect(answer.ok ? "true" : answer.code).toMatch(code);
      await post("good", "start", { workflow: "sleeps", input: { id: "1" } });
      expect(await answerTo("good")).toMatchObject({ ok: true });
    },
  );

  test("applies a command once, whatever flush the process dies at", async () => {
    for (let at = 2; at < 8; at += 1) {
      for (const fate of ["diesBefore", "diesAfter"] as const) {
        const own = new TestWorld(at);
        const shop = own.counterpart("shop");
        const once = testEffect("once", shop, "pay");
        const flow = testWorkflow("flow", async (input, run) => {
          const event = await run.wait(paid, { key: input.id });
          await run.do(once, input);
          return event;
        });
        world = own;
        await own.begin([flow], OPEN);
        await post("s1", "start", { workflow: "flow", input: { id: "1" } });
        await post("e1", "send", { event: "paid", key: "1", payload: { cents: 1 } });
        await own.crash();
        await own.begin([flow], {
          ...OPEN,
          fateOf: (flush) => (flush.number === at ? fate : "applied"),
        });
        for (let n = 0; n < 20 && !own.life.watched.isDead; n += 1) {
          await own.settle();
          own.clock.fireNext();
        }
        await own.crash();
        await own.begin([flow], OPEN);
        expect(await answerTo("s1")).toMatchObject({ ok: true });
        expect(await answerTo("e1")).toMatchObject({ ok: true });
        const rows = await own.allRuns();
        expect(rows).toHaveLength(1);
        const run = rows[0]?.run ?? 0;
        await own.untilState(run, "completed", "exception");
        expect(shop.requestsOf("pay").length).toBeLessThanOrEqual(1);
        await own.remove();
      }
    }
    world = new TestWorld();
  });

  test("does not let a command that waits for its run hold up those that come after it", async () => {
    const shop = world.counterpart("shop2", "keys");
    const slow = testEffect("keyed", shop, "slow", { undo: "call", timeout: "10m" });
    const slows = testWorkflow("slows", async (input, run) => {
      await run.do(slow, input);
      run.stop("no", { compensate: true });
    });
    shop.always("undo-slow", { kind: "slow", takesMs: 300_000 });
    await world.begin([slows, sleeps], OPEN);
    const run = await world.start(slows, { id: "1" });
    await world.advance(1_000);
    await world.crash();
    await world.begin([slows, sleeps], OPEN);
    await post("waits", "resume", { run: formatRunId(run), step: null, reason: "" });
    await world.advance(1_000);
    await post("next", "start", { workflow: "sleeps", input: { id: "1" } });
    await world.advance(5_000);
    const reader = await openSqliteReader({ path: world.path });
    expect(await reader.answer("next")).not.toBeNull();
    await reader.close();
  });

  test("takes many commands without one that waits holding up the others", async () => {
    await world.begin([sleeps, waits], OPEN);
    for (let n = 0; n < 150; n += 1)
      await post(`s${String(n)}`, "start", { workflow: "sleeps", input: { id: String(n) } });
    expect(await answerTo("s149")).toMatchObject({ ok: true });
    await world.settle();
    expect(await world.allRuns()).toHaveLength(150);
  });
});
