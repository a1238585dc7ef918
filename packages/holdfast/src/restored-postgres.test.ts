/** A database that is restored from a backup while its original went on, and is accepted. */
import { mkdtempSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { effect, holdfast, integration, workflow, type App } from "./index.ts";
import {
  acceptPostgresStore,
  openPostgresReader,
  openPostgresStore,
} from "./store-postgres/index.ts";
import { untilState } from "./sealed-shop.test-support.ts";
import {
  copyDatabase,
  makeDatabase,
  outwaitLeases,
  runSql,
  type TestDatabase,
} from "./store-postgres/test-store.test-support.ts";

const KEY = Buffer.alloc(32, 9);
const NAMES = { reason: "disk lost", by: "ana" } as const;

/** What the other system has booked: it is not restored with our database. */
let booked: string[] = [];
let original: TestDatabase;
const copies: TestDatabase[] = [];
const apps: App[] = [];

beforeEach(async () => {
  booked = [];
  original = await makeDatabase();
});

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  for (const copy of copies.splice(0)) await copy.drop();
  await original.drop();
});

const mail = integration("mail", { owner: "team-mail" });
const letter = effect("send-letter", {
  on: mail,
  repeat: "once",
  input: z.object({ to: z.string() }),
  output: z.object({}),
  run: async ({ to }) => {
    booked.push(to);
    return {};
  },
});
const go = { name: "go", schema: z.object({}) };
const writes = workflow(
  "writes",
  { input: z.object({ to: z.string() }), output: z.null(), owner: "team-mail", key: (i) => i.to },
  async (input, run) => {
    await run.wait(go, { key: input.to });
    await run.do(letter, input);
    return null;
  },
);

async function appOn(url: string): Promise<App> {
  const app = holdfast({
    store: url as `postgres://${string}`,
    postgres: { key: KEY },
    workflows: [writes],
    effects: [letter],
    log: () => undefined,
  });
  apps.push(app);
  await app.listen({ signals: [] });
  return app;
}

/** A run that waits, a backup of that, and an original that went on to send the letter. */
async function restored(): Promise<{ readonly id: string; readonly url: string }> {
  const app = await appOn(original.url);
  const { id } = await app.start(writes, { to: "anna" });
  await untilState(app, id, "waiting");
  await app.close();
  const copy = await copyDatabase(original);
  copies.push(copy);
  const again = await appOn(original.url);
  await again.send(go, { key: "anna", id: "go-anna", payload: {} });
  await untilState(again, id, "completed");
  await again.close();
  expect(booked).toEqual(["anna"]);
  return { id, url: copy.url };
}

test("what the original may have sent since is asked of a person, and not sent again", async () => {
  const { id, url } = await restored();
  const accepted = await acceptPostgresStore({ url, key: KEY, nowMs: Date.now, ...NAMES });
  expect(accepted.openRuns).toHaveLength(1);
  const app = await appOn(url);
  await app.send(go, { key: "anna", id: "go-anna", payload: {} });
  await untilState(app, id, "exception");
  const reader = await openPostgresReader({ url });
  const exceptions = await reader.exceptions({ afterRun: 0, limit: 10 });
  await reader.close();
  expect(exceptions.map((one) => one.class)).toEqual(["ambiguous"]);
  expect(booked).toEqual(["anna"]);
}, 60_000);

test("commands that lay in the backup's inbox are told from those that were left since", async () => {
  const first = await openPostgresStore({ url: original.url, key: KEY, nowMs: Date.now });
  await first.close();
  const reader = await openPostgresReader({ url: original.url });
  const command = { topic: "cancel", atMs: 5, by: "ana", data: "{}" } as const;
  await reader.post({ id: "before", ...command });
  await acceptPostgresStore({ url: original.url, key: KEY, nowMs: () => 7, ...NAMES });
  await reader.post({ id: "since", ...command });
  await reader.close();
  const store = await openPostgresStore({ url: original.url, key: KEY, nowMs: Date.now });
  const told = (await store.inbox(10)).map(({ id, restoredFromMs }) => [id, restoredFromMs]);
  await store.close();
  expect(told).toEqual([
    ["before", 5],
    ["since", undefined],
  ]);
});

test("nothing is accepted while an engine has it, or if it is damaged; the anchor goes last", async () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-anchor-"));
  const anchorFile = join(folder, "anchor");
  writeFileSync(anchorFile, "of the original");
  const { url } = original;
  const holder = await openPostgresStore({ url, key: KEY, nowMs: Date.now, leaseMs: 600_000 });
  await holder.abandon();
  const accepting = () =>
    acceptPostgresStore({ url, key: KEY, nowMs: Date.now, anchorFile, waitMsMax: 0, ...NAMES });
  await expect(accepting()).rejects.toMatchObject({ code: "HF5004" });
  await outwaitLeases(url);
  await runSql(url, "update meta set created_at_ms = created_at_ms + 1");
  await expect(accepting()).rejects.toMatchObject({ code: "HF5006" });
  expect(existsSync(anchorFile)).toBe(true);
  await runSql(url, "update meta set created_at_ms = created_at_ms - 1");
  await accepting();
  expect(existsSync(anchorFile)).toBe(false);
  rmSync(folder, { recursive: true, force: true });
});
