/** Writing a small file so that a power cut leaves the old one or the new one, never a mixture. */
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes beside, syncs, renames, syncs the folder. Durable when it returns. */
export function replaceFile(path: string, content: Uint8Array | string, mode = 0o644): void {
  const beside = `${path}.tmp`;
  const file = openSync(beside, "w", mode);
  try {
    writeSync(file, typeof content === "string" ? Buffer.from(content) : content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(beside, path);
  syncFolder(path);
}

/** The same without blocking the thread. Two at a time for one path would mix: await the first. */
export async function replaceFileLater(path: string, content: string): Promise<void> {
  const beside = `${path}.tmp`;
  const file = await open(beside, "w", 0o644);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Makes the names of new files in the folder of `path` durable. */
export function syncFolder(path: string): void {
  syncPath(dirname(path));
}

/** Makes the content of a closed file, or the names in a folder, durable. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
