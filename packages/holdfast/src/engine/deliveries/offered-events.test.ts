import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { AcceptedEvent } from "../../core/journal.ts";
import { openSqliteReader } from "../../store-sqlite/index.ts";
import type { Store } from "../../store/store.ts";
import { Deferred } from "../run/deferred.ts";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const paid = { name: "paid", schema: z.object({ cents: z.number() }) };
const flow = testWorkflow("flow", (input, run) => run.wait(paid, { key: input.id }));
const ADDRESS = { namespace: "main", event: "paid", key: "1" };

/** Waiting costs nothing: the run leaves memory at once. */
const limits = { keepLiveMs: 0 };

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

/** The store as somebody sees it who is told of no run that waits. */
function seesNoWaiting(store: Store): Store {
  return { ...store, awaiting: async () => [] };
}

async function waitingRun(): Promise<number> {
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "waiting");
  return run;
}

const send = () => world.engine.commands.send("paid", "1", "e1", { cents: 100 });

describe("an event that was kept while a run waits for it", () => {
  test("is offered when its sender repeats it, after a crash before it was offered", async () => {
    await world.begin([flow], { limits, onStore: seesNoWaiting });
    const run = await waitingRun();
    await send();
    await world.crash();
    await world.begin([flow], { limits });
    expect(await world.stateOf(run)).toBe("waiting");
    await send();
    expect(await world.resultOf(run)).toEqual({ cents: 100 });
  });

  test("is taken by a run that would leave memory while its events are read", async () => {
    const read = new Deferred<void>();
    let isSlow = false;
    const onStore = (store: Store): Store => ({
      ...seesNoWaiting(store),
      keptEvents: async (of, limit) => {
        // The run itself, which asks for one, finds none: it is on its way.
        if (limit === 1) return [];
        if (isSlow) await read.promise;
        return store.keptEvents(of, limit);
      },
    });
    await world.begin([flow], { limits, onStore });
    const run = await waitingRun();
    await send();
    const [kept] = await world.engine.store.keptEvents(ADDRESS, 10);
    const sent: AcceptedEvent = { ...ADDRESS, id: "e1", digest: "", untilMs: 0 };
    const offer = { sent, data: kept?.data ?? "", kept: kept?.seq ?? 0 };
    isSlow = true;
    const taken = world.engine.commands.events.takeOffered(run, offer);
    await world.settle();
    read.resolve();
    expect(await taken).toBe(true);
    expect(await world.resultOf(run)).toEqual({ cents: 100 });
  });
});

describe("an event that somebody has in hand", () => {
  test("is offered to who has asked for it meanwhile, where it is not taken", async () => {
    let isHidden = true;
    const onStore = (store: Store): Store => ({
      ...store,
      awaiting: (of, limit) => (isHidden ? Promise.resolve([]) : store.awaiting(of, limit)),
    });
    await world.begin([flow], { limits, onStore });
    const run = await waitingRun();
    await send();
    isHidden = false;
    const inHand = await world.engine.keptEvent(ADDRESS);
    expect(await world.engine.keptEvent(ADDRESS)).toBeNull();
    world.engine.keptEventOffered(inHand?.seq ?? 0, false);
    expect(await world.resultOf(run)).toEqual({ cents: 100 });
  });
});

describe("a command that another worker has left", () => {
  test("is tried again where what it is about cannot be read for a moment", async () => {
    let failures = 0;
    await world.begin([flow], {
      limits: { ...limits, inboxIdleMs: 200, inboxBusyMs: 25 },
      failsRead: (verb) => verb === "keptEvents" && failures++ < 2,
    });
    const reader = await openSqliteReader({ path: world.path });
    const data = JSON.stringify(ADDRESS);
    const atMs = world.clock.nowMs();
    await reader.post({ id: "w_1", topic: "offer", atMs, by: "worker", data });
    await world.until("it is answered", async () => (await reader.answer("w_1")) !== null, 60_000);
    expect(JSON.parse((await reader.answer("w_1")) ?? "null")).toEqual({ ok: true });
    expect(failures).toBeGreaterThan(2);
    await reader.close();
  });
});
