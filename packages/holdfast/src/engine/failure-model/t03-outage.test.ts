/** T3 of the failure model: two hours without the other system, with ten thousand items at hand. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { workflow } from "../../workflow/workflow.ts";
import { testEffect, testIntegration } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const KEYS = 2_500;
const ITEMS = 10_000;
const CONCURRENCY = 8;

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test("an outage of two hours uses up no attempt of 10,000 items, is one incident, and drains in order", async () => {
  const erp = world.counterpart("erp", "keys");
  const on = testIntegration("erp", { limit: { concurrency: CONCURRENCY } });
  const book = testEffect("keyed", erp, "book", { on, keyWindow: "7d" });
  const order = workflow(
    "order",
    {
      input: z.object({ id: z.string(), key: z.string() }),
      output: z.unknown(),
      key: (input) => input.id,
      lane: (input) => input.key,
      owner: "team-order",
    },
    (input, run) => run.do(book, { id: input.id }),
  );
  let inFlight = 0;
  let most = 0;
  const call = erp.call.bind(erp);
  erp.call = async (action, id, attempt) => {
    inFlight += 1;
    most = Math.max(most, inFlight);
    await turn();
    try {
      return await call(action, id, attempt);
    } finally {
      inFlight -= 1;
    }
  };
  await world.begin([order]);
  erp.isDown = true;
  const startedAtMs = world.clock.nowMs();
  const idOf = (n: number) =>
    `${String(n % KEYS)}/${String(Math.floor(n / KEYS)).padStart(2, "0")}`;
  for (let n = 0; n < ITEMS; n += 500) {
    await Promise.all(
      Array.from({ length: 500 }, (_, at) => {
        const id = idOf(n + at);
        return world.start(order, { id, key: id.split("/")[0] });
      }),
    );
  }
  await world.advance(2 * HOUR_MS);
  expect(erp.ledger).toHaveLength(0);
  expect(most).toBeLessThanOrEqual(CONCURRENCY);

  erp.isDown = false;
  most = 0;
  await world.until("all are done", () => erp.ledger.length >= ITEMS, HOUR_MS);
  await world.advance(MINUTE_MS);
  expect(most).toBe(CONCURRENCY);

  const changes = world.life.events.filter((event) => event.type === "dependency.changed");
  expect(changes.map(({ to }) => to)).toEqual(["open", "closed"]);
  const [dependency] = await world.dependencies();
  const { incident } = dependency ?? {};
  const lastMs = erp.ledger.at(-1)?.atMs ?? 0;
  expect(incident?.startedAtMs).toBe(startedAtMs);
  expect(incident?.endedAtMs).toBeGreaterThanOrEqual(startedAtMs + 2 * HOUR_MS);
  // The first of each key waits for it, the one that is tried as well, and the rest for the first.
  expect(incident?.parkedCount).toBeGreaterThan(KEYS - 10);
  expect(incident?.parkedCount).toBeLessThanOrEqual(KEYS);
  expect(incident?.drainedAtMs).toBeGreaterThanOrEqual(lastMs);
  expect(incident?.drainedAtMs).toBeLessThanOrEqual(lastMs + MINUTE_MS);
  const runs = await world.allRuns();
  expect(runs.map(({ state }) => state).filter((state) => state !== "completed")).toEqual([]);
  expect(runs).toHaveLength(ITEMS);
  // No run but these has met the outage itself.
  const met = new Set(
    world.life.events.flatMap((event) => (event.type === "attempt.failed" ? [event.run] : [])),
  );
  expect(met.size).toBeLessThan(100);
  for (const run of met) expect(new Set(burned(await world.records(run)))).toEqual(new Set([0]));

  const byKey = new Map<string, string[]>();
  for (const { id } of erp.ledger) {
    const [key = ""] = id.split("/");
    byKey.set(key, [...(byKey.get(key) ?? []), id]);
  }
  expect(byKey.size).toBe(KEYS);
  for (const ids of byKey.values()) {
    expect(ids).toEqual(ids.toSorted());
    expect(ids).toHaveLength(ITEMS / KEYS);
  }
}, 600_000);

/** Attempts that were counted, by every outcome on record that says so. */
function burned(records: readonly { readonly kind: string; readonly head: string | null }[]) {
  return records.flatMap(({ kind, head }) => {
    if (kind !== "outcome" || head === null) return [];
    // As the engine has written it.
    const { meters } = JSON.parse(head) as { meters?: { attempts: number } };
    return meters === undefined ? [] : [meters.attempts];
  });
}
