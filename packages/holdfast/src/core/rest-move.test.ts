import { describe, expect, test } from "vitest";
import type { Failure } from "./failure.ts";
import type { Move } from "./move.ts";
import { moveOfRest } from "./rest-move.ts";

const IN_PART: Failure = {
  effect: "partial",
  class: "data",
  scope: "item",
  origin: "remote",
  reasonCode: "LEDGER:LINES",
  message: "207",
  evidence: {},
  rule: { source: "table", id: "test", version: 1 },
  parts: [
    { name: "line 1", effect: "surely" },
    { name: "line 2", effect: "never" },
  ],
};

const move = (kind: "hold" | "repair" | "approve" | "stop" | "resume"): Move => {
  return { kind, because: "The data were refused in attempt 1." };
};

describe("where a part was done", () => {
  test.each(["hold", "repair", "approve"] as const)("who has to %s the rest is told", (kind) => {
    expect(moveOfRest(IN_PART, move(kind))).toEqual({
      kind,
      because:
        "The data were refused in attempt 1. 1 of the 2 parts that were named were done; not done: line 2.",
    });
  });

  test("an attempt at the rest tells nothing of all parts", () => {
    const rest: Failure = { ...IN_PART, effect: "never", parts: IN_PART.parts?.slice(1) ?? [] };
    expect(moveOfRest(rest, move("repair")).because).toBe(
      "The data were refused in attempt 1. Some of it happened and some did not.",
    );
  });

  test("to give up the rest is for a person, and what goes on by itself goes on", () => {
    expect(moveOfRest(IN_PART, move("stop"))).toEqual({
      kind: "split",
      because:
        "1 of the 2 parts that were named were done; not done: line 2 (LEDGER:LINES); a person decides what becomes of the rest. The data were refused in attempt 1.",
    });
    expect(moveOfRest(IN_PART, move("resume"))).toEqual(move("resume"));
  });
});
