/**
 * A version made of files: what code of one version is, where nobody names it. It says whether two
 * builds are the same, byte for byte, and nothing of their order.
 */
import { createHash, type Hash } from "node:crypto";
import { closeSync, lstatSync, openSync, readdirSync, readSync } from "node:fs";
import { basename, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { DERIVED_VERSION } from "./core/code-version.ts";
import { HoldfastError } from "./core/error.ts";

/** Files of one version, and their bytes together. */
const FILES_MAX = 10_000;
const BYTES_MAX = 256 * 1024 * 1024;
/** Bytes that are read at a time. */
const CHUNK_BYTES = 64 * 1024;
/** Hex digits of the digest that a version shows. */
const DIGITS = 16;

/** Folders that differ from machine to machine, or that running changes. */
const REFUSED_FOLDERS: readonly string[] = ["node_modules", ".git"];
const SQLITE_MAGIC = Buffer.from("SQLite format 3\0");

interface Sum {
  readonly hash: Hash;
  files: number;
  bytes: number;
}

/**
 * The version of the code in these files and folders: a digest of every name and every byte in them.
 *
 * It covers what is named and nothing else. Name the folder of your build and your lock file: packages
 * that you depend on, the Node.js that runs it, and settings from outside are not in it by themselves.
 * It has no order, so `run.since` is refused with it, and nothing tells newer from older but when each
 * was deployed first.
 *
 * @param where - files and folders, as paths or `file:` URLs; in this order they are a part of it.
 * @returns `sha256:` and 16 hex digits.
 * @throws {HoldfastError} HF1110 for what is not there, is empty, or would make another version of the
 *   same code: a folder `node_modules` or `.git`, a link, a database; above 10,000 files or 256 MiB.
 */
export function versionOf(where: string | URL | readonly (string | URL)[]): string {
  const named = typeof where === "string" || where instanceof URL ? [where] : where;
  const sum: Sum = { hash: createHash("sha256"), files: 0, bytes: 0 };
  for (const one of named) {
    const path = one instanceof URL ? fileURLToPath(one) : resolve(one);
    const root = lstatOf(path).isDirectory() ? path : resolve(path, "..");
    add(sum, path, root);
  }
  if (sum.files === 0) throw refused("it holds no file", named.join(", "));
  return `${DERIVED_VERSION}${sum.hash.digest("hex").slice(0, DIGITS)}`;
}

function add(sum: Sum, path: string, root: string): void {
  const about = lstatOf(path);
  if (about.isDirectory()) {
    if (REFUSED_FOLDERS.includes(basename(path)))
      throw refused("what is in it differs from machine to machine", path);
    // By code unit and not by locale: the same on every machine.
    const names = readdirSync(path).toSorted((a, b) => (a < b ? -1 : 1));
    for (const name of names) add(sum, join(path, name), root);
    return;
  }
  if (!about.isFile()) throw refused("it is neither a file nor a folder", path);
  sum.files += 1;
  sum.bytes += about.size;
  if (sum.files > FILES_MAX || sum.bytes > BYTES_MAX)
    throw refused(`there are more than ${String(FILES_MAX)} files or 256 MiB`, path);
  // Lengths first: a name and a content never look like another name and content.
  const name = relative(root, path).split(sep).join("/");
  sum.hash.update(`${String(Buffer.byteLength(name))}:${name}:${String(about.size)}:`);
  addContent(sum.hash, path);
}

function addContent(hash: Hash, path: string): void {
  const file = openSync(path, "r");
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let isFirst = true;
    for (;;) {
      const count = readSync(file, chunk, 0, CHUNK_BYTES, null);
      if (count === 0) return;
      if (isFirst && chunk.subarray(0, SQLITE_MAGIC.length).equals(SQLITE_MAGIC))
        throw refused("it is a database, which changes while the app runs", path);
      isFirst = false;
      hash.update(chunk.subarray(0, count));
    }
  } finally {
    closeSync(file);
  }
}

function lstatOf(path: string) {
  const about = lstatSync(path, { throwIfNoEntry: false });
  if (about === undefined) throw refused("it is not there", path);
  return about;
}

function refused(why: string, where: string): HoldfastError {
  return new HoldfastError(
    "HF1110",
    `No version can be made of ${where}: ${why}.`,
    'Name the folder that holds your built code and nothing else, and the lock file beside it; or give a version by hand: version: "v45".',
  );
}
