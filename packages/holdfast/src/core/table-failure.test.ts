import { describe, expect, test } from "vitest";
import type { ProtocolRow, ProtocolTable } from "./protocol-table.ts";
import type { Facts } from "./rule-match.ts";
import { failureByTable, type Said } from "./table-failure.ts";

const source = "made for this test";

function tableOf(prefix: string, rows: readonly ProtocolRow[]): ProtocolTable {
  return {
    id: prefix,
    title: "Pigeons",
    prefix,
    version: 1,
    pick: "first",
    reason: { domain: "PIGEON", by: "id" },
    origin: "remote",
    phases: {
      coop: { evidence: "none", means: "it has not been let out" },
      air: { evidence: "sent", means: "it flies" },
      back: { evidence: "answered", means: "it has come back" },
    },
    phaseAssumed: "air",
    rows,
  };
}

const known = tableOf("pigeon", [
  { id: "landed", when: { code: ["landed"] }, class: null, source },
  { id: "there", when: { code: ["there"] }, effect: "never", class: "data", echo: true, source },
  { id: "refused", when: { code: ["refused"] }, effect: "never", class: "policy", source },
  { id: "unread", when: { code: ["unread"] }, class: "data", source },
]);
const signals = tableOf("pigeon-note", [
  { id: "again", when: { status: [1] }, class: "transient", isWeak: true, source },
  { id: "wait", when: { status: [2] }, class: "throttled", source },
]);

const SAID: Said = { message: "it came back", openMaybe: false };

function failed(over: Partial<Facts> = {}, said: Partial<Said> = {}) {
  const facts = { code: null, status: null, phase: null, attempt: 1, holds: () => false, ...over };
  return failureByTable({ table: known, signals }, facts, { ...SAID, ...said });
}

const ruleOf = (over: Partial<Facts>) => failed(over).failure?.rule.id;

describe("the evidence", () => {
  test("is what is known, and nothing that is not", () => {
    expect(failed().failure?.evidence).toStrictEqual({ phase: "sent", callCount: 1 });
    const all = failed({ code: "unread", status: 3, phase: "back" }, { retryAfterMs: 5 });
    expect(all.failure?.evidence).toStrictEqual({
      phase: "answered",
      status: 3,
      code: "unread",
      retryAfterMs: 5,
      callCount: 1,
    });
  });

  test("of a refusal of the receiver's own is that it has answered, wherever it was last seen", () => {
    const refused = failed({ code: "refused", phase: "air" }).failure;
    expect(refused).toMatchObject({ effect: "never", evidence: { phase: "answered" } });
    const unsent = failed({ code: "refused", phase: "coop" }).failure;
    expect(unsent).toMatchObject({ effect: "never", evidence: { phase: "none" } });
    const other = failed({ code: "unread", phase: "air" }).failure;
    expect(other).toMatchObject({ effect: "maybe", evidence: { phase: "sent" } });
  });

  test("of a phase that the table does not have proves nothing", () => {
    const unknown = failed({ code: "unread", phase: "swims" }).failure;
    expect(unknown).toMatchObject({ effect: "maybe", evidence: { phase: "sent" } });
  });
});

describe("a signal", () => {
  test("goes before the table, where it is heard beside it", () => {
    expect(ruleOf({ code: "unread", status: 2 })).toBe("pigeon-note/wait");
    expect(ruleOf({ code: "unread", status: 1 })).toBe("pigeon-note/again");
    expect(ruleOf({ code: "refused", status: 1 })).toBe("pigeon/refused");
    expect(failed({ code: "refused", status: 1 }).signal).toBe(null);
  });

  test("counts also where no row of the table knows the rest, unless it is a weak one", () => {
    expect(failed({ status: 2 })).toMatchObject({ verdict: null, failure: { class: "throttled" } });
    expect(failed({ status: 1 })).toMatchObject({
      verdict: null,
      signal: null,
      failure: { unclassified: true },
    });
  });

  test("is not asked for where the table says that it is no failure", () => {
    expect(failed({ code: "landed", status: 2 })).toMatchObject({ failure: null, signal: null });
  });
});

const after = (code: string) => failed({ code }, { openMaybe: true }).failure?.class;

test("only a row that says so takes a refusal after an open attempt for our own success", () => {
  expect([after("there"), after("unread"), after("refused")]).toEqual([
    "ambiguous",
    "data",
    "policy",
  ]);
});
