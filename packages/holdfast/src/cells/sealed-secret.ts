/**
 * The key of a store's digests, for the stores that guard its keys once it is no more: sealed with
 * theirs, so that a copy of the database alone tells nothing.
 *
 * AES-256-GCM under a key of its own (HKDF, RFC 5869), with both stores as additional data: it opens
 * in the store that it was sealed for, and nowhere else.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { HoldfastError } from "../core/error.ts";

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The store that holds it, and its key. */
export interface Holder {
  readonly storeId: string;
  readonly secret: Uint8Array;
}

/** @param of - the store whose key it is. */
export function sealSecret(secret: Uint8Array, of: string, holder: Holder): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(holder), nonce);
  cipher.setAAD(place(of, holder));
  const sealed = Buffer.concat([cipher.update(secret), cipher.final()]);
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString("base64");
}

/** @throws {HoldfastError} HF5006 if it is not what was sealed. */
export function openSecret(text: string, of: string, holder: Holder): Uint8Array {
  const bytes = Buffer.from(text, "base64");
  const tagAt = bytes.length - TAG_BYTES;
  try {
    const decipher = createDecipheriv(CIPHER, keyOf(holder), bytes.subarray(0, NONCE_BYTES));
    decipher.setAAD(place(of, holder));
    decipher.setAuthTag(bytes.subarray(tagAt));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, tagAt)), decipher.final()]);
  } catch (error) {
    throw new HoldfastError(
      "HF5006",
      `the key that store ${holder.storeId} holds of ${of} was changed`,
      "Run `holdfast store verify` for the details, then restore the newest backup.",
      { cause: error },
    );
  }
}

function keyOf({ secret, storeId }: Holder): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, storeId, "holdfast/cell-secret/1", KEY_BYTES));
}

function place(of: string, { storeId }: Holder): Buffer {
  return Buffer.from(`${of} in ${storeId}`);
}
