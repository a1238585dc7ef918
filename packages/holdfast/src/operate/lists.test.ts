import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OutcomeHead } from "../core/journal.ts";
import type { StoreReader } from "../store/store.ts";
import { openSqliteReader } from "../store-sqlite/index.ts";
import { makeFolder, NOW_MS, openInline } from "../store-sqlite/test-store.test-support.ts";
import {
  askedHead,
  closedHead,
  intentHead,
  openedHead,
  SampleJournal,
  startedHead,
} from "../testing/sample-journal.ts";
import { findRun } from "./find-run.ts";
import { listRuns, type RunFilter } from "./list-runs.ts";
import { listEffects, listExceptions, listReviews } from "./list-work.ts";

/** An attempt that failed, with what the other system said of it. */
function failedOutcome(operation: number, message: string): OutcomeHead {
  return {
    operation,
    effect: "charge-card",
    proof: "maybe",
    failure: {
      effect: "maybe",
      class: "ambiguous",
      scope: "item",
      origin: "remote",
      reasonCode: "HTTP:STATUS_500",
      message: "answered with 500",
      evidence: { message },
      rule: { source: "table", id: "http-status/500", version: 1 },
    },
    move: { kind: "askOutcome", unknown: "outcome-unknown", because: "nobody knows" },
  };
}

const folder = makeFolder();
const path = `${folder.path}/store.db`;
const RUN_COUNT = 12;
let reader: StoreReader;

/** Runs 1 to 12: each has two open exceptions, an effect and a review; 4 of them share a key. */
beforeAll(async () => {
  const store = await openInline(path);
  const sample = new SampleJournal();
  sample.continueIn(store);
  for (let run = 1; run <= RUN_COUNT; run += 1) {
    const workflow = run % 3 === 0 ? "refund" : "order";
    const key = run > 8 ? "shared" : `O-${String(run)}`;
    const generation = run > 8 ? run - 8 : 1;
    sample.add(run, "started", startedHead(run, { workflow, key, generation }));
    const operation = sample.nextSeq(run);
    sample.add(run, "intent", intentHead(operation), { name: "charge", attempt: 1 });
    const outcome = failedOutcome(operation, "we have no such\u001b[31m card");
    if (run === 2) sample.add(run, "outcome", outcome, { name: "charge", attempt: 1 });
    const ambiguous = { class: "ambiguous", family: "ambiguous", operation, workflow } as const;
    sample.add(run, "opened", openedHead(ambiguous), { name: "charge" });
    const closed = sample.add(run, "opened", openedHead({ workflow }), { name: "invoice" });
    if (run === 1) sample.add(run, "closed", closedHead(closed), { name: "invoice" });
    sample.add(run, "asked", askedHead(), { name: "review" });
  }
  const beside = { subject: "event 1" };
  sample.add(0, "opened", openedHead({ beside, workflow: "", owner: "operators" }));
  await sample.flushTo(store);
  await store.close();
  reader = await openSqliteReader({ path });
});

afterAll(async () => {
  await reader.close();
  folder.remove();
});

async function idsOf(filter: Partial<RunFilter>): Promise<readonly string[]> {
  return (await listRuns(reader, { limit: 50, ...filter })).runs.map(({ id }) => id);
}

/** All pages, one after another; fails if they do not come to an end. */
async function allPages<Page extends { readonly next: string | null }>(
  ask: (cursor: { readonly after?: string }) => Promise<Page>,
): Promise<readonly Page[]> {
  const pages: Page[] = [];
  let after: string | null = null;
  while (pages.length <= RUN_COUNT) {
    const page: Page = await ask(after === null ? {} : { after });
    pages.push(page);
    if (page.next === null) return pages;
    ({ next: after } = page);
  }
  throw new Error("the pages do not come to an end");
}

describe("lists in pages", () => {
  test("never miss or repeat a row, and never end within a run", async () => {
    const pages = await allPages((cursor) =>
      listExceptions(reader, { limit: 3, ...cursor }, NOW_MS),
    );
    const runs = pages.map((page) => page.exceptions.map(({ run }) => run));
    for (const [index, page] of runs.entries()) {
      const later = new Set(runs.slice(index + 1).flat());
      expect(page.filter((run) => later.has(run))).toEqual([]);
    }
    const ids = pages.flatMap((page) => page.exceptions.map(({ id }) => id));
    // One of the store's own comes first; of run 1 one is closed.
    expect(new Set(ids).size).toBe(2 * RUN_COUNT);
    expect(ids).toHaveLength(2 * RUN_COUNT);
    expect(pages[0]?.exceptions[0]).toMatchObject({
      run: null,
      key: null,
      workflow: null,
      isBeside: true,
      owner: "operators",
    });
  });

  test("look on where a condition that the store does not know leaves a page empty", async () => {
    const pages = await allPages((cursor) =>
      listExceptions(reader, { limit: 2, workflow: "refund", ...cursor }, NOW_MS),
    );
    const keys = pages.flatMap((page) => page.exceptions.map(({ key }) => key));
    expect(keys).toEqual(["O-3", "O-3", "O-6", "O-6", "shared", "shared", "shared", "shared"]);
  });

  test("of runs: by key, workflow and state", async () => {
    expect(await idsOf({ workflow: "refund" })).toHaveLength(4);
    expect(await idsOf({ key: "O-2" })).toEqual(["run_00000000002"]);
    expect(await idsOf({ states: ["completed"] })).toEqual([]);
    expect(await idsOf({ states: ["running"], key: "O-1" })).toHaveLength(1);
  });
});

describe("what belongs to one run", () => {
  test("is found by its key, with the ids that commands take", async () => {
    const of = { run: "O-5" };
    const { exceptions } = await listExceptions(
      reader,
      { limit: 50, of, class: "ambiguous" },
      NOW_MS,
    );
    expect(exceptions).toMatchObject([
      {
        id: "exc_00000000005_3",
        run: "run_00000000005",
        key: "O-5",
        effectId: "eff_00000000005_2",
        page: "HF3001",
      },
    ]);
    const { effects } = await listEffects(reader, { limit: 50, of, open: true });
    expect(effects).toMatchObject([{ id: "eff_00000000005_2", proof: "maybe", ended: false }]);
    const { reviews } = await listReviews(reader, { limit: 50, of }, NOW_MS);
    expect(reviews).toMatchObject([{ id: "rev_00000000005_5", state: "open", by: "credit" }]);
  });

  test("is found for all runs of a key, and pages there too", async () => {
    const of = { run: "shared" };
    const pages = await allPages((cursor) => listEffects(reader, { limit: 1, of, ...cursor }));
    const runs = pages.flatMap((page) => page.effects.map(({ run }) => run));
    expect(runs).toEqual([
      "run_00000000009",
      "run_0000000000a",
      "run_0000000000b",
      "run_0000000000c",
    ]);
  });

  test("includes what is closed if that is asked for", async () => {
    const of = { run: "O-1" };
    const open = await listExceptions(reader, { limit: 50, of }, NOW_MS);
    const all = await listExceptions(reader, { limit: 50, of, all: true }, NOW_MS);
    expect(open.exceptions.map(({ step }) => step)).toEqual(["charge"]);
    expect(all.exceptions.map(({ resolution }) => resolution)).toEqual([null, "resumed"]);
  });
});

describe("the run that is meant", () => {
  test("is found by id and by key", async () => {
    expect(await findRun(reader, { run: "run_00000000002" })).toMatchObject({ key: "O-2" });
    expect(await findRun(reader, { run: "O-2" })).toMatchObject({ run: 2 });
    expect(await findRun(reader, { run: "O-3", workflow: "refund" })).toMatchObject({ run: 3 });
  });

  test("of several that were started anew is the newest", async () => {
    const found = await findRun(reader, { run: "shared", workflow: "refund" });
    expect(found).toMatchObject({ run: 12, generation: 4 });
  });

  test("is asked for more exactly where a key has several", async () => {
    await expect(findRun(reader, { run: "shared" })).rejects.toMatchObject({
      code: "HF4102",
      message: expect.stringMatching(
        /^2 runs have the business key "shared": run_0000000000c \(refund, running\), /,
      ) as string,
    });
  });

  test("is not there: an error with its name, shortened", async () => {
    for (const run of ["run_00000000099", "O-99", "x".repeat(500)]) {
      const found = findRun(reader, { run });
      await expect(found).rejects.toMatchObject({ code: "HF6001" });
      await expect(found).rejects.toThrow(
        /^There is no run with the id or business key ".{1,83}"\.$/,
      );
    }
  });
});

test("exceptions have what the other system said of their step, and of no other", async () => {
  const { exceptions } = await listExceptions(reader, { limit: 10, of: { run: "O-2" } }, NOW_MS);
  expect(exceptions.map(({ step, said }) => [step, said])).toEqual([
    ["charge", "we have no such\u001b[31m card"],
    ["invoice", null],
  ]);
});
