/** Where two events under one id differ, and two inputs under one key: in words, never a value. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { workflow } from "../../workflow/workflow.ts";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const schema = z.object({ cents: z.number(), card: z.string().optional() });
const paid = { name: "paid", schema, sensitive: ["/card"] };

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const flow = testWorkflow("flow", async (input, run) => [
  await run.wait(paid, { key: input.id, as: "a" }),
  await run.wait(paid, { key: input.id, as: "b" }),
]);

const send = (payload: object, id = "e1") => world.engine.commands.send("paid", "1", id, payload);
const refusalOf = (sending: Promise<void>) =>
  sending.then(
    () => "taken",
    (error: unknown) => (error instanceof Error ? error.message : "?"),
  );

async function becauses(): Promise<string> {
  return (await world.exceptions()).map(({ because }) => because).join();
}

test("says where the second event differs from the first, which a run has", async () => {
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "waiting");
  await send({ cents: 100, card: "4111" });
  expect(await refusalOf(send({ cents: 222, card: "4111" }))).toContain("payload (at /cents);");
  expect(await becauses()).toContain(
    "with another payload (at /cents). This run has the first one",
  );
  expect(await becauses()).not.toMatch(/100|222|4111/u);
});

test("says it of a first event that was kept and then taken, and names no part of what is sensitive", async () => {
  await world.begin([flow]);
  await send({ cents: 1 }, "e0");
  await send({ cents: 100, card: "4111" });
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "completed");
  expect(await refusalOf(send({ cents: 100, card: "4222" }))).toContain("payload (at /card);");
  expect(await becauses()).toContain("(at /card)");
});

test("says it of a first event that is still kept, once it is known what is sensitive in it", async () => {
  await world.begin([flow]);
  await send({ cents: 100 });
  // Nobody has waited for one yet: nothing is known of what may be named.
  expect(await refusalOf(send({ cents: 200 }))).toContain("another payload; no run");
  const other = await world.start(flow, { id: "2" });
  await world.untilState(other, "waiting");
  expect(await refusalOf(send({ cents: 300 }))).toContain("another payload (at /cents); no run");
});

test("says where the input of a second start differs", async () => {
  const order = workflow(
    "order",
    {
      input: z.object({ id: z.string(), cents: z.number(), iban: z.string() }),
      output: z.null(),
      key: ({ id }) => id,
      owner: "desk",
      sensitive: ["/iban"],
    },
    async (_input, run) => {
      await run.sleep("1h");
      return null;
    },
  );
  await world.begin([order]);
  await world.start(order, { id: "1", cents: 1, iban: "DE1" });
  await world.start(order, { id: "1", cents: 2, iban: "DE2" });
  expect(await becauses()).toContain("another input (at /cents, /iban). The run goes on");
  expect(await becauses()).not.toContain("DE");
});
