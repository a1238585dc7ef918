/** Files that a store needs beside it, read by whoever opens it: one that is there may still be closed to this user. */
import { readFileSync, statSync } from "node:fs";
import { HoldfastError, type ErrorCode } from "../core/error.ts";

/** @throws {HoldfastError} of this code where the operating system does not let it be read. */
export function readOwnFile(file: string, what: string, code: ErrorCode): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw unreadable(`${what} ${file}`, code, error);
  }
}

/**
 * Whether there is a file or folder.
 *
 * @throws {HoldfastError} HF5002 where that cannot be told: a folder above it is closed to this user.
 */
export function isFileThere(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw unreadable(file, "HF5002", error);
  }
}

function unreadable(what: string, code: ErrorCode, error: unknown): HoldfastError {
  const because = error instanceof Error ? error.message : String(error);
  return new HoldfastError(
    code,
    `${what} cannot be read: ${because}`,
    "Give this user the right to read it and to enter the folders above it, or run this as the user of the app. It has to be a file.",
    { cause: error },
  );
}
