/** The app as its users have it: public API only, the real clock, the store in its own thread. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  effect,
  holdfast,
  integration,
  pending,
  review,
  RunEnded,
  workflow,
  type App,
  type EngineEvent,
} from "holdfast";
import { openSqliteReader } from "holdfast/sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";

let folder: string;
let path: string;
let apps: App[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-app-"));
  path = join(folder, "store.db");
  apps = [];
});
afterEach(async () => {
  for (const app of apps) await app.close();
  rmSync(folder, { recursive: true, force: true });
});

const ORDER = z.object({ id: z.string(), cents: z.number().int() });
const bank = integration("bank", { owner: "team-bank" });
const charged: string[] = [];
beforeEach(() => {
  charged.length = 0;
});

const charge = effect("charge", {
  on: bank,
  repeat: "keyed",
  keyWindow: "24h",
  input: ORDER,
  output: z.object({ chargeId: z.string() }),
  run: ({ id }, attempt) => {
    charged.push(`${id} ${attempt.key}`);
    return Promise.resolve({ chargeId: `ch_${id}` });
  },
  compensate: ({ id }) => {
    charged.push(`refund ${id}`);
    return Promise.resolve();
  },
});
const big = review("big", {
  subject: ORDER,
  decision: z.object({ ok: z.boolean() }),
  by: "finance",
  notBy: "starter",
});
const paid = { name: "paid", schema: z.object({ cents: z.number() }) };

const order = workflow(
  "order",
  {
    input: ORDER,
    output: z.object({ chargeId: z.string() }),
    key: (o) => o.id,
    owner: "team-orders",
  },
  async (input, run) => {
    if (input.cents > 100_000) {
      const { ok } = await run.ask(big, input);
      if (!ok) run.stop("not approved");
    }
    return run.do(charge, input);
  },
);
const payment = workflow(
  "payment",
  { input: ORDER, output: z.unknown(), key: (o) => o.id, owner: "team-orders" },
  async (input, run) => {
    await run.do(charge, input);
    return run.wait(paid, { key: input.id });
  },
);

function openApp(workflows: Parameters<typeof holdfast>[0]["workflows"]): App {
  const app = holdfast({ store: `sqlite:${path}`, workflows });
  apps.push(app);
  return app;
}

/** Waits until a run is in a state, by the app's own events. */
async function inState(app: App, id: string, state: string): Promise<void> {
  const row = await app.get(id);
  if (row?.state === state) return;
  await new Promise<void>((resolve, reject) => {
    const off = app.on((event: EngineEvent) => {
      if (event.type === "engine.fatal") reject(new Error(event.message));
      if (!("run" in event)) return;
      void app.get(id).then((now) => {
        if (now?.state !== state) return;
        off();
        resolve();
      }, reject);
    });
  });
}

test("an order is charged once, however often it comes, also after a restart", async () => {
  const app = openApp([order]);
  const input = { id: "o-1", cents: 1_200 };
  const [first, second] = await Promise.all([app.start(order, input), app.start(order, input)]);
  expect([first, second].filter((handle) => handle.isNew)).toHaveLength(1);
  expect(await first.result()).toEqual({ chargeId: "ch_o-1" });
  await app.close();

  const again = openApp([order]);
  const third = await again.start(order, input);
  expect(third).toMatchObject({ id: first.id, isNew: false });
  expect(await third.result()).toEqual({ chargeId: "ch_o-1" });
  expect(charged).toHaveLength(1);
});

test("a duplicate with another content is told to its sender and to its owner, who closes it", async () => {
  const app = holdfast({
    store: `sqlite:${path}`,
    workflows: [order],
    owner: "integration-desk",
    log: () => undefined,
  });
  apps.push(app);
  const first = await app.start(order, { id: "o-9", cents: 100 });
  const again = await app.start(order, { id: "o-9", cents: 101 });
  expect(again).toMatchObject({ id: first.id, isNew: false, differs: true });
  expect(await first.result()).toEqual({ chargeId: "ch_o-9" });
  const event = { name: "nobody-waits", schema: z.object({ n: z.number() }) };
  await app.send(event, { key: "k", id: "e1", payload: { n: 1 } });
  await app.send(event, { key: "k", id: "e1", payload: { n: 1 } });
  const conflict = app.send(event, { key: "k", id: "e1", payload: { n: 2 } });
  await expect(conflict).rejects.toMatchObject({ code: "HF4106" });

  const reader = await openSqliteReader({ path });
  const exceptions = await reader.exceptions({ afterRun: -1, limit: 10 });
  expect(exceptions.map(({ owner, reasonCode }) => [owner, reasonCode])).toEqual([
    ["integration-desk", "HF4106"],
    [expect.any(String), "HF4107"],
  ]);
  const { seq } = exceptions[1] ?? { seq: 0 };
  const id = `${first.id.replace("run_", "exc_")}_${String(seq)}`;
  await app.closeException(id, { by: "bo", reason: "told the shop" });
  expect(await reader.exceptions({ afterRun: -1, limit: 10 })).toHaveLength(1);
  await reader.close();
  await app.close();
});

test("the log says who is asked, how to answer, and that nobody has in time", async () => {
  const lines: string[] = [];
  const soon = review("soon", {
    subject: ORDER,
    decision: z.object({ ok: z.boolean() }),
    by: "finance",
    within: "20ms",
  });
  const asking = workflow(
    "asking",
    { input: ORDER, output: z.boolean(), key: (o) => o.id, owner: "team-orders" },
    async (input, run) => (await run.ask(soon, input)).ok,
  );
  const log = (line: string) => lines.push(line);
  const app = holdfast({ store: `sqlite:${path}`, workflows: [asking], log });
  apps.push(app);
  const overdue = new Promise<string>((resolve) => {
    app.on((event) => {
      if (event.type === "review.overdue") resolve(event.to);
    });
  });
  const { id } = await app.start(asking, { id: "o-log", cents: 1 });
  expect(await overdue).toBe("team-orders");
  const item = id.replace("run_", "rev_");
  const how = `What it takes: npx holdfast reviews. Answer: npx holdfast answer ${item}_`;
  expect(lines).toEqual([
    expect.stringMatching(/a new one was made/),
    expect.stringMatching(
      /^holdfast: run_\w+ \(asking, "o-log"\) asks finance to decide "soon" until \d/,
    ),
    expect.stringMatching(
      / is overdue: nobody has answered "soon" in time; it goes to team-orders\./,
    ),
  ]);
  for (const line of lines.slice(1)) expect(line).toContain(how);
});

test("a review is answered by somebody else than the starter, over a restart", async () => {
  const app = openApp([order]);
  const handle = await app.start(order, { id: "o-2", cents: 999_999 }, { by: "ana" });
  await inState(app, handle.id, "review");
  await app.close();

  const next = openApp([order]);
  await next.listen();
  const reader = await openSqliteReader({ path });
  const [question] = await reader.reviews({ afterRun: 0, limit: 10 });
  await reader.close();
  const reviewId = handle.id.replace("run_", "rev_") + `_${String(question?.seq)}`;
  await expect(next.answer(reviewId, { ok: true }, { by: "ana" })).rejects.toMatchObject({
    code: "HF6002",
  });
  await next.answer(reviewId, { ok: true }, { by: "bo" });
  const joined = await next.start(order, { id: "o-2", cents: 999_999 });
  expect(await joined.result()).toEqual({ chargeId: "ch_o-2" });
});

test("a stopped run rejects its result with the reason", async () => {
  const stops = workflow(
    "stops",
    { input: ORDER, output: z.null(), key: (o) => o.id, owner: "t" },
    (_input, run) => run.stop("closed on sundays"),
  );
  const app = openApp([stops]);
  const handle = await app.start(stops, { id: "1", cents: 1 });
  const error: unknown = await handle.result().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(RunEnded);
  expect(error).toMatchObject({ runId: handle.id, state: "stopped" });
  expect(String(error)).toContain("closed on sundays");
});

test("an event reaches the run that waits for it, and one that came before is kept", async () => {
  const app = openApp([payment]);
  await app.send(paid, { key: "p-1", id: "e-1", payload: { cents: 5 } });
  const handle = await app.start(payment, { id: "p-1", cents: 5 });
  expect(await handle.result()).toEqual({ cents: 5 });
  // The cast makes what an untyped caller could send.
  const bad = { cents: "five" } as unknown as { cents: number };
  await expect(app.send(paid, { key: "p-1", id: "e-2", payload: bad })).rejects.toMatchObject({
    code: "HF4102",
  });
});

test("a cancelled run is undone", async () => {
  const app = openApp([payment]);
  const handle = await app.start(payment, { id: "p-2", cents: 5 });
  await inState(app, handle.id, "waiting");
  await app.cancel(handle.id, { by: "ana", reason: "customer asked" });
  await inState(app, handle.id, "cancelled");
  expect(charged.at(-1)).toBe("refund p-2");
  await expect(handle.result()).rejects.toMatchObject({ state: "cancelled" });
});

test("an answer that comes later completes the step", async () => {
  const transfer = effect("transfer", {
    on: bank,
    repeat: "once",
    input: ORDER,
    output: z.object({ settled: z.boolean() }),
    run: ({ id }) => Promise.resolve(pending({ ref: `tx-${id}`, within: "1h" })),
  });
  const transfers = workflow(
    "transfers",
    { input: ORDER, output: z.unknown(), key: (o) => o.id, owner: "t" },
    (input, run) => run.do(transfer, input),
  );
  const app = openApp([transfers]);
  const handle = await app.start(transfers, { id: "t-1", cents: 5 });
  await inState(app, handle.id, "waiting");
  await app.complete("bank", "tx-t-1", { ok: true, value: { settled: true } });
  expect(await handle.result()).toEqual({ settled: true });
});

test("a wrong input is refused with its code, and nothing is started", async () => {
  const app = openApp([order]);
  const bad = { id: "x", cents: 1.5 };
  await expect(app.start(order, bad)).rejects.toMatchObject({
    code: "HF4102",
    message: expect.stringContaining("/cents"),
  });
  await expect(app.get("run_0000000000z")).resolves.toBeNull();
});

test("two apps cannot have one store at the same time", async () => {
  const app = openApp([order]);
  await app.listen();
  const other = holdfast({ store: `sqlite:${path}`, workflows: [order] });
  await expect(other.listen()).rejects.toMatchObject({ code: "HF5004" });
  await app.close();
  apps.length = 0;
  const third = openApp([order]);
  await third.listen();
});
