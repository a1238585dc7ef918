/** `kill -9` around the commit of a local transaction: it is done once, and its result is not lost. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { localDatabase } from "holdfast";
import { makeDatabase, type TestDatabase } from "./postgres-database.ts";
import { startProgram, type Program } from "./kill/programs.ts";

const WORKER = new URL("./transact/worker.ts", import.meta.url);
const ENGINE = new URL("./transact/engine.ts", import.meta.url);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-transact-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** One life: what it said, and how it ended. */
async function live(kind: string, place: string, moment: string) {
  const engine = startProgram(ENGINE, [join(folder, "store.db"), kind, place, moment]);
  const said: unknown[] = [];
  for await (const line of engine.lines) said.push(line);
  const { signal, err } = await engine.ended;
  return { said, signal, err };
}

const killed = { signal: "SIGKILL", err: "" };
const works = { works: "1" };

describe("on PostgreSQL", () => {
  let database: TestDatabase;
  let user: pg.Client;
  beforeAll(async () => {
    database = await makeDatabase();
    user = new pg.Client({ connectionString: database.url });
    await user.connect();
    await user.query("create table moves (id text)");
    const pool = new pg.Pool({ connectionString: database.url, max: 1 });
    await localDatabase("warehouse", { owner: "stock", postgres: pool }).prepare();
    await pool.end();
  });
  beforeEach(() => user.query("truncate moves"));
  afterAll(async () => {
    await user.end();
    await database.drop();
  });

  const moves = async () => (await user.query<{ id: string }>("select id from moves")).rows;

  test("killed before it is sent: it is done by the next life", async () => {
    expect(await live("postgres", database.url, "before")).toEqual({ ...killed, said: [works] });
    const next = await live("postgres", database.url, "never");
    expect(next).toEqual({ signal: null, err: "", said: [works, { result: 1 }] });
    expect(await moves()).toEqual([{ id: "1" }]);
  });

  test("killed after it is answered: the next life finds it, and does nothing", async () => {
    expect(await live("postgres", database.url, "after")).toEqual({ ...killed, said: [works] });
    expect(await moves()).toEqual([{ id: "1" }]);
    const next = await live("postgres", database.url, "never");
    expect(next).toEqual({ signal: null, err: "", said: [{ result: 1 }] });
    expect(await moves()).toEqual([{ id: "1" }]);
  });

  test("killed right when it is sent, again and again: it is done once", async () => {
    // In one of them it comes through: then nothing is left to be committed, nor to die of.
    for (let life = 1; life <= 5; life += 1) await live("postgres", database.url, "sent");
    expect((await live("postgres", database.url, "never")).said.at(-1)).toEqual({ result: 1 });
    expect(await moves()).toEqual([{ id: "1" }]);
  });
});

describe("with another worker", () => {
  let database: TestDatabase;
  let user: pg.Client;
  let programs: Program[];
  beforeEach(async () => {
    programs = [];
    database = await makeDatabase();
    user = new pg.Client({ connectionString: database.url });
    await user.connect();
    await user.query("create table moves (id text)");
    const pool = new pg.Pool({ connectionString: database.url, max: 1 });
    await localDatabase("warehouse", { owner: "stock", postgres: pool }).prepare();
    await pool.end();
  });
  afterEach(async () => {
    for (const program of programs) program.kill("SIGKILL");
    await Promise.all(programs.map((program) => program.ended));
    await user.end();
    await database.drop();
  });

  const key = randomBytes(32).toString("base64");

  function start(which: string) {
    const env = { HOLDFAST_STORE_KEY: key };
    const program = startProgram(WORKER, [database.url, database.url, which], { env });
    programs.push(program);
    const lines = program.lines[Symbol.asyncIterator]();
    return { program, says: async () => (await lines.next()).value as unknown };
  }

  test("one that stands still in its work, and comes back when it was done, does nothing", async () => {
    // It has all runs to itself, until it is thought dead.
    const first = start("first");
    expect(await first.says()).toEqual(works);
    first.program.kill("SIGSTOP");
    const second = start("second");
    expect(await second.says()).toEqual(works);
    expect(await second.says()).toEqual({ result: "second" });
    first.program.tell("go on");
    first.program.kill("SIGCONT");
    expect(await first.says()).toEqual({ replaced: true });
    expect(await first.program.ended).toMatchObject({ code: 70 });
    expect((await user.query("select id from moves")).rows).toEqual([{ id: "1" }]);
  });
});

describe("on SQLite", () => {
  let place: string;
  beforeEach(async () => {
    place = join(folder, "user.db");
    const handle = new DatabaseSync(place);
    handle.exec("create table moves (id text)");
    await localDatabase("warehouse", { owner: "stock", sqlite: handle }).prepare();
    handle.close();
  });

  function moves() {
    const handle = new DatabaseSync(place);
    const found = handle.prepare("select id from moves").all();
    handle.close();
    return found;
  }

  test.each([
    ["before", [works, { result: 1 }], 0],
    ["after", [{ result: 1 }], 1],
  ] as const)("killed %s its commit", async (moment, said, done) => {
    expect(await live("sqlite", place, moment)).toEqual({ ...killed, said: [works] });
    expect(moves()).toHaveLength(done);
    expect(await live("sqlite", place, "never")).toEqual({ signal: null, err: "", said });
    expect(moves()).toEqual([{ id: "1" }]);
  });
});
