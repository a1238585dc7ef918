/** A message that cannot be started as it is, as it is kept for a person. See decision 0047. */
import { HoldfastError, type ErrorCode } from "../core/error.ts";
import type { UnfitMessage } from "../workflow/message.ts";
import type { AnyWorkflow } from "../workflow/workflow.ts";
import type { Identified } from "./sender.ts";

/** Codes of what is wrong with what came, and not with us. */
const OF_MESSAGE: readonly ErrorCode[] = ["HF4102", "HF4103", "HF4104", "HF4105"];

/** True if the error says what is wrong with the message. */
export function isOfMessage({ code }: HoldfastError): boolean {
  return OF_MESSAGE.includes(code);
}

/**
 * Why no input could be made of a message, as a sentence; null if the error says nothing of it.
 *
 * What `input` of the ingress throws is taken for the message's fault: it was written for bodies that
 * fit. Of its words nothing is kept where the workflow has sensitive fields, which they may quote.
 */
export function problemOfInput(error: unknown, { definition }: AnyWorkflow): string | null {
  if (error instanceof HoldfastError) return isOfMessage(error) ? error.message : null;
  if (!(error instanceof Error)) return null;
  const { sensitive = [] } = definition;
  const words = sensitive.length === 0 ? `: ${error.message.slice(0, WORDS_CHARS_MAX)}` : "";
  return `The input of its run could not be made of it: ${error.name}${words}`;
}

/** Longest piece of foreign text in a sentence, in characters. */
const WORDS_CHARS_MAX = 500;

export function unfitOf(
  { by, about, bytes, read, busy }: Identified,
  contentType: string,
): Omit<UnfitMessage, "workflow" | "ingress" | "problem"> {
  const { id, source } = about;
  const text = textOf(bytes);
  const body = text ?? bytes.toString("base64");
  const form = text === null ? `${contentType} (base64)` : contentType;
  return { by, source, id, payload: payloadOf(read) ?? { unread: body }, busy, body, form };
}

/** As its repeats are compared by, also those that came when it still fitted; undefined if it is none. */
function payloadOf(read: Identified["read"]): unknown {
  try {
    return read().payload;
  } catch (error) {
    if (error instanceof HoldfastError) return undefined;
    throw error;
  }
}

/** Null for bytes that are no text which a store can keep. */
function textOf(bytes: Buffer): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.includes("\u0000") ? null : text;
  } catch {
    return null;
  }
}
