import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { StoreReader } from "../store/store.ts";
import { openSqliteReader, type SqliteStore } from "../store-sqlite/index.ts";
import { makeFolder, NOW_MS, openInline } from "../store-sqlite/test-store.test-support.ts";
import {
  askedHead,
  intentHead,
  openedHead,
  SampleJournal,
  startedHead,
  SYSTEM_RUN,
} from "../testing/sample-journal.ts";
import { cancelSentence } from "./cancel-request.ts";
import { answerReview } from "./decisions.ts";
import { listReviews } from "./list-work.ts";
import { showRun } from "./show-run.ts";
import { whyRun } from "./why-run.ts";

let folder: ReturnType<typeof makeFolder>;
let store: SqliteStore;
let reader: StoreReader;
let journal: SampleJournal;
beforeEach(async () => {
  folder = makeFolder();
  store = await openInline(`${folder.path}/store.db`);
  reader = await openSqliteReader({ path: `${folder.path}/store.db` });
  journal = new SampleJournal();
  journal.continueIn(store);
  journal.add(1, "started", startedHead(1));
  journal.add(2, "started", startedHead(2));
});
afterEach(async () => {
  await reader.close();
  await store.close();
  folder.remove();
});

const RUN = { run: "run_00000000001" };
const REQUEST = { ...RUN, limit: 1, afterSeq: 0, payloadCharsMax: null, hasStacks: false };

async function cancelsShown() {
  const [why, shown] = [await whyRun(reader, RUN, NOW_MS), await showRun(reader, REQUEST, NOW_MS)];
  expect(shown.cancel).toEqual(why.cancel);
  return why.cancel;
}

const cancel = (run: string) => ({
  id: `cmd_${run}`,
  topic: "cancel" as const,
  by: "bo",
  atMs: NOW_MS,
  data: JSON.stringify({ run, reason: "customer asked" }),
});

describe("a cancel that was asked for", () => {
  test("is shown while no engine has taken it", async () => {
    await journal.flushTo(store);
    await reader.post(cancel("run_00000000002"));
    expect(await cancelsShown()).toBeNull();
    await reader.post(cancel("run_00000000001"));
    expect(await cancelsShown()).toEqual({
      state: "waiting",
      by: "bo",
      at: new Date(NOW_MS).toISOString(),
      reason: "customer asked",
      waitsFor: null,
    });
    await journal.flushTo(store, [{ id: "cmd_run_00000000001", answer: '{"ok":true}' }]);
    expect(await cancelsShown()).toBeNull();
  });

  test("says whom it waits for, where only a person can tell what happened", async () => {
    const operation = journal.nextSeq(1);
    journal.add(1, "intent", intentHead(operation), { name: "mail", attempt: 1 });
    const unknown = { class: "ambiguous", family: "ambiguous", operation } as const;
    const seq = journal.add(1, "opened", openedHead(unknown), { name: "mail" });
    journal.add(1, "cancel", { by: "cy", reason: "withdrawn" });
    await journal.flushTo(store);
    const shown = await cancelsShown();
    const exception = `exc_00000000001_${String(seq)}`;
    expect(shown?.waitsFor).toMatchObject({ owner: "finance", step: "mail", exception });
    expect(shown === null ? "" : cancelSentence(shown)).toContain(
      `it waits for finance, who has to say whether "mail" happened: holdfast settle eff_00000000001_${String(operation)} `,
    );
  });

  test("is shown while the run is being taken back, and not after", async () => {
    journal.add(1, "cancel", { by: "cy", reason: "withdrawn" });
    await journal.flushTo(store);
    expect(await cancelsShown()).toMatchObject({
      state: "underWay",
      by: "cy",
      reason: "withdrawn",
    });
    journal.add(1, "finished", {
      from: "running",
      state: "cancelled",
      reason: "withdrawn",
      workflow: "order",
      lane: null,
    });
    await journal.flushTo(store);
    expect(await cancelsShown()).toBeNull();
  });
});

const asked = (data: string) =>
  journal.add(1, "asked", askedHead({ review: "big" }), { name: "big", data });

describe("a review", () => {
  test("is shown with its masked subject and the command that answers it", async () => {
    journal.add(SYSTEM_RUN, "declared", {
      definition: "review",
      name: "big",
      sensitive: ["/iban"],
      decision: [
        { name: "approve", expects: "true|false", isRequired: true },
        { name: "note", expects: "TEXT", isRequired: false },
      ],
    });
    const seq = asked('{"cents":5,"iban":"DE89"}');
    await journal.flushTo(store);
    const [review] = (await listReviews(reader, { limit: 10 }, NOW_MS)).reviews;
    expect(review).toMatchObject({
      subject: { text: '{"cents":5,"iban":"[masked string]"}', masked: "fields" },
      answerWith: `holdfast answer rev_00000000001_${String(seq)} approve=true|false [note=TEXT]`,
    });
    const bo = { by: "bo", reason: "" };
    const patience = { waitMs: 0, nowMs: () => NOW_MS, pause: async () => undefined };
    const slip = answerReview(reader, review?.id ?? "", { aprove: true }, bo, patience);
    await expect(slip).rejects.toMatchObject({
      code: "HF4102",
      message: 'The decision of review "big" has no field "aprove". Nothing was answered.',
      remedy: 'Did you mean "approve"? It takes: approve=true|false [note=TEXT]',
    });
    expect((await whyRun(reader, RUN, NOW_MS)).reviews).toEqual([review]);
    expect((await showRun(reader, REQUEST, NOW_MS)).reviews).toEqual([review]);
    journal.add(1, "answered", { asked: seq, end: "value", by: "bo" }, { name: "big", data: "1" });
    await journal.flushTo(store);
    const [answered] = (await listReviews(reader, { limit: 10, all: true }, NOW_MS)).reviews;
    expect(answered).toMatchObject({ answerWith: null });
  });

  test("of which nothing is on record is masked whole, and says DECISION", async () => {
    asked('{"iban":"DE89"}');
    await journal.flushTo(store);
    const [review] = (await listReviews(reader, { limit: 10 }, NOW_MS)).reviews;
    expect(review?.subject).toMatchObject({ text: '"[masked object]"', masked: "whole" });
    expect(review?.decision).toBeNull();
    expect(review?.answerWith).toMatch(/ DECISION$/);
  });
});
