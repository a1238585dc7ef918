import { describe, expect, test } from "vitest";
import type { JournalRecord } from "./journal.ts";
import type { RecordKind } from "./record-kinds.ts";
import { unknownEffects, unknownText } from "./unknown-effects.ts";

/** A journal of one run in which each of these is one record of the step `pay`. */
function journal(...heads: readonly (readonly [RecordKind, object])[]): readonly JournalRecord[] {
  const started = { kind: "started", name: "", head: {} } as const;
  const own = heads.map(([kind, head]) => ({ kind, name: "pay", head }));
  return [started, ...own].map(({ kind, name, head }, index) => ({
    run: 1,
    seq: index + 1,
    kind,
    attempt: 1,
    name,
    atMs: index,
    head: JSON.stringify(head),
    data: null,
  }));
}

const SENT = { effect: "pay", contract: "probeable", key: "k", generation: 1, operation: 2 };
const UNKNOWN = { kind: "resolve", unknown: "outcome-unknown", because: "" };
const LOST = { operation: 2, effect: "pay", proof: "maybe", move: UNKNOWN };

describe("an effect of which nobody knows whether it happened", () => {
  test.each([
    ["was sent, and nothing more is on record", journal(["intent", SENT])],
    ["has lost its answer", journal(["intent", SENT], ["outcome", LOST])],
    [
      "has lost its answer, and the code went on",
      journal(["intent", SENT], ["outcome", { ...LOST, end: "failed" }]),
    ],
  ])("%s", (_what, records) => {
    expect(unknownEffects(records)).toEqual(["pay"]);
  });

  test("is told apart from one that was done in part, of which every part is known", () => {
    const may = "may have happened, and nobody knows whether it has";
    expect(unknownText(journal(["intent", SENT], ["outcome", LOST]), "pay")).toBe(may);
    const inPart = { ...LOST, proof: "partial", move: { kind: "split", because: "" } };
    const records = journal(["intent", SENT], ["outcome", inPart]);
    expect(unknownEffects(records)).toEqual(["pay"]);
    expect(unknownText(records, "pay")).toBe(
      "was done in part, and nobody has said yet what becomes of the rest",
    );
    // The rest was sent, and its answer is lost or still to come; or nobody knows of one part.
    const sentAgain = [
      ["intent", SENT],
      ["outcome", inPart],
      ["intent", SENT],
    ] as const;
    const lost = { ...LOST, failure: { effect: "maybe" } };
    const parts = [
      { name: "line 1", effect: "surely" },
      { name: "line 2", effect: "maybe" },
    ];
    const open = { ...inPart, failure: { effect: "partial", parts } };
    expect(unknownText(journal(...sentAgain), "pay")).toBe(may);
    expect(unknownText(journal(...sentAgain, ["outcome", lost]), "pay")).toBe(may);
    expect(unknownText(journal(["intent", SENT], ["outcome", open]), "pay")).toBe(may);
  });

  test("is known once a look-up has found it, or it was not done", () => {
    const found = { ...LOST, proof: "surely", says: "done", move: { kind: "adopt" }, end: "value" };
    const looked = journal(["intent", SENT], ["outcome", LOST], ["probe", found]);
    expect(unknownEffects(looked)).toEqual([]);
    const refused = { ...LOST, proof: "never", move: { kind: "repair", because: "" } };
    expect(unknownEffects(journal(["intent", SENT], ["outcome", refused]))).toEqual([]);
  });

  test("stays unknown where its run is done again", () => {
    const again: JournalRecord = {
      run: 1,
      seq: 4,
      kind: "again",
      attempt: 0,
      name: "",
      atMs: 4,
      head: JSON.stringify({ fromSeq: 1 }),
      data: null,
    };
    const records = journal(["intent", SENT], ["outcome", { ...LOST, end: "failed" }]);
    expect(unknownEffects([...records, again])).toEqual(["pay"]);
  });
});
