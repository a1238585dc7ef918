/** What a held message begins with is the code of today, which may fail over it. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { workflow } from "../../workflow/workflow.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const MINUTE_MS = 60_000;
const input = z.object({ id: z.string(), place: z.number() });

/** Fits all, and fails in `key` over one of them. */
const billOf = (bad: string | null) =>
  workflow(
    "bill",
    {
      input,
      output: z.any(),
      owner: "billing",
      key: ({ id }) => {
        if (id === bad) throw new TypeError("no key");
        return id;
      },
    },
    async ({ place }) => place,
  );

const bill = billOf(null);

async function put(of: typeof bill, order: string, place: number) {
  const body = { id: `${order}/${String(place)}`, place };
  return await world.engine.commands.receiving.receive({
    workflow: of,
    input: body,
    payload: body,
    ingress: "orders",
    by: "shop",
    source: "shop",
    id: body.id,
    duplicates: "merge",
    order: () => ({ key: order, sequence: place }),
    holdMs: 10 * MINUTE_MS,
    windowMs: null,
    busy: "refuse",
  });
}

const begun = async () => (await world.allRuns()).map(({ key }) => key).toSorted();

test("it is the code's owner's, begins once that is mended, and holds no other order up", async () => {
  await world.begin([bill]);
  await put(bill, "A", 2);
  await put(bill, "B", 2);
  await world.crash();
  const bad = billOf("A/2");
  await world.begin([bad]);
  await put(bad, "A", 1);
  await put(bad, "B", 1);
  await world.advance(5 * MINUTE_MS);
  expect(await begun()).toEqual(["A/1", "B/1", "B/2"]);
  const [fault, ...more] = await world.exceptions();
  expect(fault).toMatchObject({ reasonCode: "HF1113", class: "defect", closedBy: null });
  expect(fault?.because).toContain("tried again every minute");
  expect(more).toEqual([]);
  await world.crash();
  await world.begin([bill]);
  await world.advance(5 * MINUTE_MS);
  expect(await begun()).toEqual(["A/1", "A/2", "B/1", "B/2"]);
});

test("its owner is told that it waits when it is due, as of others", async () => {
  await world.begin([bill]);
  await put(bill, "A", 2);
  await world.crash();
  const bad = billOf("A/2");
  await world.begin([bad]);
  await put(bad, "A", 1);
  await world.advance(60 * MINUTE_MS);
  const codes = (await world.exceptions()).map(({ reasonCode }) => reasonCode);
  expect(codes.toSorted()).toEqual(["HF1113", "HF4114"]);
});
