import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { everyKind } from "../testing/sample-every-kind.ts";
import { acceptStore, openSqliteReader } from "./index.ts";
import { NOW_MS, makeFolder, openInline } from "./test-store.test-support.ts";
import { runSql } from "./tampering.test-support.ts";

let folder: ReturnType<typeof makeFolder>;
let path: string;
beforeEach(() => {
  folder = makeFolder();
  path = join(folder.path, "store.db");
});
afterEach(() => {
  folder.remove();
});

async function leave(id: string, atMs: number): Promise<void> {
  const reader = await openSqliteReader({ path });
  await reader.post({ id, topic: "cancel", atMs, by: "anna", data: "{}" });
  await reader.close();
}

const accept = (atMs: number) =>
  acceptStore({ path, reason: "disk lost", by: "anna", nowMs: () => atMs });

async function ofBackup(): Promise<Readonly<Record<string, boolean>>> {
  const store = await openInline(path);
  const rows = await store.inbox(100);
  await store.close();
  return Object.fromEntries(
    rows.map(({ id, restoredFromMs }) => [id, restoredFromMs !== undefined]),
  );
}

test("only what lay in the inbox when the store was accepted is of the backup", async () => {
  const store = await openInline(path);
  await store.close();
  await leave("before", NOW_MS);
  await accept(NOW_MS + 1);
  // By the clock of another machine, which is behind.
  await leave("after", NOW_MS - 1);
  expect(await ofBackup()).toMatchObject({ before: true, after: false });
});

test("a command of the backup stays one, also by the clock of a machine that was before", async () => {
  const store = await openInline(path);
  await store.close();
  await leave("before", NOW_MS + 60_000);
  await accept(NOW_MS);
  expect(await ofBackup()).toMatchObject({ before: true });
});

test("a command in the place of one that is gone is not of the backup", async () => {
  const store = await openInline(path);
  await store.close();
  await leave("before", NOW_MS);
  await accept(NOW_MS + 1);
  runSql(path, "delete from inbox where id = 'before'");
  await leave("after", NOW_MS + 2);
  expect(await ofBackup()).toMatchObject({ after: false });
});

test("the engine is told when the oldest of the backups was written", async () => {
  const store = await openInline(path);
  await everyKind(store).flushTo(store);
  await store.close();
  await leave("before", NOW_MS);
  await accept(NOW_MS + 1_000);
  await accept(NOW_MS + 2_000);
  const restored = await openInline(path);
  const row = (await restored.inbox(100)).find(({ id }) => id === "before");
  await restored.close();
  expect(row?.restoredFromMs).toBeLessThan(NOW_MS + 1_000);
});
