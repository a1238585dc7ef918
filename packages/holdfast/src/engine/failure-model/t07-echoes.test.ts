/**
 * T7 of the failure model: the second attempt is told "it is there already". That is the echo of our
 * own first attempt, whose answer was lost: it is looked up and adopted, and is no error of the data.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
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
function answered(method: string, status: number, reason: string | null = null): Error {
  const { table, signal, echo, evidence } = classifyStatus({
    status,
    method,
    headers: {},
    reason,
    callCount: 1,
    nowMs: 0,
  });
  if (table === null) throw new Error(`${String(status)} is no failure`);
  const said = signal === null ? {} : { signal };
  return new CallFailed({ message: `answered ${String(status)}`, evidence, table, echo, ...said });
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

// Of attempts that are all proven never to have happened nothing can be the echo.
test.each([
  ["two lost races", () => answered("PUT", 412)],
  ["two conflicts of versions", () => answered("POST", 409, "version_conflict")],
] as const)("after %s it is done again, and nobody says that it happened", async (_what, race) => {
  erp.plan("act", { kind: "throws", error: race() }, { kind: "throws", error: race() });
  const run = await ended(false);
  expect(await world.stateOf(run)).toBe("completed");
  expect(erp.requestsOf("act")).toHaveLength(3);
  expect(erp.count("act")).toBe(1);
});

test("a rule that refuses what was not let in before is a rule, and no success of ours", async () => {
  erp.plan("act", { kind: "refused" });
  erp.always("act", { kind: "throws", error: answered("POST", 409, "credit_limit_exceeded") });
  const run = await ended(false);
  const [exception] = await world.exceptions(run);
  expect(exception).toMatchObject({ class: "policy", effect: "never" });
});

test("a rule that refuses after a lost answer leaves open what that attempt did", async () => {
  erp.plan("act", { kind: "lostAnswer", happened: true });
  erp.always("act", { kind: "throws", error: answered("POST", 409, "credit_limit_exceeded") });
  const run = await ended(false);
  const [exception] = await world.exceptions(run);
  expect(exception?.because).toContain("A rule forbids it");
  expect(await world.effects(run)).toMatchObject([{ proof: "maybe" }]);
});

/** The first attempt does nothing; what the second one meets is another's. */
function overtaken(): void {
  erp.plan("act", { kind: "lostAnswer", happened: false });
  erp.plan("act", { kind: "throws", error: answered("PUT", 412) });
}

describe("where a lost answer was followed by somebody else's write", () => {
  test("it is looked up, not found, and done again from its last read", async () => {
    overtaken();
    const run = await ended(true);
    expect(await world.stateOf(run)).toBe("completed");
    expect(erp.count("act")).toBe(1);
    expect(await world.effects(run)).toMatchObject([{ proof: "surely" }]);
  });

  test("a person may say that it did not happen, and it is done again", async () => {
    overtaken();
    const run = await ended(false);
    expect(await world.effects(run)).toMatchObject([{ proof: "maybe" }]);
    const [{ operation } = { operation: 0 }] = await world.effects(run);
    const said = { run, operation, happened: false, value: null, ref: null, by: "ana" };
    await world.engine.commands.repairs.settle({ ...said, reason: "looked it up by hand" });
    await world.untilState(run, "completed");
    expect(erp.count("act")).toBe(1);
  });

  test("it is not undone when its run is cancelled, since nothing says that it was done", async () => {
    overtaken();
    const run = await ended(false);
    const [{ operation } = { operation: 0 }] = await world.effects(run);
    await world.engine.commands.cancel(run, "ana", "not wanted any more");
    const said = { run, operation, happened: false, value: null, ref: null, by: "ana" };
    await world.engine.commands.repairs.settle({ ...said, reason: "looked it up by hand" });
    await world.untilState(run, "cancelled");
    expect(erp.ledger).toEqual([]);
  });
});

test("a read is asked again after a lost answer, and nobody is asked whether it happened", async () => {
  erp.plan("act", { kind: "lostAnswer", happened: true });
  erp.plan("act", { kind: "throws", error: answered("GET", 409) });
  const act = testEffect("read", erp, "act");
  const flow = testWorkflow("flow", (input, run) => run.do(act, input));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "completed", "exception");
  expect((await world.exceptions(run)).map((one) => one.class)).toEqual(["data"]);
});

test("an echo that is found not to be ours is what its row says, and may be repaired", async () => {
  erp.plan("act", { kind: "lostAnswer", happened: false });
  erp.always("act", { kind: "throws", error: answered("POST", 409) });
  const run = await ended(true);
  const [exception] = await world.exceptions(run);
  expect(exception).toMatchObject({ class: "data", effect: "never" });
});
