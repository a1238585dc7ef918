/**
 * Holds the classification against the corpus of real failures, whose labels were fixed before it was
 * asked. The figures are written as they are: after a change of either side
 * `npx vitest run explain/corpus -u`.
 */
import { expect, test } from "vitest";
import { classified, readCorpus, type CorpusCase } from "./corpus.test-support.ts";
import { corpusReport } from "./corpus-report.test-support.ts";

const PAGE = "../../../../docs/reference/classification-corpus.md";
/** Fewer prove little; more than this is no longer read by anybody. */
const CASES = { min: 300, max: 2_000 };
const cases = readCorpus();

test("the corpus is large enough, a third of it was made last, and every case has a name of its own", () => {
  expect(cases.length).toBeGreaterThanOrEqual(CASES.min);
  expect(cases.length).toBeLessThanOrEqual(CASES.max);
  expect(new Set(cases.map(({ id }) => id)).size).toBe(cases.length);
  const last = cases.filter(({ part }) => part === "last");
  expect(last.length / cases.length).toBeGreaterThanOrEqual(1 / 3);
});

test("no label claims more than the ledger of the counterpart allows", () => {
  const belied = cases.filter(({ label, ledger }) => {
    if (label.effect === "never") return ledger !== "not";
    if (label.effect === "surely") return ledger !== "happened";
    return label.effect === "partial" && ledger !== "partial";
  });
  expect(ids(belied)).toEqual([]);
});

test("the same evidence never has two labels", () => {
  const labels = new Map<string, Set<string>>();
  for (const { protocol, seen, label } of cases) {
    const evidence = JSON.stringify([protocol, seen]);
    const known = labels.get(evidence) ?? new Set();
    labels.set(evidence, known.add(`${label.effect} ${label.reason}`));
  }
  expect([...labels.values()].filter(({ size }) => size > 1)).toEqual([]);
});

test("never says that nothing happened where it did, or may have", () => {
  const wrong = cases.filter((one) => {
    const isOpen = one.ledger !== "not" || one.label.effect !== "never";
    return isOpen && classified(one).effect === "never";
  });
  expect(ids(wrong)).toEqual([]);
});

test("the page of the corpus is what the classification says today", async () => {
  await expect(corpusReport(cases)).toMatchFileSnapshot(PAGE);
});

function ids(some: readonly CorpusCase[]): readonly string[] {
  return some.map(({ id }) => id);
}
