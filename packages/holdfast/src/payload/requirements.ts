/**
 * What whoever opens a store has to have in order to read its payloads. It is on record among the
 * declarations, under the kind `payloads`, before the first payload that needs it: so an engine
 * without the key ring or the directory is refused at its start, and not at the first run that it
 * cannot read.
 */
import { HoldfastError } from "../core/error.ts";
import type { DeclarationRow } from "../store/rows.ts";
import type { KeyRing } from "./key-ring.ts";

const IN_FILES = "in files";
const SEALED = /^sealed with ([\w.-]{1,32}) ([0-9a-f]{16})$/u;

interface SealedWith {
  readonly keyId: string;
  readonly check: string;
  readonly atMs: number;
}

/** The names to put on record for an engine that seals with this ring, or writes files. */
export function requirementsOf(
  ring: KeyRing | null,
  isInFiles: boolean,
  storeId: string,
): readonly string[] {
  const check = ring?.checkOf(ring.current, storeId) ?? null;
  return [
    ...(ring === null || check === null ? [] : [`sealed with ${ring.current} ${check}`]),
    ...(isInFiles ? [IN_FILES] : []),
  ];
}

/** True if the store is on record as one whose payloads are sealed. */
export function isSealedStore(rows: readonly DeclarationRow[]): boolean {
  return sealedWith(rows).length > 0;
}

/** The keys that have sealed payloads of the store, the oldest first. */
export function keysOnRecord(rows: readonly DeclarationRow[]): readonly string[] {
  return sealedWith(rows).map(({ keyId }) => keyId);
}

/** What belongs to the store and is in no backup of it, as sentences. */
export function keptApart(rows: readonly DeclarationRow[]): readonly string[] {
  return [
    ...(hasFiles(rows)
      ? ["Payloads in files are not in it: copy their directory now, after the backup."]
      : []),
    ...(isSealedStore(rows)
      ? ["Its payloads stay sealed: keep the key ring, in another place than the backup."]
      : []),
  ];
}

function hasFiles(rows: readonly DeclarationRow[]): boolean {
  return rows.some(({ definition, name }) => definition === "payloads" && name === IN_FILES);
}

/**
 * @throws {HoldfastError} HF5020 if the store's newest payloads cannot be read with this ring, or
 *   one of its keys is another key of the same name.
 */
export function requireRing(
  rows: readonly DeclarationRow[],
  ring: KeyRing | null,
  storeId: string,
): void {
  const used = sealedWith(rows);
  const newest = used.at(-1);
  if (newest === undefined) return;
  if (ring === null) {
    throw new HoldfastError(
      "HF5020",
      `the payloads of this store are sealed, the newest with key ${newest.keyId}, and no key ring is given`,
      'Give the store\'s ring: payloads: { keyRing: "./holdfast.keys" } in the app, --key-ring FILE on the command line.',
    );
  }
  if (ring.key(newest.keyId) === null) {
    throw new HoldfastError(
      "HF5020",
      `the newest payloads of this store are sealed with key ${newest.keyId}, which is not in the key ring`,
      "Give the store's own ring, in its newest form; without this key nobody can open them.",
    );
  }
  for (const { keyId, check } of used) {
    const own = ring.checkOf(keyId, storeId);
    if (own === null || own === check) continue;
    throw new HoldfastError(
      "HF5020",
      `key ${keyId} of the key ring is not the key ${keyId} that has sealed payloads of this store`,
      "Give the store's own ring. Two rings cannot be mixed: ids of keys are used once.",
    );
  }
}

/** @throws {HoldfastError} HF5020 if payloads are in files and no directory is given. */
export function requireDirectory(
  rows: readonly DeclarationRow[],
  directory: string | undefined,
): void {
  if (directory !== undefined || !hasFiles(rows)) return;
  throw new HoldfastError(
    "HF5020",
    "long payloads of this store lie in files, and their directory is not given",
    'Give it as before: payloads: { directory: "./holdfast.payloads" }.',
  );
}

/** Keys that were used, the newest last. */
function sealedWith(rows: readonly DeclarationRow[]): readonly SealedWith[] {
  return rows
    .filter(({ definition }) => definition === "payloads")
    .flatMap(({ name, atMs }) => {
      const [, keyId, check] = SEALED.exec(name) ?? [];
      return keyId === undefined || check === undefined ? [] : [{ keyId, check, atMs }];
    })
    .toSorted((left, right) => left.atMs - right.atMs);
}
