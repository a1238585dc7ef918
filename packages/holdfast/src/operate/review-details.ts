/** Reviews with what a person needs to answer them: the subject, and what the answer looks like. */
import type { AnsweredHead } from "../core/journal.ts";
import { parseJson } from "../core/json-text.ts";
import type { ReviewRow, RunRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import type { KeptCommand } from "./kept-command.ts";
import type { Masking } from "./masking.ts";
import { scanRun } from "./scan-run.ts";
import { reviewView, type ReviewView } from "./views.ts";

/** Characters of a decision that are quoted. */
const DECISION_CHARS_MAX = 200;

/** ": " and what was decided, masked; "" if its record is gone. */
export async function decisionText(
  reader: StoreReader,
  masking: Masking,
  { run, seq, review }: ReviewRow,
): Promise<string> {
  let text = "";
  await scanRun(reader, run, ({ kind, head, data }) => {
    if (kind !== "answered" || data === null) return;
    // Written by the engine with this shape.
    const { asked, end } = parseJson(head ?? "{}") as AnsweredHead;
    if (asked !== seq || end !== "value") return;
    const owner = { definition: "review", name: review } as const;
    const shown = masking.payload(data, owner, DECISION_CHARS_MAX);
    text = `: ${shown.text}${shown.isCut ? "…" : ""}`;
  });
  return text;
}

/** Characters of a subject that are shown. */
const SUBJECT_CHARS_MAX = 4_000;

export async function reviewDetails(
  reader: StoreReader,
  masking: Masking,
  rows: readonly ReviewRow[],
  {
    runOf,
    kept,
  }: {
    readonly runOf: (row: ReviewRow) => RunRow | null;
    readonly kept: readonly KeptCommand[];
  },
): Promise<readonly ReviewView[]> {
  const views: ReviewView[] = [];
  // By primary key, and at most one for each row of a bounded page.
  for (const row of rows) {
    const [asked] = await reader.records(row.run, row.seq - 1, 1);
    const owner = { definition: "review", name: row.review } as const;
    const data = asked?.kind === "asked" ? asked.data : null;
    views.push(
      reviewView(row, runOf(row), {
        subject: data === null ? null : masking.payload(data, owner, SUBJECT_CHARS_MAX),
        decision: masking.decisionOf(row.review),
        decisionWords: masking.answerWords(row.review),
        kept,
      }),
    );
  }
  return views;
}
