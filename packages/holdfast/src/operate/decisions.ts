/**
 * What people may decide about runs. Each looks at the projections first and refuses what they show
 * to be unsafe or without sense, so that nobody waits for an engine to hear that; the engine checks
 * again, because it alone knows the present state.
 */
import { refuseClosing } from "../core/closing.ts";
import { EFFECT_STAYS, HoldfastError } from "../core/error.ts";
import { isSamePerson } from "../core/person.ts";
import { formatItemId, formatRunId, parseItemId } from "../core/run-number.ts";
import { isFinal } from "../core/run-state.ts";
import type { EffectRow, ExceptionRow, ReviewRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { giveCommand, type Patience, type Receipt } from "./command.ts";
import { findRun, quoted, type RunReference } from "./find-run.ts";
import { PAGE_LIMIT_MAX } from "./paging.ts";
import { isoText } from "./views.ts";

/** Who decides and why; both are on record. */
export interface Decider {
  readonly by: string;
  readonly reason: string;
}

/**
 * Answers a review (`rev_...`).
 *
 * @throws {HoldfastError} HF6001 (no such review), HF6002 (who may not answer), HF6003 (it is not
 *   open), HF4102 (the decision does not fit), HF6005.
 */
export async function answerReview(
  reader: StoreReader,
  reviewId: string,
  decision: unknown,
  { by, reason }: Pick<Decider, "by"> & Partial<Decider>,
  patience: Patience,
): Promise<Receipt> {
  const { run, seq } = parseItemId("rev", reviewId);
  const reviews = await reader.reviews({ afterRun: 0, limit: PAGE_LIMIT_MAX, run, all: true });
  const row = reviews.find((review) => review.seq === seq);
  if (row === undefined) throw unknownItem("review", reviewId, "holdfast reviews --all");
  refuseAnswer(row, by);
  const body = {
    run: formatRunId(run),
    seq,
    decision,
    ...(reason === undefined ? {} : { reason }),
  };
  return giveCommand(reader, { topic: "answer", by, body }, patience);
}

function refuseAnswer(row: ReviewRow, by: string): void {
  const where = { where: formatItemId("rev", row) };
  const run = formatRunId(row.run);
  if (row.state === "answered") {
    const when = row.answeredAtMs === null ? "" : ` at ${isoText(row.answeredAtMs)}`;
    throw new HoldfastError(
      "HF6003",
      `Review "${row.review}" was answered already, by ${row.answeredBy ?? "somebody"}${when}.`,
      `See what was decided with: holdfast show ${run}`,
      where,
    );
  }
  if (row.state === "withdrawn") {
    throw new HoldfastError(
      "HF6003",
      `Review "${row.review}" was withdrawn: its run no longer needs the answer.`,
      `See why with: holdfast why ${run}`,
      where,
    );
  }
  if (row.notBy !== null && isSamePerson(row.notBy, by)) {
    throw new HoldfastError(
      "HF6002",
      `${by} may not decide this: the review excludes ${row.notBy}.`,
      `Ask somebody else of ${row.escalatedTo ?? row.by}.`,
      where,
    );
  }
}

export interface Settlement {
  readonly happened: boolean;
  /** What the effect would have answered; null if nobody waits for it any more. */
  readonly value: unknown;
  /** The other system's reference. */
  readonly ref: string | null;
}

/**
 * Says whether an effect (`eff_...`) has happened.
 *
 * @throws {HoldfastError} HF6001 (no such effect), HF6003 (its outcome is known), HF4102 (the value
 *   does not fit), HF6005.
 */
export async function settleEffect(
  reader: StoreReader,
  effectId: string,
  { happened, value, ref }: Settlement,
  { by, reason }: Decider,
  patience: Patience,
): Promise<Receipt> {
  const { run, seq: operation } = parseItemId("eff", effectId);
  const of = { afterRun: 0, limit: PAGE_LIMIT_MAX, run };
  const row = (await reader.effects(of)).find((effect) => effect.operation === operation);
  if (row === undefined) throw unknownItem("effect", effectId, "holdfast effects");
  const exceptions = await reader.exceptions(of);
  const about = exceptions.filter((exception) => exception.operation === operation);
  const stays = about.some((exception) => exception.reasonCode === EFFECT_STAYS);
  const isAsked = about.some((exception) => exception.class === "ambiguous");
  if (!isAsked && stays && !happened) throw wasDone(row);
  if (!isAsked && !stays) refuseKnown(row);
  const { attempts } = row;
  const body = { run: formatRunId(run), operation, attempts, happened, value, ref, reason };
  return giveCommand(reader, { topic: "settle", by, body }, patience);
}

function wasDone(row: EffectRow): HoldfastError {
  return new HoldfastError(
    "HF6003",
    `"${row.step}" was done, and that is proven.`,
    "If it was undone by hand, say that it happened, and how it was undone as the reason.",
    { where: formatItemId("eff", { run: row.run, seq: row.operation }) },
  );
}

/** Nobody was asked about this effect; so unless its outcome or its answer is open, it stands. */
function refuseKnown(row: EffectRow): void {
  if (row.proof === "maybe" || row.proof === "partial") return;
  if (row.proof === "surely" && !row.ended) return;
  const known = row.proof === "surely" ? "was done" : "was not done";
  const ref = row.ref === null ? "" : ` (${row.ref})`;
  const source = row.settledBy === null ? "it is proven" : `${row.settledBy} has settled it`;
  throw new HoldfastError(
    "HF6003",
    `The outcome of "${row.step}" is known: it ${known}${ref}, ${source}. There is nothing to settle.`,
    `See the evidence with: holdfast show ${formatRunId(row.run)}`,
    { where: formatItemId("eff", { run: row.run, seq: row.operation }) },
  );
}

/**
 * Lets a run go on that waits for a person; without a step, all of it that waits.
 *
 * @throws {HoldfastError} HF6001 (no such run), HF6003 (it has ended, or nothing waits), HF6004 (an
 *   outcome is unknown and must be settled first), HF6005.
 */
export async function resumeRun(
  reader: StoreReader,
  reference: RunReference,
  step: string | null,
  { by, reason }: Decider,
  patience: Patience,
): Promise<Receipt> {
  const row = await findRun(reader, reference);
  const run = formatRunId(row.run);
  if (isFinal(row.state))
    throw hasEnded(run, row.state, "resumed", `See how with: holdfast show ${run}`);
  const exceptions = await reader.exceptions({ afterRun: 0, limit: PAGE_LIMIT_MAX, run: row.run });
  const unknown = exceptions.find((exception) => isUnknown(exception, step));
  // The exception of the run as a whole is what a resume without a step is about.
  const ofRun =
    step === null && exceptions.some(({ step: at, subject }) => at === "" && subject === null);
  if (unknown !== undefined && !ofRun) throw settleFirst(unknown);
  const seen = Math.max(0, ...exceptions.map(({ seq }) => seq));
  return giveCommand(reader, { topic: "resume", by, body: { run, step, seen, reason } }, patience);
}

function isUnknown(exception: ExceptionRow, step: string | null): boolean {
  if (exception.class !== "ambiguous" || exception.operation === null) return false;
  return step === null || exception.step === step;
}

function settleFirst({ run, operation, step }: ExceptionRow): HoldfastError {
  const effect = formatItemId("eff", { run, seq: operation ?? 0 });
  return new HoldfastError(
    "HF6004",
    `Not resumed: "${step}" may have happened, and going on could do it again.`,
    `Find out what happened, then say so: holdfast settle ${effect} happened|not --reason "..."`,
    { where: formatRunId(run) },
  );
}

/**
 * Takes a run back: the engine settles what is unknown, then undoes what was done.
 *
 * @throws {HoldfastError} HF6001 (no such run), HF6003 (it has ended), HF6005.
 */
export async function cancelRun(
  reader: StoreReader,
  reference: RunReference,
  { by, reason }: Decider,
  patience: Patience,
): Promise<Receipt> {
  const row = await findRun(reader, reference);
  const run = formatRunId(row.run);
  if (isFinal(row.state)) throw hasEnded(run, row.state, "cancelled", UNDO);
  return giveCommand(reader, { topic: "cancel", by, body: { run, reason } }, patience);
}

const UNDO = "What it did can be undone by a workflow of its own.";

/**
 * Closes an exception (`exc_...`) that no run waits for: what there was to do has been done.
 *
 * @throws {HoldfastError} HF6001 (no such exception), HF6003 (it is closed, or its run waits for a
 *   decision), HF6004 (an outcome is unknown), HF6005.
 */
export async function closeException(
  reader: StoreReader,
  exceptionId: string,
  { by, reason }: Decider,
  patience: Patience,
): Promise<Receipt> {
  const { run, seq } = parseItemId("exc", exceptionId);
  const of = { afterRun: -1, limit: PAGE_LIMIT_MAX, run, all: true };
  const row = (await reader.exceptions(of)).find((exception) => exception.seq === seq);
  if (row === undefined) throw unknownItem("exception", exceptionId, "holdfast exceptions --all");
  refuseClosing(row, (await reader.run(run))?.state ?? null);
  const body = { run: formatRunId(run), seq, reason };
  return giveCommand(reader, { topic: "close", by, body }, patience);
}

function hasEnded(run: string, state: string, done: string, remedy: string): HoldfastError {
  const message = `${run} is ${state} and cannot be ${done} any more.`;
  return new HoldfastError("HF6003", message, remedy, { where: run });
}

function unknownItem(what: string, id: string, list: string): HoldfastError {
  return new HoldfastError(
    "HF6001",
    `There is no ${what} ${quoted(id)} in this store.`,
    `List them with: ${list}. Check that --store names the store of the right app.`,
  );
}
