/**
 * What people may decide about runs. Each looks at the projections first and refuses what they show
 * to be unsafe or without sense, so that nobody waits for an engine to hear that; the engine checks
 * again, because it alone knows the present state.
 */
import { isOutcomeOpen, settleFirst, settleOf } from "../core/acts.ts";
import { refuseClosing } from "../core/closing.ts";
import { decisionWords, unknownFields, type DecisionField } from "../core/decision-fields.ts";
import { decisionMisfit } from "../core/decision-fit.ts";
import { HoldfastError } from "../core/error.ts";
import { EFFECT_STAYS } from "../core/failure.ts";
import { didYouMean } from "../core/nearest.ts";
import { excludedText, isSamePerson } from "../core/person.ts";
import { formatItemId, formatRunId, parseItemId } from "../core/run-number.ts";
import { isFinal } from "../core/run-state.ts";
import { partsBySaid, type SaidParts } from "../core/said-parts.ts";
import type { EffectRow, ExceptionRow, ReviewRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { awaitedPerson, type AwaitedPerson } from "./cancel-request.ts";
import { giveCommand, type Patience, type Receipt } from "./command.ts";
import { findRun, quoted, type RunReference } from "./find-run.ts";
import { listExceptions } from "./list-work.ts";
import { Masking } from "./masking.ts";
import { PAGE_LIMIT_MAX } from "./paging.ts";
import { partsOf } from "./parts-view.ts";
import { decisionText } from "./review-details.ts";
import { isProposal } from "./repair/list-proposals.ts";
import { isoText } from "./views.ts";

/** Who decides and why; both are on record. */
export interface Decider {
  readonly by: string;
  readonly reason: string;
}

/** What somebody has looked at before deciding. */
export interface SeenException {
  /**
   * Id of the exception (`exc_...`) that is decided about: if it is no longer the open one, nothing is
   * done, because what was approved is not what stands now.
   */
  readonly exception?: string;
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
  if (isProposal(row)) throw unknownItem("review", reviewId, "holdfast proposals");
  const masking = await Masking.of(reader);
  if (row.state === "answered") throw wasAnswered(row, await decisionText(reader, masking, row));
  refuseAnswer(row, by, (await reader.run(run))?.startedBy ?? null);
  refuseMisfit(row, decision, masking.decisionOf(row.review));
  const body = {
    run: formatRunId(run),
    seq,
    decision,
    ...(reason === undefined ? {} : { reason }),
  };
  return giveCommand(reader, { topic: "answer", by, body }, patience);
}

function wasAnswered(row: ReviewRow, decision: string): HoldfastError {
  const when = row.answeredAtMs === null ? "" : ` at ${isoText(row.answeredAtMs)}`;
  return new HoldfastError(
    "HF6003",
    `Review "${row.review}" was answered already, by ${row.answeredBy ?? "somebody"}${when}${decision}.`,
    `See the run with: holdfast show ${formatRunId(row.run)} --payloads`,
    { where: formatItemId("rev", row) },
  );
}

function refuseAnswer(row: ReviewRow, by: string, startedBy: string | null): void {
  const where = { where: formatItemId("rev", row) };
  const run = formatRunId(row.run);
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
      excludedText(by, row.notBy, startedBy),
      `Ask somebody else of ${row.escalatedTo ?? row.by}.`,
      where,
    );
  }
}

/**
 * A field that the schema would drop was meant to say something: it is refused by its name. A value
 * that cannot fit is refused here, because a command that is kept would be refused to nobody.
 */
function refuseMisfit(
  row: ReviewRow,
  decision: unknown,
  fields: readonly DecisionField[] | null,
): void {
  if (fields === null) return;
  const [unknown] = unknownFields(decision, fields);
  const names = fields.map(({ name }) => name);
  const where = { where: formatItemId("rev", row) };
  if (unknown === undefined) {
    const misfit = decisionMisfit(decision, fields);
    if (misfit === null) return;
    throw new HoldfastError(
      "HF4102",
      `The decision of review "${row.review}" is not valid: ${misfit}. Nothing was answered.`,
      `It takes: ${decisionWords(fields)}`,
      where,
    );
  }
  throw new HoldfastError(
    "HF4102",
    `The decision of review "${row.review}" has no field ${quoted(unknown)}. Nothing was answered.`,
    `${didYouMean(unknown, names)}It takes: ${decisionWords(fields)}`,
    where,
  );
}

export interface Settlement {
  readonly happened: boolean;
  /** Which of its parts have happened; `happened` is false then. */
  readonly parts?: SaidParts;
  /** What the effect would have answered; null if nobody waits for it any more. */
  readonly value: unknown;
  /** The other system's reference. */
  readonly ref: string | null;
}

/**
 * Says whether an effect (`eff_...`) has happened.
 *
 * @throws {HoldfastError} HF6001 (no such effect or exception), HF6003 (its outcome is known, or the
 *   exception is not the open one), HF4102 (the value does not fit), HF6005.
 */
export async function settleEffect(
  reader: StoreReader,
  effectId: string,
  { happened, parts, value, ref }: Settlement,
  { by, reason, exception }: Decider & SeenException,
  patience: Patience,
): Promise<Receipt> {
  const { run, seq: operation } = parseItemId("eff", effectId);
  const of = { afterRun: 0, limit: PAGE_LIMIT_MAX, run };
  const row = (await reader.effects(of)).find((effect) => effect.operation === operation);
  if (row === undefined) throw unknownItem("effect", effectId, "holdfast effects");
  const exceptions = await reader.exceptions(of);
  const about = exceptions.filter((one) => one.operation === operation);
  const seen = exception === undefined ? null : await seenException(reader, run, exception, about);
  const takes = about.map(settleOf);
  const isAsked = takes.includes("either");
  if (parts !== undefined) await refuseParts(reader, row, parts);
  else if (!isAsked && takes.includes("happened") && !happened) throw happenedOnly(row, about);
  if (!isAsked && !takes.includes("happened")) refuseKnown(row);
  if (happened) await refuseValue(reader, row, value);
  const body = {
    run: formatRunId(run),
    operation,
    attempts: row.attempts,
    happened,
    ...(parts === undefined ? {} : { parts }),
    value,
    ref,
    reason,
    ...(seen === null ? {} : { exception: seen.seq }),
  };
  return giveCommand(reader, { topic: "settle", by, body }, patience);
}

/** As the engine will: a command that is kept would be refused to nobody. */
async function refuseParts(reader: StoreReader, row: EffectRow, said: SaidParts): Promise<void> {
  const known = await partsOf(reader, row);
  const where = { where: formatItemId("eff", { run: row.run, seq: row.operation }) };
  const look = `See what is on record of them with: holdfast why ${formatRunId(row.run)}`;
  if (known === null) {
    throw new HoldfastError(
      "HF6003",
      `No part of "${row.step}" is on record.`,
      OF_THE_WHOLE,
      where,
    );
  }
  if (known.sendsAgain === "the whole") {
    throw new HoldfastError(
      "HF6003",
      `"${row.step}" leaves out no parts (byParts): it would send the whole again.`,
      IN_PART,
      where,
    );
  }
  const verdict = partsBySaid(known.parts, said);
  if (verdict.kind === "problem")
    throw new HoldfastError("HF6003", `Of "${row.step}" ${verdict.problem}.`, look, where);
}

const OF_THE_WHOLE = "Say of the whole whether it happened.";

/**
 * Says of an effect (`eff_...`) that whoever is asked cannot tell whether it happened: the next owner
 * above is asked, and nothing else changes.
 *
 * @throws {HoldfastError} HF6001 (no such effect or exception), HF6003 (nobody is asked about it, or
 *   nobody is above), HF6005.
 */
export async function cannotTellEffect(
  reader: StoreReader,
  effectId: string,
  { by, reason, exception }: Decider & SeenException,
  patience: Patience,
): Promise<Receipt> {
  const { run, seq: operation } = parseItemId("eff", effectId);
  const of = { afterRun: 0, limit: PAGE_LIMIT_MAX, run };
  const asks = (one: ExceptionRow) => one.operation === operation && isOutcomeOpen(one);
  const about = (await reader.exceptions(of)).filter(asks);
  const seen =
    exception === undefined ? about[0] : await seenException(reader, run, exception, about);
  if (seen === undefined) {
    throw new HoldfastError(
      "HF6003",
      `Nobody is asked whether ${quoted(effectId)} happened.`,
      "List what is asked with: holdfast reviews",
      { where: effectId },
    );
  }
  const body = { run: formatRunId(run), exception: seen.seq, reason };
  return giveCommand(reader, { topic: "handUp", by, body }, patience);
}

/**
 * By what is on record of the effect: the engine checks by its schema. A value that cannot fit is
 * refused here, because a command that is kept would be refused to nobody.
 */
async function refuseValue(reader: StoreReader, row: EffectRow, value: unknown): Promise<void> {
  const of = await reader.run(row.run);
  // Where nobody waits for the answer, none has to be given.
  const isAwaited = !row.ended && row.undoes === null && of !== null && !isFinal(of.state);
  if (value === null && !isAwaited) return;
  const fields = (await Masking.of(reader)).answerOf(row.effect);
  const misfit = decisionMisfit(value, fields);
  if (misfit === null || fields === null) return;
  const given = value === null ? "No value was given: the run waits for what it answered" : misfit;
  throw new HoldfastError(
    "HF4102",
    `The value does not fit the output of "${row.effect}": ${given}. Nothing was settled.`,
    `Give it as JSON, for example --value '{...}'. It takes: ${decisionWords(fields)}`,
    { where: formatItemId("eff", { run: row.run, seq: row.operation }) },
  );
}

/** The exception that was seen, if it is one of these, which are open. */
async function seenException(
  reader: StoreReader,
  run: number,
  exceptionId: string,
  open: readonly ExceptionRow[],
): Promise<ExceptionRow> {
  const id = parseItemId("exc", exceptionId);
  const row = open.find(({ seq }) => id.run === run && id.seq === seq);
  if (row !== undefined) return row;
  const of = { afterRun: -1, limit: PAGE_LIMIT_MAX, run: id.run, all: true };
  const known = (await reader.exceptions(of)).find(({ seq }) => seq === id.seq);
  if (known === undefined) throw unknownItem("exception", exceptionId, "holdfast exceptions --all");
  const is =
    known.closedAtMs === null
      ? "is about something else"
      : `is no longer open: ${known.resolution ?? "closed"} by ${known.closedBy ?? "somebody"} at ${isoText(known.closedAtMs)}`;
  throw new HoldfastError(
    "HF6003",
    `Nothing was done: ${exceptionId} ${is}.`,
    `Look at what stands now with: holdfast why ${formatRunId(run)}; then decide about that.`,
    { where: exceptionId },
  );
}

function happenedOnly(row: EffectRow, about: readonly ExceptionRow[]): HoldfastError {
  const where = { where: formatItemId("eff", { run: row.run, seq: row.operation }) };
  if (row.proof === "partial") {
    return new HoldfastError(
      "HF6003",
      `"${row.step}" was done in part, and that is proven.`,
      IN_PART,
      where,
    );
  }
  const isDone =
    row.proof === "surely" || about.some(({ reasonCode }) => reasonCode === EFFECT_STAYS);
  return new HoldfastError(
    "HF6003",
    `"${row.step}" was ${isDone ? "done" : "not done"}, and that is proven.`,
    isDone ? remedyOfDone(row) : FAILED_UNDOING,
    where,
  );
}

const IN_PART =
  "Do by hand what is missing, or undo what was done; then say that it happened, with --value and what it would have answered.";

const FAILED_UNDOING =
  "If it was done by hand, say that it happened. If it shall stay undone, close its exception.";

function remedyOfDone({ ended }: EffectRow): string {
  return ended
    ? "If it was undone by hand, say that it happened, and how it was undone as the reason."
    : "Its answer is missing: say that it happened, with --value and what it answered. If it shall be undone, cancel the run.";
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
 * Lets a run go on that waits for a person; without a step, all of it that waits, and with an
 * exception that was seen, only what waits because of it.
 *
 * @throws {HoldfastError} HF6001 (no such run or exception), HF6003 (it has ended, nothing waits, or
 *   the exception is not the open one), HF6004 (an outcome is unknown and must be settled first),
 *   HF6005.
 */
export async function resumeRun(
  reader: StoreReader,
  reference: RunReference,
  step: string | null,
  { by, reason, exception, insteadOf }: Decider & SeenException & PauseOfOther,
  patience: Patience,
): Promise<Receipt> {
  const row = await findRun(reader, reference);
  const run = formatRunId(row.run);
  if (isFinal(row.state))
    throw hasEnded(run, row.state, "resumed", `See how with: holdfast show ${run}`);
  const exceptions = await reader.exceptions({ afterRun: 0, limit: PAGE_LIMIT_MAX, run: row.run });
  const about = exceptions.filter((one) => one.subject === null);
  const matching = step === null ? about : about.filter((one) => one.step === step);
  const seen =
    exception === undefined ? null : await seenException(reader, row.run, exception, matching);
  // The exception of the run as a whole is at no step.
  const at = seen === null || seen.step === "" ? step : seen.step;
  const effects = await reader.effects({
    afterRun: row.run - 1,
    limit: PAGE_LIMIT_MAX,
    run: row.run,
  });
  const unknown = settleFirst({ exceptions, effects, nowMs: patience.nowMs() }, at);
  if (unknown !== null) throw mustBeSettled(unknown);
  const body = {
    run,
    step: at,
    seen: seen?.seq ?? Math.max(0, ...exceptions.map(({ seq }) => seq)),
    reason,
    ...(seen === null ? {} : { exception: seen.seq }),
    ...(insteadOf === undefined ? {} : { insteadOf }),
  };
  return giveCommand(reader, { topic: "resume", by, body }, patience);
}

/** Of a run that somebody else has paused. */
export interface PauseOfOther {
  /** Who that is: without being named, they alone let it go on. */
  readonly insteadOf?: string;
}

/**
 * Stops a run: nothing of it begins any more until the same person resumes it. What has left already is
 * waited for. What is to be done when its deadline passes is done then, too.
 *
 * @throws {HoldfastError} HF6001 (no such run), HF6003 (it has ended, is being taken back, or stands still
 *   already), HF6005.
 */
export async function pauseRun(
  reader: StoreReader,
  reference: RunReference,
  { by, reason }: Decider,
  patience: Patience,
): Promise<Receipt> {
  const row = await findRun(reader, reference);
  const run = formatRunId(row.run);
  if (isFinal(row.state))
    throw hasEnded(run, row.state, "paused", `See how with: holdfast show ${run}`);
  return giveCommand(reader, { topic: "pause", by, body: { run, reason } }, patience);
}

function mustBeSettled({ run, operation, step }: ExceptionRow): HoldfastError {
  const effect = formatItemId("eff", { run, seq: operation ?? 0 });
  return new HoldfastError(
    "HF6004",
    `Not resumed: "${step}" may have happened, and going on could do it again.`,
    `Find out what happened, then say so: holdfast settle ${effect} happened --reason "..."; or: holdfast settle ${effect} not --reason "..."`,
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
): Promise<CancelReceipt> {
  const row = await findRun(reader, reference);
  const run = formatRunId(row.run);
  if (isFinal(row.state)) throw hasEnded(run, row.state, "cancelled", UNDO);
  const receipt = await giveCommand(
    reader,
    { topic: "cancel", by, body: { run, reason } },
    patience,
  );
  const filter = { limit: PAGE_LIMIT_MAX, of: { run } };
  const { exceptions } = await listExceptions(reader, filter, patience.nowMs());
  return { ...receipt, waitsFor: awaitedPerson(exceptions) };
}

export interface CancelReceipt extends Receipt {
  /** Who has to say first what happened outside; null where nobody is known to be waited for. */
  readonly waitsFor: AwaitedPerson | null;
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
