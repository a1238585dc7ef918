/** What somebody has to look at that came of a message. */
import { HoldfastError } from "../../core/error.ts";
import { formatRunId } from "../../core/run-number.ts";
import {
  MESSAGE_CLOSED_MAX,
  subjectOfMessage,
  turnOf,
  UNFIT_MESSAGE,
  type ReceiptState,
} from "../../core/received.ts";
import type { ExceptionRow, ReceivedRow } from "../../store/rows.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import type { BesideCase } from "../exceptions/beside.ts";
import type { Message, Unfit } from "./messages.ts";
import type { Engine } from "../engine.ts";
import { STORE } from "../exceptions/write-at.ts";

/** Who closes what has mended itself. */
const BY = "holdfast";
/** Longest piece of foreign text in a sentence, in characters. */
const QUOTED_MAX = 80;

function quoted(text: string): string {
  return JSON.stringify(text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}...` : text);
}

const SUBJECT = subjectOfMessage("");

/** Characters of the name of a message. */
const NAME_CHARS = 64;

/** Null if the exception is not about a message. */
export function messageNameOf(subject: string | null): string | null {
  if (subject?.startsWith(SUBJECT) !== true) return null;
  return subject.slice(SUBJECT.length, SUBJECT.length + NAME_CHARS);
}

/**
 * A subject of which no exception was closed: who closed one did so before the message was accepted, and
 * now somebody has to look again.
 */
export async function openSubject(engine: Engine, name: string): Promise<string> {
  const { subject } = await newestOf(engine, name);
  if (subject !== null) return subject;
  throw new Error(`an exception about one message was closed ${String(MESSAGE_CLOSED_MAX)} times`);
}

/** The exception about a message that does not fit, open or the last that was closed; null for none. */
export async function exceptionOfMessage(
  engine: Engine,
  name: string,
): Promise<ExceptionRow | null> {
  return (await newestOf(engine, name)).row;
}

/** With the subject under which one is open, or may be opened. */
async function newestOf(
  { store }: Engine,
  name: string,
): Promise<{ readonly row: ExceptionRow | null; readonly subject: string | null }> {
  let last: ExceptionRow | null = null;
  for (let times = 1; times <= MESSAGE_CLOSED_MAX; times += 1) {
    const subject = subjectOfMessage(name, times);
    const { seq } = await store.besideExceptions(STORE, subject);
    const row = seq === null ? null : await store.exception(STORE, seq);
    if (row === null) return { row: last, subject };
    if (row.closedAtMs === null) return { row, subject };
    last = row;
  }
  return { row: last, subject: null };
}

/**
 * Its sender has sent it again, and now it fits: the process had died between the exception and the
 * receipt, and other code is at work since. Nobody has to look any more.
 */
export async function closeSuperseded(
  engine: Engine,
  name: string,
  fate: Became,
  how = "the message has come again, and fits now",
): Promise<void> {
  const row = await exceptionOfMessage(engine, name);
  if (row === null || row.closedAtMs !== null || row.reasonCode !== UNFIT_MESSAGE) return;
  await closeByItself(engine, row, `${how}: it is ${becameText(fate)}`);
}

/** What became of a message, in a receipt or in a row. */
export interface Became {
  readonly state: ReceiptState;
  readonly run: number | string | null;
}

export function becameText({ state, run }: Became): string {
  if (run === null) return state;
  return `${state}, run ${typeof run === "number" ? formatRunId(run) : run}`;
}

/** The open one by which somebody has a message that is in review; null for none. */
export async function openExceptionOf(
  engine: Engine,
  { name, duplicateOf }: Pick<ReceivedRow, "name" | "duplicateOf">,
): Promise<ExceptionRow | null> {
  const row =
    duplicateOf === null
      ? await exceptionOfMessage(engine, name)
      : await besideRun(engine, duplicateOf, subjectOfMessage(name));
  return row?.closedAtMs === null ? row : null;
}

async function besideRun(
  { store }: Engine,
  run: number,
  subject: string,
): Promise<ExceptionRow | null> {
  const { seq } = await store.besideExceptions(run, subject);
  return seq === null ? null : await store.exception(run, seq);
}

/** A second message about the business fact that a run has. */
export function aboutDuplicate(
  { head, input, by }: Message,
  run: number,
  { definition }: AnyWorkflow,
): BesideCase {
  const what = `Message ${quoted(head.id)} of ${by} came by ${quoted(head.ingress)}`;
  return {
    run,
    subject: subjectOfMessage(head.name),
    at: "receive",
    reasonCode: "HF4113",
    rule: "engine/duplicate-review@1",
    message: "A second message came with the business key of this run.",
    because: () =>
      `${what} with the business key of run ${formatRunId(run)}, and this ingress asks for a decision. It was not started. Do what is left to do, or correct the run; then close this.`,
    owner: definition.owner,
    data: JSON.stringify(input),
  };
}

/** No run can begin with it as it is. */
export function aboutUnfit(
  { head, body, form, problem, by }: Unfit,
  { name, definition }: AnyWorkflow,
  subject: string,
): BesideCase {
  return {
    run: null,
    workflow: name,
    subject,
    at: "receive",
    reasonCode: UNFIT_MESSAGE,
    rule: "engine/unfit-message@1",
    message: problem,
    because: () =>
      `Message ${quoted(head.id)} of ${by} came by ${quoted(head.ingress)} for workflow ${quoted(name)} and does not fit. Its body is kept as it came (${form}). No run began: give the input that one is to begin with, or close this if the message is to be left.`,
    owner: definition.owner,
    // A text, so that all of it is covered where the workflow has sensitive fields.
    data: JSON.stringify(body),
  };
}

/** What it follows has not come. No run is there yet that this could stand beside. */
export function aboutMissing(
  row: ReceivedRow,
  newest: number | null,
  { name, definition }: AnyWorkflow,
): BesideCase {
  const number = row.orderNumber ?? 0;
  const turn = turnOf(number, newest, false);
  const missing = turn.kind === "gap" ? ` ${String(turn.missing)}` : "";
  return {
    run: null,
    workflow: name,
    subject: subjectOfMessage(row.name),
    at: "receive",
    reasonCode: "HF4114",
    rule: "engine/missing-ref@1",
    message: "A message waits for one before it that has not come.",
    because: () =>
      `Message ${quoted(row.id)} by ${quoted(row.ingress)} for workflow ${quoted(name)} is number ${String(number)} of ${quoted(row.orderKey ?? "")}, and number${missing} has not come in time. It is started by itself if that comes. Find out what became of it at its sender.`,
    owner: definition.owner,
    data: row.data ?? "null",
  };
}

/** The message has had its turn: nobody has to look for what it waited for. */
export async function closeMissing(engine: Engine, name: string): Promise<void> {
  const { store } = engine;
  const { seq } = await store.besideExceptions(STORE, subjectOfMessage(name));
  const row = seq === null ? null : await store.exception(STORE, seq);
  if (row === null || row.closedAtMs !== null) return;
  await closeByItself(engine, row, "what it waited for has come, and the message has had its turn");
}

async function closeByItself(
  { exceptions }: Engine,
  { seq }: ExceptionRow,
  why: string,
): Promise<void> {
  try {
    await exceptions.beside.close({ run: STORE, seq }, BY, why);
  } catch (error) {
    // A person was faster.
    if (!(error instanceof HoldfastError) || error.code !== "HF6003") throw error;
  }
}
