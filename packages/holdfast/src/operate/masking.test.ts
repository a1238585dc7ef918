import { describe, expect, test } from "vitest";
import type { DeclarationRow } from "../store/rows.ts";
import { openedHead, SampleJournal, startedHead } from "../testing/sample-journal.ts";
import { makeFolder, openInline } from "../store-sqlite/test-store.test-support.ts";
import { openSqliteReader } from "../store-sqlite/index.ts";
import { hasPayload, payloadOwner } from "../core/payload-owner.ts";
import { Masking } from "./masking.ts";

const row = (over: Partial<DeclarationRow> = {}): DeclarationRow => ({
  definition: "effect",
  name: "pay",
  sensitive: [],
  decision: null,
  atMs: 0,
  ...over,
});
const field = (expects: string) => [{ name: "ok", expects, isRequired: true }];
const pay = { definition: "effect", name: "pay" } as const;

describe("masking", () => {
  test("shows what is declared free of anything sensitive, cut between characters", () => {
    const masking = new Masking([row()]);
    const whole = { text: '"ab🚀"', chars: 6, isCut: false, masked: "none" };
    expect(masking.payload('"ab🚀"', pay, 6)).toEqual(whole);
    expect(masking.payload('"ab🚀"', pay, 4)).toEqual({ ...whole, text: '"ab', isCut: true });
  });

  test("covers what any version has declared, also what the newest no longer does", () => {
    const rows = [
      row({ sensitive: ["/iban"], atMs: 2 }),
      row({ sensitive: ["/pin"], atMs: 1 }),
      row(),
    ];
    const payload = new Masking(rows).payload('{"iban":"DE","pin":1,"id":"x"}', pay, 100);
    expect(payload.text).toBe('{"iban":"[masked string]","pin":"[masked number]","id":"x"}');
    expect(payload.masked).toBe("fields");
  });

  test("covers the whole of what nobody has declared, its length too", () => {
    const masking = new Masking([row()]);
    for (const owner of [
      null,
      { ...pay, name: "other" },
      { ...pay, definition: "step" } as const,
    ]) {
      expect(masking.payload('{"iban":"DE89"}', owner, 100)).toEqual({
        text: '"[masked object]"',
        chars: 17,
        isCut: false,
        masked: "whole",
      });
    }
  });

  test("says what answers a review by its newest definition", () => {
    const review = { definition: "review", name: "big" } as const;
    const masking = new Masking([
      row({ ...review, sensitive: ["/a"], decision: field("true|false"), atMs: 5 }),
      row({ ...review, decision: field("TEXT"), atMs: 4 }),
    ]);
    expect(masking.answerWords("big")).toBe("ok=true|false");
    expect(masking.answerWords("other")).toBe("DECISION");
  });
});

describe("what stands beside a run", () => {
  test("keeps a payload of the workflow or of the event, and is covered as theirs are", async () => {
    const folder = makeFolder();
    const path = `${folder.path}/store.db`;
    const store = await openInline(path);
    const sample = new SampleJournal();
    sample.continueIn(store);
    sample.add(1, "started", startedHead(1), { data: "{}" });
    const kept = { data: '{"iban":"DE89"}' };
    sample.add(1, "opened", openedHead({ beside: { subject: "start 1" } }), kept);
    sample.add(1, "opened", openedHead({ beside: { subject: "event 1", event: "paid" } }), kept);
    sample.add(1, "opened", openedHead(), { data: '"Error: at line 1"' });
    await sample.flushTo(store);
    const reader = await openSqliteReader({ path });
    const records = await reader.records(1, 1, 10);
    expect(records.map(hasPayload)).toEqual([true, true, false]);
    expect(records.map((one) => payloadOwner(one, "order"))).toEqual([
      { definition: "workflow", name: "order" },
      { definition: "event", name: "paid" },
      null,
    ]);
    await reader.close();
    await store.abandon();
    folder.remove();
  });
});
