/**
 * Conformance of a store that workers share: a shard has one owner, and who is not its owner any more
 * writes nothing to it, whatever it believes.
 */
import assert from "node:assert/strict";
import type { Store, StoreReader } from "../store/store.ts";
import { SAMPLE_START_MS, SYSTEM_RUN, exceptionRecord, openedHead } from "./sample-journal.ts";
import { BusyWriter, SharedWorker, inOrder, isReplaced, runsApart } from "./shared-worker.ts";

/** A store that workers share, made for one test, and what a test may do to it from outside. */
export interface SharedStoreUnderTest {
  /** Opens it for one more worker, which beats and looks only when `lookSoon` says so. */
  readonly join: () => Promise<Store>;
  /** As another process would open it; may be called often. Closed by `dispose`. */
  readonly openReader: () => Promise<StoreReader>;
  /** From now on its lease is over, as if it had not beaten for as long. It is not told. */
  readonly expire: (worker: Store) => Promise<void>;
  /**
   * Loses the answer to the next flush of whichever worker, which the store has done. Does nothing
   * where no answer can be lost.
   */
  readonly loseAnswer: () => void;
  /** Everything that is not as it was written, as sentences, as that of `StoreUnderTest`. */
  readonly damage: () => Promise<readonly string[]>;
  /** Releases everything, and every worker with it. */
  readonly dispose: () => Promise<void>;
}

export type OpenSharedStoreUnderTest = () => Promise<SharedStoreUnderTest>;

export type SharedStoreTests = Readonly<
  Record<string, (subject: SharedStoreUnderTest) => Promise<void>>
>;

const EVERY_SHARD: readonly number[] = Array.from({ length: 256 }, (_, shard) => shard);
/** Of what may go well by chance. */
const ROUNDS = 5;
const POSTED = { topic: "cancel", atMs: SAMPLE_START_MS, by: "worker", data: "{}" } as const;

export const sharedTests: SharedStoreTests = {
  "gives each shard to one of two that take it at once": async (subject) => {
    const { one, two } = await pair(subject);
    const backwards = EVERY_SHARD.toReversed();
    for (let round = 0; round < ROUNDS; round += 1) {
      await Promise.all([one.seesFree(EVERY_SHARD), two.seesFree(EVERY_SHARD)]);
      const [first, second] = await Promise.all([
        one.shards.take(EVERY_SHARD),
        two.shards.take(backwards),
      ]);
      assert.deepEqual(inOrder([...first.shards, ...second.shards]), EVERY_SHARD);
      await Promise.all([one.shards.release(first.shards), two.shards.release(second.shards)]);
    }
  },

  "gives no shard away that only an old look shows as free": async (subject) => {
    const { one, two, mine, other } = await pair(subject);
    assert.notEqual(one.shards.slot, two.shards.slot);
    await two.seesFree([mine.shard, other.shard]);
    await one.take(mine.shard);
    const { shards } = await two.shards.take([mine.shard, other.shard]);
    assert.deepEqual(shards, [other.shard]);
    await Promise.all([one.start(mine.run), two.start(other.run)]);
    const owners = await two.shards.homes([mine.run, other.run]);
    assert.deepEqual(
      new Map(owners.map(({ run, owner }) => [run, owner])),
      new Map([
        [mine.run, one.store.incarnation],
        [other.run, two.store.incarnation],
      ]),
    );
  },

  "refuses what a dead worker writes, and shows its heir all that it wrote": async (subject) => {
    const { one, two, mine, other } = await pair(subject);
    await one.take(mine.shard, other.shard);
    await one.start(mine.run);
    for (let flush = 0; flush < 3; flush += 1) await one.write(mine.run);
    await subject.expire(one.store);
    const { lastRun, lastOwners } = await two.take(mine.shard);
    assert.equal(lastRun, mine.run);
    const last = { incarnation: one.store.incarnation, clean: false };
    assert.deepEqual([...lastOwners], [[mine.shard, last]]);
    assert.deepEqual(await two.seqsOf(mine.run), [1, 2, 3, 4]);
    await assert.rejects(one.write(mine.run), isReplaced);
    assert.deepEqual(await two.seqsOf(mine.run), [1, 2, 3, 4]);
    two.sample.continueRun(mine.run, 4);
    await two.write(mine.run);
    assert.deepEqual(await two.seqsOf(mine.run), [1, 2, 3, 4, 5]);
    assert.deepEqual(await subject.damage(), []);
  },

  // Nobody has taken what it writes to: that it is dead is enough.
  "refuses what a dead worker writes to a shard that nobody has taken": async (subject) => {
    const { one, two, mine, other } = await pair(subject);
    await one.take(mine.shard, other.shard);
    await subject.expire(one.store);
    await two.take(mine.shard);
    await assert.rejects(one.start(other.run), isReplaced);
    assert.deepEqual(await two.seqsOf(other.run), []);
  },

  "has nothing to come once the shard of a worker at work was taken": async (subject) => {
    const { one, two, mine } = await pair(subject);
    await one.take(mine.shard);
    await one.start(mine.run);
    const busy = new BusyWriter(one, mine.run);
    await busy.atWork();
    await subject.expire(one.store);
    await two.take(mine.shard);
    await requireAllThere(two, mine.run, busy);
  },

  "has nothing to come once a shard was given away by a worker at work": async (subject) => {
    const { one, two, mine } = await pair(subject);
    await one.take(mine.shard);
    await one.start(mine.run);
    const busy = new BusyWriter(one, mine.run);
    await busy.atWork();
    await one.shards.release([mine.shard]);
    await two.take(mine.shard);
    await requireAllThere(two, mine.run, busy);
  },

  "lets a worker write to what it has kept, and nothing to what it gave away": async (subject) => {
    const { one, two, mine, other } = await pair(subject);
    await one.take(mine.shard, other.shard);
    await one.start(mine.run);
    await one.start(other.run);
    await one.shards.release([other.shard]);
    const { lastOwners } = await two.take(other.shard);
    assert.deepEqual([...lastOwners], []);
    await one.write(mine.run);
    // In one flush: what it may write is not written either.
    await assert.rejects(one.write(mine.run, other.run), isReplaced);
    assert.deepEqual(await two.seqsOf(mine.run), [1, 2]);
    assert.deepEqual(await two.seqsOf(other.run), [1]);
    two.sample.continueRun(other.run, 1);
    await two.write(other.run);
    assert.deepEqual(await subject.damage(), []);
  },

  "lets a dead worker leave no command, claim no key and change no gate": async (subject) => {
    const { one, two, mine, other } = await pair(subject);
    await one.take(mine.shard);
    assert.equal(await one.shards.saveGate("erp", 0, '{"a":1}'), true);
    await subject.expire(one.store);
    await two.take(mine.shard);
    await assert.rejects(one.shards.post([{ ...POSTED, id: "late", ...other }]), isReplaced);
    await assert.rejects(one.shards.claimKey(hash(1), other.shard), isReplaced);
    for (const [name, version] of [
      ["erp", 1],
      ["crm", 0],
    ] as const)
      assert.equal(await savedGate(one, name, version), false);
    assert.deepEqual(await two.shards.untaken(POSTED.topic, 10), []);
    assert.equal(await two.shards.claimKey(hash(1), mine.shard), mine.shard);
    const { gates, living } = await two.shards.gates(["erp", "crm"]);
    assert.deepEqual(gates, [{ integration: "erp", version: 1, state: '{"a":1}' }]);
    assert.deepEqual(living, [two.store.incarnation]);
  },

  "gives a key and a gate to one of two that want it at once": async (subject) => {
    const { one, two, mine, other } = await pair(subject);
    await Promise.all([one.take(mine.shard), two.take(other.shard)]);
    for (let round = 1; round <= ROUNDS; round += 1) {
      const [first, second] = await Promise.all([
        one.shards.claimKey(hash(round), mine.shard),
        two.shards.claimKey(hash(round), other.shard),
      ]);
      assert.equal(first, second, "both have claimed one key");
      assert.ok(first === mine.shard || first === other.shard);
      const saved = await Promise.all(
        [one, two].map(({ shards }) => shards.saveGate("erp", round - 1, "{}")),
      );
      assert.equal(saved.filter((isSaved) => isSaved).length, 1);
    }
  },

  "does a flush once whose answer was lost": async (subject) => {
    const { one, two, mine } = await pair(subject);
    await one.take(mine.shard);
    await one.start(mine.run);
    for (let round = 0; round < ROUNDS; round += 1) {
      subject.loseAnswer();
      // The second is under way when the first one's answer is lost.
      await Promise.all([one.write(mine.run), one.write(mine.run)]);
    }
    assert.deepEqual(
      await two.seqsOf(mine.run),
      one.sample.of(mine.run).map(({ seq }) => seq),
    );
    assert.deepEqual(await subject.damage(), []);
  },

  "lets two workers add to the same rows in opposite order": async (subject) => {
    const { one, two, mine, other } = await pair(subject);
    await Promise.all([one.take(mine.shard), two.take(other.shard)]);
    await Promise.all([one.start(mine.run), two.start(other.run)]);
    const names = ["a", "b", "c"];
    for (let round = 0; round < ROUNDS; round += 1) {
      await Promise.all([addTo(one, mine.run, names), addTo(two, other.run, names.toReversed())]);
    }
    const issues = await (await subject.openReader()).issues("place", 10);
    const counts = issues.map(({ openCount, totalCount }) => [openCount, totalCount]);
    assert.deepEqual(
      counts,
      names.map(() => [2 * ROUNDS, 2 * ROUNDS]),
    );
    assert.deepEqual(await subject.damage(), []);
  },
};

/** Two workers that have just joined, and a run for each, in different shards. */
async function pair(subject: SharedStoreUnderTest) {
  const one = new SharedWorker(await subject.join());
  const two = new SharedWorker(await subject.join());
  const [mine, other] = runsApart(one.shards, 2);
  assert.ok(mine !== undefined && other !== undefined);
  return { one, two, mine, other };
}

/** What the new owner has read is all there will ever be, and all that was acknowledged is in it. */
async function requireAllThere(heir: SharedWorker, run: number, busy: BusyWriter): Promise<void> {
  const found = await heir.seqsOf(run);
  const acknowledged = await busy.end();
  // It was started before.
  assert.ok(acknowledged + 1 <= found.length, "its heir has not read what was acknowledged");
  assert.deepEqual(await heir.seqsOf(run), found);
  heir.sample.continueRun(run, found.length);
  await heir.write(run);
  assert.deepEqual(await heir.seqsOf(run), [...found, found.length + 1]);
}

async function savedGate({ shards }: SharedWorker, name: string, version: number) {
  try {
    return await shards.saveGate(name, version, '{"late":1}');
  } catch (error) {
    // It may be told so, too.
    if (isReplaced(error)) return false;
    throw error;
  }
}

/** An exception of each group and a word on each integration, in this order, in one flush. */
function addTo(worker: SharedWorker, run: number, names: readonly string[]): Promise<void> {
  const { sample, store } = worker;
  for (const name of names) {
    sample.add(run, "opened", openedHead({ record: exceptionRecord(name) }), { name: "pay" });
    const said = { integration: name, to: "open", reason: "r", probeAtMs: null } as const;
    sample.add(SYSTEM_RUN, "dependency", { ...said, class: "unavailable" });
  }
  return sample.flushTo(store);
}

/** Stands for a keyed hash, as that of a run's key does. */
function hash(of: number): string {
  return of.toString(16).padStart(64, "0");
}
