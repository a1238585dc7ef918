/** Pages of runs, exceptions, effects and reviews as text. */
import { lateMs } from "../core/exception-handling.ts";
import { COMPENSATED_TEXT } from "../core/run-state.ts";
import { durationText } from "../core/duration.ts";
import { untilText } from "../operate/handling-text.ts";
import { keptSentence } from "../operate/kept-command.ts";
import type { EarlyAnswerPage } from "../operate/list-answers.ts";
import type { ReceivedPage } from "../operate/list-received.ts";
import type { RunPage } from "../operate/list-runs.ts";
import { otherActs } from "./other-acts.ts";
import { outcomeLines } from "./outcome-text.ts";
import type { EffectPage, ExceptionPage, OutcomeView, ReviewPage } from "../operate/list-work.ts";
import type { EffectView, ExceptionView, ReviewView, RunView } from "../operate/views.ts";
import { payloadText } from "./payload-text.ts";
import { textTable, type Column, type Screen, type TableRow } from "./text-table.ts";

/** When and where a list is looked at. */
export interface Look {
  readonly screen: Screen;
  readonly nowMs: number;
}

const RUN_COLUMNS: readonly Column[] = [
  { title: "RUN", isKept: true },
  { title: "KEY" },
  { title: "WORKFLOW" },
  { title: "STATE", isKept: true },
  { title: "SINCE", isKept: true },
  { title: "OWNER" },
  { title: "REASON" },
];

export function runsText(page: RunPage, look: Look): string {
  const { columns, rows } = withCells(RUN_COLUMNS, page.runs, page.runs.map(rowOfRun(look)));
  return listText(columns, rows, page.next, "runs", look);
}

function rowOfRun({ nowMs }: Look): (run: RunView) => TableRow {
  return (run) => ({
    cells: [
      run.id,
      run.key,
      run.workflow,
      `${run.state}${COMPENSATED_TEXT[run.compensated]}`,
      ageText(run.updatedAt, nowMs),
      ownerText(run),
      run.reason,
    ],
  });
}

/** Who has to act now; the team of the workflow where nobody has to. */
export function ownerText({
  owner,
  exceptionOwners,
}: Pick<RunView, "owner" | "exceptionOwners">): string {
  return exceptionOwners.length === 0 ? owner : exceptionOwners.join(", ");
}

const EXCEPTION_COLUMNS: readonly Column[] = [
  { title: "EXCEPTION", isKept: true },
  { title: "KEY" },
  { title: "STEP" },
  { title: "FAMILY", isKept: true },
  { title: "CLASS", isKept: true },
  { title: "VALUE" },
  { title: "OWNER" },
  { title: "AGE", isKept: true },
  { title: "DUE (UTC)", isKept: true },
];

export function exceptionsText(page: ExceptionPage, look: Look): string {
  const all = page.exceptions.map((exception) => exceptionRow(exception, look.nowMs));
  const { columns, rows } = withCells(EXCEPTION_COLUMNS, page.exceptions, all);
  return listText(columns, rows, page.next, "exceptions", look);
}

/** Of one run or of many: the same columns, so that they can be found again. */
export function exceptionsTable(list: readonly ExceptionView[], { screen, nowMs }: Look): string {
  const rows = list.map((exception) => exceptionRow(exception, nowMs));
  return textTable(EXCEPTION_COLUMNS, rows, screen);
}

/** With all commands by which it can be dealt with: there is room for them. */
export function exceptionTable(exception: ExceptionView, { screen, nowMs }: Look): string {
  return textTable(EXCEPTION_COLUMNS, [exceptionRow(exception, nowMs, true)], screen);
}

function exceptionRow(exception: ExceptionView, nowMs: number, isAlone = false): TableRow {
  const { closedAt, closedBy, resolution } = exception;
  const due =
    closedAt === null
      ? dueOfException(exception, nowMs)
      : `${resolution ?? "closed"} by ${closedBy ?? ""}`;
  return {
    cells: [
      exception.id,
      exception.key ?? exception.run ?? "(no run)",
      exception.step ?? (exception.isBeside ? "(beside the run)" : "(workflow code)"),
      exception.family,
      exception.class,
      valueText(exception),
      exception.assignee === null ? exception.owner : `${exception.owner} (${exception.assignee})`,
      durationText(Math.max(0, nowMs - Date.parse(exception.openedAt))),
      due,
    ],
    notes: [
      exception.because,
      ...(exception.because.includes(exception.message) ? [] : [exception.message]),
      ...(exception.said === null ? [] : [`they said  ${JSON.stringify(exception.said)}`]),
      ...partsLines(exception),
      `rule ${exception.rule}: ${exception.reasonCode} -> ${exception.class}   see ${exception.page}, ${exception.classPage}`,
      ...careNotes(exception),
      ...exception.kept.map(keptSentence),
      ...(exception.admitWith === null ? [] : [exception.admitWith]),
      ...exception.integrationWith,
      ...(exception.closeWith === null ? [] : [exception.closeWith]),
      ...(exception.settleWith === null ? [] : [exception.settleWith]),
      ...(exception.resumeWith === null ? [] : [exception.resumeWith]),
      ...otherActs(exception, isAlone),
    ],
  };
}

/** Names of parts of one kind in a line; all of them are in `--json`. */
const PARTS_SHOWN_MAX = 20;

function partsLines({ parts: known }: ExceptionView): readonly string[] {
  if (known === null) return [];
  const kinds = [
    ...namedParts("done", known.done),
    ...namedParts("not done", known.notDone),
    ...namedParts("nobody knows of", known.unknown),
  ];
  const again =
    known.sendsAgain === "the rest"
      ? "if it is sent again, the rest alone is: all but what was done, also parts that were never named"
      : "if it is sent again, ALL of it is, also what was done: its code leaves out no parts (byParts)";
  return [`parts  ${kinds.join("; ")}`, again];
}

function namedParts(what: string, names: readonly string[]): readonly string[] {
  const more = names.length - PARTS_SHOWN_MAX;
  const rest = more > 0 ? ` and ${String(more)} more` : "";
  return names.length === 0
    ? []
    : [`${what}: ${names.slice(0, PARTS_SHOWN_MAX).join(", ")}${rest}`];
}

/** Notes of which the newest are shown; all of them are in `--json`. */
const NOTES_SHOWN_MAX = 5;

function careNotes(exception: ExceptionView): readonly string[] {
  const { status, waitsFor, waitReason, tags, links, notes, crossed, snoozed } = exception;
  const { watchers, duplicateOf } = exception;
  const told = crossed.filter(({ kind }) => kind === "escalation").map(({ to }) => to);
  return [
    ...(status === "waiting" ? [`waits for ${waitsFor ?? ""}: ${waitReason ?? ""}`] : []),
    ...(snoozed === null
      ? []
      : [`snoozed by ${snoozed.by} until ${untilText(snoozed.until)}: ${snoozed.reason}`]),
    ...(told.length === 0 ? [] : [`escalated to ${told.join(", then ")}`]),
    ...(duplicateOf === null ? [] : [`duplicate of ${duplicateOf}`]),
    ...(watchers.length === 0 ? [] : [`watched by ${watchers.join(", ")}`]),
    ...(tags.length === 0 ? [] : [`tags ${tags.join(", ")}`]),
    ...links.map(({ kind, to }) => `${kind} ${to}`),
    ...notes.slice(-NOTES_SHOWN_MAX).map(({ at, by, text }) => `${timeText(at)} ${by}: ${text}`),
  ];
}

const EFFECT_COLUMNS: readonly Column[] = [
  { title: "EFFECT", isKept: true },
  { title: "KEY" },
  { title: "STEP" },
  { title: "CONTRACT", isKept: true },
  { title: "PROOF", isKept: true },
  { title: "ATTEMPTS", isKept: true },
  { title: "VALUE" },
  { title: "REF" },
  { title: "SENT (UTC)", isKept: true },
];

export function effectsText(page: EffectPage, look: Look): string {
  const all = page.effects.map(effectRow);
  const { columns, rows } = withCells(EFFECT_COLUMNS, page.effects, all);
  return listText(columns, rows, page.next, "effects", look);
}

export function effectsTable(list: readonly EffectView[], { screen }: Look): string {
  return textTable(EFFECT_COLUMNS, list.map(effectRow), screen);
}

function effectRow(effect: EffectView): TableRow {
  const undoes = effect.undoes === null ? "" : ` (undoes ${effect.undoes})`;
  return {
    cells: [
      effect.id,
      effect.key ?? effect.run,
      `${effect.step}${undoes}`,
      effect.contract,
      `${PROOF_TEXT[effect.proof]}${effect.ended ? "" : ", open"}`,
      String(effect.attempts),
      valueText(effect),
      `${effect.ref ?? ""}${saidBy(effect)}`,
      timeText(effect.lastSentAt),
    ],
  };
}

/** While it is not known what happened, nobody's word is of it: what was said was of an earlier attempt. */
function saidBy({ settledBy, proof }: EffectView): string {
  return settledBy === null || proof === "maybe" ? "" : ` (says ${settledBy})`;
}

const PROOF_TEXT: Readonly<Record<EffectView["proof"], string>> = {
  never: "not done",
  maybe: "may have happened",
  partial: "done in part",
  surely: "done",
};

const REVIEW_COLUMNS: readonly Column[] = [
  { title: "REVIEW", isKept: true },
  { title: "KEY" },
  { title: "NAME" },
  { title: "VALUE" },
  { title: "WHO MAY ANSWER" },
  { title: "ASKED (UTC)", isKept: true },
  { title: "DUE (UTC)", isKept: true },
];

export function reviewsText(page: ReviewPage, look: Look): string {
  const all = [
    ...page.reviews.map((review) => reviewRow(review, look.nowMs)),
    ...page.outcomes.map((outcome) => outcomeRow(outcome, look.nowMs)),
  ];
  const views = [...page.reviews, ...page.outcomes.map(({ exception }) => exception)];
  const { columns, rows } = withCells(REVIEW_COLUMNS, views, all);
  return listText(columns, rows, page.next, "reviews", look);
}

/** The engine's own question, among those of workflows. */
function outcomeRow({ exception, outcome }: OutcomeView, nowMs: number): TableRow {
  return {
    cells: [
      exception.id,
      exception.key ?? exception.run ?? "",
      `did-it-happen: ${exception.step ?? ""}`,
      valueText(exception),
      exception.owner,
      timeText(exception.openedAt),
      dueOfException(exception, nowMs),
    ],
    notes: [exception.because, ...outcomeLines(outcome), ...exception.kept.map(keptSentence)],
  };
}

export function reviewsTable(list: readonly ReviewView[], { screen, nowMs }: Look): string {
  return textTable(
    REVIEW_COLUMNS,
    list.map((review) => reviewRow(review, nowMs)),
    screen,
  );
}

function reviewRow(review: ReviewView, nowMs: number): TableRow {
  const notBy = review.notBy === null ? "" : `, not ${review.notBy}`;
  return {
    cells: [
      review.id,
      review.key ?? review.run,
      review.review,
      valueText(review),
      `${review.escalatedTo ?? review.by}${notBy}`,
      timeText(review.askedAt),
      reviewDueText(review, nowMs),
    ],
    notes: [
      ...(review.subject === null ? [] : [`about ${payloadText(review.subject)}`]),
      ...review.kept.map(keptSentence),
      ...(review.answerWith === null ? [] : [review.answerWith]),
    ],
  };
}

function reviewDueText(review: ReviewView, nowMs: number): string {
  if (review.state === "answered") return `answered by ${review.answeredBy ?? ""}`;
  if (review.state === "withdrawn") return "withdrawn";
  return review.dueAt === null ? "" : dueText(review.dueAt, nowMs);
}

const ANSWER_COLUMNS: readonly Column[] = [
  { title: "REF", isKept: true },
  { title: "INTEGRATION" },
  { title: "STATE", isKept: true },
  { title: "OWNER" },
  { title: "CAME (UTC)", isKept: true },
  { title: "KEPT UNTIL (UTC)" },
];

export function answersText({ answers }: EarlyAnswerPage, look: Look): string {
  const rows = answers.map(({ ref, integration, state, owner, at, dueAt }) => ({
    cells: [ref, integration, state, owner, timeText(at), timeText(dueAt)],
  }));
  return listText(ANSWER_COLUMNS, rows, null, "answers", look);
}

const RECEIVED_COLUMNS: readonly Column[] = [
  { title: "MESSAGE", isKept: true },
  { title: "SOURCE" },
  { title: "INGRESS" },
  { title: "STATE", isKept: true },
  { title: "RUN OR EXCEPTION", isKept: true },
  { title: "DUPLICATE OF" },
  { title: "ORDER" },
  { title: "CAME (UTC)" },
];

export function receivedText({ messages, next }: ReceivedPage, look: Look): string {
  const rows = messages.map(({ order, at, duplicateOf, isLeft, run, ...message }) => ({
    cells: [
      message.id,
      message.source,
      message.ingress,
      isLeft ? `${message.state} (left)` : message.state,
      run ?? message.exception ?? "",
      duplicateOf ?? "",
      order === null ? "" : `${order.key} ${String(order.number)}`,
      timeText(at),
    ],
  }));
  return listText(RECEIVED_COLUMNS, rows, next, "messages", look);
}

/** With the cell of each row, where several are looked at together. */
function withCells(
  columns: readonly Column[],
  views: readonly { readonly cell?: string }[],
  rows: readonly TableRow[],
): { readonly columns: readonly Column[]; readonly rows: readonly TableRow[] } {
  if (views.every(({ cell }) => cell === undefined)) return { columns, rows };
  return {
    columns: [...columns.slice(0, 1), { title: "CELL", isKept: true }, ...columns.slice(1)],
    rows: rows.map(({ cells, ...row }, index) => {
      const cell = views[index]?.cell ?? "";
      return { ...row, cells: [...cells.slice(0, 1), cell, ...cells.slice(1)] };
    }),
  };
}

export function listText(
  columns: readonly Column[],
  rows: readonly TableRow[],
  next: string | null,
  what: string,
  { screen }: Look,
): string {
  const more = next === null ? [] : [`more with: --after ${next}`];
  // An empty page with a cursor is not the end: there is more to look through.
  const body = rows.length === 0 ? `no ${what} that fit` : textTable(columns, rows, screen);
  return [body, ...more].join("\n");
}

/** To the second; the exact value is in `--json`. */
export function timeText(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
}

export function dueText(iso: string, nowMs: number): string {
  const byMs = nowMs - Date.parse(iso);
  return byMs > 0 ? `${timeText(iso)}, overdue ${durationText(byMs)}` : timeText(iso);
}

/** Its time stands still while a vendor or a source has the move: it comes no nearer to being due. */
function dueOfException({ dueAt, stoppedAt }: ExceptionView, nowMs: number): string {
  if (stoppedAt === null) return dueText(dueAt, nowMs);
  const byMs = lateMs({ dueAtMs: Date.parse(dueAt), stoppedAtMs: Date.parse(stoppedAt) }, nowMs);
  return byMs < 0 ? "stands still" : `stands still, overdue ${durationText(byMs)}`;
}

export function ageText(iso: string, nowMs: number): string {
  return durationText(nowMs - Date.parse(iso));
}

function valueText({
  amount,
  currency,
}: {
  readonly amount: string | null;
  readonly currency: string | null;
}): string {
  return amount === null ? "" : `${amount} ${currency ?? ""}`.trim();
}
