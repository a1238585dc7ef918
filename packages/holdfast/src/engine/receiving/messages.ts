/** A message from outside as the engine takes it, and the receipt that its sender gets for it. */
import { HoldfastError } from "../../core/error.ts";
import { parseJson } from "../../core/json-text.ts";
import { canonicalText, inputDigest, type Hmac } from "../../core/operation-key.ts";
import type {
  Admitted,
  DuplicateRule,
  HeldTerms,
  OrderPlace,
  ReceivedHead,
} from "../../core/received.ts";
import { formatItemId, formatRunId } from "../../core/run-number.ts";
import type { ReceivedRow } from "../../store/rows.ts";
import { declaredBy } from "./definition-fault.ts";
import type { IncomingMessage, Receipt, SaidOrder, UnfitMessage } from "../../workflow/message.ts";
import { isStorable } from "../journal/checked-values.ts";

/** The same as plain JSON, for the worker that takes it. */
export interface Message {
  readonly head: MessageHead;
  readonly input: unknown;
  readonly by: string;
  readonly duplicates: DuplicateRule;
  readonly mayLeap: boolean;
  readonly holdMs: number;
  readonly windowMs: number | null;
  readonly busy: "refuse" | "wait";
}

/** The same for one that does not fit. */
export interface Unfit {
  readonly head: MessageHead;
  readonly body: string;
  readonly form: string;
  readonly problem: string;
  readonly by: string;
  readonly busy: "refuse" | "wait";
}

type MessageHead = Omit<ReceivedHead, "state" | "run" | "duplicateOf" | "held" | "untilMs">;

/** Characters of an id, a source, a name or an order key. */
const NAME_CHARS_MAX = 512;

/** 16 bytes, as of inputs. */
const DIGEST_HEX_LENGTH = 32;

/**
 * @param plain - the input as JSON has it.
 * @throws {HoldfastError} HF4102 for a name that is none, or a place in an order that is none.
 */
export function messageOf(
  incoming: IncomingMessage,
  parsed: { readonly plain: unknown; readonly input: unknown },
  namespace: string,
  hmac: Hmac,
): Message {
  const { workflow, ingress, by, duplicates, holdMs, windowMs, busy } = incoming;
  const unordered = headOf(incoming, namespace, hmac);
  const said = declaredBy({ name: workflow.name, isOfMessage: true }, () =>
    saidBy(incoming.order?.(parsed.input) ?? null),
  );
  const scope = [namespace, workflow.name, ingress];
  const order = said === null ? null : placeOf(said, scope, hmac);
  const head: MessageHead = { ...unordered, order };
  const mayLeap = said?.mayLeap ?? false;
  return { head, input: parsed.plain, by, duplicates, mayLeap, holdMs, windowMs, busy };
}

/** @throws {HoldfastError} HF4102 for a name that is none: nobody could find it again. */
export function unfitOf(incoming: UnfitMessage, namespace: string, hmac: Hmac): Unfit {
  const { body, form, problem, by, busy } = incoming;
  return { head: headOf(incoming, namespace, hmac), body, form, problem, by, busy };
}

function headOf(
  { workflow, ingress, by, source, id, payload }: Omit<UnfitMessage, "body" | "form" | "problem">,
  namespace: string,
  hmac: Hmac,
): MessageHead {
  for (const [what, text] of Object.entries({ ingress, by, source, id })) requireName(what, text);
  return {
    name: hmac(canonicalText("message", [namespace, workflow.name, ingress, by, source, id])),
    namespace,
    workflow: workflow.name,
    ingress,
    source,
    id,
    digest: inputDigest(payload, hmac).slice(0, DIGEST_HEX_LENGTH),
    order: null,
  };
}

interface SaidPlace {
  readonly key: string;
  readonly number: number;
  readonly mayLeap: boolean;
}

/** Reads it once: what it gave is the code's as well. */
function saidBy(said: SaidOrder | null): SaidPlace | null {
  if (said === null) return null;
  return "version" in said
    ? { key: said.key, number: said.version, mayLeap: true }
    : { key: said.key, number: said.sequence, mayLeap: false };
}

function placeOf({ key, number }: SaidPlace, scope: readonly string[], hmac: Hmac): OrderPlace {
  requireName("order key", key);
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new HoldfastError(
      "HF4102",
      `The place of a message in its order must be a whole number from 0, got ${JSON.stringify(number)}. Nothing was started.`,
      "Mend the message, or what `order` of the ingress makes of it.",
    );
  }
  return { key, name: hmac(canonicalText("order", [...scope, key])), number };
}

function requireName(what: string, text: unknown): void {
  const fits = typeof text === "string" && text !== "" && text.length <= NAME_CHARS_MAX;
  if (fits && isStorable(text)) return;
  throw new HoldfastError(
    "HF4102",
    `The ${what} of a message must be a text of 1 to ${String(NAME_CHARS_MAX)} whole characters without NUL. Nothing was started.`,
    "Mend the message and send it again.",
  );
}

/** A message that is held, as it came. */
export function heldMessage(row: ReceivedRow): Message {
  // The engine wrote both in this form; their seal says that they are still the same.
  const terms = parseJson(row.held ?? "null") as HeldTerms;
  const { name, namespace, workflow, ingress, source, id, digest, atMs } = row;
  const named = { name, namespace, workflow, ingress, source, id, digest };
  const head = { ...named, order: orderOf(row), cameAtMs: atMs };
  const { by, duplicates, untilMs } = terms;
  const windowMs = untilMs === null ? null : untilMs - atMs;
  const input = parseJson(row.data ?? "null");
  return { head, input, by, duplicates, mayLeap: false, holdMs: 0, windowMs, busy: "wait" };
}

/** One that a person has: it begins with what that person has given, who started it then. */
export function mendedMessage(
  row: ReceivedRow,
  input: unknown,
  by: string,
  admitted: Admitted,
): Message {
  const { name, namespace, workflow, ingress, source, id, digest, atMs } = row;
  const head = { name, namespace, workflow, ingress, source, id, digest };
  return {
    head: { ...head, order: null, cameAtMs: atMs, admitted },
    input,
    by,
    duplicates: "merge",
    mayLeap: false,
    holdMs: 0,
    windowMs: null,
    busy: "wait",
  };
}

function publicId(run: number | null): string | null {
  return run === null ? null : formatRunId(run);
}

function orderOf({ orderKey, orderName, orderNumber }: ReceivedRow): OrderPlace | null {
  if (orderKey === null || orderName === null || orderNumber === null) return null;
  return { key: orderKey, name: orderName, number: orderNumber };
}

export function receiptOf(
  { state, run, duplicateOf }: Pick<ReceivedHead, "state" | "run" | "duplicateOf">,
  isRepeat: boolean,
  exception: { readonly run: number; readonly seq: number } | null = null,
): Receipt {
  return {
    state,
    run: publicId(run),
    duplicateOf: publicId(duplicateOf),
    isRepeat,
    ...(exception === null ? {} : { exception: formatItemId("exc", exception) }),
  };
}
