import { describe, expect, test } from "vitest";
import type { DeclarationRow } from "../store/rows.ts";
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
