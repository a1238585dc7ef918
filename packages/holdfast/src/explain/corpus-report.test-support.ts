/** The page that says how the classification does on the corpus, figures as they are. */
import { KINDS, viewOf } from "./corpus-views.test-support.ts";
import { classified, type CorpusCase, type Verdict } from "./corpus.test-support.ts";

interface Judged {
  readonly one: CorpusCase;
  readonly verdict: Verdict;
}

type Measure = (judged: Judged) => boolean;

const effectFits: Measure = ({ one, verdict }) => verdict.effect === one.label.effect;
const classFits: Measure = ({ one, verdict }) => verdict.class === one.label.class;
const reasonFits: Measure = ({ one, verdict }) =>
  verdict.reason === one.label.reason || one.label.reason === "ambiguous";
const bothFit: Measure = (judged) => effectFits(judged) && classFits(judged);
const allFit: Measure = (judged) => bothFit(judged) && reasonFits(judged);
const isFalseNever: Measure = ({ one, verdict }) =>
  verdict.effect === "never" && (one.ledger !== "not" || one.label.effect !== "never");
const isUnknown: Measure = ({ verdict }) => verdict.rule === null;

export function corpusReport(cases: readonly CorpusCase[]): string {
  const judged = cases.map((one) => ({ one, verdict: classified(one) }));
  const of = (name: string, fits: (one: CorpusCase) => boolean): string =>
    figures(
      name,
      judged.filter(({ one }) => fits(one)),
    );
  const wrong = judged.filter((each) => !allFit(each));
  const protocols = [...new Set(cases.map(({ protocol }) => protocol))].toSorted();
  return [
    HEAD,
    table("of|cases|effect|effect and class|with reason|false never|no rule", [
      of("all", () => true),
      of("first two thirds", ({ part }) => part === "first"),
      of("last third", ({ part }) => part === "last"),
      ...protocols.map((protocol) => of(protocol, (one) => one.protocol === protocol)),
    ]),
    "## Effects: the label's down, the classification's across\n",
    confusion(
      judged,
      ({ one }) => one.label.effect,
      ({ verdict }) => verdict.effect,
    ),
    "## Reasons: the label's down, the classification's across\n",
    "Cases whose result is lost (label `ambiguous`) have no reason of their own and are left out.\n",
    confusion(
      judged.filter(({ one }) => one.label.reason !== "ambiguous"),
      ({ one }) => one.label.reason,
      ({ verdict }) => verdict.reason,
    ),
    `## Each disagreement (${String(wrong.length)})\n`,
    table("kind|disagreements|meaning", kinds(wrong)),
    table(
      "case|ledger|label|classified|rule|why the label says so|kind|because",
      wrong.map(disagreement),
    ),
  ].join("\n");
}

const HEAD = `# How the classification does on a corpus of real failures

Made by \`npx vitest run explain/corpus -u\` from [tests/corpus](../../tests/corpus/README.md), whose labels were fixed
before any classifier was asked, by somebody who had not seen the [tables](classification.md). Each case is put to what
\`holdfast classify\` asks, as a first attempt of a write that may not be repeated.

*Effect* is what is proved of it. *Class* is that of a write that may not be repeated: \`ambiguous\` wherever it may have
happened or its result is lost. *Reason* is the class that counts where a repeat is harmless: it is told by the table.
*False never*: classified as never, while the ledger has it or the label says that it may have happened.
*No rule*: the fallback answered, and the failure is marked as unclassified.
`;

function figures(name: string, judged: readonly Judged[]): string {
  const count = (measure: Measure): number => judged.filter(measure).length;
  const share = (measure: Measure): string =>
    `${((100 * count(measure)) / judged.length).toFixed(1)} %`;
  const numbers = [share(effectFits), share(bothFit), share(allFit)];
  return [name, judged.length, ...numbers, count(isFalseNever), count(isUnknown)].join("|");
}

function disagreement({ one, verdict }: Judged): string {
  const { effect, reason, why } = one.label;
  const view = viewOf(one.id);
  return [
    one.id,
    one.ledger,
    `${effect} ${reason}`,
    `${verdict.effect} ${verdict.reason}`,
    verdict.rule ?? "none",
    why,
    view.kind,
    view.because,
  ].join("|");
}

function kinds(wrong: readonly Judged[]): readonly string[] {
  return [...Object.entries(KINDS), ["open", "not looked at yet"] as const].map(
    ([kind, meaning]) => {
      const count = wrong.filter(({ one }) => viewOf(one.id).kind === kind).length;
      return [kind, count, meaning].join("|");
    },
  );
}

function confusion(
  judged: readonly Judged[],
  down: (each: Judged) => string,
  across: (each: Judged) => string,
): string {
  const words = (say: (each: Judged) => string): readonly string[] =>
    [...new Set(judged.map(say))].toSorted();
  const columns = words(across);
  const rows = words(down).map((word) => {
    const counts = columns.map((column) => {
      const count = judged.filter((each) => down(each) === word && across(each) === column).length;
      return count === 0 ? "" : String(count);
    });
    return [word, ...counts].join("|");
  });
  return table(["", ...columns].join("|"), rows);
}

const line = (cells: string): string => `| ${cells.split("|").join(" | ")} |`;

/** Cells are parted by bars; none of the texts holds one. */
function table(head: string, rows: readonly string[]): string {
  const rule = line(
    head
      .split("|")
      .map(() => "---")
      .join("|"),
  );
  return `${[line(head), rule, ...rows.map(line)].join("\n")}\n`;
}
