/**
 * Holds the classification against the corpus of real failures, whose labels were fixed before it was
 * asked. The figures are written as they are: after a change of either side
 * `npx vitest run explain/corpus -u`.
 */
import { expect, test } from "vitest";
import { classified, readCorpus, type CorpusCase } from "./corpus.test-support.ts";
import {
  bothFit,
  corpusReport,
  effectFits,
  isToldByWire,
  shareOf,
} from "./corpus-report.test-support.ts";

const PAGE = "../../../../docs/reference/classification-corpus.md";
/** Fewer prove little; more than this is no longer read by anybody. */
const CASES = { min: 300, max: 2_000 };
/**
 * Shares of the held-out part that were agreed when it was asked, in percent, rounded down: its effects,
 * effects and classes of all, of those that the wire tells; and of what the tables were bettered from.
 */
const FLOORS = { effect: 99, class: 87, byWire: 91, learned: 80 };
const cases = readCorpus();
const held = cases.filter(({ part }) => part === "held");

test("the corpus is large enough, a third of it is held out, and every case has a name of its own", () => {
  expect(cases.length).toBeGreaterThanOrEqual(CASES.min);
  expect(cases.length).toBeLessThanOrEqual(CASES.max);
  expect(new Set(cases.map(({ id }) => id)).size).toBe(cases.length);
  // Not quite a third of all: that many beside those that the tables were first held against.
  expect(held.length / cases.length).toBeGreaterThanOrEqual(0.3);
});

test("no label claims more than the ledger of the counterpart allows", () => {
  const belied = cases.filter(({ label, ledger }) => {
    if (label.effect === "never") return ledger !== "not";
    if (label.effect === "surely") return ledger !== "happened";
    return label.effect === "partial" && ledger !== "partial";
  });
  expect(ids(belied)).toEqual([]);
});

test("the same evidence never has labels that have no answer in common", () => {
  const answers = new Map<string, readonly string[]>();
  for (const { protocol, seen, label } of cases) {
    const evidence = JSON.stringify([protocol, seen]);
    const own = [label, ...(label.also ?? [])].map(({ effect, reason }) => `${effect} ${reason}`);
    const known = answers.get(evidence) ?? own;
    answers.set(
      evidence,
      known.filter((answer) => own.includes(answer)),
    );
  }
  expect([...answers].filter(([, common]) => common.length === 0)).toEqual([]);
});

test("only held-out cases have other answers, and each of them says what tells it", () => {
  const others = cases.filter(({ part }) => part !== "held");
  expect(ids(others.filter(({ label }) => (label.also ?? label.told) !== undefined))).toEqual([]);
  expect(ids(held.filter(({ label }) => label.told === undefined))).toEqual([]);
});

test("the claims for cases that the tables were not made for hold, and what was learned stays", () => {
  const byWire = held.filter(isToldByWire);
  const learned = cases.filter(({ part }) => part !== "held");
  expect(shareOf(held, effectFits)).toBeGreaterThanOrEqual(FLOORS.effect);
  expect(shareOf(held, bothFit)).toBeGreaterThanOrEqual(FLOORS.class);
  expect(shareOf(byWire, bothFit)).toBeGreaterThanOrEqual(FLOORS.byWire);
  expect(shareOf(learned, bothFit)).toBeGreaterThanOrEqual(FLOORS.learned);
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
