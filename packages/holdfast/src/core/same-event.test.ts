import { describe, expect, test } from "vitest";
import type { AcceptedEvent } from "./journal.ts";
import { repeatOf } from "./same-event.ts";

const first: AcceptedEvent = {
  namespace: "main",
  event: "paid",
  id: "e1",
  key: "order-1",
  digest: "aa",
  untilMs: 1_000,
};

describe("an event under an id", () => {
  test("is new if the id is not known", () => {
    expect(repeatOf(null, first, 0)).toEqual({ kind: "new" });
  });

  test("is the same while the id is remembered, whatever its own time would be", () => {
    expect(repeatOf(first, { ...first, untilMs: 9_999 }, 999)).toEqual({ kind: "same" });
  });

  test("is new from the moment in which the time of the id is over", () => {
    expect(repeatOf(first, { ...first, key: "order-2" }, 1_000)).toEqual({ kind: "new" });
  });

  test.each([
    [{ key: "order-2" }, "key"],
    [{ digest: "bb" }, "payload"],
    [{ key: "order-2", digest: "bb" }, "key and payload"],
  ] as const)("is a conflict if its content differs, and says in what: %j", (over, differs) => {
    expect(repeatOf(first, { ...first, ...over }, 999)).toEqual({ kind: "conflict", differs });
  });
});
