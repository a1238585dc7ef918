import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { WaitingException } from "./acts.ts";
import { FAILURE_CLASSES, type FailureClass } from "./failure.ts";
import { offeredActs } from "./offered-acts.ts";
import type { RunState } from "./run-state.ts";

const DATA: WaitingException = {
  step: "book",
  operation: 4,
  class: "data",
  effect: "never",
  reasonCode: "HTTP:NO_ACCOUNT",
  subject: null,
  record: { keyWindowEndsAtMs: null },
};
const UNKNOWN: WaitingException = {
  ...DATA,
  step: "mail",
  operation: 5,
  class: "ambiguous",
  effect: "maybe",
};
const EFFECTS = [
  { operation: 4, ended: false, contract: "once", firstSentAtMs: 0 },
  { operation: 5, ended: false, contract: "once", firstSentAtMs: 0 },
] as const;

function offered(
  state: RunState,
  exception: WaitingException,
  ...others: readonly WaitingException[]
) {
  const exceptions = [exception, ...others];
  return offeredActs(exception, { state, exceptions, effects: EFFECTS, nowMs: 0 });
}

const ofRun = (failureClass: FailureClass, reasonCode = "CODE:TypeError"): WaitingException => ({
  ...DATA,
  step: "",
  operation: null,
  class: failureClass,
  reasonCode,
});

const aside = (reasonCode: string) => ({ ...DATA, subject: "erp", reasonCode });

describe("an exception offers", () => {
  test.each([
    [
      "of refused data",
      "exception",
      [DATA],
      ["resume", "edit", "correct", "supply", "skip", "cancel"],
    ],
    ["of an unknown outcome", "exception", [UNKNOWN], ["settle", "cancel"]],
    ["of data beside an unknown outcome", "exception", [DATA, UNKNOWN], ["resume", "cancel"]],
    ["of code that threw", "held", [ofRun("defect")], ["resume", "again", "cancel"]],
    ["of a journal that cannot be read", "held", [ofRun("defect", "HF2106")], ["resume", "again"]],
    ["of a starter whom nobody has named", "held", [ofRun("defect", "HF1108")], ["cancel"]],
    ["beside its run", "running", [{ ...DATA, subject: "event 1" }], ["close"]],
    ["of an outage", "running", [aside("HF3009")], ["unpark", "park", "close"]],
    ["of a wrong setting", "running", [aside("HF3006")], ["unpark", "close"]],
    [
      "of an undoing that has failed",
      "exception",
      [{ ...DATA, step: "undo/book" }],
      ["settle", "resume", "close", "cancel"],
    ],
    [
      "of what stays of a run that has ended",
      "cancelled",
      [{ ...DATA, class: "permanent", reasonCode: "HF3004" }],
      ["settle", "close", "anew"],
    ],
  ] as const)("%s (%s)", (_of, state, [exception, ...others], acts) => {
    expect(offered(state, exception, ...others)).toEqual(acts);
  });
});

/** Of these the engine opens no exception: it goes on by itself. */
const WITHOUT_EXCEPTIONS: readonly FailureClass[] = ["cancelled", "interrupted"];

function pageOf(failureClass: FailureClass): string {
  const page = new URL(`../../../../docs/operate/classes/${failureClass}.md`, import.meta.url);
  return existsSync(page) ? readFileSync(page, "utf8") : "";
}

describe("the page of a class names what is offered for it", () => {
  const classes = FAILURE_CLASSES.filter((one) => !WITHOUT_EXCEPTIONS.includes(one));
  test.each(classes)("%s", (failureClass) => {
    const effect = failureClass === "ambiguous" ? "maybe" : "never";
    const acts =
      failureClass === "poison"
        ? offered("held", ofRun("poison"))
        : offered("exception", { ...DATA, class: failureClass, effect });
    const named = [...pageOf(failureClass).matchAll(/^holdfast ([a-z]+) /gmu)].map(
      ([, act]) => act,
    );
    expect(acts.filter((act) => !named.includes(act))).toEqual([]);
    expect(acts).not.toEqual([]);
  });
});
