/**
 * What becomes of a message that came from outside: a receipt, and whether it comes in its turn. The
 * words and the two decisions; who acts on them is engine/receiving. Source: failure model, R22 to R26.
 */

/** Order is that of the store's check: append only. */
export const RECEIPT_STATES = [
  "held", // it came before what it follows, and waits
  "started", // a run began with it
  "joined", // a run with its business key was there, and has it
  "rejected", // the same, and its sender was told so
  "review", // an owner has to decide: it is the same, or it does not fit
  "superseded", // something newer under the same order key was there already
] as const;
export type ReceiptState = (typeof RECEIPT_STATES)[number];

/** Reason of the exception about a message that no run can begin with as it is. */
export const UNFIT_MESSAGE = "HF4115";

/** Times that the exception about one message may be closed before the message was accepted. */
export const MESSAGE_CLOSED_MAX = 100;

/**
 * What the exception about a message stands for.
 *
 * @param times - 2 for the one after the first was closed before the message was accepted.
 */
export function subjectOfMessage(name: string, times = 1): string {
  return times === 1 ? `message ${name}` : `message ${name} ${String(times)}`;
}

/** What becomes of a second message about one business fact. */
export const DUPLICATE_RULES = ["merge", "reject", "review"] as const;
export type DuplicateRule = (typeof DUPLICATE_RULES)[number];

/** The place of a message among those with the same order key. */
export interface OrderPlace {
  readonly key: string;
  /** Hex HMAC of namespace, workflow, ingress and key. */
  readonly name: string;
  readonly number: number;
}

/** What goes on with a message that is held. */
export interface HeldTerms {
  readonly by: string;
  readonly duplicates: DuplicateRule;
  /** Its owner has to know if what it follows has not come until then. */
  readonly dueAtMs: number;
  /** As its receipt says once it is over. */
  readonly untilMs: number | null;
}

export interface ReceivedHead {
  /** Hex HMAC of all that makes it this message: never shown, never forgotten before `untilMs`. */
  readonly name: string;
  readonly namespace: string;
  readonly workflow: string;
  /** Name of the ingress. */
  readonly ingress: string;
  /** The principal, the name of the webhook, or the source of the CloudEvent. */
  readonly source: string;
  /** The sender's. */
  readonly id: string;
  /** Hex HMAC of the canonical payload, 16 bytes. */
  readonly digest: string;
  readonly state: ReceiptState;
  /** The run that it has started or joined. */
  readonly run: number | null;
  /** The run that began with the same business key before. */
  readonly duplicateOf: number | null;
  readonly order: OrderPlace | null;
  readonly held: HeldTerms | null;
  /** When it came, where that was before this record: it was held. */
  readonly cameAtMs?: number;
  /** Set if it did not fit, and a person has given what its run begins with. */
  readonly admitted?: Admitted;
  /** When it may be forgotten; null: never. */
  readonly untilMs: number | null;
}

/** Who has taken a message that did not fit is who started its run. */
export interface Admitted {
  /** Id of the exception about it. */
  readonly exception: string;
  readonly reason: string;
}

/** A message that comes under a known name is that message again, or another payload. */
export function repeatOfReceipt(
  known: { readonly digest: string } | null,
  digest: string,
): "new" | "same" | "conflict" {
  if (known === null) return "new";
  return known.digest === digest ? "same" : "conflict";
}

export type Turn =
  | { readonly kind: "next" }
  /** Something as new or newer was taken already. */
  | { readonly kind: "stale"; readonly newest: number }
  /** What has to come before it. */
  | { readonly kind: "gap"; readonly missing: number };

/** Number of the first message of a sequence. */
const SEQUENCE_FIRST = 1;

/**
 * Whether it comes in its turn.
 *
 * @param newest - the highest number that was taken under its key; null if none was.
 * @param mayLeap - true for versions, of which any may be missing; false for a sequence.
 */
export function turnOf(number: number, newest: number | null, mayLeap: boolean): Turn {
  if (newest !== null && number <= newest) return { kind: "stale", newest };
  const next = newest === null ? SEQUENCE_FIRST : newest + 1;
  if (mayLeap || number <= next) return { kind: "next" };
  return { kind: "gap", missing: next };
}
