/**
 * The canonical texts that Holdfast hashes, and the form of an operation key.
 *
 * Core has no hashing: `hmac` is an argument, keyed with the store's secret, so that a digest tells
 * nothing about the value to anybody without it (settled points 8, 22, 29).
 */
import { base32OfHex } from "./base32.ts";
import { canonicalJson } from "./canonical-json.ts";

/** HMAC-SHA-256 with the store's key over the UTF-8 of `text`, as lower-case hex. */
export type Hmac = (text: string) => string;

export interface OperationIdentity {
  readonly namespace: string;
  readonly workflow: string;
  /** Run number. */
  readonly run: number;
  /** Scopes, name and `as`: see step-path.ts. */
  readonly step: string;
  /** 1, and one more for each deliberate repeat with a new key. */
  readonly generation: number;
  /** Names of parts that were done already: it asks for the rest, which is another request. */
  readonly without?: readonly string[];
}

/**
 * The key under which the other system knows this operation: `hf1_` and 52 characters. The same on
 * every attempt at the same request, after every restart, recovery and resume; no attempt, time or index
 * is in it.
 */
export function operationKey(identity: OperationIdentity, hmac: Hmac): string {
  const { without = [] } = identity;
  const text = canonicalText("operation", [
    identity.namespace,
    identity.workflow,
    String(identity.run),
    identity.step,
    String(identity.generation),
    ...without.toSorted(),
  ]);
  const hash = hmac(text);
  if (hash === "") throw new RangeError("hmac must give lower-case hex, got nothing");
  return `hf1_${base32OfHex(hash)}`;
}

/** Hex digest that guards (namespace, workflow, key) after retention took the run. */
export function runKeyHash(namespace: string, workflow: string, key: string, hmac: Hmac): string {
  return hmac(canonicalText("run-key", [namespace, workflow, key]));
}

/**
 * Hex digest of an input. Two inputs have the same one if and only if they are the same JSON,
 * whatever the order of their properties.
 *
 * @throws {HoldfastError} HF4103 or HF4105 if it is not JSON.
 */
export function inputDigest(input: unknown, hmac: Hmac): string {
  return hmac(canonicalText("input", [canonicalJson(input)]));
}

/**
 * Parts with their lengths in front, so that no two lists of parts have the same text
 * ("a","bc" and "ab","c"), and a purpose, so that digests of different kinds never meet.
 */
export function canonicalText(purpose: string, parts: readonly string[]): string {
  let text = `holdfast/1 ${purpose}`;
  for (const part of parts) text += ` ${String(part.length)}:${part}`;
  return text;
}
