/** Archives as files: written so that a file of this name is always whole, read line by line. */
import { open, rm, writeFile, stat, link, type FileHandle } from "node:fs/promises";
import { createReadStream } from "node:fs";
import { dirname } from "node:path";
import { HoldfastError } from "./core/error.ts";
import type { ArchiveSink } from "./operate/archive-runs.ts";

/** Longest line, bytes: a record with the largest payload, twice over. */
const LINE_BYTES_MAX = 64 << 20;
const LINE_FEED = 10;
/** Gathered before they are written, characters. */
const WRITE_CHARS = 1 << 18;

/**
 * Makes the file beside its place, with `.part` behind its name; `finish` puts it there, durably.
 *
 * @throws {HoldfastError} HF4102 if there is a file of this name, another is being written to it, or
 *   none can be made.
 */
export async function newArchive(path: string): Promise<ArchiveSink> {
  await requireAbsent(path);
  const part = `${path}.part`;
  const file = await made(part);
  return new ArchiveFile(path, part, file);
}

class ArchiveFile implements ArchiveSink {
  readonly #path: string;
  readonly #part: string;
  readonly #file: FileHandle;
  #gathered = "";
  #isOpen = true;

  constructor(path: string, part: string, file: FileHandle) {
    this.#path = path;
    this.#part = part;
    this.#file = file;
  }

  async write(line: string): Promise<void> {
    this.#gathered += line;
    if (this.#gathered.length >= WRITE_CHARS) await this.#writeGathered();
  }

  async finish(): Promise<void> {
    await this.#writeGathered();
    try {
      await this.#file.sync();
      await this.#close();
      // A link and not a rename: it fails where a file of this name has come meanwhile.
      await link(this.#part, this.#path);
      await rm(this.#part);
      await syncFolder(dirname(this.#path));
    } catch (error) {
      throw cannotWrite(error);
    }
  }

  async abandon(): Promise<void> {
    await this.#close();
    await rm(this.#part, { force: true });
  }

  async #close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#file.close();
  }

  async #writeGathered(): Promise<void> {
    const text = this.#gathered;
    this.#gathered = "";
    try {
      await this.#file.writeFile(text);
    } catch (error) {
      throw cannotWrite(error);
    }
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Puts a text in the place of what is there. @throws {HoldfastError} HF4102 if it cannot. */
export async function writeText(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (error) {
    const because = error instanceof Error ? error.message : String(error);
    throw new HoldfastError(
      "HF4102",
      `The file ${path} cannot be written: ${because}.`,
      "Name a file in a folder that is there and may be written in.",
      { cause: error },
    );
  }
}

/** @throws {HoldfastError} HF4102 if there is a file of this name. */
export async function requireAbsent(path: string): Promise<void> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return;
  throw new HoldfastError(
    "HF4102",
    `The file ${path} is there already; an archive does not take the place of another file.`,
    "Name a new file with --to.",
  );
}

async function made(part: string): Promise<FileHandle> {
  try {
    // Not in the place of one that is there: whoever writes it would put ours in its place, unfinished.
    return await open(part, "wx", 0o600);
  } catch (error) {
    const isThere = error instanceof Error && "code" in error && error.code === "EEXIST";
    throw isThere ? underWay(part, error) : cannotWrite(error);
  }
}

function underWay(part: string, cause: unknown): HoldfastError {
  return new HoldfastError(
    "HF4102",
    `The file ${part} is there: an archive of this name is being written, or one has died. No run has left the store for it.`,
    "Wait for the other one, or remove that file if nobody writes it any more; or name another file with --to.",
    { cause },
  );
}

function cannotWrite(error: unknown): HoldfastError {
  const why = error instanceof Error ? error.message : String(error);
  return new HoldfastError(
    "HF4102",
    `The archive cannot be written: ${why}. No run has left the store.`,
    "Name a file with --to in a folder that is there, where you may write and where there is room, on a disk that knows links.",
    { cause: error },
  );
}

/**
 * Its lines without their line feeds. Only a line feed ends a line: text may hold any other character
 * that other readers take for the end of one.
 *
 * @throws {HoldfastError} HF5017 if it cannot be read, is no UTF-8, or has a line of more than 64 MiB.
 */
export async function* linesOf(path: string): AsyncIterable<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let number = 1;
  let rest: Buffer[] = [];
  let size = 0;
  const line = (bytes: Buffer): string => {
    try {
      return decoder.decode(bytes);
    } catch (error) {
      throw unreadable(path, `line ${String(number)} is no text`, error);
    }
  };
  for await (const chunk of chunksOf(path)) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      yield line(Buffer.concat([...rest, chunk.subarray(start, end)]));
      number += 1;
      rest = [];
      size = 0;
      start = end + 1;
    }
    rest.push(chunk.subarray(start));
    size += chunk.length - start;
    if (size > LINE_BYTES_MAX) throw unreadable(path, `line ${String(number)} is too long`);
  }
  if (size > 0) yield line(Buffer.concat(rest));
}

async function* chunksOf(path: string): AsyncIterable<Buffer> {
  try {
    // Without an encoding a stream of a file gives Buffers.
    for await (const chunk of createReadStream(path)) yield chunk as Buffer;
  } catch (error) {
    throw unreadable(path, error instanceof Error ? error.message : String(error), error);
  }
}

function unreadable(path: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    "HF5017",
    `The file ${path} cannot be read as an archive: ${why}. Nothing of it was read in.`,
    "Name a file that `holdfast archive` has written.",
    cause === undefined ? {} : { cause },
  );
}
