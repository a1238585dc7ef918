import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { outside } from "../command-line.ts";
import { runCommandLine } from "../cli/program.ts";
import { workflow } from "../workflow/workflow.ts";
import { CellsUnderTest, keysAt } from "./cells.test-support.ts";

const NAMES = ["north", "south"] as const;
const text = z.string();
const go = { name: "go", schema: text };
const order = workflow(
  "order",
  { input: text, output: text, key: (id) => id, owner: "shop" },
  async (id, run) => {
    await run.wait(go, { key: id });
    return id;
  },
);

let cells: CellsUnderTest;
beforeEach(() => {
  cells = new CellsUnderTest({ workflows: [order] });
});
afterEach(() => cells.dispose());

function named(...names: string[]): string[] {
  return names.flatMap((name) => ["--store", `${name}=${cells.address(name)}`]);
}

async function command(words: readonly string[], env: Record<string, string> = {}) {
  let out = "";
  let err = "";
  const terminal = {
    env,
    hasFile: () => false,
    userName: () => "ana",
    width: null,
    out: (said: string) => {
      out += said;
    },
    err: (said: string) => {
      err += said;
    },
  };
  const code = await runCommandLine(words, terminal, outside);
  return { code, out, err };
}

async function document(words: readonly string[], env: Record<string, string> = {}) {
  const { out } = await command([...words, "--json"], env);
  return JSON.parse(out) as Record<string, unknown> & {
    readonly runs: readonly { id: string; key: string; cell: string }[];
    readonly next: string | null;
  };
}

describe("the command line over cells", () => {
  test("lists the runs of all in one order, page by page, each with its cell", async () => {
    const app = cells.app(...NAMES);
    const keys = NAMES.flatMap((name) => keysAt("order", NAMES, name, 4));
    for (const key of keys) await app.start(order, key);
    const seen: { id: string; key: string; cell: string }[] = [];
    let after: string[] = [];
    for (;;) {
      const page = await document(["runs", "--limit", "3", ...after, ...named(...NAMES)]);
      expect(page.runs.length).toBeLessThanOrEqual(3);
      seen.push(...page.runs);
      if (page.next === null) break;
      after = ["--after", page.next];
    }
    expect(seen.map(({ id }) => id)).toEqual(seen.map(({ id }) => id).toSorted());
    expect(seen.map(({ key }) => key).toSorted()).toEqual(keys.toSorted());
    for (const { key, cell } of seen) expect(keysAt("order", NAMES, cell, 4)).toContain(key);
    const { out } = await command(["runs", ...named(...NAMES)]);
    expect(out).toMatch(/^RUN +CELL +KEY/u);
    const south = await document(["runs", "--cell", "south", ...named(...NAMES)]);
    expect(south.runs.map(({ key }) => key).toSorted()).toEqual(
      keysAt("order", NAMES, "south", 4).toSorted(),
    );
    // Both in one variable.
    const both = NAMES.map((name) => `${name}=${cells.address(name)}`).join(" ");
    expect((await document(["runs"], { HOLDFAST_STORE: both })).runs).toHaveLength(8);
  });

  test.each(NAMES)("gives a command to cell %s, which has the run", async (at) => {
    const app = cells.app(...NAMES);
    const [key = ""] = keysAt("order", NAMES, at, 1);
    const { id } = await app.start(order, key);
    const { out } = await command(["why", key, ...named(...NAMES)]);
    expect(out).toContain(id);
    const cancel = ["cancel", key, "--reason", "not wanted", ...named(...NAMES)];
    expect(await command(cancel)).toMatchObject({ code: 0 });
    expect(await app.get(id)).toMatchObject({ state: "cancelled" });
  });

  test("says which cell cannot be read, and reads the others alone", async () => {
    const app = cells.app(...NAMES);
    const [key = ""] = keysAt("order", NAMES, "north", 1);
    await app.start(order, key);
    const words = [...named(...NAMES), "--store", `west=${cells.address("west")}`];
    const whole = await command(["runs", ...words]);
    expect(whole).toMatchObject({ code: 1, err: expect.stringContaining("HF5023") as string });
    expect((await document(["runs", "--cell", "north", ...words])).runs).toHaveLength(1);
    const verify = await command(["store", "verify", ...named(...NAMES)]);
    expect(verify).toMatchObject({ code: 2, err: expect.stringContaining("--cell") as string });
  });

  test("adds a cell and drains one", async () => {
    const app = cells.app(...NAMES);
    const [key = ""] = keysAt("order", NAMES, "south", 1);
    const { id } = await app.start(order, key);
    const west = `west=${cells.address("west")}`;
    const busy = await command(["cells", "add", west, ...named(...NAMES)]);
    expect(busy.err).toContain("HF5004");
    await cells.close(app);
    const added = await command(["cells", "add", west, ...named(...NAMES)]);
    expect(added.out).toContain("The list of generation 2 is north, south, west.");
    const three = ["north", "south", "west"];
    const left = await command(["cells", "drain", "south", ...named(...three)]);
    expect(left).toMatchObject({
      code: 3,
      out: expect.stringContaining("1 unfinished run") as string,
    });
    const list = await command(["cells", "list", ...named(...three)]);
    expect(list.out).toMatch(/south +draining +3 +1 +none/u);
    expect(list.code).toBe(0);
    const wrong = await command(["cells", "list", ...named(...NAMES)]);
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining("HF5024") as string });
    const draining = cells.app(...three);
    await draining.cancel(id, { by: "ana" });
    await cells.close(draining);
    const out = await command(["cells", "drain", "south", ...named(...three)]);
    expect(out).toMatchObject({
      code: 0,
      out: expect.stringContaining("has left the list; the others have its keys (1)") as string,
    });
    const rest = cells.app("north", "west");
    expect(await rest.start(order, key)).toMatchObject({ id, isNew: false });
  });

  test.each([
    [["--store", "north=sqlite:a", "--store", "sqlite:b"], "not all of them have a name"],
    [["--store", "north=sqlite:a", "--store", "north=sqlite:b"], "Two stores are named north"],
    [["--store", "north=sqlite:a", "--cell", "south"], "none of the stores"],
    [["--store", "sqlite:a", "--cell", "south"], "no cells are named"],
  ])("refuses %j", async (words, said) => {
    expect(await command(["runs", ...words])).toMatchObject({
      code: 2,
      err: expect.stringContaining(said) as string,
    });
  });
});
