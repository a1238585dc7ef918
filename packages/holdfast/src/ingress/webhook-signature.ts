/**
 * Signatures of webhooks as Standard Webhooks has them: `v1,` and the base64 of an HMAC-SHA-256 over
 * id, time and raw body, with dots between. Several may stand in one header, while a secret changes.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { HoldfastError } from "../core/error.ts";

const SECRET_PREFIX = "whsec_";
/** Bytes of a secret; the specification's bounds. */
const SECRET_BYTES_MIN = 24;
const SECRET_BYTES_MAX = 64;
/** Signatures in one header that are looked at. */
const SIGNATURES_MAX = 20;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/u;

/**
 * The bytes of a secret.
 *
 * @throws {HoldfastError} HF1001 if it is none. The secret is not told.
 */
export function secretBytes(secret: unknown, what: string): Buffer {
  if (typeof secret === "string" && secret.startsWith(SECRET_PREFIX)) {
    const text = secret.slice(SECRET_PREFIX.length);
    const bytes = BASE64.test(text) ? Buffer.from(text, "base64") : Buffer.alloc(0);
    if (bytes.length >= SECRET_BYTES_MIN && bytes.length <= SECRET_BYTES_MAX) return bytes;
  }
  throw new HoldfastError(
    "HF1001",
    `${what}: a secret is not valid: expected "whsec_" and the base64 of ${String(SECRET_BYTES_MIN)} to ${String(SECRET_BYTES_MAX)} bytes.`,
    "Copy it from the settings of who sends the webhooks.",
  );
}

export interface SignedWebhook {
  readonly id: string;
  /** As it stands in its header: Unix seconds. */
  readonly timestamp: string;
  /** As it stands in its header. */
  readonly signatures: string;
  readonly body: Uint8Array;
}

/** What is wrong with it; null if one of the secrets has signed it at about this time. */
export function signatureProblem(
  { id, timestamp, signatures, body }: SignedWebhook,
  secrets: readonly Uint8Array[],
  nowMs: number,
  toleranceMs: number,
): string | null {
  if (!/^\d{1,12}$/u.test(timestamp)) return "webhook-timestamp is no number of seconds";
  if (Math.abs(nowMs - Number(timestamp) * 1_000) > toleranceMs)
    return "webhook-timestamp is too far from our clock";
  const given = signatures
    .split(" ")
    .slice(0, SIGNATURES_MAX)
    .flatMap((part) => (part.startsWith("v1,") ? [Buffer.from(part.slice(3), "base64")] : []));
  const expected = secrets.map((secret) =>
    createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(body).digest(),
  );
  // All of them, whatever is found: how long it takes says nothing of which.
  const fits = expected.flatMap((one) => given.map((other) => isSame(one, other)));
  return fits.includes(true) ? null : "no signature is one of its secrets";
}

function isSame(left: Buffer, right: Buffer): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}
