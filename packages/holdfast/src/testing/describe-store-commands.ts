/** Conformance: commands that were taken, and how they are forgotten. */
import assert from "node:assert/strict";
import { COMMAND_KEPT_MS_MIN } from "../store/forgotten-commands.ts";
import type { Store, StoreReader } from "../store/store.ts";
import type { StoreTests } from "./describe-store.ts";
import { SAMPLE_START_MS, SampleJournal, startedHead } from "./sample-journal.ts";

const ANSWER = '{"ok":true}';
/** Late enough that only the store's own bound counts. */
const FOREVER_MS = SAMPLE_START_MS * 2;

export const commandTests: StoreTests = {
  "forgets commands by whole flushes, the oldest first, and stays sound": async (subject) => {
    const { store, openReader, reopen, damage } = subject;
    const reader = await openReader();
    // Ids whose order is another by bytes than by code units, and not that of their arrival.
    const ids = [["z", "a", "\u{1F600}", "\uFF5E"], ["b"], ["c", "d"]];
    const sample = await takenIn(store, reader, ids);
    assert.equal(await store.taken.count(), 7);
    assert.equal(await store.taken.forget(SAMPLE_START_MS - 1, 100), 0);
    await passTime(sample, store, COMMAND_KEPT_MS_MIN + 1_000);
    // The limit is in the middle of the first flush.
    assert.equal(await store.taken.forget(FOREVER_MS, 2), 4);
    assert.equal(await store.taken.count(), 3);
    assert.deepEqual(await answers(reader, ["a", "\uFF5E", "b", "c"]), [
      null,
      null,
      ANSWER,
      ANSWER,
    ]);
    assert.deepEqual(await damage(), []);
    assert.equal(await store.taken.forget(FOREVER_MS, 2), 3);
    assert.equal(await store.taken.forget(FOREVER_MS, 2), 0);
    assert.deepEqual(await damage(), []);
    const again = await reopen();
    assert.equal(await again.taken.count(), 0);
    assert.deepEqual(await damage(), []);
  },

  "keeps the answer of what was taken within the hour before the newest flush": async (subject) => {
    const { store, openReader, damage } = subject;
    const reader = await openReader();
    const sample = await takenIn(store, reader, [["old"]]);
    await passTime(sample, store, COMMAND_KEPT_MS_MIN - 1);
    assert.equal(await store.taken.forget(FOREVER_MS, 100), 0);
    assert.deepEqual(await answers(reader, ["old"]), [ANSWER]);
    await passTime(sample, store, COMMAND_KEPT_MS_MIN);
    assert.equal(await store.taken.forget(FOREVER_MS, 100), 1);
    assert.deepEqual(await damage(), []);
  },

  "forgets only what was taken until then, also of an engine that is no more": async (subject) => {
    const { store, openReader, crash, damage } = subject;
    const reader = await openReader();
    const first = await takenIn(store, reader, [["first"]]);
    await passTime(first, store, 5_000, [{ id: await posted(reader, "second"), answer: ANSWER }]);
    const next = await crash();
    const sample = new SampleJournal();
    await passTime(sample, next, COMMAND_KEPT_MS_MIN + 10_000);
    assert.equal(await next.taken.forget(SAMPLE_START_MS + 4_999, 100), 1);
    assert.deepEqual(await answers(reader, ["first", "second"]), [null, ANSWER]);
    assert.equal(await next.taken.forget(SAMPLE_START_MS + 5_000, 100), 1);
    assert.deepEqual(await damage(), []);
  },

  "takes the same id once while it is known, and as a new command after that": async (subject) => {
    const { store, openReader, damage } = subject;
    const reader = await openReader();
    const sample = await takenIn(store, reader, [["again"]]);
    await posted(reader, "waits");
    await posted(reader, "again");
    assert.deepEqual(await waiting(store), ["waits"]);
    await passTime(sample, store, COMMAND_KEPT_MS_MIN);
    assert.equal(await store.taken.forget(FOREVER_MS, 100), 1);
    await posted(reader, "again");
    assert.deepEqual(await waiting(store), ["waits", "again"]);
    const taken = [{ id: "again", answer: "2" }];
    await store.flush(sample.batch(taken));
    assert.deepEqual(await answers(reader, ["again"]), ["2"]);
    assert.deepEqual(await damage(), []);
  },
};

async function posted(reader: StoreReader, id: string): Promise<string> {
  await reader.post({ id, topic: "send", atMs: SAMPLE_START_MS, by: "ana", data: `"${id}"` });
  return id;
}

/** One flush for each list of ids, all of them at the sample's beginning. */
async function takenIn(
  store: Store,
  reader: StoreReader,
  ids: readonly (readonly string[])[],
): Promise<SampleJournal> {
  const sample = new SampleJournal();
  sample.add(1, "started", startedHead(1));
  for (const list of ids) {
    for (const id of list) await posted(reader, id);
    const taken = list.map((id) => ({ id, answer: ANSWER }));
    await store.flush({ ...sample.batch(taken), atMs: SAMPLE_START_MS });
  }
  return sample;
}

/** A flush so long after the beginning: of nothing but what is taken. */
async function passTime(
  sample: SampleJournal,
  store: Store,
  afterMs: number,
  taken: readonly { readonly id: string; readonly answer: string }[] = [],
): Promise<void> {
  await store.flush({ ...sample.batch(taken), atMs: SAMPLE_START_MS + afterMs });
}

async function answers(reader: StoreReader, ids: readonly string[]): Promise<(string | null)[]> {
  const found: (string | null)[] = [];
  for (const id of ids) found.push(await reader.answer(id));
  return found;
}

async function waiting(store: Store): Promise<string[]> {
  return (await store.inbox(10)).map(({ id }) => id);
}
