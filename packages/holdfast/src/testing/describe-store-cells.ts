/** Conformance: what a store holds as one of several cells. */
import assert from "node:assert/strict";
import type { CarriedKey, CellsHead } from "../core/cells.ts";
import { firstList, withCell } from "../core/cell-list.ts";
import type { StoreReader } from "../store/store.ts";
import type { UsedKey } from "../store/cells.ts";
import { archivedHead } from "./describe-store-removal.ts";
import type { StoreTests } from "./describe-store.ts";
import { everyKind } from "./sample-every-kind.ts";
import { SYSTEM_RUN, SampleJournal, startedHead } from "./sample-journal.ts";

const LIST = firstList([
  { name: "north", storeId: "store_a" },
  { name: "south", storeId: "store_b" },
]);

function listed(over: Partial<CellsHead> = {}): CellsHead {
  return { self: "north", list: LIST, isAgreed: false, by: "ana", secrets: {}, ...over };
}

/** A key as another store had it. */
function carriedKey(number: number, over: Partial<CarriedKey> = {}): CarriedKey {
  const hash = number.toString(16).padStart(64, "0");
  const inputDigest = number.toString(16).padStart(32, "0");
  return {
    keyHash: hash,
    run: number,
    generation: 1,
    inputDigest,
    untilMs: null,
    cell: null,
    ...over,
  };
}

async function allUsed(reader: StoreReader, limit: number): Promise<UsedKey[]> {
  const all: UsedKey[] = [];
  let after: string | null = null;
  for (;;) {
    const page: Awaited<ReturnType<StoreReader["cells"]["usedKeys"]>> = await reader.cells.usedKeys(
      after,
      limit,
    );
    all.push(...page.keys);
    if (page.next === null) return all;
    after = page.next;
  }
}

export const cellTests: StoreTests = {
  "is no cell until it is put into a list": async ({ store, openReader }) => {
    assert.equal(await store.cells.list(), null);
    assert.equal(await (await openReader()).cells.list(), null);
  },

  "holds the newest list, over a start": async ({ store, openReader, reopen, damage }) => {
    const sample = new SampleJournal();
    sample.continueIn(store);
    sample.add(SYSTEM_RUN, "cells", listed());
    await sample.flushTo(store);
    assert.deepEqual(await store.cells.list(), listed());
    const list = withCell(LIST, { name: "west", storeId: "store_c" }, 7);
    const newest = listed({ list, isAgreed: true, secrets: { store_z: "c2VhbGVk" } });
    sample.add(SYSTEM_RUN, "cells", listed({ list }));
    sample.add(SYSTEM_RUN, "cells", newest);
    await sample.flushTo(store);
    const again = await reopen();
    assert.deepEqual(await again.cells.list(), newest);
    assert.deepEqual(await (await openReader()).cells.list(), newest);
    assert.deepEqual(await damage(), []);
  },

  "guards keys of other stores, each once": async ({ store, openReader, reopen, damage }) => {
    const sample = new SampleJournal();
    sample.continueIn(store);
    const keys = [carriedKey(900), carriedKey(901, { untilMs: 5 }), carriedKey(902)];
    sample.add(SYSTEM_RUN, "carried", { store: "store_z", keys });
    await sample.flushTo(store);
    // Carried over again, as after a crash; of one, a later run has the key.
    const later = carriedKey(902, { run: 950, generation: 2 });
    const keysAgain = [carriedKey(900), later, carriedKey(903)];
    sample.add(SYSTEM_RUN, "carried", { store: "store_z", keys: keysAgain });
    sample.add(SYSTEM_RUN, "carried", { store: "store_y", keys: [carriedKey(900, { run: 9 })] });
    await sample.flushTo(store);
    const again = await reopen();
    const names = [903, 902, 901, 899].map((number) => {
      return { store: "store_z", keyHash: carriedKey(number).keyHash };
    });
    const found = [carriedKey(903), later, carriedKey(901, { untilMs: 5 }), null];
    assert.deepEqual(await again.cells.carried(names), found);
    assert.deepEqual(await (await openReader()).cells.carried(names), found);
    const other = { store: "store_y", keyHash: carriedKey(900).keyHash };
    assert.equal((await again.cells.carried([other]))[0]?.run, 9);
    assert.equal(await again.cells.carriedRun(950), "store_z");
    assert.equal(await again.cells.carriedRun(951), null);
    assert.deepEqual(await damage(), []);
  },

  "leads a key to the cell that was said first": async ({ store, openReader, reopen, damage }) => {
    const sample = new SampleJournal();
    sample.continueIn(store);
    const [one = "", two = "", none = ""] = [1, 2, 3].map((number) => carriedKey(number).keyHash);
    sample.add(SYSTEM_RUN, "placed", { keyHash: one, cell: "south" });
    sample.add(SYSTEM_RUN, "placed", { keyHash: one, cell: "west" });
    await sample.flushTo(store);
    sample.add(SYSTEM_RUN, "placed", { keyHash: one, cell: "west" });
    sample.add(SYSTEM_RUN, "placed", { keyHash: two, cell: "west" });
    await sample.flushTo(store);
    const again = await reopen();
    const leads = ["south", null, "west"];
    assert.deepEqual(await again.cells.placed([one, none, two]), leads);
    const reader = await openReader();
    assert.deepEqual(await reader.cells.placed([one, none, two]), leads);
    assert.equal(await again.cells.hasPlaced(), true);
    const used = await allUsed(reader, 1);
    const told = used.map(({ keyHash, run, cell }) => ({ keyHash, run, cell }));
    const expected = [
      { keyHash: one, run: 0, cell: "south" },
      { keyHash: two, run: 0, cell: "west" },
    ];
    assert.deepEqual(told, expected);
    // Carried over, such a key goes on leading there.
    const keys = [carriedKey(2, { run: 0, cell: "west" })];
    sample.continueIn(again);
    sample.add(SYSTEM_RUN, "carried", { store: "store_z", keys });
    await sample.flushTo(again);
    assert.deepEqual(await again.cells.carried([{ store: "store_z", keyHash: two }]), keys);
    assert.deepEqual(await damage(), []);
  },

  "tells every key that is used, of runs that are here, have left, or were elsewhere": async (
    subject,
  ) => {
    const { store, openReader } = subject;
    const sample = everyKind(store);
    await sample.flushTo(store);
    sample.add(SYSTEM_RUN, "archived", await archivedHead(store, [11], { keysUntilMs: null }));
    const keys = [carriedKey(900), carriedKey(901), carriedKey(902)];
    sample.add(SYSTEM_RUN, "carried", { store: "store_z", keys });
    await sample.flushTo(store);
    const reader = await openReader();
    for (const limit of [1, 2, 100]) {
      const used = await allUsed(reader, limit);
      assert.deepEqual(
        used.map(({ run }) => run).toSorted((a, b) => a - b),
        RUNS,
      );
      const left = used.find(({ run }) => run === 11);
      assert.equal(left?.keyHash, startedHead(11).keyHash);
      const here = used.find(({ run }) => run === 12);
      const { namespace, workflow, key, keyHash, inputDigest } = startedHead(12);
      assert.equal(here?.inputDigest, inputDigest);
      if (here.of === null) assert.equal(here.keyHash, keyHash);
      else assert.deepEqual(here.of, { namespace, workflow, key });
      assert.equal(used.find(({ run }) => run === 901)?.store, "store_z");
    }
    assert.equal(await reader.cells.openRunsCount(), 1);
    assert.equal(await reader.cells.lastRun(), 13);
    assert.equal(await reader.cells.keptCount(), 1);
  },

  "lets a kept event go that another cell has": async ({ store, openReader, damage }) => {
    const sample = everyKind(store);
    await sample.flushTo(store);
    const reader = await openReader();
    const kept = await store.keptEvents({ namespace: "main", event: "paid", key: "order-99" }, 9);
    assert.equal(kept.length, 1);
    const seq = kept[0]?.seq ?? 0;
    const address = { namespace: "main", event: "paid", key: "order-99", seq };
    assert.deepEqual(await store.cells.keptFor(0, 9), [address]);
    assert.deepEqual(await store.cells.keptFor(seq, 9), []);
    assert.equal(await store.cells.hasPlaced(), false);
    sample.add(SYSTEM_RUN, "forwarded", { kept: kept[0]?.seq ?? 0, cell: "south" });
    await sample.flushTo(store);
    assert.equal(await reader.cells.keptCount(), 0);
    const { count } = await reader.cells.rememberedIds(0);
    assert.ok(count > 0, "its id is still remembered");
    assert.deepEqual(await damage(), []);
  },
};

/** Of the sample, and those whose keys were carried over. */
const RUNS = [11, 12, 13, 900, 901, 902];
