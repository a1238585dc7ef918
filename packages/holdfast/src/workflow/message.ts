/** A message from outside, as whoever receives it hands it to the engine, and the receipt for it. */
import type { DuplicateRule, ReceiptState } from "../core/received.ts";
import type { AnyWorkflow } from "./workflow.ts";

/** Where a message stands among those with the same key, as the app says. */
export type SaidOrder =
  | { readonly key: string; readonly version: number }
  | { readonly key: string; readonly sequence: number };

export interface IncomingMessage {
  readonly workflow: AnyWorkflow;
  /** Input of the run. */
  readonly input: unknown;
  /** What two messages under one id are compared by. */
  readonly payload: unknown;
  /** Name of the ingress. */
  readonly ingress: string;
  /** Who sends it: shown, and on record as who started the run. */
  readonly by: string;
  /** Where ids are the sender's own. */
  readonly source: string;
  readonly id: string;
  readonly duplicates: DuplicateRule;
  /** Is given the input as its schema gives it. */
  readonly order: ((input: unknown) => SaidOrder) | null;
  /** How long it may wait for what it follows, milliseconds. */
  readonly holdMs: number;
  /** How long it is remembered, milliseconds; null: for ever. */
  readonly windowMs: number | null;
  /** What becomes of one that comes while the same is being taken. */
  readonly busy: "refuse" | "wait";
}

/** A message that no run can begin with as it is: a person has to give what it is to begin with. */
export type UnfitMessage = Pick<
  IncomingMessage,
  "workflow" | "ingress" | "by" | "source" | "id" | "payload" | "busy"
> & {
  /** Its body as it came: text, or base64 where it is no UTF-8. */
  readonly body: string;
  /** Content type of the request, and whether the body is in base64. */
  readonly form: string;
  /** What does not fit, as a sentence. */
  readonly problem: string;
};

/** What its sender is told, the same whenever it asks again. */
export interface Receipt {
  readonly state: ReceiptState;
  /** Public id of the run that has it; null if none has. */
  readonly run: string | null;
  /** Public id of the run that began with the same business key before. */
  readonly duplicateOf: string | null;
  /** Public id of the exception by which a person has it; absent where none is open. */
  readonly exception?: string;
  readonly isRepeat: boolean;
}
