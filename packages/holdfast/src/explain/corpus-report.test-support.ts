/** The page that says how the classification does on the corpus, figures as they are. */
import { KINDS, viewOf } from "./corpus-views.test-support.ts";
import { classified, type CorpusCase, type Verdict } from "./corpus.test-support.ts";

/** Labelled by somebody who had seen no table, with error bodies of many APIs. */
export const isFourth = ({ part }: CorpusCase): boolean => part === "fourth";

const isToldByWire = (one: CorpusCase): boolean => isFourth(one) && one.label.told === "wire";

/** An answer whose status is a success: only the API's own schema tells that it is none. */
export const isUnderSuccess = ({ seen }: CorpusCase): boolean =>
  seen.answer !== undefined && seen.answer.status >= 200 && seen.answer.status < 300;

/** What would be agreed if a label named one answer only. */
function firstOnly({ one, verdict }: Judged): Judged {
  const { effect, class: failureClass, reason, why } = one.label;
  return { one: { ...one, label: { effect, class: failureClass, reason, why } }, verdict };
}

interface Judged {
  readonly one: CorpusCase;
  readonly verdict: Verdict;
}

type Measure = (judged: Judged) => boolean;

type Answer = Pick<CorpusCase["label"], "effect" | "reason">;

/** The label, and what it says is right as well. */
function answersOf({ label: { effect, reason, also = [] } }: CorpusCase): readonly Answer[] {
  return [{ effect, reason }, ...also];
}

const isOpen = ({ effect }: Answer): boolean => effect === "maybe" || effect === "surely";

/** True if one and the same answer fits in all of them. */
function fits(...parts: readonly ((answer: Answer, verdict: Verdict) => boolean)[]): Measure {
  return ({ one, verdict }) =>
    answersOf(one).some((answer) => parts.every((part) => part(answer, verdict)));
}

const sameEffect = (answer: Answer, verdict: Verdict): boolean => verdict.effect === answer.effect;
const sameClass = (answer: Answer, verdict: Verdict): boolean =>
  verdict.class === (isOpen(answer) ? "ambiguous" : answer.reason);
const sameReason = (answer: Answer, verdict: Verdict): boolean =>
  answer.reason === "ambiguous" || verdict.reason === answer.reason;

export const effectFits = fits(sameEffect);
export const bothFit = fits(sameEffect, sameClass);
const allFit = fits(sameEffect, sameClass, sameReason);
const isFalseNever: Measure = ({ one, verdict }) =>
  verdict.effect === "never" && (one.ledger !== "not" || one.label.effect !== "never");
const isFalseSurely: Measure = ({ one, verdict }) =>
  verdict.effect === "surely" && one.ledger === "not";
const isUnknown: Measure = ({ verdict }) => verdict.rule === null;

export function corpusReport(cases: readonly CorpusCase[]): string {
  const judged = cases.map((one) => ({ one, verdict: classified(one) }));
  const of = (name: string, isMeant: (one: CorpusCase) => boolean): string =>
    figures(
      name,
      judged.filter(({ one }) => isMeant(one)),
    );
  const wrong = judged.filter((each) => !allFit(each));
  const perProtocol = (name: string, isMeant: (one: CorpusCase) => boolean): readonly string[] =>
    [...new Set(cases.filter(isMeant).map(({ protocol }) => protocol))]
      .toSorted()
      .map((protocol) =>
        of(`${name}: ${protocol}`, (one) => isMeant(one) && one.protocol === protocol),
      );
  return [
    HEAD,
    table("of|cases|effect|effect and class|with reason|false never|false surely|no rule", [
      of("**fourth part**", isFourth),
      of("fourth part, told by the wire", isToldByWire),
      of(
        "fourth part, without failures under a status of success",
        (one) => isFourth(one) && !isUnderSuccess(one),
      ),
      figures(
        "fourth part, the label's first answer only",
        judged.filter(({ one }) => isFourth(one)).map(firstOnly),
      ),
      ...perProtocol("fourth part", isFourth),
      of("earlier parts", (one) => !isFourth(one)),
      ...perProtocol("earlier parts", (one) => !isFourth(one)),
      of("all", () => true),
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
before any classifier was asked. Each case is put to what \`holdfast classify\` asks, as a first attempt of a write that
may not be repeated.

Each part was asked once before the tables were bettered from it; only those first answers say how well the tables do on
what they were not made for:

| part, asked first | cases | effect | effect and class | false never | labels by |
| --- | --- | --- | --- | --- | --- |
| held, 29 November 2026 | 312 | 99.7 % | 87.5 % | 0 | who had made the tables |
| fourth, 30 November 2026 | 314 | 81.5 % | 65.3 % | 10 | somebody who had seen no table |

The issue asks for 97 %: it is **not met**. Of the 109 disagreements of the fourth part then, 42 were failures that an API
reports under a status of success (GraphQL, JSON-RPC, Slack, batches): no table of HTTP tells those, and an integration
that has such an API says so with \`classify\`. Of the 10 that were called never, four came of how the question was put
here, one of the library's own status, two of a 302 and a 304, and three of codes of one vendor; all are careful now. What
is below is after that: the tables have learned from all parts.

A label of the later parts may name several answers that the definitions allow, each of which is agreed, and says what
tells the class. *Told by the wire* leaves out what only the words of a message for people tell: no table reads those for a
class; an operator's rule or \`classify\` can.

*Effect* is what is proved of it. *Class* is that of a write that may not be repeated: \`ambiguous\` wherever it may have
happened or its result is lost. *Reason* is the class that counts where a repeat is harmless: it is told by the table.
*False never*: classified as never, while the ledger has it or the label says that it may have happened.
*False surely*: classified as surely done, while the ledger has nothing: a page of something in between, with status 200.
*No rule*: the fallback answered, and the failure is marked as unclassified.
`;

/** In percent. */
export function shareOf(cases: readonly CorpusCase[], measure: Measure): number {
  return share(
    cases.map((one) => ({ one, verdict: classified(one) })),
    measure,
  );
}

function share(judged: readonly Judged[], measure: Measure): number {
  return (100 * judged.filter(measure).length) / judged.length;
}

function figures(name: string, judged: readonly Judged[]): string {
  const count = (measure: Measure): number => judged.filter(measure).length;
  const shares = [effectFits, bothFit, allFit].map(
    (measure) => `${share(judged, measure).toFixed(1)} %`,
  );
  const wrong = [isFalseNever, isFalseSurely, isUnknown].map(count);
  return [name, judged.length, ...shares, ...wrong].join("|");
}

function disagreement({ one, verdict }: Judged): string {
  const { why } = one.label;
  const answers = answersOf(one).map(({ effect, reason }) => `${effect} ${reason}`);
  const view = viewOf(one.id);
  return [
    one.id,
    one.ledger,
    answers.join(" or "),
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
