/**
 * Sealing of single values inside a payload: AES-256-GCM, each with the pointer at which it stands.
 *
 * What is stored is no JSON, so that no payload of a user can be taken for it: the word `sealed:`
 * and a JSON document with the key's id, the payload with null where values were taken out, and the
 * sealed values by pointer. Each is base64 of nonce, ciphertext and tag.
 *
 * - A key of its own for every place (HKDF, RFC 5869, from the ring's key, the store's id and the
 *   place), so that random nonces never come near their bound of 2^32 for one key (NIST SP 800-38D,
 *   section 8.3), and a value that is moved to another record or store does not open.
 * - Place and pointer are the additional data: moved within its record it does not open either.
 * - Random nonces, not counted ones: a record that a crash kept from being durable is written again
 *   under the same number, and its first bytes may still lie on the disk.
 * - The text of a value is filled up with spaces, which JSON allows, so that a short value's length
 *   says nothing.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { HoldfastError } from "../core/error.ts";
import { parseJson } from "../core/json-text.ts";
import { coverSensitive, sealedMark, segmentsOf } from "../core/sensitive.ts";
import type { KeyRing } from "./key-ring.ts";

const PREFIX = "sealed:";
const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Lengths of values are hidden up to a multiple of this. */
const FILL_BYTES = 32;

interface SealedText {
  readonly key: string;
  /** Pointer without `*` -> sealed value. */
  readonly at: Readonly<Record<string, string>>;
  /** The payload, with null at these pointers. */
  readonly rest: unknown;
}

/** True if something in this stored text is sealed. */
export function isSealed(text: string): boolean {
  return text.startsWith(PREFIX);
}

export class Sealer {
  readonly #ring: KeyRing;
  readonly #storeId: string;

  constructor(ring: KeyRing, storeId: string) {
    this.#ring = ring;
    this.#storeId = storeId;
  }

  /**
   * The payload with what stands at the pointers sealed; as it is, if nothing stands there.
   *
   * @param pointers - as they are declared; "" is the whole.
   * @param place - where it is kept: opens nowhere else.
   */
  seal(text: string, pointers: readonly string[], place: string): string {
    if (pointers.length === 0) return text;
    const key = this.#key(this.#ring.current, place);
    const at: [string, string][] = [];
    const rest = coverSensitive(parseJson(text), pointers, (value, pointer) => {
      at.push([pointer, sealValue(value, key, `${place} ${pointer}`)]);
      return null;
    });
    if (at.length === 0) return text;
    const sealed: SealedText = { key: this.#ring.current, at: Object.fromEntries(at), rest };
    return `${PREFIX}${JSON.stringify(sealed)}`;
  }

  /** @throws {HoldfastError} HF5021 if the key is not in the ring, or the text is not what was sealed. */
  open(text: string, place: string): string {
    const sealed = parsed(text, place);
    if (this.#ring.key(sealed.key) === null) throw withoutKey(sealed.key, place);
    const key = this.#key(sealed.key, place);
    return filled(sealed, place, (value, pointer) => {
      const opened = openValue(value, key, `${place} ${pointer}`);
      if (opened === null) throw changed(place);
      return opened.value;
    });
  }

  #key(id: string, place: string): Buffer {
    // The caller has looked whether the ring has it; the current one is always there.
    const key = this.#ring.key(id) ?? new Uint8Array();
    const about = `holdfast/payload/1 ${place}`;
    return Buffer.from(hkdfSync("sha256", key, this.#storeId, about, KEY_BYTES));
  }
}

/** The payload with `[sealed: key k2]` where a value is sealed, for who has no ring. */
export function markSealed(text: string, place: string): string {
  const sealed = parsed(text, place);
  return filled(sealed, place, () => sealedMark(sealed.key));
}

function sealValue(value: unknown, key: Buffer, about: string): string {
  const text = Buffer.from(JSON.stringify(value));
  const bytes = Buffer.alloc(Math.ceil(text.length / FILL_BYTES) * FILL_BYTES, " ");
  text.copy(bytes);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(about));
  const parts = [nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat(parts).toString("base64");
}

/** Null if it does not open; wrapped, because null may be what was sealed. */
function openValue(text: string, key: Buffer, about: string): { readonly value: unknown } | null {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(about));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  const plain = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    const end = decipher.final();
    return { value: parseJson(Buffer.concat([plain, end]).toString("utf8")) };
  } catch {
    // The tag does not fit: these bytes were not sealed with this key for this place.
    return null;
  }
}

/** The payload with what `give` makes of each sealed value in its place. */
function filled(
  { at, rest }: SealedText,
  place: string,
  give: (sealed: string, pointer: string) => unknown,
): string {
  // A place of its own for the whole, so that "" is a pointer like any other.
  const root: { [name: string]: unknown } = { whole: rest };
  for (const [pointer, sealed] of Object.entries(at)) {
    const path = ["whole", ...segmentsOf(pointer)];
    const last = path.pop() ?? "";
    const parent = path.reduce<unknown>((inside, name) => memberOf(inside, name), root);
    if (!isContainer(parent) || !Object.hasOwn(parent, last)) throw changed(place);
    parent[last] = give(sealed, pointer);
  }
  return JSON.stringify(root["whole"]);
}

function memberOf(inside: unknown, name: string): unknown {
  return isContainer(inside) && Object.hasOwn(inside, name) ? inside[name] : undefined;
}

/** An object or array: both have their members under text. */
function isContainer(value: unknown): value is { [name: string]: unknown } {
  return typeof value === "object" && value !== null;
}

/** @throws {HoldfastError} HF5021 if it is not what `seal` makes. */
function parsed(text: string, place: string): SealedText {
  try {
    // What does not have this shape fails where it is used, as what was changed.
    const { key, at, rest } = parseJson(text.slice(PREFIX.length)) as Partial<SealedText>;
    if (typeof key === "string" && typeof at === "object" && at !== null) return { key, at, rest };
  } catch {
    // The parser's sentence quotes the text, which is nobody's to see.
  }
  throw changed(place);
}

function changed(place: string): HoldfastError {
  return new HoldfastError(
    "HF5021",
    `the payload of ${place} does not open: it is not what was sealed there`,
    "Run `holdfast store verify` with --key-ring for the details, then restore the newest backup that passes it.",
  );
}

function withoutKey(id: string, place: string): HoldfastError {
  return new HoldfastError(
    "HF5021",
    `the payload of ${place} is sealed with key ${id}, which is not in the key ring`,
    `Put key ${id} back into the ring, start again, and resume the run.`,
  );
}
