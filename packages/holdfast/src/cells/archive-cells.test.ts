import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { outside } from "../command-line.ts";
import { runCommandLine } from "../cli/program.ts";
import { holdfast, type App } from "../holdfast.ts";
import { workflow } from "../workflow/workflow.ts";
import { CellsUnderTest, keysAt } from "./cells.test-support.ts";

const NAMES = ["north", "south"] as const;
const text = z.string();
const go = { name: "go", schema: text };
const greet = workflow(
  "greet",
  { input: text, output: text, key: (id) => id, owner: "shop" },
  async (id, run) => await run.step("say", () => `hello ${id}`),
);
const child = workflow(
  "child",
  { input: text, output: text, key: (id) => id, owner: "shop" },
  async (id, run) => {
    await run.wait(go, { key: id });
    return id;
  },
);
const parent = workflow(
  "parent",
  { input: z.object({ id: text, child: text }), output: text, key: ({ id }) => id, owner: "shop" },
  async (input, run) => await run.call(child, input.child),
);

let cells: CellsUnderTest;
beforeEach(() => {
  cells = new CellsUnderTest({ workflows: [greet, child, parent] });
});
afterEach(() => cells.dispose());

async function command(...words: readonly string[]) {
  let [out, err] = ["", ""];
  const terminal = {
    env: {},
    hasFile: () => false,
    userName: () => "ana",
    width: null,
    out: (said: string) => (out += said),
    err: (said: string) => (err += said),
  };
  const stores = NAMES.flatMap((name) => ["--store", `${name}=${cells.address(name)}`]);
  const code = await runCommandLine([...words, ...stores], terminal, outside);
  return { code, out, err };
}

const file = (name: string) => join(cells.folder, name);

/** What each cell answers, with `--yes` or whatever is given. */
async function archived(to: string, ...more: readonly string[]) {
  const words = ["archive", "--older-than", "0s", "--to", file(to), "--json", ...more];
  const { out, err } = await command(...words);
  if (out === "") throw new Error(err);
  return (JSON.parse(out) as { readonly cells: readonly Record<string, unknown>[] }).cells;
}

async function greeted(app: App, at: string, count: number): Promise<readonly string[]> {
  const keys = keysAt("greet", NAMES, at, count);
  for (const key of keys) await (await app.start(greet, key)).result();
  return keys;
}

async function damage(): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const name of NAMES) {
    const { out } = await command("store", "verify", "--cell", name, "--json");
    found.push(...(JSON.parse(out) as { readonly damage: readonly unknown[] }).damage);
  }
  return found;
}

describe("holdfast archive over cells", () => {
  test("lets the runs of each leave into a file of its own, by one command", async () => {
    const app = cells.app(...NAMES);
    const keys = [...(await greeted(app, "north", 2)), ...(await greeted(app, "south", 1))];
    expect(await archived("old.ndjson")).toMatchObject([
      { cell: "north", outcome: "planned", runs: 2 },
      { cell: "south", outcome: "planned", runs: 1 },
    ]);
    expect(await archived("old.ndjson", "--yes")).toMatchObject([
      { cell: "north", outcome: "applied", file: file("old.north.ndjson"), removed: 2, stays: [] },
      { cell: "south", outcome: "applied", file: file("old.south.ndjson"), removed: 1, stays: [] },
    ]);
    expect(readFileSync(file("old.south.ndjson"), "utf8")).toContain('"end"');
    for (const key of keys) expect(await app.start(greet, key)).toMatchObject({ isNew: false });
    expect(await damage()).toEqual([]);
    const { out } = await command("archive", "--older-than", "0s", "--to", file("more"));
    expect(out).toMatch(/Cell north\n0 runs .*There is nothing to do\.\n\nCell south\n/su);
  });

  test("does nothing where one of the files is there, or one of the cells cannot be read", async () => {
    const app = cells.app(...NAMES);
    await greeted(app, "north", 1);
    writeFileSync(file("old.south.ndjson"), "mine");
    const words = ["archive", "--older-than", "0s", "--to", file("old.ndjson"), "--yes"];
    const refused = await command(...words);
    expect(refused.err).toContain("old.south.ndjson is there already");
    const unread = ["archive", "--older-than", "0s", "--to", file("new"), "--yes"];
    const west = await command(...unread, "--store", `west=${cells.address("west")}`);
    expect(west.err).toMatch(/HF5002 +Cell west: .*Nothing was done in the others/su);
    for (const name of ["old.north.ndjson", "new.north"])
      expect(existsSync(file(name))).toBe(false);
  });

  test("says what is done where a cell refuses in the middle, and goes on when given again", async () => {
    const app = cells.app(...NAMES);
    for (const name of NAMES) await greeted(app, name, 1);
    // Left by one that has died while it wrote.
    writeFileSync(file("old.south.ndjson.part"), "");
    const words = ["archive", "--older-than", "0s", "--to", file("old.ndjson"), "--yes"];
    const { code, err } = await command(...words);
    expect(code).toBe(2);
    expect(err).toMatch(/Cell south: .*Done before it: north\./su);
    expect(await archived("again.ndjson", "--yes")).toMatchObject([
      { cell: "north", outcome: "planned", runs: 0 },
      { cell: "south", outcome: "applied", removed: 1 },
    ]);
    expect(await damage()).toEqual([]);
  });

  test("keeps a run that one in another cell has called, until that has heard of its end", async () => {
    const [id = ""] = keysAt("parent", NAMES, "north", 1);
    const [key = ""] = keysAt("child", NAMES, "south", 1);
    const first = cells.app(...NAMES);
    // Started by somebody else: the parent joins it, and looks after its end by itself.
    await first.start(child, key);
    const { id: run } = await first.start(parent, { id, child: key });
    await expect.poll(async () => (await first.get(run))?.state).toBe("waiting");
    await cells.close(first);
    // Without the parent's code its run is held, and hears of nothing.
    const second = holdfast({
      workflows: [child],
      store: cells.stores(...NAMES),
      log: () => undefined,
      // The id of the event is not what keeps it.
      limits: { eventIdsMs: 1 },
    });
    await second.send(go, { key, id: "go-1", payload: "now" });
    await (await second.start(child, key)).result();
    const because = expect.stringContaining(`${run}, which has called it, has not heard`) as string;
    expect((await archived("old.ndjson", "--yes"))[1]).toMatchObject({
      cell: "south",
      removed: 0,
      stays: [{ because }],
    });
    await second.close();
  });

  test("keeps everything while a cell is away in which a run may wait for it", async () => {
    const first = cells.app(...NAMES);
    await greeted(first, "south", 1);
    await cells.close(first);
    renameSync(file("north.db"), file("north.db.away"));
    const app = cells.app(...NAMES);
    await app.listen({ signals: [] });
    const words = ["archive", "--older-than", "0s", "--to", file("old"), "--yes"];
    const { out } = await command(...words, "--cell", "south");
    expect(out).toMatch(/0 of them have left.*not known: Cell north cannot be reached/su);
    renameSync(file("north.db.away"), file("north.db"));
  });
});
