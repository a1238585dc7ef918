import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { IncomingMessage, SaidOrder } from "../../workflow/message.ts";
import { HoldfastError } from "../../core/error.ts";
import { verifyStore } from "../../store-sqlite/index.ts";
import { workflow } from "../../workflow/workflow.ts";
import type { FlushSeen } from "../../testing/bed/watched-store.ts";
import { formatItemId } from "../../core/run-number.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const input = z.object({ id: z.string(), cents: z.number(), place: z.number().optional() });
type Input = z.infer<typeof input>;
const bill = workflow(
  "bill",
  { input, output: z.any(), key: ({ id }) => id, owner: "billing" },
  async ({ cents }) => cents,
);
const other = workflow(
  "other",
  { input, output: z.any(), key: ({ id }) => id, owner: "billing" },
  async ({ cents }) => cents,
);

const MINUTE_MS = 60_000;

function message(id: string, more: Partial<IncomingMessage> = {}): IncomingMessage {
  const body = { id: "O-1", cents: 100 };
  return {
    workflow: bill,
    input: body,
    payload: more.input ?? body,
    ingress: "orders",
    by: "shop",
    source: "shop",
    id,
    duplicates: "merge",
    order: null,
    holdMs: 10 * MINUTE_MS,
    windowMs: null,
    busy: "refuse",
    ...more,
  };
}

const receive = (id: string, more: Partial<IncomingMessage> = {}) =>
  world.engine.commands.receiving.receive(message(id, more));

/** Message number `place` about O-7. */
function placed(place: number, said: (input: unknown) => SaidOrder) {
  const body: Input = { id: `O-7/${String(place)}`, cents: place, place };
  return receive(`m-${String(place)}`, { input: body, payload: body, order: said });
}

// The engine gives it what the schema of the workflow made of the input.
const bySequence = (said: unknown): SaidOrder => ({
  key: "O-7",
  sequence: (said as Input).place ?? 0,
});
/** Of an order of its own, which lacks what comes before. */
const gapOf = (id: string) => receive(id, { order: () => ({ key: id, sequence: 9 }) });

const byVersion = (said: unknown): SaidOrder => ({
  key: "O-7",
  version: (said as Input).place ?? 0,
});

/** The second of an order has its turn, its owner was told that it waits, and it cannot be started. */
async function refusedInTurn(): Promise<void> {
  await world.begin([bill]);
  await placed(2, bySequence);
  await world.advance(10 * MINUTE_MS);
  expect(await world.exceptions()).toHaveLength(1);
  const { store } = world.life.watched;
  const find = store.find.bind(store);
  let calls = 0;
  store.find = (keys) => {
    calls += 1;
    // As the worker that has the shard of its key answers if it cannot read: the first is the other's.
    const refusal = new HoldfastError("HF6003", "cannot read", "Try again.");
    return calls === 2 ? Promise.reject(refusal) : find(keys);
  };
  await placed(1, bySequence);
  await world.settle();
}

describe("a message from outside", () => {
  test("starts a run, and every repeat of it gets the same receipt", async () => {
    await world.begin([bill]);
    const first = await receive("m-1");
    const [run] = await world.allRuns();
    expect(first).toMatchObject({ state: "started", isRepeat: false });
    expect(await receive("m-1")).toEqual({ ...first, isRepeat: true });
    expect(run).toMatchObject({ key: "O-1", startedBy: "shop" });
    expect(await world.allRuns()).toHaveLength(1);
  });

  test("is refused under the id of another payload, and starts nothing", async () => {
    await world.begin([bill]);
    await receive("m-1");
    const changed = { input: { id: "O-2", cents: 1 }, payload: { id: "O-2", cents: 1 } };
    await expect(receive("m-1", changed)).rejects.toMatchObject({ code: "HF4110" });
    expect(await world.allRuns()).toHaveLength(1);
  });

  test("has an id of its sender's own: by sender, ingress and workflow", async () => {
    await world.begin([bill, other]);
    const elsewhere = [
      receive("m-1"),
      receive("m-1", { by: "portal", source: "portal" }),
      receive("m-1", { ingress: "returns" }),
      receive("m-1", { workflow: other }),
    ];
    const receipts = await Promise.all(elsewhere);
    expect(receipts.map(({ isRepeat }) => isRepeat)).toEqual([false, false, false, false]);
    expect(await world.allRuns()).toHaveLength(2);
  });

  test("that breaks the schema leaves its id free", async () => {
    await world.begin([bill]);
    const wrong = { input: { id: "O-1", cents: "many" } };
    await expect(receive("m-1", wrong)).rejects.toMatchObject({ code: "HF4102" });
    expect(await receive("m-1")).toMatchObject({ state: "started" });
  });

  test("is refused while the same is being taken, or waits for its receipt", async () => {
    await world.begin([bill]);
    const both = await Promise.allSettled([receive("m-1"), receive("m-1")]);
    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(both[1]).toMatchObject({ reason: { code: "HF4111" } });
    const many = await Promise.all(
      Array.from({ length: 50 }, () =>
        receive("m-2", { busy: "wait", input: { id: "O-2", cents: 1 } }),
      ),
    );
    expect(many.filter(({ isRepeat }) => !isRepeat)).toHaveLength(1);
    expect(new Set(many.map(({ run }) => run)).size).toBe(1);
    expect(await world.allRuns()).toHaveLength(2);
  });

  test("is refused beyond what is remembered, and nothing is started", async () => {
    await world.begin([bill], { limits: { receivedMax: 1 } });
    await receive("m-1");
    await expect(receive("m-2")).rejects.toMatchObject({ code: "HF4202" });
    expect(await receive("m-1")).toMatchObject({ isRepeat: true });
  });

  test("is a new one once its window is over", async () => {
    await world.begin([bill]);
    const windowMs = 60 * MINUTE_MS;
    const first = await receive("m-1", { windowMs });
    await world.advance(windowMs - 1);
    expect(await receive("m-1", { windowMs })).toEqual({ ...first, isRepeat: true });
    await world.advance(1);
    expect(await receive("m-1", { windowMs })).toMatchObject({ state: "joined", isRepeat: false });
  });
});

describe("the receipt of a message", () => {
  test("is in the flush of the start, also where flushes are of one record", async () => {
    await world.begin([bill], { limits: { flushRecordsMax: 1 } });
    const bodies = ["O-1", "O-2", "O-3"].map((id) => ({ id, cents: 1 }));
    await Promise.all(bodies.map((body) => receive(body.id, { input: body, payload: body })));
    const withStart = world.life.watched.flushes.filter(({ kinds }) => kinds.includes("started"));
    expect(withStart.length).toBeGreaterThan(0);
    for (const { kinds } of withStart) {
      const count = (kind: string) => kinds.filter((one) => one === kind).length;
      expect(count("received")).toBe(count("started"));
    }
  });

  for (const fate of ["diesBefore", "diesAfter"] as const) {
    test(`and its run are both there or neither after a crash (${fate})`, async () => {
      const fateOf = ({ kinds }: FlushSeen) => (kinds.includes("received") ? fate : "applied");
      await world.begin([bill], { fateOf });
      void receive("m-1");
      await world.settle();
      await world.crash();
      await world.begin([bill]);
      const runs = await world.allRuns();
      expect(runs).toHaveLength(fate === "diesAfter" ? 1 : 0);
      const again = await receive("m-1");
      expect(again).toMatchObject({ state: "started", isRepeat: fate === "diesAfter" });
      expect(await world.allRuns()).toHaveLength(1);
    });
  }
});

const second = (duplicates: IncomingMessage["duplicates"]) => receive("m-2", { duplicates });

describe("a second message about one business fact", () => {
  test("joins the run where they are merged, and says which", async () => {
    await world.begin([bill]);
    const { run } = await receive("m-1");
    const joined = { state: "joined", run, duplicateOf: run };
    expect(await second("merge")).toEqual({ ...joined, isRepeat: false });
    expect(await second("merge")).toEqual({ ...joined, isRepeat: true });
    expect(await world.exceptions()).toEqual([]);
  });

  test("is rejected for good where they are", async () => {
    await world.begin([bill]);
    const { run } = await receive("m-1");
    const rejected = { state: "rejected", run: null, duplicateOf: run };
    expect(await second("reject")).toEqual({ ...rejected, isRepeat: false });
    expect(await second("reject")).toEqual({ ...rejected, isRepeat: true });
    const body = { id: "O-1", cents: 101 };
    // Another payload for the same fact: it is no start with another input.
    await receive("m-3", { duplicates: "reject", input: body, payload: body });
    expect(await world.exceptions()).toEqual([]);
  });

  test("is given to the owner of the run where somebody has to decide, once", async () => {
    await world.begin([bill]);
    const { run } = await receive("m-1");
    const review = { state: "review", run: null, duplicateOf: run };
    const first = await second("review");
    const [beside] = (await world.exceptions()).map((row) => formatItemId("exc", row));
    expect(first).toEqual({ ...review, isRepeat: false, exception: beside });
    expect(await second("review")).toEqual({ ...review, isRepeat: true, exception: beside });
    const [open, ...more] = await world.exceptions();
    expect(more).toEqual([]);
    expect(open).toMatchObject({ reasonCode: "HF4113", class: "data", owner: "billing" });
    expect(open?.because).toContain('"m-2" of shop');
    expect(await world.allRuns()).toHaveLength(1);
  });
});

const diesAfterStart = ({ records }: FlushSeen) =>
  records.includes("started ") ? "diesAfter" : "applied";

describe("messages in an order", () => {
  test("that are older than the newest are acknowledged and start nothing", async () => {
    await world.begin([bill]);
    expect(await placed(3, byVersion)).toMatchObject({ state: "started" });
    expect(await placed(5, byVersion)).toMatchObject({ state: "started" });
    const stale = { state: "superseded", run: null };
    expect(await placed(4, byVersion)).toMatchObject({ ...stale, isRepeat: false });
    expect(await placed(4, byVersion)).toMatchObject({ ...stale, isRepeat: true });
    // Another message that says it is the same version.
    const body = { id: "O-7/5b", cents: 1, place: 5 };
    const again = { input: body, payload: body, order: byVersion };
    expect(await receive("m-5b", again)).toMatchObject(stale);
    expect(await world.allRuns()).toHaveLength(2);
  });

  test("that come too early are held, and start in their order", async () => {
    await world.begin([bill]);
    expect(await placed(3, bySequence)).toMatchObject({ state: "held", run: null });
    expect(await placed(2, bySequence)).toMatchObject({ state: "held", run: null });
    expect(await world.allRuns()).toEqual([]);
    expect(await placed(1, bySequence)).toMatchObject({ state: "started" });
    await world.settle();
    expect((await world.allRuns()).map(({ key }) => key)).toEqual(["O-7/1", "O-7/2", "O-7/3"]);
    const runs = await world.allRuns();
    expect(new Set(runs.map(({ startedBy }) => startedBy))).toEqual(new Set(["shop"]));
    expect(await placed(3, bySequence)).toMatchObject({ state: "started", isRepeat: true });
    expect(world.engine.kept["commands"]).toBe(0);
    await world.advance(60 * MINUTE_MS);
    expect(await world.exceptions()).toEqual([]);
  });

  test("that were held keep the time at which they came, whatever became of them", async () => {
    await world.begin([bill]);
    const came = new Map<string, number>();
    for (const [place, id] of [
      [3, "O-7/3"],
      [2, "O-7/2"],
      [1, "O-7/1"],
    ] as const) {
      came.set(id, world.clock.nowMs());
      await placed(place, bySequence);
      await world.advance(MINUTE_MS);
    }
    const rows = await world.received();
    expect(rows.map(({ state }) => state)).toEqual(["started", "started", "started"]);
    expect(
      new Map(rows.map(({ orderNumber, atMs }) => [`O-7/${String(orderNumber)}`, atMs])),
    ).toEqual(came);
    await world.close();
    expect((await verifyStore({ path: world.path })).damage).toEqual([]);
  });

  test("that wait too long are told to the owner, and start all the same when it comes", async () => {
    await world.begin([bill]);
    await placed(2, bySequence);
    await world.advance(10 * MINUTE_MS - 1);
    expect(await world.exceptions()).toEqual([]);
    await world.advance(1);
    const [open, ...more] = await world.exceptions();
    expect(more).toEqual([]);
    expect(open).toMatchObject({ run: 0, reasonCode: "HF4114", class: "data", owner: "billing" });
    expect(open?.because).toContain('is number 2 of "O-7", and number 1 has not come in time');
    await world.crash();
    await world.begin([bill]);
    await world.advance(60 * MINUTE_MS);
    expect(await world.exceptions()).toHaveLength(1);
    expect(await placed(1, bySequence)).toMatchObject({ state: "started" });
    await world.settle();
    expect((await world.allRuns()).map(({ key }) => key)).toEqual(["O-7/1", "O-7/2"]);
    const [closed] = await world.exceptions();
    expect(closed).toMatchObject({ resolution: "dealt-with", closedBy: "holdfast" });
    expect(closed?.handling.closedBecause).toContain("what it waited for has come");
  });

  test("are not told to the owner where what they wait for comes at that moment", async () => {
    await world.begin([bill]);
    await placed(2, bySequence);
    await world.advance(10 * MINUTE_MS - 1);
    const { store } = world.life.watched;
    const newest = store.newestInOrder.bind(store);
    const first: Promise<unknown>[] = [];
    let calls = 0;
    store.newestInOrder = async (name) => {
      const seen = await newest(name);
      calls += 1;
      // The second is for the exception; the first is looked at before it, in vain.
      if (calls !== 2) return seen;
      first.push(placed(1, bySequence));
      for (let turn = 0; turn < 30; turn += 1) await new Promise((next) => setImmediate(next));
      return seen;
    };
    await world.advance(1);
    await Promise.all(first);
    await world.advance(60 * MINUTE_MS);
    expect((await world.allRuns()).map(({ key }) => key)).toEqual(["O-7/1", "O-7/2"]);
    const open = (await world.exceptions()).filter(({ closedAtMs }) => closedAtMs === null);
    expect(open).toEqual([]);
  });

  test("are tried again where they were refused in their turn, although their owner was told before", async () => {
    await refusedInTurn();
    expect((await world.allRuns()).map(({ key }) => key)).toEqual(["O-7/1"]);
    await world.advance(MINUTE_MS);
    expect((await world.allRuns()).map(({ key }) => key)).toEqual(["O-7/1", "O-7/2"]);
    expect(await world.exceptions()).toMatchObject([{ closedBy: "holdfast" }]);
  });

  test("leave nothing that waits where they were refused and the engine closes", async () => {
    await refusedInTurn();
    await world.engine.close();
    expect(world.clock.nextAtMs).toBeNull();
  });

  test("are held over a crash, and one that may go then goes", async () => {
    await world.begin([bill], { fateOf: diesAfterStart });
    await placed(2, bySequence);
    void placed(1, bySequence);
    await world.settle();
    await world.crash();
    await world.begin([bill]);
    expect((await world.allRuns()).map(({ key }) => key)).toEqual(["O-7/1", "O-7/2"]);
  });

  test("are refused beyond the number that may be held, and leave their ids free", async () => {
    await world.begin([bill], { limits: { heldMessagesMax: 1 } });
    await placed(3, bySequence);
    await expect(placed(2, bySequence)).rejects.toMatchObject({ code: "HF4206" });
    await placed(1, bySequence);
    expect(await placed(2, bySequence)).toMatchObject({ state: "started" });
    await world.settle();
    expect(await world.allRuns()).toHaveLength(3);
    const two = await Promise.allSettled([gapOf("m-8"), gapOf("m-9")]);
    expect(two.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  });

  test("say their place as a whole number", async () => {
    await world.begin([bill]);
    const half = receive("m-1", { order: () => ({ key: "O-7", version: 1.5 }) });
    await expect(half).rejects.toMatchObject({ code: "HF4102" });
    expect(await world.allRuns()).toEqual([]);
  });
});

test("a journal of messages folds to what is looked up", async () => {
  await world.begin([bill]);
  await placed(3, bySequence);
  await placed(1, bySequence);
  await placed(2, bySequence);
  await receive("m-9", { duplicates: "review" });
  await receive("m-8", { duplicates: "review", windowMs: MINUTE_MS });
  await world.advance(2 * MINUTE_MS);
  await receive("m-7", { duplicates: "reject" });
  await world.close();
  expect((await verifyStore({ path: world.path })).damage).toEqual([]);
});

describe("a message that an earlier keeper has begun", () => {
  test("is told so, and not that something newer was there, where that is seen in between", async () => {
    let misses = 0;
    await world.begin([bill], {
      onStore: (store) => ({
        ...store,
        // As it was read just before the receipt was on record.
        received: async (names) =>
          misses-- > 0 ? names.map(() => null) : await store.received(names),
      }),
    });
    const first = await placed(1, bySequence);
    expect(first.state).toBe("started");
    misses = 1;
    expect(await placed(1, bySequence)).toMatchObject({ state: "started", run: first.run });
  });
});
