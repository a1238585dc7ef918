/** A payload on its way into a store and out of it: sealed first, then into a file if it is long. */
import { HoldfastError } from "../core/error.ts";
import type { NewFile } from "./file-place.ts";
import { isReference, type PayloadFiles, type PayloadPlace } from "./payload-files.ts";
import { recordPlace } from "./place.ts";
import { isSealed, type Sealer } from "./sealing.ts";

/** Longest payload that stays in its record, bytes of its stored text. Source: settled point 28. */
export const PAYLOAD_INLINE_BYTES_MAX = 64 * 1024;
/** Less would put every payload into a file, which costs two waits for the disk. */
export const PAYLOAD_INLINE_BYTES_MIN = 1024;

/** A UTF-16 unit takes at most three bytes. */
const BYTES_PER_UNIT_MAX = 3;

/** True if this text of a store is not the payload itself. */
export function isKeptApart(text: string | null): text is string {
  return text !== null && (isReference(text) || isSealed(text));
}

export class StoredPayloads {
  readonly sealer: Sealer | null;
  readonly files: PayloadFiles | null;
  readonly #inlineBytesMax: number;

  constructor(
    sealer: Sealer | null,
    files: PayloadFiles | null,
    inlineBytesMax = PAYLOAD_INLINE_BYTES_MAX,
  ) {
    this.sealer = sealer;
    this.files = files;
    this.#inlineBytesMax = inlineBytesMax;
  }

  /** The text to store, and the file that has to be durable before it; null if there is none. */
  put(
    payload: string,
    pointers: readonly string[],
    place: PayloadPlace,
  ): { readonly text: string; readonly file: NewFile | null } {
    const text = this.sealer?.seal(payload, pointers, recordPlace(place.run, place.seq)) ?? payload;
    if (this.files === null || !this.#isLong(text)) return { text, file: null };
    return this.files.toFile(text, place);
  }

  /** @throws {HoldfastError} HF5021 if it cannot be read. */
  async get(text: string, place: PayloadPlace): Promise<string> {
    if (!isReference(text)) return this.#opened(text, place);
    if (this.files === null) throw withoutDirectory(place);
    return this.#opened(await this.files.read(text, place), place);
  }

  #opened(text: string, { run, seq }: PayloadPlace): string {
    if (!isSealed(text)) return text;
    const place = recordPlace(run, seq);
    if (this.sealer === null) throw withoutRing(place);
    return this.sealer.open(text, place);
  }

  #isLong(text: string): boolean {
    if (text.length * BYTES_PER_UNIT_MAX <= this.#inlineBytesMax) return false;
    return Buffer.byteLength(text) > this.#inlineBytesMax;
  }
}

export function withoutRing(place: string): HoldfastError {
  return new HoldfastError(
    "HF5021",
    `the payload of ${place} is sealed, and no key ring is given`,
    "Give the store's key ring.",
  );
}

function withoutDirectory({ run, seq }: PayloadPlace): HoldfastError {
  return new HoldfastError(
    "HF5021",
    `the payload of ${recordPlace(run, seq)} lies in a file, and no directory is given`,
    "Give the directory of the store's payloads.",
  );
}
