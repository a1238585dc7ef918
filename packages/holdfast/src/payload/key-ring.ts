/**
 * The keys that seal payloads: a file of several, one of them current. New payloads are sealed with
 * the current one; the others are kept for what was sealed before. The file never lies in a store.
 *
 *     {"current": "k2", "keys": {"k1": "base64 of 32 bytes", "k2": "..."}}
 *
 * Which key is current is known from the start on. The others are looked for in the file again when
 * one is asked for that was not there: another worker may seal with a key that was added since.
 */
import { createHmac } from "node:crypto";
import { existsSync } from "node:fs";
import { HoldfastError } from "../core/error.ts";
import { parseJson } from "../core/json-text.ts";
import { replaceFile } from "../store/files.ts";
import { isFileThere, readOwnFile } from "../store/own-files.ts";

/** Keys of one ring. One a week for twenty years. */
const RING_KEYS_MAX = 1_000;
const KEY_BYTES = 32;
/** Base64 of 32 bytes. */
const KEY_TEXT = /^[A-Za-z0-9+/]{43}=$/u;
/** Short, and safe wherever it is shown. */
const KEY_ID = /^[\w.-]{1,32}$/u;
const CHECK_HEX_LENGTH = 16;

interface RingFile {
  readonly current: string;
  readonly keys: Readonly<Record<string, string>>;
}

export class KeyRing {
  /** Id of the key that seals. */
  readonly current: string;
  readonly #keys: Map<string, Uint8Array>;
  readonly #readAgain: () => ReadonlyMap<string, Uint8Array>;

  /** @param readAgain - all keys as they are by now; null if that cannot be told. */
  constructor(
    current: string,
    keys: ReadonlyMap<string, Uint8Array>,
    readAgain: () => ReadonlyMap<string, Uint8Array> | null = () => null,
  ) {
    this.current = current;
    this.#keys = new Map(keys);
    this.#readAgain = () => readAgain() ?? new Map();
  }

  /** Null if the ring does not have it. A key that it had stays the same, whatever the file says. */
  key(id: string): Uint8Array | null {
    if (!this.#keys.has(id)) {
      const added = [...this.#readAgain()].filter(([one]) => !this.#keys.has(one));
      for (const [one, key] of added) this.#keys.set(one, key);
    }
    return this.#keys.get(id) ?? null;
  }

  /** Hex HMAC-SHA-256 of a text with a key of the ring; null if the ring does not have it. */
  digest(id: string, text: string): string | null {
    const key = this.key(id);
    return key === null ? null : createHmac("sha256", key).update(text).digest("hex");
  }

  /**
   * Tells in one store whether a key of this id is the same key, and nothing else of it.
   *
   * @returns hex, 16 characters; null if the ring has no such key.
   */
  checkOf(id: string, storeId: string): string | null {
    return this.digest(id, `holdfast/key-check/1 ${storeId}`)?.slice(0, CHECK_HEX_LENGTH) ?? null;
  }
}

/**
 * Reads a ring.
 *
 * @throws {HoldfastError} HF5020 if there is none, or it is none.
 */
export function readKeyRing(file: string): KeyRing {
  const ring = readRingFile(file);
  return new KeyRing(ring.current, bytesOf(ring), () => {
    try {
      return bytesOf(readRingFile(file));
    } catch (error) {
      // Gone or half copied since: what is known goes on, and what is not is told as a missing key.
      if (error instanceof HoldfastError) return null;
      throw error;
    }
  });
}

function bytesOf({ keys }: RingFile): ReadonlyMap<string, Uint8Array> {
  const bytes = Object.entries(keys).map(([id, text]): [string, Uint8Array] => [
    id,
    new Uint8Array(Buffer.from(text, "base64")),
  ]);
  return new Map(bytes);
}

/**
 * Makes a ring of one key, `k1`. Durable when it returns.
 *
 * @param random - 32 random bytes.
 * @throws {HoldfastError} HF5020 if the file exists: a ring that is lost cannot be made again.
 */
export function makeKeyRing(file: string, random: Uint8Array): string {
  if (existsSync(file)) {
    throw new HoldfastError(
      "HF5020",
      `${file} exists already`,
      "Name a file that does not exist, or add a key to this one with: holdfast store key --rotate",
    );
  }
  const id = "k1";
  write(file, { current: id, keys: { [id]: Buffer.from(random).toString("base64") } });
  return id;
}

/**
 * Adds a key and makes it the current one. The others stay. Durable when it returns.
 *
 * @param random - 32 random bytes.
 * @throws {HoldfastError} HF5020 if the file is no ring, or has as many keys as one may have.
 */
export function rotateKeyRing(file: string, random: Uint8Array): string {
  const { keys } = readRingFile(file);
  const numbers = Object.keys(keys).map((id) => Number(/^k(\d{1,9})$/u.exec(id)?.[1] ?? 0));
  const id = `k${String(Math.max(0, ...numbers) + 1)}`;
  if (Object.keys(keys).length >= RING_KEYS_MAX) throw notARing(file, tooMany());
  write(file, { current: id, keys: { ...keys, [id]: Buffer.from(random).toString("base64") } });
  return id;
}

function write(file: string, ring: RingFile): void {
  replaceFile(file, `${JSON.stringify(ring, null, 2)}\n`, 0o600);
}

function readRingFile(file: string): RingFile {
  if (!isFileThere(file)) {
    throw new HoldfastError(
      "HF5020",
      `the key ring ${file} is missing`,
      "Put it back; without it what is sealed cannot be opened by anybody. For a new store make one with: holdfast store key --new-ring FILE",
    );
  }
  const parsed = parsedRing(file, readOwnFile(file, "the key ring", "HF5020").toString("utf8"));
  const problem = problemOf(parsed);
  if (problem !== null) throw notARing(file, problem);
  // Just looked at, member by member.
  return parsed as RingFile;
}

function parsedRing(file: string, text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    // The parser's sentence quotes what stands there, which may be a key.
    throw notARing(file, "it is no JSON");
  }
}

/** Never quotes a key. */
function problemOf(ring: unknown): string | null {
  if (typeof ring !== "object" || ring === null) return "it is no object";
  // An object whose members are looked at one by one.
  const { current, keys } = ring as Readonly<Record<keyof RingFile, unknown>>;
  if (typeof keys !== "object" || keys === null || Array.isArray(keys))
    return '"keys" is no object of ids and keys';
  const entries = Object.entries(keys);
  if (entries.length > RING_KEYS_MAX) return tooMany();
  for (const [id, text] of entries) {
    if (!KEY_ID.test(id)) return "an id of a key is not 1 to 32 letters, digits, dots or dashes";
    if (typeof text !== "string" || !KEY_TEXT.test(text))
      return `key ${id} is not ${String(KEY_BYTES)} bytes in base64`;
  }
  if (typeof current !== "string" || !Object.hasOwn(keys, current))
    return '"current" does not name one of the keys';
  return null;
}

function tooMany(): string {
  return `it would have more than ${String(RING_KEYS_MAX)} keys, the limit`;
}

function notARing(file: string, problem: string): HoldfastError {
  return new HoldfastError(
    "HF5020",
    `${file} is no key ring: ${problem}`,
    'Give the file that `holdfast store key --new-ring` made: {"current": ID, "keys": {ID: base64 of 32 bytes}}.',
  );
}
