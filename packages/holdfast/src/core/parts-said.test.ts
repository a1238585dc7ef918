/** The state of a step whose parts somebody has told of, folded from its records. */
import { describe, expect, test } from "vitest";
import { type EffectRecord } from "./effect-record.ts";
import { FRESH_EFFECT, foldEffect } from "./effect-state.ts";
import type { Failure } from "./failure.ts";
import type { IntentHead } from "./journal.ts";
import type { Part } from "./parts.ts";

const parts: readonly Part[] = [
  { name: "a", effect: "surely" },
  { name: "b", effect: "maybe" },
  { name: "c", effect: "never" },
];
const failure: Failure = {
  effect: "partial",
  class: "data",
  scope: "item",
  origin: "remote",
  reasonCode: "LEDGER:LINES",
  message: "207",
  evidence: {},
  rule: { source: "effect", id: "effect/post", version: 1 },
  parts,
};
const own = { operation: 1, effect: "post" };
const intent: IntentHead = {
  ...own,
  integration: "ledger",
  contract: "once",
  key: "hf1_x",
  generation: 1,
  digest: "d",
  deadlineAtMs: 0,
};
const at = (seq: number, attempt: number) => ({ seq, attempt, atMs: seq * 1_000, data: null });
const sent = (attempt: number): EffectRecord => ({
  ...at(attempt * 10, attempt),
  kind: "intent",
  head: intent,
});
const ASKED: readonly EffectRecord[] = [
  sent(1),
  {
    ...at(11, 1),
    kind: "outcome",
    head: { ...own, proof: "partial", failure, move: { kind: "split", because: "x" } },
  },
];
const SAID: EffectRecord = {
  ...at(12, 1),
  kind: "settled",
  head: {
    ...own,
    proof: "partial",
    partsDone: ["a", "b"],
    happened: false,
    by: "ana",
    reason: "x",
  },
};
const stateAfter = (records: readonly EffectRecord[]) => records.reduce(foldEffect, FRESH_EFFECT);

describe("what a person has said of each part", () => {
  test("leaves nothing open: the rest is due", () => {
    expect(stateAfter(ASKED)).toMatchObject({ openMaybe: true, parts });
    const said = stateAfter([...ASKED, SAID]);
    expect(said).toMatchObject({
      openMaybe: false,
      proof: "partial",
      partsDone: ["a", "b"],
      next: { kind: "due", action: "attempt" },
    });
    expect(said.parts.map(({ effect }) => effect)).toEqual(["surely", "surely", "never"]);
  });

  test("is open again where the attempt at the rest is lost", () => {
    const lost = stateAfter([...ASKED, SAID, sent(2), sent(3)]);
    expect(lost.parts.map(({ effect }) => effect)).toEqual(["surely", "surely", "maybe"]);
  });
});
