/**
 * Messages that no run can begin with as they are. Their senders are told that they are kept; a
 * person gives what they are to begin with, or leaves them. See decision 0047.
 */
import { HoldfastError } from "../../core/error.ts";
import { parseJson } from "../../core/json-text.ts";
import { UNFIT_MESSAGE, type ReceivedHead } from "../../core/received.ts";
import { formatItemId } from "../../core/run-number.ts";
import type { ExceptionRow, ReceivedRow } from "../../store/rows.ts";
import type { Receipt } from "../../workflow/message.ts";
import type { Engine } from "../engine.ts";
import { STORE } from "../exceptions/write-at.ts";
import { checkedStart } from "../starts/start-input.ts";
import { aboutUnfit, messageNameOf } from "./message-exceptions.ts";
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

  constructor(engine: Engine, taking: Taking) {
    this.#engine = engine;
    this.#taking = taking;
  }

  /** The exception first: a receipt without it would be a message that nobody looks at. */
  async keep(message: Unfit): Promise<Receipt> {
    const { head } = message;
    const workflow = this.#engine.workflow(head.workflow);
    if (workflow === null) throw unknownWorkflow(head.workflow);
    await this.#engine.exceptions.beside.open(aboutUnfit(message, workflow));
    const fate = { state: "review", run: null, duplicateOf: null } as const;
    // Never forgotten by itself: a person may take as long as it takes.
    await this.#taking.append({ ...head, ...fate, held: null, untilMs: null });
    return receiptOf(fate, false);
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

  async admit(name: string, { exception, input, by, reason }: Admission): Promise<Receipt> {
    const { store, exceptions } = this.#engine;
    const known = await this.#taking.known(name);
    if (known === null) throw noMessage(exception);
    const receipt =
      known.state === "review"
        ? await this.#begin(known, input, by)
        : // It was taken before, in an earlier life.
          receiptOf(known, true);
    const row = await store.exception(exception.run, exception.seq);
    if (row?.closedAtMs === null) await exceptions.beside.close(exception, by, reason);
    return receipt;
  }

  async #begin(known: ReceivedRow, input: unknown, by: string): Promise<Receipt> {
    const { limits } = this.#engine;
    const workflow = this.#engine.workflow(known.workflow);
    if (workflow === null) throw unknownWorkflow(known.workflow);
    const { text } = await checkedStart(workflow, input, { by }, limits);
    return await this.#taking.begin(mendedMessage(known, parseJson(text), by));
  }
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
    "Its sender was told so, and sends it again.",
  );
}
