/**
 * The store's key: 32 random bytes in a file of its own beside the database, readable by its owner
 * alone. Every digest in the store is keyed with it, so it is part of every backup.
 */
import { chmodSync, existsSync } from "node:fs";
import { HoldfastError } from "../core/error.ts";
import { replaceFile } from "../store/files.ts";
import { isFileThere, readOwnFile } from "../store/own-files.ts";

const KEY_BYTES = 32;

export function keyPath(path: string): string {
  return `${path}.key`;
}

/**
 * Reads the key of an existing store.
 *
 * @throws {HoldfastError} HF5009 if there is none or it cannot be one.
 */
export function readKey(path: string): Uint8Array {
  const file = keyPath(path);
  if (!isFileThere(file)) {
    throw new HoldfastError(
      "HF5009",
      `the key file ${file} is missing`,
      "Put the key file back beside the store; a backup holds a copy. Without it nothing in the " +
        "store can be checked, and no second key fits.",
    );
  }
  const key = new Uint8Array(readOwnFile(file, "the key file", "HF5009"));
  if (key.length !== KEY_BYTES) throw foreignKey(file);
  return key;
}

/**
 * The key of a store that is being made. A key that already lies there is used: the process that
 * made it died before the store had a first row.
 */
export function makeKey(path: string, random: Uint8Array): Uint8Array {
  if (existsSync(keyPath(path))) return readKey(path);
  writeKey(path, random);
  return random;
}

/** Durable when it returns. */
export function writeKey(path: string, key: Uint8Array): void {
  replaceFile(keyPath(path), key, 0o600);
  chmodSync(keyPath(path), 0o600);
}

export function foreignKey(file: string): HoldfastError {
  return new HoldfastError(
    "HF5009",
    `the key file ${file} is not the one this store was made with`,
    "Put this store's own key file back beside it; a backup holds a copy.",
  );
}
