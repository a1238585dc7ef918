/**
 * T4 of the failure model: the other system does the work after we have given up waiting for it. What
 * an ordinary loop of retries makes of the same is counted beside it, and printed.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import { afterProbe } from "../../core/after-probe.ts";
import { effectPlan } from "../../workflow/effect-plan.ts";
import { seededRandom } from "../../testing/seeded-random.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const SETTLE_MS = 20_000;
const TRIES = 1_000;
/** A request is late by at most this share of the settle time. Source: settled point 32. */
const LATE_SHARE = 0.6;

let world: TestWorld;
let erp: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  erp = world.counterpart("erp");
});
afterEach(() => world.remove());

/** Some requests are never done; of the others each is late by a time of its own. */
function lateAlways(): void {
  const random = seededRandom(7, "lateness");
  const call = erp.call.bind(erp);
  erp.call = (action, id, attempt) => {
    const isDone = attempt.number > 1 || random.next() < 0.7;
    // In steps of half a second, so that many fall together.
    const afterMs = 600 + 500 * Math.floor(random.next() * ((SETTLE_MS * LATE_SHARE) / 500 - 2));
    if (attempt.number === 1)
      erp.plan(
        action,
        isDone ? { kind: "late", afterMs } : { kind: "lostAnswer", happened: false },
      );
    return call(action, id, attempt);
  };
}

function moreThanOnce(action: string): number {
  let count = 0;
  for (let id = 0; id < TRIES; id += 1) if (erp.count(action, String(id)) > 1) count += 1;
  return count;
}

test("done 600 ms after the request, which was given up after 300 ms: nothing is done twice", async () => {
  const act = testEffect("probeable", erp, "act", { timeout: "300ms" });
  erp.plan("act", { kind: "late", afterMs: 600 });
  const flow = testWorkflow("flow", (input, run) => run.do(act, input));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
  expect(erp.requestsOf("act")).toHaveLength(1);
  expect(erp.count("act")).toBe(1);
});

test("a look after 400 ms that finds nothing proves nothing: it is looked up again, at its settle time", () => {
  const { contract, policy } = effectPlan(
    "act",
    testEffect("probeable", erp, "act", { timeout: "300ms" }).definition,
  );
  const failure = {
    effect: "maybe",
    class: "transient",
    scope: "item",
    origin: "network",
    reasonCode: "T4",
    message: "no answer in 300 ms",
    evidence: {},
    rule: { source: "fallback", id: "t4", version: 1 },
  } as const;
  const after = afterProbe(
    { says: "notDone", askedAtMs: 400 },
    {
      failure,
      contract,
      unknown: "outcome-unknown",
      lastSentAtMs: 0,
      earlier: [],
      neverSaid: null,
    },
    {
      nowMs: 400,
      attempt: 1,
      meters: { attempts: 1, contentions: 0, crashes: 0 },
      firstSentAtMs: 0,
      budgetFromMs: 0,
      openMaybe: true,
      neverSaid: null,
      isDoneInPart: false,
      samePayload: true,
      resultNeeded: true,
      haveResult: false,
      policy,
      hintMs: null,
      othersPass: true,
      wasAlone: true,
      attemptsBefore: 0,
      deadlineAtMs: null,
      timeoutMs: 300,
      probeCount: 0,
      random01: 0,
      cancelRequested: false,
      immediateUsed: 0,
    },
  );
  expect(after).toMatchObject({ kind: "probeAgain", atMs: SETTLE_MS });
});

test("of 1,000 late ones none is done twice; an ordinary loop of retries does many twice", async () => {
  const act = testEffect("probeable", erp, "act");
  lateAlways();
  const flow = testWorkflow("flow", (input, run) => run.do(act, input));
  await world.begin([flow]);
  const ids = Array.from({ length: TRIES }, (_, id) => String(id));
  await Promise.all(ids.map((id) => world.start(flow, { id })));
  await passTime(20 * SETTLE_MS);
  const states = new Set((await world.allRuns()).map(({ state }) => state));
  expect([...states]).toEqual(["completed"]);
  const ours = moreThanOnce("act");
  for (const id of ids) void ordinary(id);
  await passTime(10 * SETTLE_MS);
  const theirs = moreThanOnce("ordinary");
  process.stdout.write(
    `T4: done twice, of ${String(TRIES)} late ones: ${String(ours)} with Holdfast, ${String(theirs)} with an ordinary retry loop\n`,
  );
  const undone = Array.from({ length: TRIES }, (_, id) => erp.count("act", String(id)));
  expect(undone.filter((count) => count !== 1)).toEqual([]);
  expect(theirs).toBeGreaterThan(TRIES / 2);
});

/** What falls due in the same millisecond is let happen together: one settling for all of it. */
async function passTime(byMs: number): Promise<void> {
  const untilMs = world.clock.nowMs() + byMs;
  await world.settle();
  while (world.clock.fireNext(untilMs)) {
    while (world.clock.fireNext(world.clock.nowMs())) continue;
    await world.settle();
  }
}

/** Three tries, a second apart: what most code does. */
async function ordinary(id: string): Promise<void> {
  for (let number = 1; number <= 3; number += 1) {
    try {
      const signal = new AbortController().signal;
      await erp.call("ordinary", id, { key: id, number, signal } as never);
      return;
    } catch {
      await new Promise<void>((resolve) => world.clock.after(1_000, resolve));
    }
  }
}
