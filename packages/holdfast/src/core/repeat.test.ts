import { describe, expect, test } from "vitest";
import { REPEAT_KINDS } from "./contract.ts";
import { repeatOf, type RepeatCase } from "./repeat.ts";

const DONE: RepeatCase = {
  contract: "once",
  proof: "surely",
  isSame: true,
  isUndone: false,
  canProbe: false,
  isInWindow: null,
};

describe("an effect of a run that is done again", () => {
  test.each(REPEAT_KINDS)("is sent if nothing was done (%s)", (contract) => {
    for (const proof of [null, "never"] as const)
      expect(repeatOf({ ...DONE, contract, proof, isSame: false }).kind).toBe("redo");
  });

  test.each([
    ["read", "redo"],
    ["idempotent", "redo"],
    ["keyed", "redo"],
    ["probeable", "adopt"],
    ["once", "skip"],
  ] as const)("that was done, %s: %s", (contract, kind) => {
    const canProbe = contract === "probeable";
    const isInWindow = contract === "keyed" ? true : null;
    expect(repeatOf({ ...DONE, contract, canProbe, isInWindow }).kind).toBe(kind);
  });

  test("is not sent under a key that may be forgotten", () => {
    const old = { ...DONE, contract: "keyed", isInWindow: false } as const;
    expect(repeatOf(old).kind).toBe("skip");
    expect(repeatOf({ ...old, canProbe: true }).kind).toBe("adopt");
  });

  test.each(["keyed", "probeable", "once"] as const)(
    "is asked of a person where another input, or an undoing, came between (%s)",
    (contract) => {
      const done = { ...DONE, contract, canProbe: true, isInWindow: true };
      expect(repeatOf({ ...done, isSame: false }).kind).toBe("ask");
      expect(repeatOf({ ...done, isUndone: true }).kind).toBe("ask");
    },
  );

  test("of which nobody knows whether it was done is never sent blindly", () => {
    const kinds = REPEAT_KINDS.map((contract) => repeatOf({ ...DONE, contract, proof: "maybe" }));
    expect(kinds.map(({ kind }) => kind)).toEqual(["redo", "redo", "redo", "skip", "skip"]);
  });
});
