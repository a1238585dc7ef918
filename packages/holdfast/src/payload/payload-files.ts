/**
 * Payloads that are too long for the journal, each in a file of its own in a directory or a bucket.
 *
 * The record holds a reference: the words `file:`, and the keyed digest and the length of what lies
 * in the file. The digest covers the record's place too, and the name of the file is digest, run and
 * number, so that whoever finds a file knows the one record that may refer to it.
 *
 * A file is durable before the flush that refers to it. One that no record refers to is what a crash
 * between the two has left; `sweepFiles` takes it away.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { HoldfastError } from "../core/error.ts";
import { parseJson } from "../core/json-text.ts";
import type { FilePlace, NewFile } from "./file-place.ts";
import { recordPlace } from "./place.ts";

const PREFIX = "file:";
const DIGEST = /^[0-9a-f]{64}$/u;
/** Hex digits of a digest that name its folder: 256 folders, as few files in each. */
const FOLDER_DIGITS = 2;

/** Which record a payload belongs to. */
export interface PayloadPlace {
  readonly run: number;
  readonly seq: number;
}

export interface FileReference {
  /** Hex HMAC of place and content, with the store's key. */
  readonly digest: string;
  readonly sizeBytes: number;
}

/** True if this stored text is a reference to a file. */
export function isReference(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** @throws {HoldfastError} HF5021 if it is none. */
export function referenceIn(text: string, place: PayloadPlace): FileReference {
  try {
    const { digest, sizeBytes } = parseJson(text.slice(PREFIX.length)) as Partial<FileReference>;
    if (typeof digest === "string" && DIGEST.test(digest) && Number.isSafeInteger(sizeBytes))
      return { digest, sizeBytes: sizeBytes ?? 0 };
  } catch {
    // Said below: the text was changed.
  }
  throw unreadable(place, "its reference to a file was changed");
}

/** Path of a payload's file inside its place. */
export function fileName({ digest }: FileReference, { run, seq }: PayloadPlace): string {
  return `${digest.slice(0, FOLDER_DIGITS)}/${digest}-${String(run)}-${String(seq)}`;
}

/** True if this file was made with this store's key, and holds what was written. */
export function isNamedBy(
  secret: Uint8Array,
  { name, bytes }: NewFile,
  place: PayloadPlace,
): boolean {
  const digest = digestOf(secret, bytes, place);
  return fileName({ digest, sizeBytes: bytes.length }, place) === name;
}

export class PayloadFiles {
  readonly #place: FilePlace;
  readonly #secret: Uint8Array | null;

  /** @param secret - the store's key; null for who only shows payloads: then lengths are checked alone. */
  constructor(place: FilePlace, secret: Uint8Array | null) {
    this.#place = place;
    this.#secret = secret;
  }

  /** What is written where, and the text that refers to it. */
  toFile(text: string, place: PayloadPlace): { readonly file: NewFile; readonly text: string } {
    const bytes = Buffer.from(text);
    const reference = { digest: this.#digest(bytes, place), sizeBytes: bytes.length };
    const name = fileName(reference, place);
    return { file: { name, bytes }, text: `${PREFIX}${JSON.stringify(reference)}` };
  }

  /** Durable, all of them, when it resolves. */
  write(files: readonly NewFile[]): Promise<void> {
    return this.#place.write(files);
  }

  /** @throws {HoldfastError} HF5021 if the file is missing, or is not what was written. */
  async read(text: string, place: PayloadPlace): Promise<string> {
    const reference = referenceIn(text, place);
    const name = fileName(reference, place);
    const bytes = await this.#place.read(name).catch((error: unknown) => {
      throw this.#missing(name, place, error);
    });
    return this.#checked(bytes, reference, place);
  }

  #missing(name: string, place: PayloadPlace, error: unknown): HoldfastError {
    const isNamed = error instanceof Error && "code" in error;
    const why = isNamed ? String(error.code) : error instanceof Error ? error.name : "it fails";
    const path = `${this.#place.address}/${name}`;
    return unreadable(place, `its file ${path} cannot be read (${why})`);
  }

  #checked(bytes: Buffer, { digest, sizeBytes }: FileReference, place: PayloadPlace): string {
    const isWhole = bytes.length === sizeBytes;
    if (!isWhole || (this.#secret !== null && !isEqual(this.#digest(bytes, place), digest)))
      throw unreadable(place, `its file in ${this.#place.address} is not what was written`);
    return bytes.toString("utf8");
  }

  #digest(bytes: Buffer, place: PayloadPlace): string {
    return digestOf(this.#secret ?? new Uint8Array(), bytes, place);
  }
}

function digestOf(secret: Uint8Array, bytes: Buffer, { run, seq }: PayloadPlace): string {
  return createHmac("sha256", secret)
    .update(`holdfast/file/1 ${recordPlace(run, seq)}\n`)
    .update(bytes)
    .digest("hex");
}

function isEqual(left: string, right: string): boolean {
  return timingSafeEqual(Buffer.from(left), Buffer.from(right));
}

function unreadable({ run, seq }: PayloadPlace, how: string): HoldfastError {
  return new HoldfastError(
    "HF5021",
    `the payload of ${recordPlace(run, seq)} cannot be read: ${how}`,
    "Put the file back from a copy of the directory, then resume the run. `holdfast store verify` with --payload-files names every such file.",
  );
}
