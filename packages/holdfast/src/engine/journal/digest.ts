/** Keyed digests: what is stored beside a payload must not give it away (settled point 22). */
import { createHmac, hash } from "node:crypto";

export interface Digests {
  /** Hex HMAC-SHA-256 with the store's key. */
  hex(text: string): string;
  /** The same as bytes. */
  bytes(text: string): Uint8Array;
}

/** Block of SHA-256 and its two paddings. Source: RFC 2104, section 2. */
const BLOCK_BYTES = 64;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;
const DIGEST_BYTES = 32;

/** Longer texts are rare and may take the way of `createHmac`, which needs no copy. */
const TEXT_CHARS_MAX = 4_096;
/** A UTF-16 unit takes at most three bytes. */
const TEXT_BYTES_MAX = 3 * TEXT_CHARS_MAX;

/**
 * HMAC from two calls of `hash`: `createHmac` makes a key object each time, which took eight times
 * as long when it was measured here, and each effect needs two digests.
 */
export function digestsWith(secret: Uint8Array): Digests {
  if (secret.length > BLOCK_BYTES) throw new RangeError("the key must be at most 64 bytes");
  const inner = padded(secret, INNER_PAD, TEXT_BYTES_MAX);
  const outer = padded(secret, OUTER_PAD, DIGEST_BYTES);
  const hex = (text: string): string => {
    if (text.length > TEXT_CHARS_MAX) {
      return createHmac("sha256", secret).update(text).digest("hex");
    }
    const end = BLOCK_BYTES + inner.write(text, BLOCK_BYTES);
    // As text of one byte a character: cheaper than a Buffer of its own.
    outer.write(hash("sha256", inner.subarray(0, end), "binary"), BLOCK_BYTES, "latin1");
    return hash("sha256", outer, "hex");
  };
  return { hex, bytes: (text) => Buffer.from(hex(text), "hex") };
}

/** The key's first block with its padding, and room behind it for what is hashed. */
function padded(secret: Uint8Array, pad: number, roomBytes: number): Buffer {
  const bytes = Buffer.alloc(BLOCK_BYTES + roomBytes, pad);
  for (const [i, byte] of secret.entries()) bytes[i] = byte ^ pad;
  return bytes;
}
