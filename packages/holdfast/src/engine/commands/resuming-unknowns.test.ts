/** Effects whose outcome is unknown, which a person lets go on because their contract allows a repeat. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RepeatKind } from "../../core/contract.ts";
import { formatRunId } from "../../core/run-number.ts";
import { resumeRun } from "../../operate/decisions.ts";
import { heldSentence, listHeld } from "../../operate/list-held.ts";
import { listExceptions } from "../../operate/list-work.ts";
import { openSqliteReader } from "../../store-sqlite/index.ts";
import type { StoreReader } from "../../store/store.ts";
import { differs } from "../counterpart.test-support.ts";
import { MEMORY_OF, testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const classify = () => ({ class: "defect", effect: "maybe" }) as const;

/** A call that happened and whose answer is lost; the effect has no attempt left. */
async function unknown(kind: RepeatKind, failsAs: "lost" | "defect" = "lost") {
  const bank = world.counterpart("bank", MEMORY_OF[kind]);
  const pay = testEffect(kind, bank, "pay", {
    retry: { attempts: 1 },
    ...(kind === "keyed" ? { keyWindow: "10h" as const } : {}),
    ...(failsAs === "defect" ? { classify } : {}),
  });
  const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
  await world.begin([flow]);
  bank.plan("pay", { kind: "lostAnswer", happened: true });
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, failsAs === "defect" ? "held" : "exception");
  return { bank, run };
}

async function reading<T>(read: (reader: StoreReader) => Promise<T>): Promise<T> {
  const reader = await openSqliteReader({ path: world.path });
  try {
    return await read(reader);
  } finally {
    await reader.close();
  }
}

/** What is printed with the exception of the run. */
const offered = () =>
  reading(async (reader) => {
    const { exceptions } = await listExceptions(reader, { limit: 10 }, world.clock.nowMs());
    return exceptions.map(({ class: of, resumeWith }) => [of, resumeWith !== null]);
  });

/** Left for an engine, by the command line; or refused. */
const left = (run: number) =>
  reading((reader) =>
    resumeRun(
      reader,
      { run: formatRunId(run) },
      null,
      { by: "bo", reason: "they do not mind" },
      { waitMs: 0, nowMs: () => world.clock.nowMs(), pause: async () => undefined },
    ),
  );

const resumed = (run: number) =>
  world.engine.commands.resume(run, null, "bo", "they do not mind", {});

test.each(["idempotent", "keyed"] as const)(
  "%s: it is sent again with its key when a person resumes it, and is done once",
  async (kind) => {
    const { bank, run } = await unknown(kind);
    expect(await offered()).toEqual([["ambiguous", true]]);
    await left(run);
    await resumed(run);
    await world.untilState(run, "completed");
    expect(bank.count("pay")).toBe(1);
    expect(new Set(bank.requestsOf("pay").map(({ key }) => key)).size).toBe(1);
    expect(await world.exceptions(run)).toMatchObject([{ resolution: "resumed" }]);
  },
);

test("keyed: nine tenths into its window it is neither offered nor resumed", async () => {
  const { bank, run } = await unknown("keyed");
  await world.advance(9 * HOUR_MS);
  expect(await offered()).toEqual([["ambiguous", false]]);
  await expect(left(run)).rejects.toMatchObject({ code: "HF6004" });
  await expect(resumed(run)).rejects.toMatchObject({ code: "HF6004" });
  expect(bank.requestsOf("pay")).toHaveLength(1);
});

test("once: it has to be settled first", async () => {
  const { bank, run } = await unknown("once");
  expect(await offered()).toEqual([["ambiguous", false]]);
  await expect(left(run)).rejects.toMatchObject({ code: "HF6004" });
  await expect(resumed(run)).rejects.toMatchObject({ code: "HF6004" });
  expect(bank.requestsOf("pay")).toHaveLength(1);
});

test("idempotent: what was found there instead is not overwritten unseen", async () => {
  const bank = world.counterpart("bank", "upsert");
  const pay = testEffect("idempotent", bank, "pay", { retry: { attempts: 1 }, canProbe: true });
  const flow = testWorkflow("flow", (input, run) => run.do(pay, input));
  await world.begin([flow]);
  bank.plan("pay", { kind: "lostAnswer", happened: false });
  bank.lookupSays("pay", differs());
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  expect(await offered()).toEqual([["data", false]]);
  await expect(left(run)).rejects.toMatchObject({ code: "HF6004" });
  await expect(resumed(run)).rejects.toMatchObject({ code: "HF6004" });
  expect(bank.requestsOf("pay")).toHaveLength(1);
});

test("a run that is held with an unknown outcome is offered what would be accepted", async () => {
  const { bank, run } = await unknown("keyed", "defect");
  const sentence = () =>
    reading(async (reader) => {
      const { groups, newestVersion } = await listHeld(reader, world.clock.nowMs());
      const [group] = groups;
      if (group === undefined) throw new Error("nothing is held");
      return heldSentence({ ...group, isReady: true }, newestVersion);
    });
  expect(await sentence()).toContain(`holdfast resume ${formatRunId(run)}`);
  await left(run);
  await world.advance(9 * HOUR_MS);
  expect(await sentence()).toMatch(
    /is not known: say that first: holdfast settle eff_\w+ happened/u,
  );
  await expect(left(run)).rejects.toMatchObject({ code: "HF6004" });
  expect(bank.requestsOf("pay")).toHaveLength(1);
});
