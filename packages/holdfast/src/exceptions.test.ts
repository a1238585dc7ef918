/** What operators do to exceptions and issues, by the command line, on a real app on each store. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { cliAt } from "./cli-at.test-support.ts";
import { runCommandLine } from "./cli/program.ts";
import { outside } from "./command-line.ts";
import { effect, holdfast, integration, workflow } from "./index.ts";
import { verifyPostgresStore } from "./store-postgres/index.ts";
import { makeDatabase } from "./store-postgres/test-store.test-support.ts";
import { verifyStore } from "./store-sqlite/index.ts";

const input = z.object({ id: z.string() });
const post = effect("post", {
  on: integration("erp", { owner: "team-erp" }),
  repeat: "idempotent",
  why: "upsert",
  input,
  output: z.any(),
  owners: { data: "team-data" },
  describe: () => ({ amount: "12.50", currency: "EUR" }),
  classify: () => ({ class: "data", effect: "never", reasonCode: "ERP:NO_TAX_ID" }),
  run: async ({ id }) => {
    throw new Error(`order ${id} has no tax id at /lines/0/taxId`);
  },
});
const order = workflow(
  "order",
  { input, output: z.any(), key: ({ id }) => id, owner: "team-sales" },
  (given, run) => run.do(post, given),
);

interface Place {
  readonly store: `sqlite:${string}` | `postgres://${string}`;
  readonly postgres?: { readonly key: string; readonly shared?: boolean };
  readonly isSound: () => Promise<void>;
  readonly remove: () => Promise<void>;
}

const folder = mkdtempSync(join(tmpdir(), "holdfast-exceptions-"));

const PLACES: Readonly<Record<"SQLite" | "PostgreSQL", () => Promise<Place>>> = {
  async SQLite() {
    const path = join(mkdtempSync(join(folder, "store-")), "store.db");
    return {
      store: `sqlite:${path}`,
      isSound: async () => {
        expect((await verifyStore({ path })).damage).toEqual([]);
      },
      remove: async () => {
        rmSync(path, { force: true });
      },
    };
  },
  async PostgreSQL() {
    const database = await makeDatabase();
    const key = randomBytes(32);
    return {
      store: database.url as `postgres://${string}`,
      postgres: { key: key.toString("base64") },
      isSound: async () => {
        expect((await verifyPostgresStore({ url: database.url, key })).damage).toEqual([]);
      },
      remove: () => database.drop(),
    };
  },
};

function appAt({ store, postgres }: Place, version: string, within?: "2s") {
  return holdfast({
    store,
    ...(postgres === undefined ? {} : { postgres }),
    workflows: [order],
    version,
    log: () => undefined,
    ...(within === undefined ? {} : { exceptions: { due: [{ within }] } }),
  });
}

type App = ReturnType<typeof appAt>;

// Each test takes many turns of a machine that may be busy with others.
vi.setConfig({ testTimeout: 120_000 });

describe.each(["SQLite", "PostgreSQL"] as const)("on %s", (name) => {
  let place: Place;
  beforeEach(async () => {
    place = await PLACES[name]();
  });
  afterEach(async () => {
    await place.remove();
  });

  async function cli<Document>(...words: readonly string[]): Promise<Document> {
    return JSON.parse(await printed(...words, "--json")) as Document;
  }

  async function printed(...words: readonly string[]): Promise<string> {
    let out = "";
    let err = "";
    const terminal = {
      env: {},
      hasFile: () => false,
      userName: () => "ana",
      width: null,
      out: (text: string) => {
        out += text;
      },
      err: (text: string) => {
        err += text;
      },
    };
    const code = await runCommandLine([...words, "--store", place.store], terminal, outside);
    if (code !== 0) throw new Error(`${words.join(" ")} ended with ${String(code)}: ${err}`);
    return out;
  }

  interface Issue {
    readonly id: string;
    readonly status: string;
    readonly openCount: number;
    readonly value: readonly string[];
    readonly merged: readonly string[];
  }
  const issues = async (...words: readonly string[]) =>
    (await cli<{ issues: readonly Issue[] }>("issues", ...words)).issues;

  interface Exception {
    readonly id: string;
    readonly owner: string;
    readonly assignee: string | null;
    readonly status: string;
    readonly snoozed: unknown;
    readonly tags: readonly string[];
    readonly acts: readonly string[];
    readonly notes: readonly { readonly text: string }[];
  }
  const exceptions = async (...words: readonly string[]) =>
    (await cli<{ exceptions: readonly Exception[] }>("exceptions", ...words)).exceptions;

  /** Starts runs, each of which comes to an exception, and waits until all of them are on record. */
  async function open(app: App, ...ids: readonly string[]): Promise<void> {
    const before = (await exceptions().catch(() => [])).length;
    for (const id of ids) await app.start(order, { id });
    await vi.waitFor(
      async () => {
        expect(await exceptions()).toHaveLength(before + ids.length);
      },
      { timeout: 30_000, interval: 50 },
    );
  }

  test("many are dealt with by a query, after its plan; each act is on record", async () => {
    const app = appAt(place, "v1");
    await open(app, "o-1", "o-2", "o-3");
    const { plan } = await cli<{ plan: { count: number; value: string[] } }>(
      "assign",
      "bo",
      "--class",
      "data",
    );
    expect(plan).toMatchObject({ count: 3, value: ["37.50 EUR"] });
    expect((await exceptions()).map(({ assignee }) => assignee)).toEqual([null, null, null]);
    expect(await exceptions("--assignee", "nobody")).toHaveLength(3);
    expect(await cli("assign", "bo", "--class", "data", "--yes")).toMatchObject({ done: 3 });
    const [first] = await exceptions();
    if (first === undefined) throw new Error("none");
    expect(first).toMatchObject({ owner: "team-data", assignee: "bo", status: "in-progress" });
    expect(first.acts).toEqual(["resume", "edit", "correct", "supply", "skip", "cancel"]);
    await cli("note", "asked them", first.id);
    await cli("tag", "tax", first.id);
    await cli("link", "ticket", "https://tracker.example/7", first.id);
    await cli("watch", "cyd", first.id);
    const [, second, third] = await exceptions();
    await cli("duplicate", first.id, second?.id ?? "", third?.id ?? "");
    await cli("duplicate", "none", third?.id ?? "");
    await cli("wait", "vendor", first.id, "--reason", "their move");
    const countOf = async (...words: readonly string[]) => (await exceptions(...words)).length;
    expect(await countOf("--with-tag", "tax")).toBe(1);
    expect(await countOf("--with-tag", "tax", "--assignee", "bo")).toBe(1);
    expect(await countOf("--assignee", "bo", "--owner", "team-data", "--class", "data")).toBe(3);
    expect(await countOf("--assignee", "nobody")).toBe(0);
    expect(await countOf("--overdue")).toBe(0);
    expect(await countOf("--watcher", "cyd")).toBe(1);
    const same = await exceptions("--duplicates-of", first.id);
    expect(same).toMatchObject([{ id: second?.id, duplicateOf: first.id, watchers: [] }]);
    expect(await printed("exceptions", "--duplicates-of", first.id)).toContain(
      `duplicate of ${first.id}`,
    );
    expect(await printed("exceptions", "--watcher", "cyd")).toContain("watched by cyd");
    const itself = await cliAt(place.store).say("duplicate", first.id, first.id);
    expect(itself.out).toMatch(
      /HF6003 {2}exc_\w+ is no duplicate of itself\. Nothing was changed\.\n {8}Fix: Name the exception that it is the same as\./u,
    );
    await cli("watch", "cyd", first.id, "--remove");
    expect(await countOf("--watcher", "cyd")).toBe(0);
    expect(await printed("exceptions", "--with-tag", "tax")).toContain("  stands still");
    expect(await printed("exceptions", "--with-tag", "tax")).toMatch(
      /^ +or {2}edit, correct, supply, skip, cancel: holdfast (?:\S+ )*show exc_\w+$/mu,
    );
    expect(await countOf("--compensation")).toBe(0);
    expect(await countOf("--key", "o-2", "--with-tag", "tax")).toBe(0);
    expect(await countOf("--all", "--workflow", "order")).toBe(3);
    await cli("assign", "team-tax", "--team", "--with-tag", "tax", "--yes");
    const [after] = await exceptions();
    expect(after).toMatchObject({
      owner: "team-tax",
      status: "waiting",
      waitsFor: "vendor",
      tags: ["tax"],
      links: [{ kind: "ticket", to: "https://tracker.example/7" }],
    });
    expect(after?.notes.map(({ text }) => text)).toEqual(["asked them"]);
    await app.close();
    await place.isSound();
  });

  test("notes are shown with the next exception of the same step", async () => {
    const app = appAt(place, "v1");
    await open(app, "o-1");
    const [first] = await exceptions();
    await cli("note", "asked them", first?.id ?? "");
    const { run } = await cli<{ run: { id: string } }>("show", "o-1");
    await cli("resume", run.id, "--reason", "again");
    await vi.waitFor(
      async () => {
        expect((await exceptions()).map(({ id }) => id)).not.toEqual([first?.id]);
        expect(await exceptions()).toHaveLength(1);
      },
      { timeout: 30_000, interval: 50 },
    );
    const [second] = await exceptions();
    expect(await cli("show", second?.id ?? "")).toMatchObject({
      occurrences: 2,
      earlierNotes: [{ by: "ana", text: "asked them" }],
    });
    await app.close();
    await place.isSound();
  });

  test("one exception is snoozed until a time, a deployment, a number or an amount", async () => {
    const reason = ["--reason", "waits for them"];
    let app = appAt(place, "v1");
    await open(app, "o-1", "o-2", "o-3", "o-4");
    const ids = (await exceptions()).map(({ id }) => id);
    const [time = "", deploy = "", count = "", value = ""] = ids;
    await cli("snooze", time, "--for", "1h", ...reason);
    await cli("snooze", deploy, "--until-deploy", ...reason);
    await cli("snooze", count, "--until-count", "2", ...reason);
    await cli("snooze", value, "--until-value", "12.50 EUR", ...reason);
    const listed = async (...words: readonly string[]) =>
      (await exceptions(...words)).map(({ id }) => id);
    expect(await listed()).toEqual([]);
    expect(await listed("--snoozed")).toEqual(ids);
    expect(await listed("--all")).toEqual(ids);
    expect(await listed("--key", "o-1")).toEqual([time]);
    const [shown] = await exceptions("--snoozed");
    expect(shown?.snoozed).toMatchObject({
      until: { kind: "time" },
      by: "ana",
      reason: "waits for them",
    });
    // Those that have come before say nothing.
    await app.start(order, { id: "o-5" });
    await vi.waitFor(
      async () => {
        expect(await listed("--key", "o-5")).toHaveLength(1);
      },
      { timeout: 30_000, interval: 50 },
    );
    expect(await listed()).toEqual([value, ...(await listed("--key", "o-5"))]);
    expect(await listed("--snoozed")).toEqual([time, deploy, count]);
    await app.close();
    app = appAt(place, "v2");
    await app.listen({ signals: [] });
    await app.start(order, { id: "o-6" });
    await vi.waitFor(
      async () => {
        expect(await listed("--snoozed")).toEqual([time]);
      },
      { timeout: 30_000, interval: 50 },
    );
    expect(await cli("unsnooze", time)).toMatchObject({ done: 1 });
    expect(await listed("--snoozed")).toEqual([]);
    expect((await listed()).slice(0, 4)).toEqual(ids);
    await expect(cli("unsnooze", time)).rejects.toThrow("ended with 1");
    await expect(cli("snooze", time, ...reason)).rejects.toThrow("until one thing");
    const { timeline } = await cli<{ timeline: { what: string }[] }>("show", "o-1");
    expect(timeline.map(({ what }) => what).join("; ")).toMatch(
      /snoozed until 2.*; .*no longer snoozed/u,
    );
    await app.close();
    await place.isSound();
  });

  test("a group is muted, resolved, seen to regress, split and put together again", async () => {
    const reason = ["--reason", "so"];
    let app = appAt(place, "v1");
    await open(app, "o-1", "o-2");
    const [issue] = await issues();
    if (issue === undefined) throw new Error("none");
    expect(issue).toMatchObject({ status: "new", openCount: 2, value: ["25.00 EUR"] });
    await cli("mute", issue.id, "--until-count", "1", ...reason);
    expect(await issues()).toEqual([]);
    expect(await issues("--all")).toMatchObject([{ status: "muted" }]);
    await open(app, "o-3");
    expect(await issues()).toMatchObject([{ status: "new", openCount: 3 }]);
    await cli("resolve", issue.id, "--in", "v2", ...reason);
    await open(app, "o-4");
    expect(await issues("--all")).toMatchObject([{ status: "resolved" }]);
    await app.close();
    app = appAt(place, "v2");
    await open(app, "o-5");
    expect(await issues()).toMatchObject([{ id: issue.id, status: "regressed", openCount: 5 }]);
    await cli("reopen", issue.id, ...reason);
    await cli("split", issue.id, "code", ...reason);
    expect((await issues()).map(({ openCount }) => openCount).toSorted((a, b) => a - b)).toEqual([
      1, 4,
    ]);
    await cli("unsplit", issue.id, ...reason);
    expect((await issues("--level", "data")).map(({ openCount }) => openCount)).toEqual([5]);
    const codes = await issues("--level", "code");
    const [one, other] = codes.map(({ id }) => id);
    await cli("merge", one ?? "", other ?? "", ...reason);
    expect(await issues("--level", "code")).toMatchObject([
      { id: other, openCount: 5, merged: [one] },
    ]);
    expect(await exceptions("--issue", issue.id)).toHaveLength(5);
    // With those of the group that is shown with it, which alone has the rest.
    expect(await exceptions("--issue", other ?? "")).toHaveLength(5);
    expect([1, 4]).toContain((await exceptions("--issue", one ?? "")).length);
    await expect(exceptions("--issue", "f2.1.00")).rejects.toThrow("HF6001");
    await cli("unmerge", one ?? "", ...reason);
    expect(await issues("--level", "code")).toHaveLength(2);
    await app.close();
    await place.isSound();
  });

  test("routing rules are tried on what was there, and hold for what comes", async () => {
    const app = appAt(place, "v1");
    await open(app, "o-1", "o-2");
    const file = join(folder, "rules.json");
    const match = { class: "data", currency: "EUR", amountAtLeast: "10" };
    writeFileSync(file, JSON.stringify([{ name: "large", match, owner: "head" }]));
    expect(await cli("routing", "test", file)).toMatchObject({ tried: 2, changed: 2 });
    const proposed = await cli("routing", "set", file, "--reason", "asked for");
    expect(proposed).toMatchObject({ trial: { tried: 2, changed: 2 } });
    const byAna = cli("routing", "approve", "1", "--reason", "mine");
    await expect(byAna).rejects.toThrow(/HF6002/u);
    expect(await cli("routing", "show")).toMatchObject({
      current: null,
      proposed: {
        version: 1,
        by: "ana",
        rules: [{ name: "large" }],
        tried: 2,
        isOpen: true,
        at: expect.stringMatching(/^\d{4}-.*Z$/u) as unknown,
      },
      kept: [],
    });
    // Whoever has proposed something is not passed over unasked.
    const over = cli("routing", "set", file, "--by", "cy", "--reason", "mine");
    await expect(over).rejects.toThrow(/HF6003.*version 1 by ana \(asked for\)/su);
    const wrong = cli("routing", "set", file, "--instead-of", "7", "--reason", "x");
    await expect(wrong).rejects.toThrow(/HF6003/u);
    await cli("routing", "set", file, "--instead-of", "1", "--by", "cy", "--reason", "mine");
    await expect(cli("routing", "approve", "1", "--by", "bo", "--reason", "seen")).rejects.toThrow(
      /HF6003/u,
    );
    expect(await cli("routing", "approve", "2", "--by", "bo", "--reason", "seen")).toMatchObject({
      trial: { tried: 2, changed: 2 },
    });
    await open(app, "o-3");
    expect((await exceptions()).map(({ owner }) => owner)).toEqual([
      "team-data",
      "team-data",
      "head",
    ]);
    expect(await cli("routing", "show")).toMatchObject({
      current: { version: 3, by: "cy", approved: { by: "bo" } },
      proposed: null,
      before: [],
    });
    expect(await cli("routing", "test", file)).toMatchObject({ tried: 3, changed: 2 });
    await app.close();
    writeFileSync(file, "[]");
    await cli("routing", "set", file, "--reason", "all of it away");
    expect(await cli("routing", "show")).toMatchObject({
      current: { version: 3, rules: [{ name: "large" }] },
      proposed: null,
      kept: [{ by: "ana", act: "proposes", version: 4, ruleCount: 0, reason: "all of it away" }],
    });
    await place.isSound();
  });
});

test("of workers that share a store each time of an exception is told by one", async () => {
  const alone = await PLACES.PostgreSQL();
  const place = { ...alone, postgres: { key: alone.postgres?.key ?? "", shared: true } };
  const workers = [appAt(place, "v1", "2s"), appAt(place, "v1", "2s")];
  const told: string[] = [];
  const all = new Promise<void>((resolve) => {
    for (const worker of workers) {
      worker.on((event) => {
        if (event.type !== "exception.due") return;
        told.push(`${event.exception} ${event.crossing}`);
        if (new Set(told).size === 12) resolve();
      });
    }
  });
  for (let number = 0; number < 6; number += 1) {
    await workers[number % 2]?.start(order, { id: `o-${String(number)}` });
  }
  await all;
  await Promise.all(workers.map((worker) => worker.close()));
  expect(told).toHaveLength(12);
  await place.isSound();
  await place.remove();
});
