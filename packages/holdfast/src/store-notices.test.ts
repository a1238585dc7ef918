/** What the embedded store has to say reaches the app: its log and whoever listens. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { EngineEvent } from "./engine/events.ts";
import { holdfast } from "./holdfast.ts";
import { StoreNotices } from "./store-notices.ts";
import { workflow } from "./workflow/workflow.ts";

const greet = workflow(
  "greet",
  { input: z.string(), output: z.string(), key: (name) => name, owner: "team" },
  (name) => Promise.resolve(`hello ${name}`),
);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-notices-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Heard = Extract<EngineEvent, { type: "store.notice" }>;

/** What one life of an app has heard and logged of its store. */
async function life(): Promise<{ heard: Heard[]; lines: string[] }> {
  const heard: Heard[] = [];
  const lines: string[] = [];
  const app = holdfast({
    store: `sqlite:${join(folder, "s.db")}`,
    workflows: [greet],
    log: (line) => lines.push(line),
  });
  app.on((event) => {
    if (event.type === "store.notice") heard.push(event);
  });
  await (await app.start(greet, "ann")).result();
  await app.close();
  return { heard, lines };
}

test("an app says when it has made a new store, and not when it finds its own", async () => {
  const first = await life();
  expect(first.heard).toMatchObject([{ notice: "new" }]);
  expect(first.lines).toEqual([expect.stringMatching(/^holdfast: there was no store at .*s\.db/u)]);
  expect(await life()).toEqual({ heard: [], lines: [] });
});

test("an app says when the anchor of its store was missing", async () => {
  await life();
  rmSync(join(folder, "s.db.anchor"));
  const { heard, lines } = await life();
  expect(heard).toMatchObject([{ notice: "anchor-missing" }]);
  expect(lines).toEqual([expect.stringMatching(/s\.db\.anchor was missing.*store accept/u)]);
});

test("a log that grows is told of when it does", () => {
  const told: unknown[] = [];
  const notices = new StoreNotices();
  notices.tellTo((event) => told.push(event));
  notices.note({ kind: "log-large", path: "s.db-wal", bytes: 300 * 1024 * 1024 });
  expect(told).toMatchObject([
    { notice: "log-large", message: expect.stringContaining("grown to 300 MB") as string },
  ]);
});
