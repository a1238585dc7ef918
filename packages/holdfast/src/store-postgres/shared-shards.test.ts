/** What only this driver can say of workers that share it; the rest is in the kit for stores. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SampleJournal, finishedHead } from "../testing/sample-journal.ts";
import { type PostgresStore, type Ticks, verifyPostgresStore } from "./index.ts";
import { runShard } from "./shard.ts";
import {
  type Worker,
  expire,
  headIn,
  isFree,
  joinStore,
  takeOnceFree,
} from "./shared-worker.test-support.ts";
import { systemTicks } from "./ticks.ts";
import {
  KEY,
  type TestDatabase,
  makeDatabase,
  openStore,
  runSql,
} from "./test-store.test-support.ts";

let database: TestDatabase;
const opened: PostgresStore[] = [];

beforeEach(async () => {
  database = await makeDatabase();
});

afterEach(async () => {
  for (const store of opened.splice(0)) await store.abandon();
  await database.drop();
});

async function join(leaseMs = 3_000, ticks: Ticks = systemTicks): Promise<Worker> {
  const worker = await joinStore(database.url, { leaseMs, ticks });
  opened.push(worker.store);
  return worker;
}

/** As if the other one had not beaten for a lease; it may just have done so, and is dead then again. */
async function takeFromDead(thief: Worker, victim: Worker, shard: number): Promise<void> {
  const ends = { isTaken: false };
  const taking = async () => {
    await takeOnceFree(thief, shard);
    ends.isTaken = true;
  };
  const dying = async () => {
    while (!ends.isTaken) {
      await expire(database.url, victim);
      thief.shards.lookSoon();
    }
  };
  await Promise.all([taking(), dying()]);
}

/** A long form of the test of stolen shards: HOLDFAST_STEALS=300. */
const STEALS = Number(process.env["HOLDFAST_STEALS"] ?? 12);
/** More than a worker gets through before its shard is taken. */
const FLUSHES_MAX = 20_000;

/** Flushes one record after the other. Answers which were acknowledged, and why it ended. */
async function writeUntilRefused({ store }: Worker, sample: SampleJournal, run: number) {
  const acknowledged: number[] = [];
  for (let flush = 0; flush < FLUSHES_MAX; flush += 1) {
    const seq = sample.add(run, "result", null, { name: "step" });
    try {
      await sample.flushTo(store);
    } catch (error) {
      return { acknowledged, error };
    }
    acknowledged.push(seq);
  }
  return { acknowledged, error: null };
}

/** Gives up shard 5, which the other one takes. */
async function hand(from: Worker, to: Worker): Promise<void> {
  await from.shards.release([5]);
  await to.sees(isFree(5));
  expect((await to.shards.take([5])).shards).toEqual([5]);
}

/** One record of run 1, in a flush of its own. */
async function write(writer: Worker, sample: SampleJournal, name: string, seq: number) {
  sample.add(1, seq === 1 ? "started" : "result", seq === 1 ? headIn(1, 5) : null, { name });
  const [record] = sample.records.slice(-1);
  if (record !== undefined) Object.assign(record, { seq });
  await sample.flushTo(writer.store);
}

describe("a worker of a shared store", () => {
  test("is refused beside an engine that has the store for itself, and refuses one", async () => {
    const one = await join();
    await expect(openStore(database.url)).rejects.toMatchObject({
      code: "HF5004",
      remedy: expect.stringContaining("shared: true") as string,
    });
    await one.store.close();
    opened.push(await openStore(database.url));
    await expect(join()).rejects.toMatchObject({ code: "HF5004" });
  });

  test("keeps what it has when it takes by an old look", async () => {
    const one = await join();
    await one.sees(isFree(5));
    expect((await one.shards.take([5])).shards).toEqual([5]);
    expect((await one.shards.take([5])).shards).toEqual([]);
    const sample = new SampleJournal();
    sample.add(1, "started", headIn(1, 5));
    await sample.flushTo(one.store);
  });

  test("cannot write to a shard of its own with the epoch of an earlier time", async () => {
    const one = await join();
    await takeOnceFree(one, 5);
    await runSql(database.url, "update shard set epoch = epoch + 1 where id = 5");
    const sample = new SampleJournal();
    sample.add(1, "started", headIn(1, 5));
    await expect(sample.flushTo(one.store)).rejects.toMatchObject({ code: "HF5012" });
  });

  test("reads again what another owner has made of a run meanwhile", async () => {
    const [one, two] = [await join(), await join()];
    const samples = [new SampleJournal(), new SampleJournal()] as const;
    await one.sees(isFree(5));
    await one.shards.take([5]);
    await write(one, samples[0], "", 1);
    await hand(one, two);
    // It waits for an event now, which the first owner does not know of by itself.
    samples[1].add(1, "awaited", { event: "paid", key: "k", dueAtMs: null }, { name: "paid" });
    Object.assign(samples[1].records[0] ?? {}, { seq: 2 });
    await samples[1].flushTo(two.store);
    await hand(two, one);
    samples[0].add(1, "finished", finishedHead());
    Object.assign(samples[0].records[1] ?? {}, { seq: 3 });
    await samples[0].flushTo(one.store);
    const [stored] = await two.store.load([1]);
    expect(stored?.records.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    const paid = { namespace: "main", event: "paid", key: "k" };
    expect(await two.store.awaiting(paid, 10)).toEqual([]);
    const { damage } = await verifyPostgresStore({ url: database.url, key: KEY });
    expect(damage).toEqual([]);
  });

  test("loses its shards to the others when its lease has run out, and only then", async () => {
    const [one, two] = [await join(), await join()];
    await one.sees(isFree(5));
    await one.shards.take([5]);
    const seen = await two.sees(({ workers }) => workers.some(({ shardCount }) => shardCount > 0));
    expect(seen.free).not.toContain(5);
    await one.store.abandon();
    await expire(database.url, one);
    await two.sees(isFree(5));
    expect((await two.shards.take([5])).shards).toEqual([5]);
  });

  test("is told who had the shards that it takes, and whether that one had closed its store", async () => {
    const [dead, left, still] = [await join(), await join(), await join()];
    for (const [worker, shard] of [
      [dead, 5],
      [left, 6],
      [still, 7],
    ] as const) {
      await worker.sees(isFree(shard));
      await worker.shards.take([shard]);
      const sample = new SampleJournal();
      sample.add(shard, "started", headIn(shard, shard));
      await sample.flushTo(worker.store);
    }
    await still.shards.release([7]);
    await left.store.close();
    await dead.store.abandon();
    await expire(database.url, dead);
    const next = await join();
    await next.sees((seen) => [5, 6, 7].every((shard) => isFree(shard)(seen)));
    const { lastOwners } = await next.shards.take([5, 6, 7]);
    expect([...lastOwners]).toEqual([
      [5, { incarnation: dead.store.incarnation, clean: false }],
      [6, { incarnation: left.store.incarnation, clean: true }],
    ]);
  });

  test(
    `has written nothing behind when its shard is taken in the middle of its flushes (${STEALS} times)`,
    async () => {
      const thief = await join();
      let written = 0;
      for (let run = 1; run <= STEALS; run += 1) {
        const victim = await join();
        await takeOnceFree(victim, 5);
        const sample = new SampleJournal();
        sample.add(run, "started", headIn(run, 5, run));
        await sample.flushTo(victim.store);
        const writing = writeUntilRefused(victim, sample, run);
        await takeFromDead(thief, victim, 5);
        // What the next owner reads now is all there will ever be.
        const [stored] = await thief.store.load([run]);
        const { acknowledged, error } = await writing;
        expect(error).toMatchObject({ code: "HF5012" });
        const seen = new Set(stored?.records.map(({ seq }) => seq));
        expect(acknowledged.filter((seq) => !seen.has(seq))).toEqual([]);
        expect((await thief.store.load([run]))[0]).toEqual(stored);
        written += acknowledged.length;
        await victim.store.abandon();
        await thief.shards.release([5]);
      }
      // The shards were taken in the middle of work.
      expect(written).toBeGreaterThan(STEALS * 2);
      const { damage } = await verifyPostgresStore({ url: database.url, key: KEY });
      expect(damage).toEqual([]);
    },
    STEALS * 5_000,
  );

  test("does not know that it lives when its beat was not confirmed for two thirds of its lease", async () => {
    let ahead = 0;
    const ticks: Ticks = {
      ...systemTicks,
      nowMs: () => systemTicks.nowMs() + ahead,
      // It beats when it is told to.
      after: () => () => undefined,
    };
    const { shards } = await join(30_000, ticks);
    expect(shards.confirmed()).toBe(null);
    ahead = 20_001;
    const unsure = shards.confirmed();
    expect(unsure).not.toBe(null);
    shards.lookSoon();
    await unsure;
    expect(shards.confirmed()).toBe(null);
  });

  test("leaves commands for a shard, which its owner finds, and reads their answers", async () => {
    const [one, two] = [await join(), await join()];
    await two.sees(isFree(5));
    await two.shards.take([5]);
    const command = { topic: "cancel", atMs: 1, by: "worker", data: "{}" } as const;
    await one.shards.post([
      { ...command, id: "a", shard: 5 },
      { ...command, id: "a", shard: 5 },
      { ...command, id: "b", shard: 6 },
    ]);
    expect((await two.store.inbox(10, [5])).map(({ id }) => id)).toEqual(["a"]);
    await two.sees(({ hasCommands }) => hasCommands);
    await new SampleJournal().flushTo(two.store, [{ id: "a", answer: '{"ok":true}' }]);
    expect(await one.shards.answers(["a", "b"])).toEqual([["a", '{"ok":true}']]);
    // The shard of this one is nobody's: taking it is stopped as any write there would be.
    const stray = new SampleJournal();
    stray.batch();
    await expect(stray.flushTo(two.store, [{ id: "b", answer: "{}" }])).rejects.toMatchObject({
      code: "HF5012",
    });
  });

  test("says that it was replaced when its successor has taken the command that it takes", async () => {
    const [one, two] = [await join(), await join()];
    await one.sees(isFree(5));
    await one.shards.take([5]);
    const command = { id: "a", atMs: 1, by: "worker", data: "{}", shard: 5 };
    await one.shards.post([{ ...command, topic: "cancel" }]);
    await expire(database.url, one);
    await takeOnceFree(two, 5);
    const answer = [{ id: "a", answer: "{}" }];
    await new SampleJournal().flushTo(two.store, answer);
    await expect(new SampleJournal().flushTo(one.store, answer)).rejects.toMatchObject({
      code: "HF5012",
    });
  });

  test("gives a key to the shard that claims it first, until that shard gives it up", async () => {
    const [one, two] = [await join(), await join()];
    await takeOnceFree(one, 5);
    await takeOnceFree(two, 6);
    const hash = "ab".repeat(32);
    expect(await one.shards.claimKey(hash, 5)).toBe(5);
    expect(await two.shards.claimKey(hash, 6)).toBe(5);
    await two.shards.unclaimKey(hash, 6);
    expect(await two.shards.claimKey(hash, 6)).toBe(5);
    await one.shards.unclaimKey(hash, 5);
    expect(await two.shards.claimKey(hash, 6)).toBe(6);
  });

  test("gives up and claims no key any more once another has its shard, or it was replaced", async () => {
    const [one, two] = [await join(), await join()];
    await takeOnceFree(one, 5);
    const [hash, other] = ["ab".repeat(32), "cd".repeat(32)];
    await one.shards.claimKey(hash, 5);
    await expire(database.url, one);
    await takeOnceFree(two, 5);
    await one.shards.unclaimKey(hash, 5);
    expect(await two.shards.claimKey(hash, 6)).toBe(5);
    await expect(one.shards.claimKey(other, 5)).rejects.toMatchObject({ code: "HF5012" });
    expect(await two.shards.claimKey(other, 6)).toBe(6);
  });

  test("shares a gate: of two that have read the same, one puts down what becomes of it", async () => {
    const [one, two] = [await join(), await join()];
    expect((await one.shards.gates(["erp"])).gates).toEqual([]);
    expect(await one.shards.saveGate("erp", 0, '{"a":1}')).toBe(true);
    expect(await two.shards.saveGate("erp", 0, '{"a":2}')).toBe(false);
    const seen = await two.shards.gates(["erp", "crm"]);
    expect(seen.gates).toEqual([{ integration: "erp", version: 1, state: '{"a":1}' }]);
    expect(new Set(seen.living)).toEqual(new Set([one.store.incarnation, two.store.incarnation]));
    const both = await Promise.all(
      [one, two].map(({ shards }) => shards.saveGate("erp", 1, '{"a":3}')),
    );
    expect(both.filter((saved) => saved)).toHaveLength(1);
    expect((await one.shards.gates(["erp"])).gates).toMatchObject([{ version: 2 }]);
  });

  test("finds no gates of an earlier time after an engine has had the store for itself", async () => {
    const one = await join();
    await one.shards.saveGate("erp", 0, "{}");
    await one.store.close();
    await (await openStore(database.url)).close();
    expect((await (await join()).shards.gates(["erp"])).gates).toEqual([]);
  });

  test("has the newest word on a dependency by the shared clock, whoever wrote it when", async () => {
    const [one, two] = [await join(), await join()];
    const samples = [new SampleJournal(), new SampleJournal()] as const;
    const said = { integration: "erp", reason: "r", probeAtMs: null } as const;
    // The clock of the first is behind: its record says when by the clock of all.
    samples[0].add(0, "dependency", { ...said, to: "closed", atMs: 2_000 });
    samples[1].add(0, "dependency", { ...said, to: "open", class: "unavailable", atMs: 1_000 });
    await samples[0].flushTo(one.store);
    await samples[1].flushTo(two.store);
    const [row] = await one.store.dependencies();
    expect(row).toMatchObject({ state: "closed", sinceMs: 2_000 });
    const { damage } = await verifyPostgresStore({ url: database.url, key: KEY });
    expect(damage).toEqual([]);
  });

  test("places a run by its lane, and else by its key", async () => {
    const { shards } = await join();
    const start = { namespace: "main", lane: null, keyHash: `${"0".repeat(62)}1f` };
    expect(shards.ofStart(start)).toBe(31);
    expect(shards.ofStart({ ...start, lane: "a" })).toBe(runShard({ ...start, lane: "a" }));
  });
});
