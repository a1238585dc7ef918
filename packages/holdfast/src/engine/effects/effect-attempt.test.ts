import { expect, test } from "vitest";
import { Deferred } from "../run/deferred.ts";
import { makeCall } from "./effect-attempt.ts";
import { ManualClock } from "../../testing/bed/manual-clock.ts";

const attempt = {
  outside: { count: 0 },
  key: "k",
  wholeKey: () => "k",
  number: 1,
  correlationId: "c",
  firstSentAtMs: null,
  partsDone: [],
  timeoutMs: 1_000,
};

test("a call does not leave while this engine does not know that it lives", async () => {
  const known = new Deferred<void>();
  let unsure: Promise<void> | null = known.promise;
  const clock = new ManualClock();
  const calls: unknown[] = [];
  const call = makeCall(
    { ...attempt, host: { clock, confirmed: () => unsure } },
    async (input) => calls.push(input),
    "a",
  );
  await new Promise((resolve) => setImmediate(resolve));
  expect(calls).toEqual([]);
  expect(attempt.outside.count).toBe(0);
  unsure = null;
  known.resolve();
  expect(await call).toMatchObject({ ok: true });
  expect(calls).toEqual(["a"]);
});

test("a call counts as outside until it has come back, however it does", async () => {
  const clock = new ManualClock();
  const host = { clock, confirmed: () => null };
  const back = new Deferred<unknown>();
  const outside = { count: 0 };
  const good = makeCall({ ...attempt, outside, host }, () => back.promise, "a");
  const bad = makeCall({ ...attempt, outside, host }, () => Promise.reject(new Error("no")), "b");
  expect(outside.count).toBe(2);
  expect(await bad).toMatchObject({ ok: false });
  expect(outside.count).toBe(1);
  back.resolve("x");
  expect(await good).toMatchObject({ ok: true, value: "x" });
  expect(outside.count).toBe(0);
});
