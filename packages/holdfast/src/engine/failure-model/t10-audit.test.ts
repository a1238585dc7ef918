/**
 * T10 of the failure model: whichever record of runs that were really done is changed, removed or cut
 * away, verifying the store fails and names the first bad one.
 */
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { JournalRecord } from "../../core/journal.ts";
import { verifyStore } from "../../store-sqlite/index.ts";
import { copyStore, runSql } from "../../store-sqlite/tampering.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
/** Changed, and made anew for each harm. */
let copy: string;
/** Of both runs, in order. */
let records: readonly JournalRecord[];

beforeEach(async () => {
  world = new TestWorld();
  copy = join(world.path, "..", "copy.db");
  const bank = world.counterpart("bank", "keys");
  const pay = testEffect("keyed", bank, "pay");
  const flow = testWorkflow("flow", async (input, run) => {
    await run.do(pay, input);
    await run.sleep("1h");
    await run.step("end", () => input.id);
    return input.id;
  });
  await world.begin([flow]);
  const runs = [await world.start(flow, { id: "1" }), await world.start(flow, { id: "2" })];
  for (const run of runs) await world.untilState(run, "completed");
  await world.close();
  records = (await Promise.all(runs.map((run) => world.records(run)))).flat();
  // Whoever reads in this world keeps its log open: what is copied is the file alone.
  runSql(world.path, "pragma wal_checkpoint(truncate)");
});
afterEach(() => world.remove());

async function damageAfter(sql: string) {
  copyStore(world.path, copy);
  runSql(copy, sql);
  const { isSound, damage } = await verifyStore({ path: copy });
  expect(isSound).toBe(false);
  return damage;
}

/** Ways to change a record: each record meets one of them. */
const CHANGES = [
  `head = '{"to":"none"}'`,
  "at_ms = at_ms + 1",
  "name = 'x'",
  "attempt = attempt + 1",
] as const;

const at = ({ run, seq }: JournalRecord) => `(run = ${String(run)} and seq = ${String(seq)})`;

test("nothing is found in what nobody has harmed", async () => {
  expect(records.length).toBeGreaterThan(10);
  copyStore(world.path, copy);
  expect(await verifyStore({ path: copy })).toMatchObject({ isSound: true, damage: [] });
});

test("a record that was changed is named, whichever it is", async () => {
  for (const [index, record] of records.entries()) {
    const change = CHANGES[index % CHANGES.length] ?? "";
    const [first] = await damageAfter(`update journal set ${change} where ${at(record)}`);
    expect(first).toMatchObject({ run: record.run, seq: record.seq });
  }
});

test("a record that was removed is missed, whichever it is", async () => {
  for (const record of records) {
    const [first] = await damageAfter(`delete from journal where ${at(record)}`);
    expect(first?.what).toMatch(/^record \d+ is missing/u);
  }
});

test("of two that were changed the first is named first", async () => {
  const [one] = records;
  const last = records.at(-1);
  if (one === undefined || last === undefined) throw new Error("there are none");
  const damage = await damageAfter(
    `update journal set at_ms = at_ms + 1 where ${at(one)} or ${at(last)}`,
  );
  expect(damage[0]).toMatchObject({ run: one.run, seq: one.seq });
});

test("what was cut away at the end is missed, with its flushes as without them", async () => {
  const last = "(select max(id) from flush)";
  expect(await damageAfter(`delete from flush where id = ${last}`)).not.toEqual([]);
  expect(
    await damageAfter(
      "delete from journal where pos > (select max(pos) from journal) - 3; delete from flush where id >= (select max(id) from flush) - 2",
    ),
  ).not.toEqual([]);
});
