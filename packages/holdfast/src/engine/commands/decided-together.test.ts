/** What several people decide at a time, or one decides for several steps. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { effect } from "../../workflow/effect.ts";
import { CountedList } from "../journal/counted-list.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import {
  REFERENCE,
  integrationOf,
  testEffect,
  testWorkflow,
} from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;

let world: TestWorld;
let bank: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  bank = world.counterpart("bank");
});
afterEach(() => world.remove());

/** A `once` effect whose schema has to ask somewhere about some answers, and is told by `release`. */
function slowlyChecked() {
  const waiting: (() => void)[] = [];
  const output = z.object({ ref: z.string() }).refine(async ({ ref }) => {
    if (ref.startsWith("slow")) await new Promise<void>((resolve) => waiting.push(resolve));
    return true;
  });
  const pay = effect("pay", {
    on: integrationOf(bank),
    repeat: "once",
    timeout: "5s",
    input: REFERENCE,
    output,
    run: ({ id }, attempt) => bank.call("pay", id, attempt),
  });
  const release = () => {
    for (const one of waiting.splice(0)) one();
  };
  return { flow: testWorkflow("flow", (input, run) => run.do(pay, input)), release };
}

async function asked({ flow }: ReturnType<typeof slowlyChecked>) {
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  const [open] = await world.exceptions(run);
  const seen = { run, operation: open?.operation ?? 0, exception: open?.seq ?? 0 };
  return { ...seen, ref: null, reason: "the bank's list", attempts: 1 };
}

/** "taken", or the code of the refusal. */
function endOf(command: Promise<unknown>): Promise<unknown> {
  return command.then(
    () => "taken",
    (error: unknown) => (error as { code: unknown }).code,
  );
}

test("of two who say what had happened, with different answers, the second is told", async () => {
  bank.plan("pay", { kind: "lostAnswer", happened: true });
  const slow = slowlyChecked();
  const said = { ...(await asked(slow)), happened: true };
  const ends = ["ana", "ben"].map((by) =>
    endOf(world.engine.commands.settle({ ...said, value: { ref: `slow-${by}` }, by })),
  );
  await world.settle();
  slow.release();
  expect(await Promise.all(ends)).toEqual(expect.arrayContaining(["HF6003", "taken"]));
  const settled = (await world.records(said.run)).filter(({ kind }) => kind === "settled");
  expect(settled).toHaveLength(1);
});

test("what was said of the first attempt is not taken for one that left while it was checked", async () => {
  bank.plan(
    "pay",
    { kind: "lostAnswer", happened: false },
    { kind: "lostAnswer", happened: false },
  );
  const slow = slowlyChecked();
  const said = await asked(slow);
  const { commands } = world.engine;
  const happened = { ...said, happened: true, value: { ref: "slow" }, by: "ana" };
  const first = endOf(commands.settle(happened));
  await world.settle();
  const notDone = { ...said, happened: false, value: null, by: "ben" };
  expect(await endOf(commands.settle(notDone))).toBe("taken");
  await world.advance(60_000);
  expect(bank.requests).toHaveLength(2);
  slow.release();
  expect(await first).toBe("HF6003");
  expect(await world.stateOf(said.run)).toBe("exception");
});

test("of steps that are resumed together all go on, or none: each reason is said", async () => {
  const names = ["a", "b", "c"];
  for (const name of names) bank.always(name, { kind: "no", class: "data", status: 400 });
  const [a, b, c] = names.map((name) => testEffect("once", bank, name));
  if (a === undefined || b === undefined || c === undefined) throw new Error("no effects");
  const later = testWorkflow("flow", (input, run) => {
    const rest = run.sleep("1h").then(() => Promise.all([run.do(b, input), run.do(c, input)]));
    return Promise.all([run.do(a, input), rest]);
  });
  await world.begin([later]);
  const run = await world.start(later, { id: "1" });
  await world.advance(1_000);
  const seen = Math.max(...(await world.records(run)).map(({ seq }) => seq));
  await world.advance(2 * HOUR_MS);
  expect(await world.exceptions(run)).toHaveLength(3);
  const sent = () => names.map((name) => bank.requestsOf(name).length);
  const { commands } = world.engine;
  await expect(commands.resume(run, null, "ana", "mended", { seen })).rejects.toMatchObject({
    code: "HF6003",
    message: expect.stringMatching(
      /^Nothing was resumed. What may not go on is "b", because: .*; "c", because: /u,
    ),
  });
  await world.advance(1_000);
  expect(sent()).toEqual([1, 1, 1]);
  await commands.resume(run, null, "ana", "mended");
  await world.advance(1_000);
  expect(sent()).toEqual([2, 2, 2]);
});

test("a count that could not be read is read again", async () => {
  let fails = true;
  const list = new CountedList(world.clock, 10, async () => {
    if (fails) throw new Error("connection lost");
    return 0;
  });
  const one = () =>
    list.within(
      () => Promise.resolve("taken"),
      () => new Error("full"),
    );
  await expect(one()).rejects.toThrow("connection lost");
  fails = false;
  expect(await one()).toBe("taken");
});

test("an event that is refused for want of room to keep it takes no place among the ids", async () => {
  const flow = testWorkflow("flow", (input) => Promise.resolve(input));
  await world.begin([flow], { limits: { keptEventsMax: 1, eventIdsMax: 3 } });
  const send = (id: string) => endOf(world.engine.commands.send("e", "k", id, 1));
  const ends: unknown[] = [];
  for (const id of ["1", "2", "3", "4", "5"]) ends.push(await send(id));
  expect(ends).toEqual(["taken", "HF4204", "HF4204", "HF4204", "HF4204"]);
});
