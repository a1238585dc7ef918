/** What operators see of an operation that was done in part, while no engine runs. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { Classified } from "../core/failure.ts";
import { formatItemId } from "../core/run-number.ts";
import { testIntegration, testWorkflow } from "../engine/test-effects.test-support.ts";
import { TestWorld } from "../engine/test-world.test-support.ts";
import { openSqliteReader } from "../store-sqlite/index.ts";
import type { StoreReader } from "../store/store.ts";
import { effect } from "../workflow/effect.ts";
import { settleEffect } from "./decisions.ts";
import { listExceptions } from "./list-work.ts";
import { outcomeQuestion } from "./outcome-question.ts";
import { Masking } from "./masking.ts";
import { planReplay } from "./replay/plan-replay.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

class InPart extends Error {}

/** Of three lines the first was posted; no engine is at work. */
async function inPart(byParts: boolean, third: "maybe" | "never") {
  const says: Classified = {
    class: "data",
    parts: [
      { name: "line 1", effect: "surely" },
      { name: "line 2", effect: "never" },
      { name: "line 3", effect: third },
    ],
  };
  const lines = effect("post-lines", {
    on: testIntegration("ledger"),
    repeat: "keyed",
    keyWindow: "24h",
    input: z.object({ id: z.string() }),
    output: z.object({ posted: z.number() }),
    byParts,
    classify: (error: unknown) => (error instanceof InPart ? says : undefined),
    run: () => Promise.reject(new InPart("207")),
  });
  const flow = testWorkflow("flow", (input, run) => run.do(lines, input));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  const [row] = await world.effects(run);
  await world.close();
  return formatItemId("eff", { run, seq: row?.operation ?? 0 });
}

async function reading<T>(read: (reader: StoreReader) => Promise<T>): Promise<T> {
  const reader = await openSqliteReader({ path: world.path });
  try {
    return await read(reader);
  } finally {
    await reader.close();
  }
}

const patience = () => ({
  waitMs: 0,
  nowMs: () => world.clock.nowMs(),
  pause: () => Promise.resolve(),
});
const ANA = { by: "ana", reason: "looked" };

const shown = () =>
  reading(async (reader) => {
    const { exceptions } = await listExceptions(reader, { limit: 10 }, world.clock.nowMs());
    return exceptions[0];
  });

const settle = (id: string, parts: Record<string, "happened" | "not">) =>
  reading((reader) =>
    settleEffect(reader, id, { happened: false, parts, value: null, ref: null }, ANA, patience()),
  );

const plan = () =>
  reading((reader) =>
    planReplay(
      reader,
      {
        ...ANA,
        query: "workflow:flow",
        canary: [1],
        rate: null,
        atOnce: 1,
        first: null,
        evenSameVersion: false,
        how: null,
        to: null,
      },
      patience(),
    ),
  );

test("what is known of each part is shown, and how to say the rest", async () => {
  const id = await inPart(true, "maybe");
  const exception = await shown();
  expect(exception?.parts).toEqual({
    done: ["line 1"],
    notDone: ["line 2"],
    unknown: ["line 3"],
    sendsAgain: "the rest",
  });
  expect(exception?.settleWith).toContain(`settle ${id} in-part --parts`);
  expect(exception?.settleWith).toMatch(/ happened --value JSON /u);
  const question = await reading(async (reader) => {
    const [row] = await reader.exceptions({ afterRun: 0, limit: 1 });
    if (row === undefined) throw new Error("no exception");
    return await outcomeQuestion(reader, await Masking.of(reader), row);
  });
  expect(question?.answers.map(({ answer }) => answer)).toEqual([
    "happened",
    "in-part",
    "cannot-tell",
  ]);
  expect(question?.answers[0]?.command).toContain(" --value JSON ");
});

test("that the whole would be sent again is said before it is, with its exception and its plan", async () => {
  const id = await inPart(false, "maybe");
  const exception = await shown();
  expect(exception?.parts?.sendsAgain).toBe("the whole");
  expect(exception?.settleWith).not.toContain("in-part");
  expect(exception?.resumeWith).not.toBeNull();
  expect((await plan()).plan.shown.wholeCount).toBe(1);
  await expect(settle(id, { "line 3": "not" })).rejects.toMatchObject({
    code: "HF6003",
    message: expect.stringContaining("leaves out no parts") as unknown,
  });
});

test("where the rest alone may go on, settling it by hand asks for its value, and a plan sends the rest", async () => {
  const id = await inPart(true, "never");
  const exception = await shown();
  expect(exception?.class).toBe("data");
  expect(exception?.settleWith).toBe(
    `holdfast settle ${id} happened --value JSON --exception ${exception?.id ?? ""} --reason "how the rest was done by hand"`,
  );
  expect((await plan()).plan.shown.wholeCount).toBeUndefined();
});

test("what cannot be is refused before it is kept", async () => {
  const id = await inPart(true, "maybe");
  await expect(settle(id, { "line 9": "not" })).rejects.toMatchObject({ code: "HF6003" });
  await expect(settle(id, { "line 3": "happened" })).resolves.toMatchObject({ outcome: "kept" });
  expect((await shown())?.kept[0]).toMatchObject({ topic: "settle", inPart: true });
});
