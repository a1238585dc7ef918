/**
 * Messages that no run can begin with as they are. Their senders are told that they are kept; a
 * person gives what they are to begin with, or leaves them. See decision 0047.
 */
import { HoldfastError } from "../../core/error.ts";
import { HANDLING_LIMITS } from "../../core/exception-handling.ts";
import { parseJson } from "../../core/json-text.ts";
import type { StartedHead } from "../../core/journal.ts";
import { inputDigest } from "../../core/operation-key.ts";
import { subjectOfMessage, UNFIT_MESSAGE, type ReceivedHead } from "../../core/received.ts";
import { formatItemId, formatRunId } from "../../core/run-number.ts";
import type { ExceptionRow, ReceivedRow } from "../../store/rows.ts";
import type { Receipt } from "../../workflow/message.ts";
import type { Engine } from "../engine.ts";
import { STORE } from "../exceptions/write-at.ts";
import { headOf } from "../run/recovery.ts";
import { checkedStart } from "../starts/start-input.ts";
import { Elsewhere } from "../workers/places.ts";
import {
  aboutUnfit,
  becameText,
  closeSuperseded,
  exceptionOfMessage,
  messageNameOf,
  openSubject,
  type Became,
} from "./message-exceptions.ts";
import { unknownWorkflow } from "./message-refusals.ts";
import { mendedMessage, receiptOf, type Message, type Unfit } from "./messages.ts";

/** What a person has given for a message that is kept. */
export interface Admission {
  readonly exception: { readonly run: number; readonly seq: number };
  readonly input: unknown;
  readonly by: string;
  readonly reason: string;
}

/** What is done with all messages, in the turn of the one at hand. */
interface Taking {
  readonly known: (name: string) => Promise<ReceivedRow | null>;
  readonly begin: (message: Message) => Promise<Receipt>;
  /** Durable when it resolves. */
  readonly append: (head: ReceivedHead) => Promise<void>;
}

export class UnfitMessages {
  readonly #engine: Engine;
  readonly #taking: Taking;
  /** Grows with each that may be open: where none was, no message costs a look. */
  #keptCount = 1;
  #noneOpenAt = 0;

  constructor(engine: Engine, taking: Taking) {
    this.#engine = engine;
    this.#taking = taking;
  }

  /** Another worker may have kept some since this one was the keeper. */
  load(): void {
    this.#keptCount += 1;
  }

  /** A message is taken: an exception that a crash has left of it, from when it did not fit, is over. */
  async #settle(name: string, fate: Became): Promise<void> {
    if (fate.state === "review" || this.#keptCount === this.#noneOpenAt) return;
    const seen = this.#keptCount;
    const { openCount } = await this.#engine.store.besideExceptions(STORE, subjectOfMessage(name));
    if (openCount === 0) this.#noneOpenAt = seen;
    else await closeSuperseded(this.#engine, name, fate);
  }

  /** The same, and never in vain: the message is on record by now, and its sender has to have its receipt. */
  async settleSurely(name: string, fate: Became): Promise<void> {
    try {
      await this.#settle(name, fate);
    } catch {
      // It is read again, and said that it could not be, for as long as it takes.
      this.#engine.background(
        this.#engine.reads.patiently(LEFT_OVER, () => this.#settleHere(name, fate)),
      );
    }
  }

  /** Where another worker is the keeper by now, who admits the message is told there that it was taken. */
  async #settleHere(name: string, fate: Became): Promise<void> {
    try {
      await this.#settle(name, fate);
    } catch (error) {
      if (!(error instanceof Elsewhere)) throw error;
    }
  }

  /** The exception first: a receipt without it would be a message that nobody looks at. */
  async keep(message: Unfit): Promise<Receipt> {
    const { head } = message;
    const workflow = this.#engine.workflow(head.workflow);
    if (workflow === null) throw unknownWorkflow(head.workflow);
    const subject = await openSubject(this.#engine, head.name);
    this.#keptCount += 1;
    await this.#engine.exceptions.beside.open(aboutUnfit(message, workflow, subject));
    this.#keptCount += 1;
    const fate = { state: "review", run: null, duplicateOf: null } as const;
    // Read before the message is on record: what fails after that would make it one that was not taken.
    const exception = await exceptionOfMessage(this.#engine, head.name);
    // Never forgotten by itself: a person may take as long as it takes.
    await this.#taking.append({ ...head, ...fate, held: null, untilMs: null });
    return receiptOf(fate, false, exception);
  }

  /** Of the message that the exception is about. */
  async nameOf(id: Admission["exception"]): Promise<string> {
    await this.#engine.committer.durable();
    const row = await this.#engine.store.exception(id.run, id.seq);
    if (row === null) throw noException(id);
    const name = messageNameOf(row.subject);
    if (name !== null && row.reasonCode === UNFIT_MESSAGE) return name;
    throw aboutSomethingElse(row);
  }

  async admit(name: string, admission: Admission): Promise<Receipt> {
    const { exception, input } = admission;
    const { store } = this.#engine;
    const known = await this.#taking.known(name);
    if (known === null) throw noMessage(exception);
    const row = await store.exception(exception.run, exception.seq);
    const closedBy = row?.closedBy ?? null;
    if (known.state !== "review") {
      const isAnother = known.run !== null && !(await this.#hasBegunWith(known, input));
      if (closedBy === null) {
        // The process may have died between the start and this. Of what another input began nobody else is
        // said to have admitted it.
        if (isAnother) await closeSuperseded(this.#engine, name, known, TAKEN_OTHERWISE);
        else await this.#close(admission, known);
      }
      if (isAnother || (closedBy !== null && known.run === null))
        throw admittedBefore(known, closedBy ?? ANOTHER);
      return receiptOf(known, true);
    }
    if (closedBy !== null) throw isLeft(exception, closedBy);
    const receipt = await this.#begin(known, admission);
    await this.#close(admission, receipt);
    return receipt;
  }

  /** Who has taken it, and why, is said at the exception as well. */
  async #close({ exception, by, reason }: Admission, fate: Became): Promise<void> {
    const { acts, beside } = this.#engine.exceptions;
    const text = `admitted: ${becameText(fate)}; ${reason}`.slice(0, HANDLING_LIMITS.noteChars);
    // Under its own name: a crash before it was closed leaves one note, not two.
    const command = `admitted ${formatItemId("exc", exception)}`;
    try {
      await acts.handle(exception, { kind: "noted", text }, { by, reason, command });
    } catch (error) {
      // It has as many notes as it may have: the reason is on record with the run.
      if (!(error instanceof HoldfastError)) throw error;
    }
    await beside.close(exception, by, reason);
  }

  /** Whether its run began with this input. */
  async #hasBegunWith({ run }: ReceivedRow, input: unknown): Promise<boolean> {
    const { store, digests } = this.#engine;
    const [stored] = run === null ? [] : await store.load([run]);
    const first = stored?.records[0];
    if (first === undefined) return false;
    const { inputDigest: begunWith } = headOf<StartedHead>(first);
    return inputDigest(input, (text) => digests.hex(text)).startsWith(begunWith);
  }

  async #begin(known: ReceivedRow, { exception, input, by, reason }: Admission): Promise<Receipt> {
    const { limits } = this.#engine;
    const workflow = this.#engine.workflow(known.workflow);
    if (workflow === null) throw unknownWorkflow(known.workflow);
    const threw = (error: unknown) =>
      error instanceof HoldfastError ? error : threwOf(known.workflow, error);
    const { text } = await checkedStart(workflow, input, { by, threw }, limits);
    const admitted = { exception: formatItemId("exc", exception), reason };
    return await this.#taking.begin(mendedMessage(known, parseJson(text), by, admitted));
  }
}

const LEFT_OVER = "the exception of a message that fits now";
const TAKEN_OTHERWISE = "the message was taken with another input";
/** Who is not on record any more: the one before died with its process. */
const ANOTHER = "another admission, or as it came again,";

function admittedBefore({ run, state }: ReceivedRow, by: string): HoldfastError {
  return new HoldfastError(
    "HF6003",
    `The message has been taken by ${by} already: it is ${state}${run === null ? "" : `, run ${formatRunId(run)}`}, with another input than yours. Nothing was started.`,
    "Look at that run; correct it if that is not what was meant.",
  );
}

function isLeft(id: Admission["exception"], by: string): HoldfastError {
  return new HoldfastError(
    "HF6003",
    `${by} has closed ${formatItemId("exc", id)}: the message is left. Nothing was started.`,
    "If it is to begin after all, have it sent again under an id of its own, or start the run from the app.",
  );
}

/** Of what it threw nothing is quoted: it may hold what is sensitive. */
function threwOf(workflow: string, error: unknown): HoldfastError {
  const name = error instanceof Error ? error.name : typeof error;
  return new HoldfastError(
    "HF4102",
    `The schema or the key of workflow "${workflow}" threw ${name} over this input. Nothing was started.`,
    "Mend the input, or that function.",
  );
}

function noException(id: Admission["exception"]): HoldfastError {
  const where = id.run === STORE ? " beside the store" : "";
  return new HoldfastError(
    "HF6001",
    `There is no exception ${formatItemId("exc", id)}${where}.`,
    "List them with: holdfast exceptions --all",
  );
}

function aboutSomethingElse(row: ExceptionRow): HoldfastError {
  return new HoldfastError(
    "HF6003",
    `${formatItemId("exc", row)} is not about a message that does not fit. Nothing was started.`,
    `See what can be done about it: holdfast show ${formatItemId("exc", row)}`,
  );
}

function noMessage(id: Admission["exception"]): HoldfastError {
  return new HoldfastError(
    "HF6001",
    `The message that ${formatItemId("exc", id)} is about was not accepted. Nothing was started.`,
    "Its sender has had no answer, and sends it again: look at the exceptions then.",
  );
}
