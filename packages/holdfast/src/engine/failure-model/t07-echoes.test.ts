/**
 * T7 of the failure model: the second attempt is told "it is there already". That is the echo of our
 * own first attempt, whose answer was lost: it is looked up and adopted, and is no error of the data.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import { classifyStatus } from "../../connectors/http/status-error.ts";
import { CallFailed } from "../../workflow/attempt.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let erp: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  erp = world.counterpart("erp", "upsert");
});
afterEach(() => world.remove());

/** What the connector makes of such an answer. */
function answered(method: string, status: number): Error {
  const { table, echo, evidence } = classifyStatus({
    status,
    method,
    headers: {},
    reason: null,
    callCount: 1,
    nowMs: 0,
  });
  if (table === null) throw new Error(`${String(status)} is no failure`);
  return new CallFailed({ message: `answered ${String(status)}`, evidence, table, echo });
}

const DUPLICATE_KEY = Object.assign(new Error("duplicate key value"), { code: "23505" });

const ECHOES = [
  ["POST 409", () => answered("POST", 409)],
  ["PUT 412", () => answered("PUT", 412)],
  ["DELETE 404", () => answered("DELETE", 404)],
  ["SQLSTATE 23505 of our own key", () => DUPLICATE_KEY],
] as const;

/** The first attempt does it and its answer is lost; each later one is told so. */
function echoing(echo: () => Error): void {
  erp.plan("act", { kind: "lostAnswer", happened: true });
  erp.always("act", { kind: "throws", error: echo() });
}

async function ended(canProbe: boolean): Promise<number> {
  const act = testEffect("idempotent", erp, "act", {
    canProbe,
    classify: (error) =>
      error === DUPLICATE_KEY
        ? { class: "data", effect: "never", reasonCode: "SQL:23505", echo: true }
        : undefined,
  });
  const flow = testWorkflow("flow", (input, run) => run.do(act, input));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "completed", "exception");
  return run;
}

test.each(ECHOES)("%s on attempt 2 is looked up and adopted", async (_what, echo) => {
  echoing(echo);
  const run = await ended(true);
  expect(await world.resultOf(run)).toEqual({ ref: "act:1" });
  expect(erp.count("act")).toBe(1);
  expect(await world.exceptions(run)).toEqual([]);
});

test.each(ECHOES)(
  "%s that nobody can look up is asked, and is no data error",
  async (_what, echo) => {
    echoing(echo);
    const run = await ended(false);
    expect(erp.count("act")).toBe(1);
    expect((await world.exceptions(run)).map((one) => one.class)).toEqual(["ambiguous"]);
  },
);

// A 412 is a lost race at first: it is done again from its last read, and is an echo only then.
const WITHOUT_RACE = ECHOES.filter(([what]) => what !== "PUT 412");

test.each(WITHOUT_RACE)("%s on attempt 1 is not ours", async (_what, echo) => {
  erp.always("act", { kind: "throws", error: echo() });
  const run = await ended(true);
  expect(await world.stateOf(run)).toBe("exception");
  expect((await world.exceptions(run))[0]?.class).not.toBe("ambiguous");
});
