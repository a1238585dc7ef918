import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { openSqliteReader } from "../store-sqlite/index.ts";
import { effect } from "../workflow/effect.ts";
import { integration } from "../workflow/integration.ts";
import { pending } from "../workflow/seen.ts";
import { workflow } from "../workflow/workflow.ts";
import { CellsUnderTest, keysAt } from "./cells.test-support.ts";

const NAMES = ["north", "south"] as const;
const text = z.string();
const paid = { name: "paid", schema: z.object({ amount: z.string() }) };

const child = workflow(
  "child",
  { input: text, output: text, key: (id) => id, owner: "shop" },
  async (id, run) => await run.step("work", () => `child ${id}`),
);
const parent = workflow(
  "parent",
  { input: z.object({ id: text, child: text }), output: text, key: ({ id }) => id, owner: "shop" },
  async (input, run) => await run.call(child, input.child),
);
const waiter = workflow(
  "waiter",
  { input: text, output: text, key: (id) => id, owner: "shop" },
  async (id, run) => {
    const got = await run.wait(paid, { key: "payment-1" });
    return `${id} got ${got === "timeout" ? got : got.amount}`;
  },
);
const laned = workflow(
  "laned",
  {
    input: z.object({ id: text, lane: text }),
    output: text,
    key: ({ id }) => id,
    lane: ({ lane }) => lane,
    owner: "shop",
  },
  async ({ id }, run) => await run.step("work", () => id),
);
const bank = integration("bank", { owner: "shop" });
const transfer = effect("transfer", {
  on: bank,
  input: text,
  output: text,
  repeat: "once",
  run: (ref) => Promise.resolve(pending({ ref, within: "1h" })),
});
const payer = workflow(
  "payer",
  { input: text, output: text, key: (id) => id, owner: "shop" },
  async (id, run) => await run.do(transfer, id),
);

let cells: CellsUnderTest;
beforeEach(() => {
  cells = new CellsUnderTest({ workflows: [child, parent, waiter, laned, payer] });
});
afterEach(() => cells.dispose());

async function workflowsIn(name: string): Promise<string[]> {
  const reader = await openSqliteReader({ path: join(cells.folder, `${name}.db`) });
  try {
    const runs = await reader.runs({ afterRun: 0, limit: 1_000 });
    return runs.map(({ workflow: of, key }) => `${of} ${key}`);
  } finally {
    await reader.close();
  }
}

describe("a run that calls", () => {
  test("has its child where the child's key belongs, and its result", async () => {
    const app = cells.app(...NAMES);
    const [id = ""] = keysAt("parent", NAMES, "north", 1);
    const [key = ""] = keysAt("child", NAMES, "south", 1);
    const handle = await app.start(parent, { id, child: key });
    expect(await handle.result()).toBe(`child ${key}`);
    expect(await workflowsIn("north")).toEqual([`parent ${id}`]);
    expect(await workflowsIn("south")).toEqual([`child ${key}`]);
    // The same key from outside is the same run.
    expect(await app.start(child, key)).toMatchObject({ isNew: false });
  });

  test("joins a run of another cell that is there already", async () => {
    const app = cells.app(...NAMES);
    const [id = ""] = keysAt("parent", NAMES, "north", 1);
    const [key = ""] = keysAt("child", NAMES, "south", 1);
    await (await app.start(child, key)).result();
    expect(await (await app.start(parent, { id, child: key })).result()).toBe(`child ${key}`);
    expect(await workflowsIn("south")).toEqual([`child ${key}`]);
  });
});

describe("an event", () => {
  test.each(NAMES)("reaches a run that waits in cell %s, wherever it is kept", async (at) => {
    const app = cells.app(...NAMES);
    const [id = ""] = keysAt("waiter", NAMES, at, 1);
    const handle = await app.start(waiter, id);
    await expect
      .poll(async () => (await app.get(handle.id))?.state, { timeout: 20_000 })
      .toBe("waiting");
    const message = { key: "payment-1", id: "e1", payload: { amount: "5" } };
    await app.send(paid, message);
    expect(await handle.result()).toBe(`${id} got 5`);
  });

  test.each(NAMES)("that came first is there for a run of cell %s, once", async (at) => {
    const app = cells.app(...NAMES);
    const [id = "", next = ""] = keysAt("waiter", NAMES, at, 2);
    const message = { key: "payment-1", id: "e1", payload: { amount: "7" } };
    await app.send(paid, message);
    const handle = await app.start(waiter, id);
    expect(await handle.result()).toBe(`${id} got 7`);
    // The same event again changes nothing, whichever cell has it.
    await app.send(paid, message);
    const second = await app.start(waiter, next);
    await app.send(paid, { ...message, id: "e2", payload: { amount: "8" } });
    expect(await second.result()).toBe(`${next} got 8`);
  });
});

describe("a lane", () => {
  test("keeps one run for one key, whatever lane a start names", async () => {
    const app = cells.app(...NAMES);
    for (const id of ["a", "b", "c", "d", "e", "f"]) {
      const lanes = ["l1", "l2", "l3", "l4", "l5", "l6"];
      const handles = await Promise.all(lanes.map((lane) => app.start(laned, { id, lane })));
      expect(new Set(handles.map((handle) => handle.id)).size).toBe(1);
      expect(handles.filter(({ isNew }) => isNew)).toHaveLength(1);
    }
  });

  test("has all its runs in one cell", async () => {
    const app = cells.app(...NAMES);
    const ids = Array.from({ length: 12 }, (_, index) => `id-${String(index)}`);
    for (const id of ids) await (await app.start(laned, { id, lane: "one" })).result();
    const counts = [(await workflowsIn("north")).length, (await workflowsIn("south")).length];
    expect(counts.toSorted((a, b) => a - b)).toEqual([0, ids.length]);
  });
});

describe("an answer", () => {
  test.each(NAMES)("reaches a request of cell %s, also if it comes first", async (at) => {
    const app = cells.app(...NAMES);
    const [late = "", early = ""] = keysAt("payer", NAMES, at, 2);
    const first = await app.start(payer, late);
    await expect
      .poll(async () => (await app.get(first.id))?.state, { timeout: 20_000 })
      .not.toBe("running");
    await app.complete("bank", late, { ok: true, value: "done" });
    expect(await first.result()).toBe("done");
    await expect(app.complete("bank", late, { ok: true, value: "twice" })).rejects.toMatchObject({
      code: "HF6003",
    });
    await app.complete("bank", early, { ok: true, value: "sooner" });
    expect(await (await app.start(payer, early)).result()).toBe("sooner");
  });
});

describe("a start in a transaction", () => {
  test.each(NAMES)("on the file of cell %s begins where its key belongs", async (at) => {
    const app = cells.app(...NAMES);
    await app.listen({ signals: [] });
    const database = new DatabaseSync(join(cells.folder, `${at}.db`));
    database.exec("pragma busy_timeout = 5000; begin immediate");
    const keys = [...keysAt("child", NAMES, "north", 1), ...keysAt("child", NAMES, "south", 1)];
    for (const key of keys) await app.startIn(database, child, key);
    database.exec("commit");
    database.close();
    await expect
      .poll(async () => [await workflowsIn("north"), await workflowsIn("south")], {
        timeout: 20_000,
      })
      .toEqual(keys.map((key) => [`child ${key}`]));
  });
});
