import { join } from "node:path";
import { expect, test } from "vitest";
import { openSqliteReader } from "../store-sqlite/index.ts";
import { makeFolder, openInline } from "../store-sqlite/test-store.test-support.ts";
import { SampleJournal } from "../testing/sample-journal.ts";
import { CommandIds } from "./command-sealing.ts";
import { KeyRing } from "./key-ring.ts";
import { requirementsOf } from "./requirements.ts";
import { keyOf } from "./test-payloads.test-support.ts";

test("a command keeps its id over a rotation, and has its own without a ring", async () => {
  const folder = makeFolder();
  const path = join(folder.path, "store.db");
  const store = await openInline(path);
  const keys = new Map([
    ["k1", keyOf(1)],
    ["k2", keyOf(2)],
  ]);
  const ring = new KeyRing("k2", keys);
  const reader = await openSqliteReader({ path });
  const sample = new SampleJournal();
  sample.continueIn(store);
  const idNow = async (given: KeyRing | null) => new CommandIds(reader, given).stored("cmd_1");
  expect(await idNow(ring)).toBe("cmd_1");
  const ids: string[] = [];
  for (const current of ["k1", "k2"]) {
    const [name = ""] = requirementsOf(new KeyRing(current, keys), false, store.storeId);
    sample.add(0, "declared", {
      definition: "payloads",
      name,
      sensitive: [],
      decision: null,
    });
    await sample.flushTo(store);
    ids.push(await idNow(ring));
  }
  expect(ids[0]).toMatch(/^cmd_[0-9a-f]{32}$/);
  expect(ids[1]).toBe(ids[0]);
  expect(await idNow(null)).toBe("cmd_1");
  await reader.close();
  await store.abandon();
  folder.remove();
});
