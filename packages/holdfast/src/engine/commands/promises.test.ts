/** Commands that came with a transaction of their sender's: nobody waits for an answer. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatRunId } from "../../core/run-number.ts";
import type { InboxRow } from "../../store/rows.ts";
import { openSqliteReader } from "../../store-sqlite/index.ts";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld, type LifeOptions } from "../test-world.test-support.ts";

/** The door is looked at often here: other tests keep it shut. */
const OPEN: LifeOptions = { limits: { inboxIdleMs: 200, inboxBusyMs: 25 } };

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const sleeps = testWorkflow("sleeps", async (_input, run) => {
  await run.sleep("9h");
  return null;
});

/** As another process would. */
async function post(id: string, topic: InboxRow["topic"], command: unknown): Promise<void> {
  const reader = await openSqliteReader({ path: world.path });
  const data = JSON.stringify(command);
  await reader.post({ id, topic, atMs: world.clock.nowMs(), by: "cli ana", data });
  await reader.close();
}

async function answerTo(id: string): Promise<unknown> {
  let answer: string | null = null;
  await world.until(`an answer to ${id}`, async () => {
    const reader = await openSqliteReader({ path: world.path });
    answer = await reader.answer(id);
    await reader.close();
    return answer !== null;
  });
  return JSON.parse(answer ?? "null") as unknown;
}

describe("a command that was committed in a transaction", () => {
  const FULL = { ...OPEN.limits, liveRunsMax: 1, keepLiveMs: 10 * 3_600_000 };
  const ends = testWorkflow("ends", async () => null);
  const undescribed = testWorkflow("undescribed", async () => null, {
    describe: () => ({ amount: 5 as never }),
  });

  test("waits in the inbox while there is no room for it, and lets others by", async () => {
    const engine = await world.begin([sleeps, ends], {
      limits: { ...FULL, inboxBatchMax: 1 },
    });
    const { run } = await engine.startRun(sleeps, { id: "1" });
    await post("tx_1", "start", { workflow: "ends", input: { id: "2" } });
    await post("c1", "start", { workflow: "ends", input: { id: "3" } });
    expect(await answerTo("c1")).toMatchObject({ ok: false, code: "HF4201" });
    await post("c2", "cancel", { run: formatRunId(run), reason: "" });
    expect(await answerTo("c2")).toEqual({ ok: true });
    expect(await answerTo("tx_1")).toMatchObject({ ok: true, isNew: true });
    expect(await world.allRuns()).toHaveLength(2);
    expect(await world.exceptions()).toEqual([]);
  });

  test("waits unseen once enough of them are held, and is taken when there is room", async () => {
    const limits = { ...FULL, inboxHeldMax: 2, inboxBatchMax: 1 };
    const engine = await world.begin([sleeps, ends], { limits });
    const { run } = await engine.startRun(sleeps, { id: "1" });
    const ids = ["2", "3", "4", "5"];
    for (const id of ids) await post(`tx_${id}`, "start", { workflow: "ends", input: { id } });
    await world.advance(5_000);
    expect(engine.kept["inbox"]).toBeLessThanOrEqual(2);
    await engine.commands.cancel(run, "ana", "");
    for (const id of ids) expect(await answerTo(`tx_${id}`)).toMatchObject({ isNew: true });
    expect(engine.kept["inbox"]).toBe(0);
  });

  test("becomes an exception of its owner if it cannot be done, once also after a crash", async () => {
    let died = false;
    await world.begin([undescribed], {
      ...OPEN,
      fateOf: ({ kinds }) => {
        if (!kinds.includes("opened")) return "applied";
        died = true;
        return "diesAfter";
      },
    });
    await post("tx_1", "start", { workflow: "undescribed", input: { id: "1" } });
    await world.until("the flush with the exception", () => died);
    await world.crash();
    await world.begin([undescribed], OPEN);
    expect(await answerTo("tx_1")).toMatchObject({ ok: false, code: "HF4102" });
    await post("tx_2", "start", { workflow: "unknown", input: { id: "1" } });
    expect(await answerTo("tx_2")).toMatchObject({ ok: false, code: "HF1003" });
    await post("tx_3", "send", { event: "paid", key: "", payload: {} });
    expect(await answerTo("tx_3")).toMatchObject({ ok: false, code: "HF4102" });
    const rows = await world.exceptions();
    expect(
      rows.map(({ reasonCode, owner, run }) => `${reasonCode} ${owner} ${String(run)}`),
    ).toEqual(["HF4102 team-flow 0", "HF1003 operators 0", "HF4102 operators 0"]);
    expect(await world.allRuns()).toEqual([]);
  });

  test("is tried again where the store does not answer, or code of the workflow throws", async () => {
    const throws = testWorkflow("throws", async () => null, {
      describe: () => {
        throw new TypeError("no such thing");
      },
    });
    const left: Record<string, number> = { find: 4, besideExceptions: 2 };
    const engine = await world.begin([ends, throws], OPEN);
    world.life.watched.failsRead = (verb) => {
      const count = left[verb] ?? 0;
      left[verb] = Math.max(0, count - 1);
      return count > 0;
    };
    await post("tx_1", "start", { workflow: "ends", input: { id: "1" } });
    await post("tx_2", "start", { workflow: "throws", input: { id: "2" } });
    expect(await answerTo("tx_1")).toMatchObject({ ok: true, isNew: true });
    expect(await answerTo("tx_2")).toMatchObject({ ok: false, code: "HF6003" });
    expect(left).toMatchObject({ find: 0, besideExceptions: 0 });
    expect(await world.exceptions()).toMatchObject([{ owner: "team-flow", reasonCode: "HF6003" }]);
    expect(engine.kept["inbox"]).toBe(0);
  });

  test("is no second exception if it is another event under a known id", async () => {
    await world.begin([sleeps], OPEN);
    for (const cents of [5, 6]) {
      const event = { event: "paid", key: "1", id: "e1", payload: { cents } };
      await post(`tx_${String(cents)}`, "send", event);
      expect(await answerTo(`tx_${String(cents)}`)).toMatchObject({ ok: cents === 5 });
    }
    expect(await world.exceptions()).toMatchObject([{ reasonCode: "HF4106" }]);
  });

  test("waits while too many exceptions are open to open one more", async () => {
    const engine = await world.begin([sleeps], { limits: { ...OPEN.limits, besideOpenMax: 1 } });
    for (const id of ["tx_1", "tx_2"])
      await post(id, "start", { workflow: "unknown", input: { id: "1" } });
    expect(await answerTo("tx_1")).toMatchObject({ ok: false });
    await world.advance(5_000);
    expect(engine.kept["inbox"]).toBe(1);
    const [first] = await world.exceptions();
    await engine.exceptions.beside.close({ run: 0, seq: first?.seq ?? 0 }, "ana", "sent anew");
    expect(await answerTo("tx_2")).toMatchObject({ ok: false });
    expect(await world.exceptions()).toHaveLength(2);
  });
});
