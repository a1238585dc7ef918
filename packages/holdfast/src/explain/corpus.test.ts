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
  isFourth,
  isUnderSuccess,
  shareOf,
} from "./corpus-report.test-support.ts";

const PAGE = "../../../../docs/reference/classification-corpus.md";
/** Fewer prove little; more than this is no longer read by anybody. */
const CASES = { min: 300, max: 2_000 };
/**
 * Shares that are agreed now, in percent, rounded down, so that what was learned stays: of the fourth
 * part its effects, effects and classes of all, of those without failures under a status of success;
 * and of the earlier parts.
 */
const FLOORS = { effect: 84, class: 73, refused: 84, earlier: 85 };
const cases = readCorpus();
const fourth = cases.filter(isFourth);

test("the corpus is large enough, a quarter of it has labels by another hand, and every case has a name of its own", () => {
  expect(cases.length).toBeGreaterThanOrEqual(CASES.min);
  expect(cases.length).toBeLessThanOrEqual(CASES.max);
  expect(new Set(cases.map(({ id }) => id)).size).toBe(cases.length);
  expect(fourth.length / cases.length).toBeGreaterThanOrEqual(0.24);
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

test("cases of the later parts alone have other answers, and each of them says what tells it", () => {
  const early = cases.filter(({ part }) => part === "first" || part === "last");
  const late = cases.filter((one) => !early.includes(one));
  expect(ids(early.filter(({ label }) => (label.also ?? label.told) !== undefined))).toEqual([]);
  expect(ids(late.filter(({ label }) => label.told === undefined))).toEqual([]);
});

test("what was learned stays", () => {
  const refused = fourth.filter((one) => !isUnderSuccess(one));
  const earlier = cases.filter((one) => !isFourth(one));
  expect(shareOf(fourth, effectFits)).toBeGreaterThanOrEqual(FLOORS.effect);
  expect(shareOf(fourth, bothFit)).toBeGreaterThanOrEqual(FLOORS.class);
  expect(shareOf(refused, bothFit)).toBeGreaterThanOrEqual(FLOORS.refused);
  expect(shareOf(earlier, bothFit)).toBeGreaterThanOrEqual(FLOORS.earlier);
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
