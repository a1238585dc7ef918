/**
 * Digests and seals: how a changed byte is noticed.
 *
 * Every record has a digest of 16 bytes over its stored columns. Every flush has a seal of 32 bytes
 * over the seal before it, its own numbers and the digests of what it wrote, so that the flushes of
 * one engine form a chain in which nothing can be changed, moved, added or left out unseen.
 *
 * All but the digests of commands not yet taken are keyed, so that the digest of a short payload
 * tells nothing about the payload (settled 22). The key goes in front of the text and the SHA-256
 * is cut to half: a cut hash is a sound keyed hash where a whole one is not (Coron et al.,
 * "Merkle-Damgard revisited", 2005: the chop construction), and it costs one call where HMAC's
 * context took eight times as long when it was measured here. Seals are whole, and harmless to
 * extend: each begins with the key again.
 */
import { hash } from "node:crypto";

/** Bytes of a digest. */
export const DIGEST_BYTES = 16;

export interface SealedFlush {
  readonly incarnation: number;
  readonly number: number;
  readonly firstPos: number;
  readonly lastPos: number;
  readonly taken: number;
  readonly atMs: number;
  readonly closed: boolean;
}

export interface SealedCommand {
  readonly id: string;
  readonly topic: string;
  readonly atMs: number;
  readonly by: string;
  readonly data: string;
}

/** The key in the form that leads every keyed text. */
export function sealKey(secret: Uint8Array): string {
  return Buffer.from(secret).toString("base64");
}

/** First link of an incarnation's chain. */
export function genesis(key: string, storeId: string, incarnation: number): Buffer {
  return hash("sha256", `${key}genesis|${storeId}|${incarnation}`, "buffer");
}

/** `digests`: those of the flush's records by position, then of the commands it took, by position. */
export function flushSeal(
  key: string,
  previous: Uint8Array,
  flush: SealedFlush,
  digests: Uint8Array,
): Buffer {
  const { incarnation, number, firstPos, lastPos, taken, atMs, closed } = flush;
  const numbers = [incarnation, number, firstPos, lastPos, taken, atMs, closed ? 1 : 0].join("|");
  const text = Buffer.from(`${key}flush|${numbers}|`);
  return hash("sha256", Buffer.concat([text, previous, digests]), "buffer");
}

/** Digest of a command that waits: not keyed, because whoever posts it may not have the key. */
export function postedDigest(command: SealedCommand): Buffer {
  return cut(commandText(command));
}

/** Digest of a command that the flush `takenBy` applied with this answer. */
export function takenDigest(
  key: string,
  command: SealedCommand,
  takenBy: number,
  answer: string,
): Buffer {
  return cut(`${key}${takenBy}|${answer.length}|${answer}${commandText(command)}`);
}

export function metaDigest(
  key: string,
  meta: { readonly storeId: string; readonly keyId: string; readonly createdAtMs: number },
): Buffer {
  return cut(`${key}meta|${meta.storeId}|${meta.keyId}|${meta.createdAtMs}`);
}

/** As `metaDigest`, of a copy that nobody has accepted as the store to go on with. */
export function copyDigest(
  key: string,
  meta: { readonly storeId: string; readonly keyId: string; readonly createdAtMs: number },
): Buffer {
  return cut(`${key}copy|${meta.storeId}|${meta.keyId}|${meta.createdAtMs}`);
}

/** Names a key without showing it. */
export function keyId(secret: Uint8Array): string {
  return hash("sha256", `holdfast key id|${sealKey(secret)}`, "hex").slice(0, 32);
}

function commandText({ id, topic, atMs, by, data }: SealedCommand): string {
  return `${id.length}|${topic.length}|${atMs}|${by.length}|${data.length}|${id}${topic}${by}${data}`;
}

function cut(text: string): Buffer {
  return hash("sha256", text, "buffer").subarray(0, DIGEST_BYTES);
}

/** Over the digests of a run's records, in order: what an archive knows the run by. */
export function digestOf(digests: readonly Uint8Array[]): Buffer {
  return hash("sha256", Buffer.concat(digests), "buffer").subarray(0, DIGEST_BYTES);
}
