/**
 * The store's key: 32 random bytes that are never in the database, so that whoever reads or changes
 * the database can neither make seals nor learn payloads from digests.
 */
import { existsSync, readFileSync } from "node:fs";
import { HoldfastError } from "../core/error.ts";

const STORE_KEY_VARIABLE = "HOLDFAST_STORE_KEY";
const KEY_BYTES = 32;
/** A base64 text of 32 bytes, as `holdfast store key` prints it. */
const KEY_TEXT = /^[A-Za-z0-9+/]{43}=$/u;

export interface KeySource {
  /** The 32 bytes, or their base64. */
  readonly key?: Uint8Array | string;
  /** A file with the 32 bytes or their base64. */
  readonly keyFile?: string;
}

/**
 * The key from the option, the file, or the environment, in this order.
 *
 * @throws {HoldfastError} HF5009 if there is none, or it is none.
 */
export function storeKey(source: KeySource, env: NodeJS.ProcessEnv): Uint8Array {
  if (source.key !== undefined) return parsed(source.key, "the key given");
  if (source.keyFile !== undefined) return keyInFile(source.keyFile);
  const text = env[STORE_KEY_VARIABLE];
  if (text !== undefined && text !== "") return parsed(text, STORE_KEY_VARIABLE);
  throw new HoldfastError(
    "HF5009",
    "a store on PostgreSQL needs its key, and none is given",
    "Make one once with `holdfast store key`, keep it like a password, outside the database and " +
      `in every backup plan, and give it as ${STORE_KEY_VARIABLE}.`,
  );
}

function keyInFile(file: string): Uint8Array {
  if (!existsSync(file)) {
    throw new HoldfastError(
      "HF5009",
      `the key file ${file} is missing`,
      "Put the store's own key there. Without it nothing in the store can be checked.",
    );
  }
  const bytes = readFileSync(file);
  if (bytes.length === KEY_BYTES) return new Uint8Array(bytes);
  return parsed(bytes.toString("utf8").trim(), `the key file ${file}`);
}

function parsed(key: Uint8Array | string, name: string): Uint8Array {
  if (typeof key !== "string" && key.length === KEY_BYTES) return key;
  if (typeof key === "string" && KEY_TEXT.test(key.trim())) {
    return new Uint8Array(Buffer.from(key.trim(), "base64"));
  }
  throw new HoldfastError(
    "HF5009",
    `${name} is not 32 bytes in base64`,
    "Give it as `holdfast store key` printed it when the store was made.",
  );
}

export function foreignKey(): HoldfastError {
  return new HoldfastError(
    "HF5009",
    "the key is not the one this store was made with",
    "Give this store's own key; no second key fits.",
  );
}
