import { renameSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { cliAt } from "../cli-at.test-support.ts";
import { outside } from "../command-line.ts";
import type { App, IngressOptions } from "../index.ts";
import { bill, send, serve, type Order, type Served } from "../ingress/ingress.test-support.ts";
import { openSqliteReader, verifyStore } from "../store-sqlite/index.ts";
import { workflow } from "../workflow/workflow.ts";
import { CellsUnderTest, keysAt } from "./cells.test-support.ts";

const NAMES = ["north", "south"] as const;
type Options = Partial<IngressOptions<typeof bill.definition.input>>;

let cells: CellsUnderTest;
let app: App;
let served: Served;
beforeEach(() => {
  cells = new CellsUnderTest({ workflows: [bill] });
});
afterEach(async () => {
  await served.close();
  await cells.dispose();
});

const sender = { kind: "idempotency-key", principal: () => "shop" } as const;
const inOrder: Options = {
  order: (input: unknown) => {
    // What the workflow's own schema has made of it.
    const { id, place = 0 } = input as Order;
    return { key: id.slice(0, 1), sequence: place };
  },
};

async function open(names: readonly string[] = NAMES, options: Options = {}): Promise<void> {
  app = cells.app(...names);
  served = await serve({ "/orders": app.ingress(bill, { sender, ...options }) });
}

async function reopen(names: readonly string[], options: Options = {}): Promise<void> {
  await served.close();
  await cells.close(app);
  await open(names, options);
}

function post(key: string, body: Partial<Order>) {
  const headers = { "idempotency-key": `"${key}"` };
  return send(served.port, { headers, body: { cents: 100, ...body } });
}

async function inCell(name: string) {
  const reader = await openSqliteReader({ path: join(cells.folder, `${name}.db`) });
  try {
    const received = await reader.received({ after: null, limit: 100 });
    const runs = await reader.runs({ afterRun: 0, limit: 100 });
    return {
      states: received.map(({ state }) => state).toSorted(),
      keys: runs.map(({ key }) => key).toSorted(),
    };
  } finally {
    await reader.close();
  }
}

async function allSound(): Promise<boolean> {
  const paths = NAMES.map((name) => join(cells.folder, `${name}.db`));
  const reports = await Promise.all(paths.map((path) => verifyStore({ path })));
  return reports.every(({ isSound }) => isSound);
}

describe("a message over cells", () => {
  test("is taken in the cell of its run, and its repeat gets the same answer", async () => {
    await open();
    for (const name of NAMES) {
      const [id = ""] = keysAt("bill", NAMES, name, 1);
      const first = await post(`k-${name}`, { id });
      expect(first).toMatchObject({ status: 202, body: { state: "started" } });
      const again = await post(`k-${name}`, { id });
      expect(again).toMatchObject({ status: 202, body: first.body });
      expect(again.headers["idempotent-replayed"]).toBe("true");
      expect(await inCell(name)).toEqual({ states: ["started"], keys: [id] });
    }
    expect(await allSound()).toBe(true);
  });

  test("is refused with another payload, whichever cell that would belong to", async () => {
    await open();
    const [north = ""] = keysAt("bill", NAMES, "north", 1);
    const [south = ""] = keysAt("bill", NAMES, "south", 1);
    expect((await post("k-1", { id: north })).status).toBe(202);
    expect(await post("k-1", { id: south })).toMatchObject({
      status: 422,
      body: { code: "HF4110" },
    });
    expect(await inCell("south")).toEqual({ states: [], keys: [] });
    expect(await post("k-2", { id: north })).toMatchObject({ body: { state: "joined" } });
  });

  test("is known after a cell was added to which its key belongs now", async () => {
    const three = ["north", "south", "west"];
    await open();
    const [id = ""] = keysAt("bill", three, "west", 1);
    const first = await post("k-1", { id });
    expect(first.status).toBe(202);
    await served.close();
    await cells.close(app);
    const stores = NAMES.map((name) => ({ name, address: cells.address(name) }));
    await outside.cellsAt(stores).add({ name: "west", address: cells.address("west") }, "ana");
    await open(three);
    expect(await post("k-1", { id })).toMatchObject({ status: 202, body: first.body });
    expect(await inCell("west")).toEqual({ states: [], keys: [] });
  });

  test("is answered with 503 while its cell is away, and others are taken", async () => {
    await open();
    const [north = "", next = ""] = keysAt("bill", NAMES, "north", 2);
    const [south = ""] = keysAt("bill", NAMES, "south", 1);
    await post("k-1", { id: north });
    const file = join(cells.folder, "north.db");
    await served.close();
    await cells.close(app);
    renameSync(file, `${file}.away`);
    await open();
    expect(await post("k-2", { id: next })).toMatchObject({
      status: 503,
      body: { code: "HF5023" },
    });
    expect(await post("k-3", { id: south })).toMatchObject({ status: 202 });
    renameSync(`${file}.away`, file);
  });
});

describe("a message over cells that does not fit", () => {
  test("is kept once, also when a cell is added, and begins where its key belongs", async () => {
    await open(NAMES, { unfit: "keep" });
    const ids = Array.from({ length: 8 }, (_, at) => `k-${String(at)}`);
    const kept = { status: 202, body: { state: "review" } };
    for (const id of ids) expect(await post(id, {})).toMatchObject(kept);
    expect((await inCell("north")).states.length).toBeGreaterThan(0);
    expect((await inCell("south")).states.length).toBeGreaterThan(0);
    await served.close();
    await cells.close(app);
    const stores = NAMES.map((name) => ({ name, address: cells.address(name) }));
    await outside.cellsAt(stores).add({ name: "west", address: cells.address("west") }, "ana");
    await open(["north", "south", "west"], { unfit: "keep" });
    for (const id of ids) {
      const again = await post(id, {});
      expect(again).toMatchObject({ ...kept, headers: { "idempotent-replayed": "true" } });
    }
    expect((await inCell("west")).states).toEqual([]);
    // Each is admitted with a key that belongs to the other cell.
    for (const [at, name] of NAMES.entries()) {
      const [key = ""] = keysAt("bill", ["north", "south", "west"], NAMES[1 - at] ?? "", 1);
      const cli = cliAt(cells.address(name));
      const { exceptions } = await cli.json<{ exceptions: { id: string }[] }>("exceptions");
      const input = JSON.stringify({ id: key, cents: 100 });
      const words = ["admit", exceptions[0]?.id ?? "", "--input", input, "--reason", "asked them"];
      expect(await cli.say(...words)).toMatchObject({ code: 0, err: "" });
      expect((await inCell(NAMES[1 - at] ?? "")).keys).toEqual([key]);
    }
    expect(await allSound()).toBe(true);
  });
});

describe("messages with an order over cells", () => {
  test("begin one after the other, wherever their keys belong", async () => {
    await open(NAMES, inOrder);
    // Eight keys of one order: some belong to either cell.
    const ids = Array.from({ length: 8 }, (_, place) => `A-${String(place + 1)}`);
    for (const place of [3, 2, 5, 1, 4, 6, 8, 7]) {
      const answer = await post(`k-${String(place)}`, { id: ids[place - 1] ?? "", place });
      expect(answer.status).toBe(202);
    }
    await expect
      .poll(async () => (await post("k-7", { id: "A-7", place: 7 })).body)
      .toMatchObject({ state: "started" });
    const found = await Promise.all(NAMES.map(inCell));
    const home = found.find(({ keys }) => keys.length > 0);
    await expect
      .poll(async () =>
        Math.max(...(await Promise.all(NAMES.map(inCell))).map(({ keys }) => keys.length)),
      )
      .toBe(8);
    expect(home?.states.every((state) => state === "started" || state === "held")).toBe(true);
    expect(await post("k-late", { id: "A-0", place: 2 })).toMatchObject({
      body: { state: "superseded" },
    });
    // A start of the app's own finds them there.
    for (const id of ids)
      expect(await app.start(bill, { id, cents: 100 })).toMatchObject({ isNew: false });
    expect(await allSound()).toBe(true);
  });

  test("go on after a restart, also with what is held", async () => {
    await open(NAMES, inOrder);
    expect((await post("k-2", { id: "B-2", place: 2 })).body).toMatchObject({ state: "held" });
    await reopen(NAMES, inOrder);
    expect((await post("k-1", { id: "B-1", place: 1 })).body).toMatchObject({ state: "started" });
    await expect
      .poll(async () => (await post("k-2", { id: "B-2", place: 2 })).body)
      .toMatchObject({ state: "started" });
  });

  test("join a run that their key has in another cell", async () => {
    await open(NAMES, inOrder);
    // Of the order "k", as all keys of keysAt.
    await post("m-1", { id: "k-1", place: 1 });
    const states = await Promise.all(NAMES.map(inCell));
    const isAtNorth = (states[0]?.states.length ?? 0) > 0;
    const [id = ""] = keysAt("bill", NAMES, isAtNorth ? "south" : "north", 1);
    const { id: run } = await app.start(bill, { id, cents: 100 });
    const answer = await post("m-2", { id, place: 2 });
    expect(answer.body).toMatchObject({ state: "joined", run, duplicateOf: run });
    expect((await post("m-2", { id, place: 2 })).body).toEqual(answer.body);
    expect((await inCell(isAtNorth ? "north" : "south")).states).toEqual(["joined", "started"]);
    expect(await allSound()).toBe(true);
  });

  test("stay where their order has begun, when a cell is added", async () => {
    await open(NAMES, inOrder);
    const letters = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"];
    for (const letter of letters) await post(`${letter}-1`, { id: `${letter}-1`, place: 1 });
    await served.close();
    await cells.close(app);
    const stores = NAMES.map((name) => ({ name, address: cells.address(name) }));
    await outside.cellsAt(stores).add({ name: "west", address: cells.address("west") }, "ana");
    await open(["north", "south", "west"], inOrder);
    for (const letter of letters) {
      const answer = await post(`${letter}-2`, { id: `${letter}-2`, place: 2 });
      expect(answer.body).toMatchObject({ state: "started" });
    }
    for (const letter of "MNOPQRSTUVWXYZ")
      await post(`${letter}-1`, { id: `${letter}-1`, place: 1 });
    expect((await inCell("west")).states).toContain("started");
  });

  test("exclude lanes", async () => {
    await open();
    const laned = workflow(
      "laned",
      { input: z.string(), output: z.any(), key: (id) => id, lane: (id) => id, owner: "shop" },
      async () => null,
    );
    const other = new CellsUnderTest({ workflows: [laned] });
    const ordered = { sender, order: (id: string) => ({ key: id, version: 1 }) };
    expect(() => other.app(...NAMES).ingress(laned, ordered)).toThrow(
      expect.objectContaining({ code: "HF1001" }),
    );
    await other.dispose();
  });
});

test("a cell is not drained while a message is held there, or remembered", async () => {
  await open(NAMES, inOrder);
  await post("k-2", { id: "B-2", place: 2 });
  const found = await Promise.all(NAMES.map(inCell));
  const name = NAMES[found.findIndex(({ states }) => states.length > 0)] ?? "north";
  await served.close();
  await cells.close(app);
  const stores = NAMES.map((one) => ({ name: one, address: cells.address(one) }));
  const drained = await outside.cellsAt(stores).drain(name, { by: "ana", forgetIds: true });
  expect(drained.left).toMatchObject({ heldMessages: 1, messages: 1, unfinishedRuns: 0 });
  await open(NAMES, inOrder);
  await post("k-1", { id: "B-1", place: 1 });
  await expect
    .poll(async () => (await post("k-2", { id: "B-2", place: 2 })).body)
    .toMatchObject({ state: "started" });
  await served.close();
  await cells.close(app);
  expect(
    (await outside.cellsAt(stores).drain(name, { by: "ana", forgetIds: false })).left,
  ).toMatchObject({
    heldMessages: 0,
    messages: 2,
  });
  expect(
    (await outside.cellsAt(stores).drain(name, { by: "ana", forgetIds: true })).left,
  ).toBeNull();
  served = await serve({});
});
