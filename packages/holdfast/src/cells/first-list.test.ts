/** Two workers that start at once on cells that are new, step by step in the orders that have gone wrong. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { HoldfastOptions, StoreAddress } from "../app-settings.ts";
import { cellDoor } from "../engine-opening.ts";
import { systemClock, systemRandom } from "../engine/clock.ts";
import { KEY, makeDatabase, type TestDatabase } from "../store-postgres/test-store.test-support.ts";
import { type CellDoor, Cells } from "./cells.ts";

const NAMES = ["north", "south"] as const;

let databases: TestDatabase[];
let all: Cells[];
let lines: string[];
beforeEach(async () => {
  databases = [await makeDatabase(), await makeDatabase()];
  all = [];
  lines = [];
});
afterEach(async () => {
  for (const cells of all) await cells.close();
  for (const database of databases) await database.drop();
});

/** The cells of one worker, whose doors a test holds as long as it likes. */
function worker(held: (door: CellDoor) => Partial<CellDoor>): Cells {
  const options: HoldfastOptions = {
    workflows: [],
    store: ":memory:",
    // Who waits for the lease of another does so for longer than a test may last.
    postgres: { key: KEY, shared: true, leaseMs: 600_000 },
    log: (line) => lines.push(line),
  };
  const doors = NAMES.map((name, index) => {
    const store = databases[index]?.url as StoreAddress;
    const door = cellDoor(options, { name, store }, new Set());
    return { ...door, ...held(door) };
  });
  const cells = new Cells({
    doors,
    clock: systemClock,
    random: systemRandom,
    aloneMsMax: 0,
    log: (line) => lines.push(line),
  });
  all.push(cells);
  return cells;
}

class Gate {
  open: () => void = () => undefined;
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

test("who makes the first list again does not hold one cell while it waits for the next", async () => {
  const [listMade, northIsHeld, southIsOpen] = [new Gate(), new Gate(), new Gate()];
  const first = worker((door) => ({
    async open(...given) {
      listMade.open();
      if (door.name === "north") await northIsHeld.opened;
      const engine = await door.open(...given);
      if (door.name === "south") southIsOpen.open();
      return engine;
    },
  }));
  // It has looked before there was a list.
  const second = worker((door) => ({
    async openAlone() {
      await (door.name === "north" ? listMade : southIsOpen).opened;
      const store = await door.openAlone();
      if (door.name === "north") northIsHeld.open();
      return store;
    },
  }));
  await Promise.all([first.open(), second.open()]);
  expect(lines).toEqual([]);
  expect([first.away, second.away]).toEqual([[], []]);
});

test("who comes too late for the first list goes by it, however long the lease of another lasts", async () => {
  const isOpen = new Gate();
  const first = worker(() => ({}));
  const second = worker((door) => ({
    async openAlone() {
      await isOpen.opened;
      return await door.openAlone();
    },
  }));
  const opening = second.open();
  await first.open();
  isOpen.open();
  await opening;
  expect(second.list).toEqual(first.list);
  expect(lines).toEqual([]);
});
