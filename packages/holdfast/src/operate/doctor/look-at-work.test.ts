/** Each check of the work in a store, on both drivers: well, and not. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { firstList } from "../../core/cell-list.ts";
import type { Finding } from "../../core/doctor/finding.ts";
import { openUnderTest as onPostgres } from "../../store-postgres/test-store.test-support.ts";
import { openUnderTest as onSqlite } from "../../store-sqlite/test-store.test-support.ts";
import type { StoreUnderTest } from "../../testing/describe-store.ts";
import {
  SAMPLE_START_MS,
  SYSTEM_RUN,
  SampleJournal,
  askedHead,
  finishedHead,
  openedHead,
  startedHead,
  stateHead,
} from "../../testing/sample-journal.ts";
import { lookAtWork } from "./look-at-work.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe.each([
  ["SQLite", onSqlite("inline")],
  ["PostgreSQL", onPostgres],
] as const)("the work in a store on %s", (_name, openUnderTest) => {
  let subject: StoreUnderTest;
  let sample: SampleJournal;
  beforeEach(async () => {
    subject = await openUnderTest();
    sample = new SampleJournal();
    sample.continueIn(subject.store);
  });
  afterEach(() => subject.dispose());

  async function look(nowMs: number): Promise<readonly Finding[]> {
    const reader = await subject.openReader();
    const found: Finding[] = [];
    await lookAtWork(reader, nowMs, (finding) => found.push(finding));
    return found;
  }

  /** What one check says, at this time after the beginning of the sample. */
  async function at(afterMs: number, check: string): Promise<Finding | undefined> {
    return (await look(SAMPLE_START_MS + afterMs)).find((finding) => finding.check === check);
  }

  test("is well where there is none", async () => {
    await sample.flushTo(subject.store);
    expect((await look(SAMPLE_START_MS)).map(({ check, level }) => [check, level])).toEqual(
      [
        "cells",
        "inbox",
        "exceptions",
        "owners",
        "dependencies",
        "reviews",
        "reviewers",
        "held",
        "retention",
      ].map((check) => [check, "ok"]),
    );
  });

  test("a command that nobody takes for more than a minute, and one that no engine can take", async () => {
    await sample.flushTo(subject.store);
    const reader = await subject.openReader();
    await reader.post({ id: "c", topic: "cancel", atMs: SAMPLE_START_MS, by: "ana", data: "{}" });
    expect(await at(59_000, "inbox")).toMatchObject({ level: "ok" });
    expect(await at(61_000, "inbox")).toMatchObject({
      level: "warn",
      what: "1 command waits, the oldest for 61 s",
    });
    await subject.store.close();
    expect(await at(1_000, "inbox")).toMatchObject({
      level: "warn",
      what: "1 command waits, the oldest for 1 s, and no engine runs",
    });
  });

  test("exceptions that are overdue, whose they are, and who has taken none", async () => {
    for (const [run, owner] of [
      [1, "team-ap"],
      [2, "team-ap"],
      [3, "operators"],
    ] as const) {
      sample.add(run, "started", startedHead(run));
      const opened = sample.add(run, "opened", openedHead({ owner }), { name: "create-invoice" });
      sample.add(run, "state", stateHead("running", "exception"));
      const by = { by: "ana", reason: "mine" };
      if (run === 2)
        sample.add(run, "handled", { opened, act: { kind: "assigned", to: "ana" }, ...by });
    }
    await sample.flushTo(subject.store);
    expect(await at(HOUR_MS - 1, "exceptions")).toMatchObject({ level: "ok" });
    expect(await at(3 * HOUR_MS, "exceptions")).toMatchObject({
      level: "warn",
      what: "3 exceptions are overdue, the oldest by 2 h: team-ap (2), operators (1); nobody has taken 2 of them",
    });
    expect(await at(0, "owners")).toMatchObject({
      level: "warn",
      what: expect.stringMatching(/^1 open exception went to "operators"/u),
    });
  });

  test("integrations that are parked or out of reach, since when and why", async () => {
    const away = { integration: "erp", to: "open", reason: "it refuses connections" } as const;
    sample.add(SYSTEM_RUN, "dependency", { ...away, class: "unavailable", probeAtMs: null });
    const byHand = {
      integration: "bank",
      to: "parked",
      reason: "they asked",
      byHand: true,
    } as const;
    sample.add(SYSTEM_RUN, "dependency", { ...byHand, probeAtMs: SAMPLE_START_MS + DAY_MS });
    const closed = { integration: "crm", to: "closed", reason: "it answers" } as const;
    sample.add(SYSTEM_RUN, "dependency", { ...closed, probeAtMs: null });
    await sample.flushTo(subject.store);
    const later = await look(SAMPLE_START_MS + HOUR_MS);
    expect(new Set(later.filter(isOfDependencies))).toEqual(
      new Set([
        expect.objectContaining({
          level: "warn",
          code: null,
          what: "bank has been parked by hand for 60 m: they asked",
        }),
        expect.objectContaining({
          level: "warn",
          code: "HF3009",
          what: "erp has been out of reach for 60 m: it refuses connections",
        }),
      ]),
    );
    const sooner = await look(SAMPLE_START_MS + 60_000);
    expect(sooner.filter(isOfDependencies).map(({ code }) => code)).toEqual([null, null]);
  });

  test("reviews that are overdue, and those that nobody may answer", async () => {
    for (const [run, by, notBy] of [
      [1, "credit", "ana"],
      [2, "ana", "ana"],
      [3, "credit", "bert"],
    ] as const) {
      sample.add(run, "started", startedHead(run));
      const asked = sample.add(run, "asked", askedHead({ by, notBy }), { name: "approve" });
      if (run === 3) sample.add(run, "escalated", { asked, to: "bert" }, { name: "approve" });
      sample.add(run, "state", stateHead("running", "review"));
    }
    await sample.flushTo(subject.store);
    expect(await at(0, "reviews")).toMatchObject({ level: "ok" });
    expect(await at(2 * DAY_MS, "reviews")).toMatchObject({
      level: "warn",
      what: expect.stringContaining("3 reviews are overdue"),
    });
    expect(await at(0, "reviewers")).toMatchObject({
      level: "warn",
      code: "HF6002",
      what: expect.stringMatching(
        /^nobody may answer large-order of run_\w+, large-order of run_\w+: who may/u,
      ),
    });
  });

  test("runs that are held for a version, and how many versions are in flight", async () => {
    for (const [run, version] of [
      [1, "v1"],
      [2, "v2"],
    ] as const)
      sample.add(run, "started", startedHead(run, { version }));
    sample.add(1, "state", stateHead("running", "held"));
    await sample.flushTo(subject.store);
    expect(await at(0, "held")).toMatchObject({
      level: "warn",
      code: "HF2104",
      what: "1 run waits for a version of the code that fits; 2 runs in flight, of 2 versions",
    });
  });

  test("runs that ended long ago and are still here", async () => {
    sample.add(1, "started", startedHead(1));
    sample.add(1, "finished", finishedHead());
    await sample.flushTo(subject.store);
    expect(await at(180 * DAY_MS, "retention")).toMatchObject({ level: "ok" });
    expect(await at(190 * DAY_MS, "retention")).toMatchObject({
      level: "warn",
      what: expect.stringMatching(
        /^of the runs that have ended, the first to begin ended 190 d ago, /u,
      ),
    });
  });

  test("a change of the list of cells that was not finished", async () => {
    const list = firstList([{ name: "north", storeId: subject.store.storeId }]);
    const head = { self: "north", list, by: "ana", secrets: {} };
    sample.add(SYSTEM_RUN, "cells", { ...head, isAgreed: false });
    await sample.flushTo(subject.store);
    expect(await at(0, "cells")).toMatchObject({ level: "warn", code: "HF5024" });
    sample.add(SYSTEM_RUN, "cells", { ...head, isAgreed: true });
    await sample.flushTo(subject.store);
    expect(await at(0, "cells")).toMatchObject({ level: "ok", what: "cell north of north" });
  });
});

function isOfDependencies({ check }: Finding): boolean {
  return check === "dependencies";
}
