/**
 * MariaDB's refusals, provoked on a real server of one's own and put to the command line: each has the
 * number that was expected, and means what the table says. The claim about the effect is held against
 * the server's tables. Needs the Debian package mariadb-server.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { holdfastCli } from "../command-line/processes.ts";
import { startMariaDb, type MariaDb } from "../corpus/held-mariadb-server.ts";
import { hasProgram } from "../corpus/last-servers.ts";

const SETUP = `
  create database shop; use shop;
  create table work (k varchar(90) primary key) engine innodb;
  create table customer (id int primary key) engine innodb;
  create table orders (id int primary key, customer int not null, amount int check (amount > 0),
    foreign key (customer) references customer (id)) engine innodb;
  create table hot (id int primary key, n int not null) engine innodb;
  create table heavy (id int primary key) engine innodb;
  create table small (t char(250)) engine memory;
  insert into customer values (1); insert into hot values (1, 0), (2, 0);
  create user clerk identified by 'right' with max_user_connections 1; grant select, insert on shop.work to clerk;
  create procedure until_somebody_waits() begin
    while not exists (select 1 from information_schema.innodb_trx where trx_state = 'LOCK WAIT') do do 0; end while;
  end`;
const CLERK = { user: "clerk", password: "right" };

let folder: string;
let server: MariaDb;

beforeAll(async () => {
  if (!hasProgram("mariadbd")) throw new Error("mariadbd is missing: install mariadb-server");
  folder = mkdtempSync(join(tmpdir(), "holdfast-mariadb-"));
  server = await startMariaDb(folder);
  const { error } = await server.run(`delimiter //\n${SETUP}//\n`, { database: "" });
  if (error !== undefined) throw new Error(error.message);
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const Told = z.object({
  failure: z.object({ class: z.string(), effect: z.string(), rule: z.object({ id: z.string() }) }),
});

type Phase = "connecting" | "in-transaction" | "commit-sent";
interface Claim {
  readonly rule: string;
  readonly says: string;
  readonly phase?: Phase;
}

/** What was refused is not there, and the command line says what the table says of its number. */
async function expectClaim(
  error: Awaited<ReturnType<MariaDb["run"]>>["error"],
  errno: number,
  { rule, says, phase = "in-transaction" }: Claim,
): Promise<void> {
  expect(error).toMatchObject({ errno });
  const words = ["--protocol", "mysql", "--code", String(errno), "--phase", phase, "--json"];
  const { out, err } = await holdfastCli(["classify", ...words]);
  expect(err).toBe("");
  const { failure } = Told.parse(JSON.parse(out));
  expect(`${failure.rule.id}: ${failure.class}, ${failure.effect}`).toBe(`${rule}: ${says}`);
}

/** In one transaction with a row of the ledger; the client gives it up when it is refused. */
const work = (key: string, text: string): string =>
  `begin; insert into work values ('${key}'); ${text}; commit;`;

const order = (values: string): string => `insert into orders values (${values})`;

const REFUSALS: readonly (readonly [number, string, string, string])[] = [
  [1062, "mysql/duplicate", "data, never", "insert into customer values (1)"],
  [1452, "mysql/missing-reference", "data, never", order("2, 77, 1")],
  [1048, "mysql/constraint", "data, never", order("2, null, 1")],
  [4025, "mysql/constraint", "data, never", order("2, 1, 0")],
  [1264, "mysql/value", "data, never", order("2, 1, 99999999999")],
  [1365, "mysql/value", "data, never", order("2, 1, 1 / 0")],
  [1644, "mysql/raised", "data, never", "signal sqlstate '45000' set message_text = 'no'"],
  [1064, "mysql/statement", "defect, never", "selct 1"],
  [1054, "mysql/statement", "defect, never", "select colour from hot"],
  [1146, "mysql/missing-table", "misconfigured, never", "select * from nowhere"],
  [
    1114,
    "mysql/disk-full",
    "exhausted, never",
    "insert into small select repeat('x', 250) from seq_1_to_5000",
  ],
  [
    1969,
    "mysql/statement-timeout",
    "transient, never",
    "set statement max_statement_time = 0.05 for select sleep(60) from hot",
  ],
];

describe("a statement that is refused", () => {
  test.each(REFUSALS)("with %i", async (errno, rule, says, text) => {
    const key = `refused ${String(errno)}`;
    const { error } = await server.run(work(key, text));
    await expectClaim(error, errno, { rule, says });
    expect(await server.done(key)).toBe("not");
  });

  test("because the transaction, or the server, is only to be read", async () => {
    const text = "start transaction read only; insert into hot values (9, 0)";
    const { error } = await server.run(text);
    await expectClaim(error, 1792, { rule: "mysql/read-only-transaction", says: "defect, never" });
    await server.run("set global read_only = 1");
    const refused = await server.run("insert into work values ('read only')", CLERK);
    await server.run("set global read_only = 0");
    await expectClaim(refused.error, 1290, { rule: "mysql/read-only", says: "unavailable, never" });
    expect(await server.done("read only")).toBe("not");
  });
});

describe("a lost race", () => {
  test("for a lock that somebody holds", async () => {
    const holder = await server.hold("begin; update hot set n = 1 where id = 1");
    const { error } = await server.run(
      work("lock", "select * from hot where id = 1 for update nowait"),
    );
    await holder.end();
    await expectClaim(error, 1205, { rule: "mysql/lock-timeout", says: "contention, never" });
    expect(await server.done("lock")).toBe("not");
  });

  test("in a deadlock, for the one that has done less", async () => {
    const patient = "set innodb_lock_wait_timeout = 60; begin";
    const fill = "insert into heavy select seq from seq_1_to_900";
    const heavy = await server.hold(`${patient}; ${fill}; update hot set n = 1 where id = 1`);
    const light = await server.hold(
      `${patient}; insert into work values ('deadlock'); update hot set n = 2 where id = 2`,
    );
    heavy.ask("update hot set n = 3 where id = 2");
    const error = await light.failed(
      "call until_somebody_waits(); update hot set n = 4 where id = 1",
    );
    await heavy.end();
    await expectClaim(error, 1213, { rule: "mysql/deadlock", says: "contention, never" });
    expect(await server.done("deadlock")).toBe("not");
  });
});

describe("a connection", () => {
  test.each([
    [1045, { user: "clerk", password: "wrong" }],
    [1049, { database: "nowhere" }],
  ])("is refused with %i", async (errno, options) => {
    const { error } = await server.run("select 1", options);
    const claim = {
      rule: "mysql/access",
      says: "misconfigured, never",
      phase: "connecting",
    } as const;
    await expectClaim(error, errno, claim);
  });

  test("is one too many", async () => {
    const first = await server.hold("select 1", CLERK);
    const { error } = await server.run("select 1", CLERK);
    await first.end();
    const claim = {
      rule: "mysql/connections",
      says: "throttled, never",
      phase: "connecting",
    } as const;
    await expectClaim(error, 1226, claim);
  });

  test("is not made where nobody listens", async () => {
    const { error } = await server.run("select 1", { port: 1 });
    const claim = {
      rule: "mysql/not-connected",
      says: "unavailable, never",
      phase: "connecting",
    } as const;
    await expectClaim(error, 2002, claim);
  });

  test("is ended in a transaction, or while a statement that commits by itself runs", async () => {
    const rule = "mysql/connection";
    const idle = await server.hold("begin; insert into work values ('killed')", CLERK);
    await server.run("kill user clerk");
    const error = await idle.failed("commit");
    expect([1927, 2006, 2013]).toContain(error?.["errno"]);
    await expectClaim(error, Number(error?.["errno"]), { rule, says: "unavailable, never" });
    expect(await server.done("killed")).toBe("not");
    const claim = { rule, says: "unavailable, maybe", phase: "commit-sent" } as const;
    await expectClaim(error, Number(error?.["errno"]), claim);
  });
});
