/** What holds for every table, whatever it says. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codesOf, statusesOf } from "../../explain/vectors.ts";
import {
  consult,
  DONE,
  isUnsentIn,
  MISSING_WAIT_MS,
  rowFor,
  type ProtocolTable,
} from "../protocol-table.ts";
import { failureByTable, PLAIN_CONTRACTS, plainMove } from "../table-failure.ts";
import { PROTOCOLS } from "./protocols.ts";

const TABLES = PROTOCOLS.flatMap(({ table, signals }) =>
  signals === undefined ? [table] : [signals, table],
);
const NAMED = TABLES.map((table) => [table.id, table] as const);

/** A case for each code, status and phase of each row. */
function cases(table: ProtocolTable) {
  return table.rows.flatMap((row) => {
    const { phase: phases = Object.keys(table.phases), is = [], attemptFrom = 1 } = row.when;
    const holds = (condition: string) => is.includes(condition);
    return codesOf(table, row).flatMap((code) =>
      statusesOf(row).flatMap((status) =>
        phases.map((phase) => ({
          row,
          facts: { code, status, phase, attempt: attemptFrom, holds },
        })),
      ),
    );
  });
}

describe.each(NAMED)("the table of %s", (_id, table) => {
  test("has no row that other rows always hide", () => {
    const reached = new Set(cases(table).map(({ facts }) => rowFor(table, facts)));
    const hidden = table.rows.filter((row) => !reached.has(row)).map((row) => row.id);
    expect(hidden).toEqual([]);
  });

  test("has two rows for a code only where phase, condition, status or attempt tells them apart", () => {
    const seen = table.rows.flatMap(({ when }) => {
      const { code = [], ...rest } = when;
      return code.map((each) => `${each} ${JSON.stringify(rest)}`);
    });
    expect(new Set(seen).size).toBe(seen.length);
  });

  test("has an id for each row that no other has", () => {
    const ids = table.rows.flatMap(({ id, when }) =>
      id.includes("$status") ? (when.status ?? []).map((each) => `${id} ${String(each)}`) : [id],
    );
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
  });

  test("says of each row where it is written", () => {
    expect(table.rows.filter(({ source }) => source.trim() === "")).toEqual([]);
  });

  test("uses every condition, example and alias that it declares", () => {
    const conditions = new Set(
      TABLES.filter((each) => each.conditions === table.conditions).flatMap((each) =>
        each.rows.flatMap(({ when }) => when.is ?? []),
      ),
    );
    // Every row by phase heeds it.
    const declared = Object.keys(table.conditions ?? {}).filter((each) => each !== DONE);
    expect([...conditions].toSorted()).toEqual(declared.toSorted());
    const codes = table.rows.flatMap(({ when }) => when.code ?? []);
    expect(Object.keys(table.examples ?? {}).filter((code) => !codes.includes(code))).toEqual([]);
    const dead = Object.values(table.aliases ?? {}).filter(
      (code) =>
        !codes.some(
          (each) => each === code || (each.endsWith("*") && code.startsWith(each.slice(0, -1))),
        ),
    );
    expect(dead).toEqual([]);
  });

  test("takes the phase that proves least where none is known", () => {
    const evidence = Object.values(table.phases).map((phase) => phase.evidence);
    const canProve = evidence.some((each) => each === "none" || each === "created");
    expect(canProve && isUnsentIn(table, table.phaseAssumed)).toBe(false);
    expect(Object.keys(table.phases)).toContain(table.phaseAssumed);
  });

  test("proves by the phase alone only where nothing has left", () => {
    for (const { row, facts } of cases(table)) {
      if (row.effect !== "by-phase" || rowFor(table, facts) !== row) continue;
      const effect = consult(table, facts)?.says?.effect;
      expect([row.id, effect]).toEqual([
        row.id,
        isUnsentIn(table, facts.phase) ? "never" : "maybe",
      ]);
    }
  });
});

test("what no row knows is the fallback's: never only where nothing has left", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...PROTOCOLS.filter(({ table }) => table.id !== "http")),
      fc.string({ minLength: 1 }).map((text) => `no such ${text}`),
      fc.nat(),
      (protocol, code, at) => {
        const { table } = protocol;
        const phases = Object.keys(table.phases);
        const phase = phases[at % phases.length] ?? null;
        const facts = { code, status: null, phase, attempt: 1, holds: () => false };
        const { failure, verdict } = failureByTable(protocol, facts, {
          message: "",
          openMaybe: false,
        });
        expect(verdict).toBeNull();
        expect(failure).toMatchObject({ class: "transient", unclassified: true });
        expect(failure?.effect).toBe(isUnsentIn(table, phase) ? "never" : "maybe");
      },
    ),
  );
});

test("the longest beginning wins, and the whole code over all beginnings", () => {
  const table = PROTOCOLS.find(({ table: each }) => each.id === "postgres")?.table;
  if (table === undefined) throw new Error("no table");
  const rule = (code: string) =>
    consult(table, { code, status: null, phase: null, attempt: 1, holds: () => false })?.rule.id;
  expect(["25006", "25P02", "25P04", "23505", "23514", "99999"].map(rule)).toEqual([
    "sqlstate/read-only",
    "sqlstate/transaction-state",
    "sqlstate/contention",
    "sqlstate/duplicate",
    "sqlstate/constraint",
    undefined,
  ]);
});

test.each([
  ["postgres", "23503"],
  ["file", "ENOENT"],
])("what is missing by a code of %s (%s) may still come, and is waited for", (id, code) => {
  const protocol = PROTOCOLS.find(({ table }) => table.id === id);
  if (protocol === undefined) throw new Error("no table");
  const facts = { code, status: null, phase: null, attempt: 1, holds: () => false };
  const { failure } = failureByTable(protocol, facts, { message: "", openMaybe: false });
  expect(failure).toMatchObject({
    class: "data",
    effect: "never",
    mayComeWithinMs: MISSING_WAIT_MS,
  });
  if (failure === null) throw new Error("it is no failure");
  const plain = { attempt: 9, openMaybe: false, hintMs: null };
  expect(plainMove(failure, PLAIN_CONTRACTS.once, plain).kind).toBe("wait");
});
