/** Keyed digests: what is stored beside a payload must not give it away (settled point 22). */
import { createHmac } from "node:crypto";

export interface Digests {
  /** Hex HMAC-SHA-256 with the store's key. */
  hex(text: string): string;
  /** The same as bytes. */
  bytes(text: string): Uint8Array;
}

export function digestsWith(secret: Uint8Array): Digests {
  return {
    hex: (text) => createHmac("sha256", secret).update(text).digest("hex"),
    bytes: (text) => createHmac("sha256", secret).update(text).digest(),
  };
}
