/**
 * With a key ring, what is declared sensitive lies nowhere in plain form. Looked for by value in the
 * bytes of every file and in every row of every table, and each search is shown to find the same
 * values without the ring.
 */
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runCommandLine } from "./cli/program.ts";
import { outside } from "./command-line.ts";
import type { App } from "./index.ts";
import { makeKeyRing, rotateKeyRing } from "./payload/key-ring.ts";
import { filePlace } from "./payload/open-place.ts";
import { PayloadFiles } from "./payload/payload-files.ts";
import { filesWith, keyOf } from "./payload/test-payloads.test-support.ts";
import {
  CANARIES,
  CANARY_FORMS,
  copies,
  DECISION,
  openShop,
  orderOf,
  paid,
  pays,
  untilReview,
  untilState,
} from "./sealed-shop.test-support.ts";
import { openSqliteReader } from "./store-sqlite/index.ts";
import { readKey } from "./store-sqlite/key-file.ts";

let folder: string;
let ring: string;
let directory: string;
let logged: string[];
let app: App | null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-sealed-"));
  ring = join(folder, "ring.keys");
  directory = join(folder, "payloads");
  makeKeyRing(ring, keyOf(1));
  logged = [];
  app = null;
});
afterEach(async () => {
  await app?.close();
  rmSync(folder, { recursive: true, force: true });
});

const address = () => `sqlite:${join(folder, "holdfast.db")}` as const;

function open(payloads: { readonly keyRing?: string; readonly directory?: string } | null): App {
  app = openShop({
    store: address(),
    log: (line) => logged.push(line),
    ...(payloads === null ? {} : { payloads }),
  });
  return app;
}

async function close(): Promise<void> {
  await app?.close();
  app = null;
}

async function cli(...words: readonly string[]): Promise<string> {
  let said = "";
  const terminal = {
    env: {},
    hasFile: () => true,
    userName: () => "bo",
    out: (text: string) => (said += text),
    err: (text: string) => (said += text),
    width: null,
  };
  await runCommandLine([...words, "--store", address()], terminal, outside);
  return said;
}

async function reviewOf(run: string): Promise<string> {
  const shown = JSON.parse(await cli("reviews", "--key", run, "--json")) as {
    readonly reviews: readonly { readonly id: string }[];
  };
  return shown.reviews[0]?.id ?? "";
}

/** A decision from another process, through the inbox, and what follows to the run's end. */
async function decide(running: App, run: string, ...access: readonly string[]): Promise<string> {
  const decision = JSON.stringify(DECISION);
  const said = await cli("answer", await reviewOf(run), decision, ...access);
  await untilState(running, run, "completed");
  return said;
}

/** What an app that is opened so says at its first use. */
async function refused(payloads: Parameters<typeof open>[0]): Promise<unknown> {
  const running = open(payloads);
  const error: unknown = await running.start(pays, orderOf()).catch((thrown: unknown) => thrown);
  app = null;
  return error;
}

/** The file of the long payload. */
function only(): string {
  const [path = ""] = filesWith(directory, ["x".repeat(1000)]);
  return path;
}

const LONG = "x".repeat(200_000);

describe("with a key ring", () => {
  test("nothing sensitive is in a file of the store, in a log, or in a backup", async () => {
    const running = open({ keyRing: ring, directory });
    const run = await untilReview(running, LONG);
    await decide(running, run, "--key-ring", ring);
    const handle = await running.start(pays, orderOf(LONG));
    expect(await handle.result()).toEqual({ iban: CANARIES[0], open: "done" });
    await cli("store", "backup", "--to", join(folder, "backup.db"));
    // The log of the database is still there: an engine has it open.
    expect(readdirSync(folder)).toContain("holdfast.db-wal");
    expect(filesWith(folder, CANARY_FORMS)).toEqual([]);
    await close();
    expect(filesWith(folder, CANARY_FORMS)).toEqual([]);
    for (const canary of CANARIES) expect(logged.join("\n")).not.toContain(canary);
    expect(await cli("store", "verify", "--key-ring", ring, "--payload-files", directory)).toMatch(
      /^sound/,
    );
  });

  test("and the same search finds it all without one", async () => {
    const running = open(null);
    const run = await untilReview(running);
    await decide(running, run);
    await close();
    for (const canary of CANARIES) expect(filesWith(folder, [canary])).not.toEqual([]);
  });

  test("a run goes on after a restart, and under the next key", async () => {
    const run = await untilReview(open({ keyRing: ring }));
    await close();
    expect(rotateKeyRing(ring, keyOf(2))).toBe("k2");
    const running = open({ keyRing: ring });
    await decide(running, run, "--key-ring", ring);
    const handle = await running.start(pays, orderOf());
    expect(await handle.result()).toEqual({ iban: CANARIES[0], open: "done" });
    await close();
    expect(filesWith(folder, CANARY_FORMS)).toEqual([]);
    expect(await cli("store", "verify", "--key-ring", ring)).toMatch(/^sound/);
  });

  test("who has no ring sees where something is sealed, and with which key", async () => {
    const run = await untilReview(open({ keyRing: ring }));
    const shown = await cli("show", run, "--payloads");
    expect(shown).toContain('{"id":"1","iban":"[sealed: key k1]","text":"short"}');
    expect(shown).toContain('{"open":"to see","copy":"[sealed: key k1]"}');
    expect(shown).toContain('"[sealed: key k1]" (nobody has declared what is sensitive in it)');
    const withRing = await cli("show", run, "--payloads", "--key-ring", ring);
    expect(withRing).toContain('{"id":"1","iban":"[masked string]","text":"short"}');
  });

  test("a decision with something sensitive is not posted without the ring", async () => {
    const running = open({ keyRing: ring });
    const run = await untilReview(running);
    const said = await cli("answer", await reviewOf(run), JSON.stringify(DECISION));
    expect(said).toContain("HF5020");
    expect(filesWith(folder, CANARY_FORMS)).toEqual([]);
    expect((await running.get(run))?.state).toBe("review");
  });
});

test("a command is kept under an id that says nothing of its words, and joins the same words", async () => {
  const run = await untilReview(open({ keyRing: ring }));
  const review = await reviewOf(run);
  await close();
  const post = async () =>
    JSON.parse(
      await cli("answer", review, JSON.stringify(DECISION), "--key-ring", ring, "--json"),
    ) as { readonly command: string };
  const first = JSON.stringify(await post());
  expect(first).toContain('"kept"');
  rotateKeyRing(ring, keyOf(2));
  await post();
  const reader = await openSqliteReader({ path: join(folder, "holdfast.db") });
  const kept = await reader.inbox(10);
  await reader.close();
  expect(kept.map(({ topic }) => topic)).toEqual(["answer"]);
  expect(first).toMatch(/cmd_[0-9a-f]{32}/);
  expect(first).not.toContain(kept[0]?.id);
});

/** A ring of these keys whose current one is k2. */
function ringOf(keys: Readonly<Record<string, string>>): string {
  return JSON.stringify({ current: "k2", keys });
}

describe("with a ring that lacks a key", () => {
  test("a command that was sealed with it is refused", async () => {
    const running = open({ keyRing: ring });
    const run = await untilReview(running);
    const newer = join(folder, "newer.keys");
    copyFileSync(ring, newer);
    rotateKeyRing(newer, keyOf(2));
    const decision = JSON.stringify(DECISION);
    const said = await cli("answer", await reviewOf(run), decision, "--key-ring", newer);
    expect(said).toMatch(/^HF5021 .* sealed with key k2/);
    expect((await running.get(run))?.state).toBe("review");
  });

  test("a run that was sealed with it is not gone on with, and others are", async () => {
    const first = open({ keyRing: ring });
    const { id: run } = await first.start(pays, orderOf());
    await untilState(first, run, "review");
    await close();
    const k2 = Buffer.from(keyOf(2)).toString("base64");
    writeFileSync(ring, ringOf({ k1: Buffer.from(keyOf(1)).toString("base64"), k2 }));
    await open({ keyRing: ring }).send(paid, { key: "9", id: "e9", payload: { iban: "x" } });
    await close();
    writeFileSync(ring, ringOf({ k2 }));
    const running = open({ keyRing: ring });
    await expect(running.answer(await reviewOf(run), DECISION, { by: "bo" })).rejects.toMatchObject(
      {
        code: "HF2106",
        message: expect.stringContaining("sealed with key k1"),
      },
    );
    const other = await running.start(pays, { ...orderOf(), id: "2" });
    await untilState(running, other.id, "review");
  });

  test("the check of a store names what does not open", async () => {
    await untilReview(open({ keyRing: ring }));
    await close();
    const other = join(folder, "other.keys");
    makeKeyRing(other, keyOf(3));
    expect(await cli("store", "verify", "--key-ring", other)).toMatch(
      /^DAMAGED[^]*does not open: it is not what was sealed there/,
    );
    expect(await cli("store", "verify")).toMatch(/sealed payloads were not opened/);
  });
});

describe("an app is refused at its start", () => {
  test("without the ring, or with one that lacks the key of the newest payloads", async () => {
    await open({ keyRing: ring }).start(pays, orderOf());
    await close();
    rotateKeyRing(ring, keyOf(2));
    await open({ keyRing: ring }).send(paid, { key: "2", id: "e2", payload: { iban: "x" } });
    await close();
    expect(await refused(null)).toMatchObject({ code: "HF5020" });
    const old = join(folder, "old.keys");
    makeKeyRing(old, keyOf(1));
    expect(await refused({ keyRing: old })).toMatchObject({
      code: "HF5020",
      message: expect.stringContaining("key k2"),
    });
    expect(await refused({ keyRing: join(folder, "none.keys") })).toMatchObject({ code: "HF5020" });
  });

  test("with another ring whose key has the same id", async () => {
    await open({ keyRing: ring }).start(pays, orderOf());
    await close();
    const other = join(folder, "other.keys");
    makeKeyRing(other, keyOf(3));
    expect(await refused({ keyRing: other })).toMatchObject({
      code: "HF5020",
      message: expect.stringContaining("is not the key k1"),
    });
  });

  test("without the directory of payloads in files", async () => {
    await open({ directory }).start(pays, orderOf(LONG));
    await close();
    expect(await refused(null)).toMatchObject({ code: "HF5020" });
  });
});

describe("with a directory", () => {
  test("a long payload is in a file, and in no file of the database", async () => {
    const running = open({ directory });
    await running.start(pays, orderOf(LONG));
    await close();
    const long = filesWith(folder, ["x".repeat(1000)]);
    expect(long.length).toBeGreaterThan(0);
    for (const file of long) expect(file.startsWith(directory)).toBe(true);
    expect(await cli("store", "verify", "--payload-files", directory)).toMatch(/^sound/);
    expect(await cli("store", "verify")).toMatch(/payloads in files were not checked/);
    expect(await cli("show", "1", "--payloads")).toMatch(/"\[in a file of 200\d\d\d bytes\]"/);
    const shown = await cli("show", "1", "--payloads", "--payload-files", directory);
    expect(shown).toContain(`"iban":"[masked string]","text":"xxx`);
  });

  test("a run whose file was changed is held, others go on, and it resumes with the file", async () => {
    const first = open({ directory });
    const { id } = await first.start(pays, orderOf(LONG));
    await untilState(first, id, "review");
    await first.answer(await reviewOf(id), DECISION, { by: "bo" });
    await untilState(first, id, "waiting");
    await close();
    const file = only();
    const written = readFileSync(file);
    writeFileSync(file, "y".repeat(written.length));
    expect(await cli("store", "verify", "--payload-files", directory)).toMatch(
      /DAMAGED[^]*is not what was written/,
    );
    const running = open({ directory });
    await running.send(paid, { key: "1", id: "e1", payload: { iban: "x" } });
    await untilState(running, id, "held");
    expect(await cli("why", id)).toMatch(/HF2106|is not what was written/);
    const other = await running.start(pays, { ...orderOf(), id: "2" });
    await untilState(running, other.id, "review");
    writeFileSync(file, written);
    await running.resume(id, { by: "bo", reason: "the file is back" });
    await running.complete("bank", "tr_1", { ok: true, value: { pin: CANARIES[2] } });
    await untilState(running, id, "completed");
  });

  test("a run whose file is missing is held", async () => {
    const first = open({ directory });
    const { id } = await first.start(pays, orderOf(LONG));
    await untilState(first, id, "review");
    await close();
    rmSync(only());
    const running = open({ directory });
    await expect(running.answer(await reviewOf(id), DECISION, { by: "bo" })).rejects.toMatchObject({
      code: "HF2106",
      message: expect.stringContaining("cannot be read (ENOENT)"),
    });
    expect(await cli("show", id, "--payloads", "--payload-files", directory)).toContain(
      "cannot be read",
    );
  });

  test("who asks for a result that cannot be read has it once it can be", async () => {
    const first = open({ directory });
    await (await first.start(copies, orderOf(LONG))).result();
    await close();
    const files = filesWith(directory, ["x".repeat(1000)]);
    const written = files.map((file) => [file, readFileSync(file)] as const);
    for (const file of files) rmSync(file);
    const running = open({ directory });
    const isAskedAgain = new Promise<string>((resolve) => {
      running.on((event) => {
        if (event.type === "store.retry") resolve(event.message);
      });
    });
    const result = (await running.start(copies, orderOf(LONG))).result();
    expect(await isAskedAgain).toContain("cannot be read (ENOENT)");
    for (const [file, bytes] of written) writeFileSync(file, bytes);
    expect(await result).toEqual({ text: LONG });
  });

  test("files that no record refers to are swept, and no others", async () => {
    await open({ directory }).start(pays, orderOf(LONG));
    await close();
    const file = only();
    const foreign = `${file}0`;
    const half = `${file}.tmp`;
    for (const path of [foreign, half]) writeFileSync(path, "left by a crash");
    const files = new PayloadFiles(filePlace(directory), readKey(join(folder, "holdfast.db")));
    const left = files.toFile("left by a crash", { run: 1, seq: 1 }).file;
    await files.write([left]);
    const orphan = join(directory, left.name);
    const hoursAgo = statSync(file).mtimeMs / 1000 - 7200;
    for (const path of filesWith(directory, [""])) utimesSync(path, hoursAgo, hoursAgo);
    const young = `${file}1`;
    writeFileSync(young, "being written");
    const said = await cli("store", "sweep", "--payload-files", directory);
    expect(said).toMatch(/2 of \d+ files belonged to no record and were removed\. 1 are another/u);
    expect([file, orphan, half, young, foreign].map((path) => existsSync(path))).toEqual([
      true,
      false,
      false,
      true,
      true,
    ]);
    expect(await cli("store", "sweep")).toContain("HF4102");
  });
});
