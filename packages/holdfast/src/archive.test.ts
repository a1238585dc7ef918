/** From the user's end: an app, the command line, a file, and a store for looking. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { newArchive } from "./archive-files.ts";
import { outside } from "./command-line.ts";
import { runCommandLine } from "./cli/program.ts";
import { parseRunId } from "./core/run-number.ts";
import { holdfast, type App } from "./holdfast.ts";
import { makeKeyRing } from "./payload/index.ts";
import { planArchive, writeArchive } from "./operate/archive-runs.ts";
import { ArchiveLines, type ArchiveHeader } from "./store/archive-file.ts";
import { openSqliteReader } from "./store-sqlite/index.ts";
import { runSql } from "./store-sqlite/tampering.test-support.ts";
import { workflow } from "./workflow/workflow.ts";

let folder: string;
let app: App | null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-archive-"));
  app = null;
});
afterEach(async () => {
  await app?.close();
  rmSync(folder, { recursive: true, force: true });
});

const path = (name: string) => join(folder, name);

const greet = workflow(
  "greet",
  {
    input: z.object({ id: z.string(), iban: z.string().optional(), text: z.string().optional() }),
    output: z.string(),
    key: (input) => input.id,
    owner: "team",
    sensitive: ["/iban"],
  },
  async (input, run) => {
    if (input.id.startsWith("stop")) run.stop("not today");
    return await run.step("say", () => `hello ${input.id}`, { sensitive: [] });
  },
);

const stopsWithPolicy = workflow(
  "greet",
  {
    ...greet.definition,
    input: z.object({ id: z.string() }),
    output: z.string(),
    key: ({ id }) => id,
    retention: { failed: "1d" },
  },
  (_input, run) => Promise.resolve(run.stop("not today")),
);

const greetsTwice = workflow(
  "greets-twice",
  {
    input: z.object({ id: z.string() }),
    output: z.string(),
    key: ({ id }) => id,
    owner: "team",
  },
  async ({ id }, run) => {
    const child = { id: `${id}-child` };
    await run.call(greet, child);
    return await run.call(greet, child, { as: "again" });
  },
);

async function open(options: Partial<Parameters<typeof holdfast>[0]> = {}): Promise<App> {
  app = holdfast({ store: `sqlite:${path("store.db")}`, workflows: [greet], ...options });
  await app.listen({ signals: [] });
  return app;
}

async function cli(...words: readonly string[]) {
  let out = "";
  let err = "";
  const terminal = {
    env: {},
    hasFile: () => false,
    userName: () => "ana",
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    width: null,
  };
  const code = await runCommandLine(words, terminal, outside);
  return { code, out, err };
}

async function json(store: string, ...words: readonly string[]): Promise<Record<string, unknown>> {
  const { out } = await cli("--json", "--store", `sqlite:${path(store)}`, ...words);
  return JSON.parse(out) as Record<string, unknown>;
}

const ARCHIVE = ["archive", "--older-than", "0s", "--to"] as const;

async function archived(...more: readonly string[]) {
  return await json("store.db", ...ARCHIVE, path("old.ndjson"), "--yes", ...more);
}

async function damage(store: string): Promise<unknown> {
  return (await json(store, "store", "verify"))["damage"];
}

describe("holdfast archive", () => {
  test("shows its plan first, then writes the file and lets the runs leave", async () => {
    const running = await open();
    for (const id of ["1", "2"]) await (await running.start(greet, { id })).result();
    const plan = await json("store.db", ...ARCHIVE, path("old.ndjson"));
    expect(plan).toMatchObject({ outcome: "planned", runs: 2, records: 6, staysCount: 0 });
    expect(() => readFileSync(path("old.ndjson"))).toThrow("ENOENT");
    expect(await archived()).toMatchObject({ outcome: "applied", removed: 2, stays: [] });
    expect((await json("store.db", "runs"))["runs"]).toEqual([]);
    expect(await damage("store.db")).toEqual([]);
  });

  test("a run that has left is told of by its id, and its key joins it still", async () => {
    const running = await open();
    const { id } = await running.start(greet, { id: "1" });
    await archivedAfter(running, "1");
    const { code, err } = await cli("--store", `sqlite:${path("store.db")}`, "show", id);
    expect(code).toBe(1);
    expect(err).toContain(`Run ${id} has left the store: ana archived it`);
    const again = await running.start(greet, { id: "1" });
    expect(again).toMatchObject({ id, isNew: false, differs: false });
    await expect(again.result()).rejects.toMatchObject({ code: "HF6006" });
    expect(await running.start(greet, { id: "1", text: "other" })).toMatchObject({ differs: true });
    const { exceptions } = await json("store.db", "exceptions");
    expect(exceptions).toMatchObject([{ run: null, reasonCode: "HF4107" }]);
  });

  test("takes no failure without --failures, and lets none go that a policy keeps", async () => {
    const running = await open({ retention: { failed: "1d" } });
    await expect((await running.start(greet, { id: "stop-1" })).result()).rejects.toThrow(
      "not today",
    );
    const plan = await json("store.db", ...ARCHIVE, path("old.ndjson"));
    expect(plan).toMatchObject({ runs: 0, staysCount: 1 });
    const { removed, stays } = await archived("--failures");
    expect(removed).toBe(0);
    expect(JSON.stringify(stays)).toContain("its policy keeps it for 24 h");
    expect((await json("store.db", "runs"))["runs"]).toHaveLength(1);
  });

  test("a workflow's own policy wins over the app's", async () => {
    const running = await open({ workflows: [stopsWithPolicy], retention: { failed: "0s" } });
    await expect((await running.start(stopsWithPolicy, { id: "stop-1" })).result()).rejects.toThrow(
      "not today",
    );
    expect(await archived("--failures")).toMatchObject({ removed: 0 });
  });

  test("without an engine the order is kept, and the next one lets go", async () => {
    const running = await open();
    await (await running.start(greet, { id: "1" })).result();
    await running.close();
    expect(await archived()).toMatchObject({ outcome: "kept", removed: 0 });
    expect((await json("store.db", "runs"))["runs"]).toHaveLength(1);
    await open();
    await expect
      .poll(async () => (await json("store.db", "runs"))["runs"], { timeout: 10_000 })
      .toEqual([]);
  });

  test("does not take the place of a file, and leaves none behind that is not whole", async () => {
    const running = await open();
    await (await running.start(greet, { id: "1" })).result();
    writeFileSync(path("old.ndjson"), "mine");
    const { code, err } = await cli(
      "--store",
      `sqlite:${path("store.db")}`,
      ...ARCHIVE,
      path("old.ndjson"),
      "--yes",
    );
    expect([code, err]).toEqual([2, expect.stringContaining("is there already")]);
    expect(readFileSync(path("old.ndjson"), "utf8")).toBe("mine");
    expect((await json("store.db", "runs"))["runs"]).toHaveLength(1);
  });
});

test("a run that another has called twice is in the archive once, which can be read in", async () => {
  const running = await open({ workflows: [greet, greetsTwice] });
  await (await running.start(greetsTwice, { id: "1" })).result();
  expect(await archived()).toMatchObject({ runs: 2, removed: 2, stays: [] });
  expect(await json("look.db", "import", path("old.ndjson"))).toMatchObject({ newRuns: 2 });
  expect(await damage("look.db")).toEqual([]);
});

test("a plan of which runs have left meanwhile is not written: it would not be whole", async () => {
  const running = await open();
  for (const id of ["1", "2"]) await (await running.start(greet, { id })).result();
  const nowMs = Date.parse("2100-01-01");
  const request = { beforeMs: nowMs, workflow: null, failures: false, nowMs };
  const reader = await openSqliteReader({ path: path("store.db") });
  try {
    const plan = await planArchive(reader, request);
    expect(plan.runs).toBe(2);
    await archived();
    const file = { name: path("late.ndjson"), open: () => newArchive(path("late.ndjson")) };
    await expect(writeArchive(reader, plan, { ...request, by: "ana" }, file)).rejects.toMatchObject(
      { code: "HF4102" },
    );
    expect(readdirSync(folder).filter((name) => name.startsWith("late"))).toEqual([]);
  } finally {
    await reader.close();
  }
});

test("of two archives that are written to one name at the same time one is refused, and the other is whole", async () => {
  const first = await newArchive(path("old.ndjson"));
  await first.write("first\n");
  await expect(newArchive(path("old.ndjson"))).rejects.toMatchObject({ code: "HF4102" });
  await first.finish();
  expect(readFileSync(path("old.ndjson"), "utf8")).toBe("first\n");
  expect(readdirSync(folder)).toEqual(["old.ndjson"]);
});

/** What `why` says, but for how long ago it was. */
function story(verdict: unknown): string {
  return JSON.stringify(verdict).replace(/COMPLETED .* ago/, "");
}

test("an archive that cannot be written lets no run go, and says why", async () => {
  const running = await open();
  await (await running.start(greet, { id: "1" })).result();
  const { error } = await json("store.db", ...ARCHIVE, path("nowhere/old.ndjson"), "--yes");
  expect(error).toMatchObject({
    code: "HF4102",
    message: expect.stringContaining("ENOENT") as string,
  });
  expect((await json("store.db", "runs"))["runs"]).toHaveLength(1);
});

test("no archive is read into a store on PostgreSQL, which is said before anything is done", async () => {
  const store = "postgres://nobody@127.0.0.1:1/none";
  const { code, err } = await cli("--store", store, "import", path("old.ndjson"));
  expect([code, err]).toEqual([2, expect.stringContaining("read into a store in a file")]);
});

async function archivedAfter(running: App, key: string): Promise<void> {
  await (await running.start(greet, { id: key })).result();
  await archived();
}

describe("holdfast import", () => {
  test("tells the same story of each run, and of nothing else", async () => {
    const running = await open();
    const { id } = await running.start(greet, { id: "1", iban: "DE1" });
    await (await running.start(greet, { id: "1", iban: "DE1" })).result();
    const before = await json("store.db", "show", id, "--payloads");
    const why = await json("store.db", "why", id);
    await archived();
    const first = await json("look.db", "import", path("old.ndjson"));
    expect(first).toMatchObject({ runs: 1, records: 3, newRuns: 1 });
    const after = await json("look.db", "show", id, "--payloads");
    for (const part of ["run", "timeline", "effects", "exceptions", "reviews"]) {
      expect(after[part]).toEqual(before[part]);
    }
    expect(story((await json("look.db", "why", id))["verdict"])).toBe(story(why["verdict"]));
    expect(JSON.stringify(after["timeline"])).toContain("[masked string]");
    expect(after["archives"]).toEqual([first["archive"]]);
    expect(await damage("look.db")).toEqual([]);
  });

  test("changes nothing when it is done twice, byte for byte", async () => {
    await archivedAfter(await open(), "1");
    await json("look.db", "import", path("old.ndjson"));
    const before = readFileSync(path("look.db"));
    expect(await json("look.db", "import", path("old.ndjson"))).toMatchObject({ newRuns: 0 });
    expect(readFileSync(path("look.db"))).toEqual(before);
  });

  test("reads several archives of one store into one, and goes on with one that was begun", async () => {
    const running = await open();
    await archivedAfter(running, "1");
    await json("look.db", "import", path("old.ndjson"));
    rmSync(path("old.ndjson"));
    await archivedAfter(running, "2");
    await json("look.db", "import", path("old.ndjson"));
    expect((await json("look.db", "runs"))["runs"]).toHaveLength(2);
    // As a crash after the first flush of an import leaves it.
    runSql(path("look.db"), "update imported_archive set done = 0");
    expect(await json("look.db", "import", path("old.ndjson"))).toMatchObject({ newRuns: 0 });
    expect((await json("look.db", "runs"))["runs"]).toHaveLength(2);
  });

  test("keeps sealed what is sealed, and opens it with the ring", async () => {
    const ring = path("ring.json");
    makeKeyRing(ring, new Uint8Array(32).fill(7));
    const payloads = { keyRing: ring, directory: path("files"), inlineBytesMax: 1024 };
    const running = await open({ payloads });
    const input = { id: "1", iban: "DE-SECRET", text: "long ".repeat(1_000) };
    const { id } = await running.start(greet, input);
    await (await running.start(greet, input)).result();
    const given = ["--key-ring", ring, "--payload-files", path("files")];
    expect(await archived("--by", "ana", ...given)).toMatchObject({ removed: 1 });
    const text = readFileSync(path("old.ndjson"), "utf8");
    expect(text).not.toContain("DE-SECRET");
    expect(text).toContain("sealed:");
    expect(text).toContain("long long");
    await json("look.db", "import", path("old.ndjson"));
    const open1 = JSON.stringify(
      await json("look.db", "show", id, "--payloads", "--key-ring", ring),
    );
    expect(open1).toContain("[masked string]");
    expect(open1).toContain("long long");
    const shut = JSON.stringify(await json("look.db", "show", id, "--payloads"));
    expect(shut).toContain("[sealed: key");
  });

  test("no engine opens the store that it makes, no command is left there, and no app's store takes it", async () => {
    const running = await open();
    const { id } = await running.start(greet, { id: "1" });
    await archivedAfter(running, "1");
    await json("look.db", "import", path("old.ndjson"));
    const other = holdfast({ store: `sqlite:${path("look.db")}`, workflows: [greet] });
    await expect(other.listen({ signals: [] })).rejects.toMatchObject({ code: "HF5016" });
    const { code, err } = await cli(
      "--store",
      `sqlite:${path("look.db")}`,
      "cancel",
      id,
      "--reason",
      "why not",
    );
    expect([code, err]).toEqual([4, expect.stringContaining("HF6003")]);
    await running.start(greet, { id: "2" });
    await running.close();
    const refused = await json("store.db", "import", path("old.ndjson"));
    expect(refused).toMatchObject({ error: { code: "HF5016" } });
  });

  test.each([
    ["a changed byte", (text: string) => text.replace("hello 1", "hullo 1"), "line 9: the digest"],
    [
      "a line that is gone",
      (text: string) => text.replace(/\{"record":\[2.*\n/, ""),
      "line 7: record 2",
    ],
    ["a cut", (text: string) => text.slice(0, text.lastIndexOf('{"end"')), "cut off"],
    ["half a line", (text: string) => text.slice(0, -20), "line 9: it is no JSON"],
    ["more behind the end", (text: string) => `${text}{"run":"x"}\n`, "line 10: something follows"],
    ["another file", () => '{"hello":1}\n', "line 1: this is no archive"],
    ["an empty file", () => "", "the file is empty"],
    [
      "a newer form",
      (text: string) => text.replace('"format":1', '"format":2'),
      "line 1: its form is 2",
    ],
  ])("refuses %s with its line, and makes no store", async (_, spoil, expected) => {
    await archivedAfter(await open(), "1");
    const text = readFileSync(path("old.ndjson"), "utf8");
    writeFileSync(path("bad.ndjson"), spoil(text));
    const { error } = await json("look.db", "import", path("bad.ndjson"));
    expect(error).toMatchObject({
      code: "HF5017",
      message: expect.stringContaining(expected) as string,
    });
    expect(() => readFileSync(path("look.db"))).toThrow("ENOENT");
  });

  test("takes no record of a run that only a store writes for itself: it would let runs go", async () => {
    await archivedAfter(await open(), "1");
    const text = readFileSync(path("old.ndjson"), "utf8");
    const [header = "", ...others] = text.split("\n");
    const runLine = others.find((line) => line.startsWith('{"run"')) ?? "";
    const run = parseRunId((JSON.parse(runLine) as { run: string }).run);
    const digests = { digest: "00".repeat(16), keyHash: "00", inputDigest: "00" };
    const gone = { run, records: 1, generation: 1, ...digests };
    const about = { archive: "arc_1", file: "f", by: "eve", keysUntilMs: null };
    const sums = { counts: [], issues: [], taken: [] };
    const head = JSON.stringify({ ...about, runs: [gone], ...sums });
    const startedLine = others.find((line) => line.includes('"started"')) ?? "";
    const [, , , , atMs, started] = (JSON.parse(startedLine) as { record: unknown[] }).record;
    const given = { run, attempt: 0, name: "", atMs: atMs as number, data: null };
    const lines = new ArchiveLines();
    const forged = [
      lines.header({ ...(JSON.parse(header) as ArchiveHeader), runs: 1, records: 2 }),
      lines.run(run, 2),
      lines.record({ ...given, seq: 1, kind: "started", head: started as string }),
      lines.record({ ...given, seq: 2, kind: "archived", head }),
      lines.end().line,
    ];
    writeFileSync(path("bad.ndjson"), forged.join(""));
    const { error } = await json("look.db", "import", path("bad.ndjson"));
    expect(error).toMatchObject({
      code: "HF5017",
      message: expect.stringContaining("line 4") as string,
    });
  });

  test("refuses an archive of another store", async () => {
    await archivedAfter(await open(), "1");
    await json("look.db", "import", path("old.ndjson"));
    const text = readFileSync(path("old.ndjson"), "utf8");
    const header = text.slice(0, text.indexOf("\n"));
    const { storeId } = JSON.parse(header) as { storeId: string };
    const otherHeader = header.replace(storeId, "store_other");
    writeFileSync(path("other.ndjson"), text.replace(header, otherHeader));
    const { error } = await json("look.db", "import", path("other.ndjson"));
    expect(error).toMatchObject({
      code: "HF5017",
      message: expect.stringContaining("of the store store_other") as string,
    });
  });
});
