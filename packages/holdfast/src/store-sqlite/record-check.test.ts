import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { everyKind } from "../testing/sample-every-kind.ts";
import { openSqliteStore } from "./open.ts";
import { runSql } from "./tampering.test-support.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "record-check-"));
  path = join(folder, "store.db");
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const open = (thread: "inline" | "worker") =>
  openSqliteStore({ path, nowMs: () => 1_767_600_000_000, thread });

/** A store that was closed in good order, so that a start has nothing of it to check. */
async function closedStore(): Promise<void> {
  const store = await open("inline");
  await everyKind(store).flushTo(store);
  await store.close();
}

describe.each(["inline", "worker"] as const)("a run that is read (%s)", (thread) => {
  test.each([
    [
      "its input",
      "update journal set data = '{\"order\":99}' where run = 11 and seq = 1",
      /changed/u,
    ],
    [
      "a head",
      'update journal set head = replace(head, \'"proof":"never"\', \'"proof":"surely"\') where run = 11',
      /changed/u,
    ],
    ["a time", "update journal set at_ms = at_ms + 1 where run = 11 and seq = 2", /changed/u],
    ["a digest", "update journal set digest = zeroblob(16) where run = 11 and seq = 2", /changed/u],
    ["a record that is gone", "delete from journal where run = 11 and seq = 2", /missing/u],
  ])("is not handed out if somebody changed %s", async (_, sql, message) => {
    await closedStore();
    runSql(path, sql);
    const store = await open(thread);
    const fatal = new Promise<Error>((resolve) => {
      store.onFatal(resolve);
    });
    await expect(store.load([12, 11])).rejects.toMatchObject({ code: "HF5006", message });
    expect(await fatal).toMatchObject({ code: "HF5006", message });
    // Nothing is read or written any more by an engine that has met damage.
    await expect(store.load([12])).rejects.toThrow(/damaged/u);
    await store.abandon();
  });

  test("comes whole if it is as it was written", async () => {
    await closedStore();
    const store = await open(thread);
    const [run] = await store.load([11]);
    expect(run?.records.map((record) => record.seq)).toEqual(
      run?.records.map((_, index) => index + 1),
    );
    await store.close();
  });
});
