/** Each check of `holdfast doctor` for a store on PostgreSQL, on real servers: well, and not. */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Finding } from "../core/doctor/finding.ts";
import { systemClock } from "../engine/clock.ts";
import { everyKind } from "../testing/sample-every-kind.ts";
import { findPostgres } from "../testing/postgres-programs.ts";
import { startPostgresServer } from "../testing/postgres-server.ts";
import type { PostgresStore } from "./index.ts";
import { lookAtPostgres } from "./look.ts";
import { joinStore, takeOnceFree } from "./shared-worker.test-support.ts";
import {
  KEY,
  type TestDatabase,
  makeDatabase,
  makeDatabaseWith,
  makeEmptyDatabase,
  openStore,
  outwaitLeases,
  runSql,
} from "./test-store.test-support.ts";

let database: TestDatabase;
let folder: string;
const opened: PostgresStore[] = [];
beforeEach(async () => {
  database = await makeDatabase();
  folder = mkdtempSync(join(tmpdir(), "holdfast-look-"));
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.abandon();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

type Options = Parameters<typeof lookAtPostgres>[0];

const ENV = { HOLDFAST_STORE_KEY: Buffer.from(KEY).toString("base64") };

async function look(over: Partial<Options> = {}) {
  const found = new Map<string, Finding>();
  const options = {
    url: database.url,
    nowMs: () => systemClock.nowMs(),
    statementMsMax: 30_000,
    env: ENV,
    ...over,
  };
  const isThere = await lookAtPostgres(options, (finding) => found.set(finding.check, finding));
  return { found, isThere };
}

async function made(over: Parameters<typeof openStore>[1] = {}): Promise<PostgresStore> {
  const store = await openStore(database.url, over);
  opened.push(store);
  return store;
}

const nameIn = (url: string) => new URL(url).pathname.slice(1);

describe("a store at which all is well", () => {
  test("has nothing to be mended", async () => {
    const anchorFile = join(folder, "anchor");
    const store = await made({ anchorFile, leaseMs: 600_000 });
    await everyKind(store).flushTo(store);
    const { found, isThere } = await look({ anchorFile });
    expect([...found.values()].filter(({ level }) => level !== "ok")).toEqual([]);
    expect(isThere).toBe(true);
    expect([...found.keys()]).toEqual([
      "server-version",
      "writable",
      "encoding",
      "sync",
      "checksums",
      "commit",
      "time-limits",
      "connections",
      "clock",
      "standby",
      "store",
      "rights",
      "key",
      "anchor",
      "shards",
      "engine",
    ]);
    expect(found.get("engine")?.what).toBe("an engine has the store for itself");
  });

  test("is looked at by a session that the server lets write nothing", async () => {
    await made({ leaseMs: 600_000 });
    // Whoever reads the beats through this writes.
    await runSql(
      database.url,
      `alter table heartbeat rename to beats;
        create function writes() returns setof beats language plpgsql as $$
          begin update holdfast.beats set beat_at_ms = 1; return query select * from holdfast.beats; end $$;
        create view heartbeat as select * from writes()`,
    );
    expect((await look()).found.get("engine")).toMatchObject({
      level: "fail",
      code: "HF5002",
      what: expect.stringContaining("read-only transaction"),
    });
  });
});

describe("the server", () => {
  test("that is not there, or does not answer, is named with its address", async () => {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    // A server that listens on a port has an address of this form.
    const { port } = server.address() as AddressInfo;
    const { found, isThere } = await look({ url: `postgres://u:secret@127.0.0.1:${port}/shop` });
    expect(isThere).toBe(false);
    expect([...found.values()]).toMatchObject([
      {
        check: "server",
        level: "fail",
        code: "HF5002",
        what: expect.stringContaining(`u@127.0.0.1:${port}/shop`),
      },
    ]);
    server.close();
  });

  test("with settings under which a store is lost or stands still fails one by one", async () => {
    const programs = findPostgres();
    const initdb = join(folder, "initdb");
    // As somebody makes it who thinks of nothing: without checksums, whatever the version does by itself.
    writeFileSync(
      initdb,
      `#!/bin/sh
words=""
for word in "$@"; do [ "$word" = --data-checksums ] || words="$words $word"; done
"${programs.initdb}" --help | grep -q -e --no-data-checksums && words="$words --no-data-checksums"
exec "${programs.initdb}" $words
`,
    );
    chmodSync(initdb, 0o755);
    chmodSync(folder, 0o755);
    const server = await startPostgresServer({
      fsync: false,
      programs: { ...programs, initdb },
      settings: {
        max_connections: "6",
        synchronous_commit: "off",
        synchronous_standby_names: "elsewhere",
      },
    });
    try {
      const { found, isThere } = await look({ url: server.url() });
      expect(isThere).toBe(false);
      expect(Object.fromEntries([...found].map(([check, { level }]) => [check, level]))).toEqual({
        "server-version": "ok",
        writable: "ok",
        encoding: "ok",
        sync: "fail",
        checksums: "warn",
        commit: "warn",
        "time-limits": "ok",
        connections: "fail",
        clock: "ok",
        standby: "fail",
        store: "fail",
      });
      expect(found.get("sync")?.code).toBe("HF5005");
      expect(found.get("standby")?.what).toContain("elsewhere");
      expect(found.get("connections")?.what).toContain("a worker needs 3");
    } finally {
      await server.stop();
    }
  }, 60_000);

  test("whose clock is another one is told by how much, and not for the time that an answer takes", async () => {
    await made();
    for (const [aheadMs, level, said] of [
      [5_000, "warn", "is 5 s behind"],
      [-5_000, "warn", "is 5 s ahead of"],
      [3_600_000, "fail", "is 60 m behind"],
    ] as const) {
      const { found } = await look({ nowMs: () => systemClock.nowMs() + aheadMs });
      expect(found.get("clock")).toMatchObject({ level, what: expect.stringContaining(said) });
    }
    // It took ten seconds to hear of the database's clock.
    let asked = 0;
    const { found } = await look({ nowMs: () => systemClock.nowMs() - 5_000 + 10_000 * asked++ });
    expect(found.get("clock")?.level).toBe("ok");
  });

  test("that ends statements of this role by a limit is told of, as one that does not hold", async () => {
    await made();
    const name = nameIn(database.url);
    await runSql(database.url, `alter database ${name} set statement_timeout = '7s'`);
    const { found } = await look();
    expect(found.get("time-limits")).toMatchObject({
      level: "ok",
      what: expect.stringContaining("statement_timeout = 7000ms"),
    });
  });

  test("whose limit for this role or this database is reached says how many connections are left", async () => {
    await made();
    const name = nameIn(database.url);
    await runSql(database.url, `alter database ${name} connection limit 8`);
    const { found } = await look();
    expect(found.get("connections")).toMatchObject({
      level: "warn",
      what: expect.stringContaining("of 8 connections"),
    });
  });
});

describe("the database", () => {
  test("in another encoding, or read-only, is refused as a start refuses it", async () => {
    const latin = await makeDatabaseWith("encoding 'LATIN1' locale 'C' template template0");
    expect((await look({ url: latin.url })).found.get("encoding")).toMatchObject({
      level: "fail",
      code: "HF5002",
      fix: expect.stringContaining("encoding 'UTF8'"),
    });
    await latin.drop();
    const name = nameIn(database.url);
    await runSql(database.url, `alter database ${name} set default_transaction_read_only = on`);
    expect((await look()).found.get("writable")).toMatchObject({ level: "fail", code: "HF5002" });
  });

  test("without a store, with a newer and with an older one", async () => {
    const empty = await makeEmptyDatabase();
    const none = await look({ url: empty.url });
    expect(none.isThere).toBe(false);
    expect(none.found.get("store")).toMatchObject({ level: "fail", code: "HF5002" });
    await empty.drop();
    await made();
    await runSql(database.url, "update schema_version set version = 1");
    expect((await look()).found.get("store")).toMatchObject({
      level: "warn",
      what: expect.stringContaining("this build brings it to"),
    });
    await runSql(database.url, "update schema_version set version = 99");
    expect((await look()).found.get("store")).toMatchObject({ level: "fail", code: "HF5010" });
  });

  test("in which this role lacks a right names the table", async () => {
    await made();
    const role = `role_${randomBytes(6).toString("hex")}`;
    await runSql(
      database.url,
      `create role ${role} login; grant usage on schema holdfast to ${role};
        grant select on all tables in schema holdfast to ${role}`,
    );
    const url = new URL(database.url);
    url.username = role;
    const { found, isThere } = await look({ url: url.toString() });
    await runSql(database.url, `revoke select on holdfast.review from ${role}`);
    const blind = await look({ url: url.toString() });
    await runSql(database.url, `drop owned by ${role}; drop role ${role}`);
    expect(found.get("rights")).toMatchObject({
      level: "fail",
      code: "HF5002",
      what: expect.stringContaining("effect (insert, update, delete)"),
    });
    // What it may see is looked at all the same; but not the work, of which it may not see all.
    expect(found.get("engine")?.level).toBe("ok");
    expect([isThere, blind.isThere]).toEqual([true, false]);
  });
});

describe("what belongs to the store", () => {
  test("its key: not given, of another store, and a row of its own that was changed", async () => {
    await made();
    expect((await look({ env: {} })).found.get("key")).toMatchObject({
      level: "warn",
      code: "HF5009",
      what: expect.stringContaining("not looked at"),
    });
    const other = { HOLDFAST_STORE_KEY: Buffer.alloc(32, 1).toString("base64") };
    expect((await look({ env: other })).found.get("key")).toMatchObject({
      level: "fail",
      code: "HF5009",
    });
    await runSql(database.url, "update meta set created_at_ms = created_at_ms + 1");
    expect((await look()).found.get("key")).toMatchObject({ level: "fail", code: "HF5006" });
  });

  test("its anchor: not named, missing, and newer than the store", async () => {
    const anchorFile = join(folder, "anchor");
    const store = await made({ anchorFile });
    await everyKind(store).flushTo(store);
    await store.close();
    expect((await look()).found.get("anchor")).toMatchObject({ level: "warn" });
    const gone = await look({ anchorFile: `${anchorFile}.gone` });
    expect(gone.found.get("anchor")).toMatchObject({
      level: "warn",
      what: expect.stringContaining("is missing"),
    });
    expect((await look({ anchorFile })).found.get("anchor")?.level).toBe("ok");
    await runSql(database.url, "delete from flush where closed = 1");
    expect((await look({ anchorFile })).found.get("anchor")).toMatchObject({
      level: "fail",
      code: "HF5007",
    });
  });
});

describe("who works on the store", () => {
  test("nobody, and one that has not shown itself for longer than its lease", async () => {
    const store = await made({ leaseMs: 600_000 });
    await outwaitLeases(database.url);
    expect((await look()).found.get("engine")).toMatchObject({
      level: "warn",
      what: expect.stringMatching(/^1 worker has not shown for .* beyond the lease; 0 live$/u),
    });
    await store.close();
    expect((await look()).found.get("engine")).toMatchObject({
      level: "warn",
      what: expect.stringContaining("no engine runs"),
    });
  });

  test("shards of one that has not shown itself for longer than its lease, and is not put out yet", async () => {
    const worker = await joinStore(database.url, { leaseMs: 600_000 });
    const next = await joinStore(database.url, { leaseMs: 600_000 });
    await takeOnceFree(worker, 5);
    const silent = String(worker.store.incarnation);
    await runSql(database.url, `update heartbeat set beat_at_ms = 0 where incarnation = ${silent}`);
    expect((await look()).found.get("shards")?.what).toMatch(/^256 shards/u);
    await worker.store.abandon();
    await next.store.abandon();
  });

  test("shards that nobody who lives has", async () => {
    const worker = await joinStore(database.url);
    await takeOnceFree(worker, 5);
    expect((await look()).found.get("shards")).toMatchObject({
      level: "warn",
      what: "255 shards have no living owner: their runs stand",
    });
    const dead = worker.store.incarnation;
    const next = await joinStore(database.url);
    await runSql(database.url, `update worker set alive = 0 where incarnation = ${String(dead)}`);
    expect((await look()).found.get("shards")?.what).toMatch(/^256 shards/u);
    await worker.store.abandon();
    await next.store.abandon();
  });
});
