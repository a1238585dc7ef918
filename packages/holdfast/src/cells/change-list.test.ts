import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { systemClock } from "../engine/clock.ts";
import { openSqliteReader, openSqliteStore, verifyStore } from "../store-sqlite/index.ts";
import { workflow } from "../workflow/workflow.ts";
import { type CellStore, addCell, drainCell } from "./change-list.ts";
import { CellsUnderTest, keysAt } from "./cells.test-support.ts";

const text = z.string();
const go = { name: "go", schema: z.string() };
const order = workflow(
  "order",
  {
    input: z.object({ id: text, amount: z.number() }),
    output: text,
    key: ({ id }) => id,
    owner: "shop",
  },
  async ({ id }, run) => await run.step("price", () => `done ${id}`),
);
const waiting = workflow(
  "waiting",
  { input: text, output: text, key: (id) => id, owner: "shop" },
  async (id, run) => {
    await run.wait(go, { key: id });
    return id;
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

let cells: CellsUnderTest;
beforeEach(() => {
  cells = new CellsUnderTest({ workflows: [order, waiting, laned] });
});
afterEach(() => cells.dispose());

const nowMs = () => systemClock.nowMs();
const by = "ana";

function pathOf(name: string): string {
  return join(cells.folder, `${name}.db`);
}

function stored(name: string): CellStore {
  const path = pathOf(name);
  return {
    name,
    openReader: () => openSqliteReader({ path }),
    openAlone: () => openSqliteStore({ path, nowMs, thread: "inline" }),
  };
}

/** Dies, as a process that is killed, before the flush of this number; counts over all stores. */
function dying(name: string, flushes: { left: number }): CellStore {
  return {
    ...stored(name),
    async openAlone() {
      const store = await openSqliteStore({ path: pathOf(name), nowMs, thread: "inline" });
      return {
        ...store,
        async flush(batch) {
          flushes.left -= 1;
          if (flushes.left < 0) throw new Error("killed (test)");
          await store.flush(batch);
        },
        close: () => (flushes.left < 0 ? store.abandon() : store.close()),
      };
    },
  };
}

const IDS = Array.from({ length: 24 }, (_, index) => `id-${String(index)}`);

/** Orders by the ids of their runs. */
async function started(app: ReturnType<CellsUnderTest["app"]>, ids: readonly string[]) {
  const handles = await Promise.all(ids.map((id) => app.start(order, { id, amount: 1 })));
  return new Map(handles.map((handle, index) => [ids[index] ?? "", handle]));
}

async function keysIn(name: string): Promise<string[]> {
  const reader = await openSqliteReader({ path: pathOf(name) });
  try {
    return (await reader.runs({ afterRun: 0, limit: 1_000 })).map(({ key }) => key);
  } finally {
    await reader.close();
  }
}

describe("a cell that is added", () => {
  test("takes new runs, and those from before are joined where they are", async () => {
    const alone = cells.open(cells.address("north"));
    const first = await started(alone, IDS);
    for (const handle of first.values()) await handle.result();
    await cells.close(alone);
    const list = await addCell([stored("north")], stored("south"), { by, nowMs });
    expect(list).toMatchObject({ generation: 2, cells: [{ name: "north" }, { name: "south" }] });
    const app = cells.app("north", "south");
    for (const [id, { id: run }] of await started(app, IDS)) {
      expect([id, run]).toEqual([id, first.get(id)?.id]);
    }
    for (const { id } of first.values())
      expect(await app.get(id)).toMatchObject({ run: expect.any(Number) as number });
    const fresh = IDS.map((id) => `new-${id}`);
    await started(app, fresh);
    const south = await keysIn("south");
    expect(south.length).toBeGreaterThan(0);
    expect(south.every((key) => key.startsWith("new-"))).toBe(true);
    // Once more, with another one: what is placed anew is found where it was.
    await cells.close(app);
    await addCell([stored("north"), stored("south")], stored("west"), { by, nowMs });
    const three = cells.app("north", "south", "west");
    const again = await started(three, [...IDS, ...fresh]);
    expect([...again.values()].every(({ isNew }) => !isNew)).toBe(true);
    expect(await keysIn("west")).toEqual([]);
  });

  test("is a store that is new, beside all stores of the list", async () => {
    for (const name of ["north", "south"]) {
      const app = cells.open(cells.address(name));
      await started(app, ["a"]);
      await cells.close(app);
    }
    await expect(addCell([stored("north")], stored("south"), { by, nowMs })).rejects.toMatchObject({
      code: "HF6003",
    });
    await addCell([stored("north")], stored("west"), { by, nowMs });
    await expect(addCell([stored("north")], stored("east"), { by, nowMs })).rejects.toMatchObject({
      code: "HF5024",
    });
  });

  test("waits until no engine runs", async () => {
    const app = cells.app("north");
    await started(app, ["a"]);
    await expect(addCell([stored("north")], stored("south"), { by, nowMs })).rejects.toMatchObject({
      code: "HF5004",
    });
  });
});

describe("a cell that is drained", () => {
  test("leaves once it has nothing left to do, and its keys are known without it", async () => {
    const settings = { by, nowMs, forgetIds: true };
    const all = [stored("north"), stored("south")];
    const app = cells.app("north", "south");
    const first = await started(app, IDS);
    const [openKey = ""] = keysAt("waiting", ["north", "south"], "south", 1);
    const open = await app.start(waiting, openKey);
    for (const id of ["a", "b", "c", "d"]) {
      await (await app.start(laned, { id, lane: `lane-${id}` })).result();
    }
    for (const handle of first.values()) await handle.result();
    await cells.close(app);
    const southern = (await keysIn("south")).filter((key) => key.startsWith("id-"));
    const asked = await drainCell(all, "south", settings);
    expect(asked.list.cells.find(({ name }) => name === "south")?.drainsSince).toBe(2);

    const draining = cells.app("north", "south");
    const during = await started(draining, [...IDS, ...IDS.map((id) => `next-${id}`)]);
    for (const [id, { isNew }] of during) expect([id, isNew]).toEqual([id, id.startsWith("next-")]);
    expect((await keysIn("south")).filter((key) => key.startsWith("next-"))).toEqual([]);
    expect(await draining.start(waiting, openKey)).toMatchObject({ id: open.id, isNew: false });
    await draining.send(go, { key: openKey, id: "e1", payload: "now" });
    await expect
      .poll(async () => (await draining.get(open.id))?.state, { timeout: 30_000 })
      .toBe("completed");
    await cells.close(draining);

    const drained = await drainCell(all, "south", settings);
    expect(drained).toMatchObject({ left: null, list: { generation: 3 } });
    expect(drained.keys).toBeGreaterThanOrEqual(southern.length);
    // Given again, it says the same.
    expect(await drainCell(all, "south", settings)).toMatchObject({ left: null });

    const rest = cells.app("north");
    const after = await started(rest, IDS);
    for (const [id, { id: run, isNew, differs }] of after) {
      expect({ id, run, isNew, differs }).toEqual({
        id,
        run: first.get(id)?.id,
        isNew: false,
        differs: false,
      });
    }
    const [gone = ""] = southern;
    await expect(after.get(gone)?.result()).rejects.toMatchObject({ code: "HF6006" });
    expect(await rest.start(order, { id: gone, amount: 2 })).toMatchObject({
      isNew: false,
      differs: true,
    });
    for (const id of ["a", "b", "c", "d"]) {
      expect(await rest.start(laned, { id, lane: "another" })).toMatchObject({ isNew: false });
    }
    await cells.close(rest);
    const { damage } = await verifyStore({ path: pathOf("north") });
    expect(damage).toEqual([]);
    const again = cells.app("north", "south");
    await expect(again.start(order, { id: "x", amount: 1 })).rejects.toMatchObject({
      code: "HF5024",
    });
  });

  test("stays while something of it is left", async () => {
    const app = cells.app("north", "south");
    const handles = [];
    for (const id of IDS) handles.push(await app.start(waiting, id));
    await app.send(go, { key: "nobody", id: "e1", payload: "now" });
    await cells.close(app);
    const all = [stored("north"), stored("south")];
    const { left } = await drainCell(all, "south", { by, nowMs, forgetIds: false });
    expect(left?.unfinishedRuns).toBe((await keysIn("south")).length);
    await expect(drainCell(all, "north", { by, nowMs, forgetIds: true })).rejects.toMatchObject({
      code: "HF6003",
    });
    await expect(drainCell(all, "west", { by, nowMs, forgetIds: true })).rejects.toMatchObject({
      code: "HF6001",
    });
  });

  test("loses nothing when the process dies between any two writes", async () => {
    const app = cells.app("north", "south", "west");
    const first = await started(app, IDS);
    for (const handle of first.values()) await handle.result();
    await cells.close(app);
    const names = ["north", "south", "west"];
    const settings = { by, nowMs, forgetIds: true };
    let deaths = 0;
    for (let survives = 0; ; survives += 1) {
      const flushes = { left: survives };
      const all = names.map((name) => dying(name, flushes));
      try {
        const { left } = await drainCell(all, "south", settings);
        expect(left).toBeNull();
        break;
      } catch (error) {
        if (!String(error).includes("killed")) throw error;
        deaths += 1;
      }
      // Meanwhile no app starts with a list that is half put down.
      const between = cells.app(...names);
      const said = await started(between, IDS).then(
        (runs) => [...runs.values()].every(({ isNew }) => !isNew),
        (failure: unknown) => (failure as { code: string }).code,
      );
      expect([true, "HF5024"]).toContain(said);
      await cells.close(between);
    }
    expect(deaths).toBeGreaterThan(6);
    const rest = cells.app("north", "west");
    for (const [id, { id: run, isNew }] of await started(rest, IDS)) {
      expect([id, run, isNew]).toEqual([id, first.get(id)?.id, false]);
    }
  });
});
