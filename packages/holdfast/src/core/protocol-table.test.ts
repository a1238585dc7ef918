import { describe, expect, test } from "vitest";
import type { FailureClass } from "./failure.ts";
import {
  consult,
  effectByPhase,
  isHeard,
  isUnsentIn,
  rowFor,
  type ProtocolRow,
  type ProtocolTable,
} from "./protocol-table.ts";
import type { Facts } from "./rule-match.ts";

const source = "made for this test";

function facts(over: Partial<Facts> = {}): Facts {
  return { code: null, status: null, phase: null, attempt: 1, holds: () => false, ...over };
}

/** A protocol of carrier pigeons. */
function tableOf(
  rows: readonly ProtocolRow[],
  over: Partial<Pick<ProtocolTable, "pick" | "reason" | "aliases">> = {},
): ProtocolTable {
  return {
    id: "pigeon",
    title: "Pigeons",
    prefix: "pigeon",
    version: 7,
    pick: "first",
    reason: { domain: "PIGEON", by: "code" },
    origin: "remote",
    phases: {
      coop: { evidence: "none", means: "it has not been let out" },
      door: { evidence: "created", means: "it has been let out, and sits there" },
      air: { evidence: "sent", means: "it flies" },
      back: { evidence: "answered", means: "it has come back" },
    },
    phaseAssumed: "air",
    rows,
    ...over,
  };
}

const row = (id: string, over: Partial<ProtocolRow> = {}): ProtocolRow => ({
  id,
  when: {},
  class: "data",
  source,
  ...over,
});

describe("a row says", () => {
  test("what stands in it, and nothing that does not", () => {
    const table = tableOf([row("lost")]);
    expect(consult(table, facts({ code: "hawk" }))?.says).toStrictEqual({
      class: "data",
      origin: "remote",
      reasonCode: "PIGEON:HAWK",
    });
    const full = row("full", {
      effect: "surely",
      scope: "key",
      origin: "human",
      reasonCode: "OWN:REASON",
    });
    expect(consult(tableOf([full]), facts())?.says).toStrictEqual({
      class: "data",
      effect: "surely",
      scope: "key",
      origin: "human",
      reasonCode: "OWN:REASON",
    });
  });

  test("that it is no failure, and is known with the table's version all the same", () => {
    const table = tableOf([row("landed-$status", { class: null })]);
    expect(consult(table, facts({ status: 200 }))).toMatchObject({
      says: null,
      rule: { source: "table", id: "pigeon/landed-200", version: 7 },
    });
    expect(consult(tableOf([]), facts())).toBe(null);
  });

  test.each([
    ["code", "late-hawk", "PIGEON:LATE_HAWK"],
    ["code", null, "PIGEON:WAS_LOST_TWICE"],
    ["id", "late-hawk", "PIGEON:WAS_LOST_TWICE"],
    ["status", "late-hawk", "PIGEON:LATE_HAWK"],
    ["status", null, "PIGEON:STATUS_503"],
  ] as const)("its reason by %s, of the code %s: %s", (by, code, reasonCode) => {
    const table = tableOf([row("was-lost-twice")], { reason: { domain: "PIGEON", by } });
    expect(consult(table, facts({ code, status: 503 }))?.says?.reasonCode).toBe(reasonCode);
  });

  test("the same of another spelling of its code", () => {
    const table = tableOf([row("hawk", { when: { code: ["hawk"] } })], {
      aliases: { "17": "hawk" },
    });
    expect(consult(table, facts({ code: "17" }))?.says?.reasonCode).toBe("PIGEON:HAWK");
    expect(consult(table, facts({ code: "18" }))).toBe(null);
    // Not what every object has.
    expect(consult(table, facts({ code: "constructor" }))).toBe(null);
    expect(consult(table, facts())).toBe(null);
  });
});

const idFor = (table: ProtocolTable, code: string | null) => rowFor(table, facts({ code }))?.id;

describe("of several rows", () => {
  const rows = [
    row("any"),
    row("begins", { when: { code: ["ha*"] } }),
    row("begins alike", { when: { code: ["ha*"] } }),
    row("begins longer", { when: { code: ["haw*", "h*"] } }),
    row("is", { when: { code: ["hawk"] } }),
  ];
  test("the first, or the one that names most of the code and of two alike the first", () => {
    const first = tableOf(rows);
    const exact = tableOf(rows, { pick: "most-exact" });
    const codes = ["hawk", "hawthorn", "hail", "rain", null];
    expect(new Set(codes.map((code) => idFor(first, code)))).toEqual(new Set(["any"]));
    expect(codes.map((code) => idFor(exact, code))).toEqual([
      "is",
      "begins longer",
      "begins",
      "any",
      "any",
    ]);
    expect(idFor(tableOf(rows.slice(1), { pick: "most-exact" }), "rain")).toBe(undefined);
  });
});

const done = (condition: string) => condition === "done";

describe("how far it had got proves", () => {
  const table = tableOf([row("lost", { effect: "by-phase" })]);
  const proven = (phase: string | null, holds: Facts["holds"] = () => false) =>
    effectByPhase(table, { phase, holds });

  test("that nothing happened where nothing had left", () => {
    expect(["coop", "door", "air", "back"].map((phase) => proven(phase))).toEqual([
      "never",
      "never",
      "maybe",
      "maybe",
    ]);
    expect(isUnsentIn(table, "coop")).toBe(true);
  });

  test("that it happened only where an answer has said so", () => {
    expect(["coop", "air", "back"].map((phase) => proven(phase, done))).toEqual([
      "never",
      "maybe",
      "surely",
    ]);
  });

  test("nothing where nobody knows it, or in a word that the table does not have", () => {
    expect([proven(null, done), proven("swims", done)]).toEqual(["maybe", "maybe"]);
    expect([isUnsentIn(table, null), isUnsentIn(table, "swims")]).toEqual([false, false]);
  });

  test("what a row says that leaves it to that", () => {
    expect(consult(table, facts({ phase: "coop" }))?.says?.effect).toBe("never");
    expect(consult(table, facts({ phase: "back", holds: done }))?.says?.effect).toBe("surely");
  });
});

const signal = (isWeak: boolean) => {
  const verdict = consult(tableOf([row("again", isWeak ? { isWeak: true } : {})]), facts());
  if (verdict === null) throw new Error("no row knows it");
  return verdict;
};

describe("a signal that says to come again", () => {
  test("is heard, if it is weak, only beside what nobody has to act on first", () => {
    const beside = (failureClass: FailureClass | null | undefined) =>
      isHeard(signal(true), failureClass);
    expect((["transient", "data", "permanent"] as const).map(beside)).toEqual([true, true, true]);
    expect(([undefined, null, "policy", "misconfigured"] as const).map(beside)).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect(isHeard(signal(false), "policy")).toBe(true);
  });
});
