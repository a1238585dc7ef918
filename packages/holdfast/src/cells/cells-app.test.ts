import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { partOfRun, parseRunId } from "../core/run-number.ts";
import { openSqliteReader } from "../store-sqlite/index.ts";
import { workflow } from "../workflow/workflow.ts";
import { CellsUnderTest, keysAt } from "./cells.test-support.ts";

const order = workflow(
  "order",
  { input: z.string(), output: z.string(), key: (id) => id, owner: "shop" },
  async (id, run) => await run.step("price", () => `done ${id}`),
);

let cells: CellsUnderTest;
beforeEach(() => {
  cells = new CellsUnderTest({ workflows: [order] });
});
afterEach(() => cells.dispose());

async function runsIn(name: string): Promise<string[]> {
  const reader = await openSqliteReader({ path: join(cells.folder, `${name}.db`) });
  try {
    return (await reader.runs({ afterRun: 0, limit: 1_000 })).map(({ key }) => key);
  } finally {
    await reader.close();
  }
}

function atNorth(count: number): string[] {
  return keysAt("order", ["north", "south"], "north", count);
}

function atSouth(count: number): string[] {
  return keysAt("order", ["north", "south"], "south", count);
}

describe("an app over two cells", () => {
  test("places each run by its key, and finds it again by key and by number", async () => {
    const app = cells.app("north", "south");
    const keys = [...atNorth(5), ...atSouth(5)];
    const handles = await Promise.all(keys.map((key) => app.start(order, key)));
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual(
      keys.map((key) => `done ${key}`),
    );
    expect((await runsIn("north")).toSorted()).toEqual(atNorth(5).toSorted());
    expect((await runsIn("south")).toSorted()).toEqual(atSouth(5).toSorted());
    for (const [index, { id }] of handles.entries()) {
      expect(await app.get(id)).toMatchObject({ key: keys[index], state: "completed" });
      expect(partOfRun(parseRunId(id))).toBe(index < 5 ? 0 : 1);
    }
    const again = await Promise.all(keys.map((key) => app.start(order, key)));
    expect(again.map(({ id, isNew }) => [id, isNew])).toEqual(handles.map(({ id }) => [id, false]));
  });

  test("never gives two runs of different cells one number", async () => {
    const app = cells.app("north", "south");
    const keys = [...atNorth(60), ...atSouth(60)];
    const handles = await Promise.all(keys.map((key) => app.start(order, key)));
    expect(new Set(handles.map(({ id }) => id)).size).toBe(keys.length);
  });

  test("finds its runs again after a start", async () => {
    const first = cells.app("north", "south");
    const keys = [...atNorth(3), ...atSouth(3)];
    const ids = [];
    for (const key of keys) ids.push((await first.start(order, key)).id);
    await cells.close(first);
    const second = cells.app("north", "south");
    for (const [index, key] of keys.entries()) {
      expect(await second.start(order, key)).toMatchObject({ id: ids[index], isNew: false });
    }
  });

  test("has nothing under a number that no run has", async () => {
    const app = cells.app("north", "south");
    expect(await app.get("run_00000000001")).toBeNull();
    await expect(app.cancel("run_00000000001", { by: "ana" })).rejects.toMatchObject({
      code: "HF6001",
    });
  });
});

describe("the list of cells", () => {
  test("is refused if it is another one", async () => {
    const first = cells.app("north", "south");
    await first.start(order, "a");
    await cells.close(first);
    for (const [names, said] of [
      [["north"], "south missing here"],
      [["north", "south", "west"], "west only here"],
    ] as const) {
      const app = cells.app(...names);
      await expect(app.start(order, "b")).rejects.toMatchObject({
        code: "HF5024",
        message: expect.stringContaining(said) as string,
      });
      await cells.close(app);
    }
    expect(existsSync(join(cells.folder, "west.db"))).toBe(false);
    const swapped = cells.open({ north: cells.address("south"), south: cells.address("north") });
    await expect(swapped.start(order, "b")).rejects.toMatchObject({ code: "HF5024" });
  });

  test("keeps an app out that would have one of its stores alone", async () => {
    const first = cells.app("north", "south");
    await first.start(order, "a");
    await cells.close(first);
    const alone = cells.open(cells.address("north"));
    await expect(alone.start(order, "b")).rejects.toMatchObject({
      code: "HF5024",
      message: expect.stringContaining("is the cell north") as string,
    });
  });

  test("is not made of a store that has runs already", async () => {
    const alone = cells.open(cells.address("north"));
    await alone.start(order, "a");
    await cells.close(alone);
    const app = cells.app("north", "south");
    await expect(app.start(order, "a")).rejects.toMatchObject({
      code: "HF5024",
      message: expect.stringContaining("north has runs of an app") as string,
    });
  });
});

describe("a cell that is away", () => {
  test("stops no other, and is refused by name until it is back", async () => {
    const first = cells.app("north", "south");
    const [north = "", northNext = ""] = atNorth(2);
    const [south = "", southNext = ""] = atSouth(2);
    const ids = [(await first.start(order, north)).id, (await first.start(order, south)).id];
    await cells.close(first);
    // Its file cannot be looked at: as a disk that is not mounted.
    const file = join(cells.folder, "north.db");
    renameSync(file, `${file}.away`);
    const app = cells.app("north", "south");
    expect(await (await app.start(order, southNext)).result()).toBe(`done ${southNext}`);
    expect(await app.get(ids[1] ?? "")).toMatchObject({ key: south });
    const refused = { code: "HF5023", message: expect.stringContaining("Cell north") as string };
    await expect(app.start(order, northNext)).rejects.toMatchObject(refused);
    await expect(app.start(order, north)).rejects.toMatchObject(refused);
    await expect(app.get(ids[0] ?? "")).rejects.toMatchObject(refused);
    expect(cells.lines.join("\n")).toContain("cell north cannot be reached");
    // The store is not made anew meanwhile.
    expect(existsSync(file)).toBe(false);
    renameSync(`${file}.away`, file);
    await expect
      .poll(async () => await app.get(ids[0] ?? "").catch(() => null), { timeout: 20_000 })
      .toMatchObject({ key: north });
    expect(await app.start(order, north)).toMatchObject({ id: ids[0], isNew: false });
  });

  test("is needed for the first list", async () => {
    // A file, where its folder would have to be.
    writeFileSync(join(cells.folder, "south"), "");
    const south = `sqlite:${join(cells.folder, "south", "south.db")}` as const;
    const app = cells.open({ ...cells.stores("north"), south });
    await expect(app.start(order, "a")).rejects.toMatchObject({ code: "HF5002" });
  });
});
