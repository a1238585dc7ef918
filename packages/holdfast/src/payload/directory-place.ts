/** Files of payloads in a directory of the file system. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { mkdir, open, readFile, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { FilePlace, ListedFile, NewFile } from "./file-place.ts";

/** Files written at a time. */
const WRITES_AT_A_TIME_MAX = 8;

export class DirectoryPlace implements FilePlace {
  readonly address: string;
  /** Folders that are there, durably. */
  readonly #folders = new Set<string>();

  constructor(address: string) {
    this.address = address;
  }

  async prepare(): Promise<void> {
    await mkdir(this.address, { recursive: true, mode: 0o700 });
  }

  async write(files: readonly NewFile[]): Promise<void> {
    const folders = new Set(files.map(({ name }) => folderOf(name)));
    await this.#makeFolders([...folders].filter((folder) => !this.#folders.has(folder)));
    for (let i = 0; i < files.length; i += WRITES_AT_A_TIME_MAX) {
      const some = files.slice(i, i + WRITES_AT_A_TIME_MAX);
      await Promise.all(some.map((file) => this.#writeOne(file)));
    }
    for (const folder of folders) await syncFolder(join(this.address, folder));
  }

  async #makeFolders(folders: readonly string[]): Promise<void> {
    if (folders.length === 0) return;
    for (const folder of folders)
      await mkdir(join(this.address, folder), { recursive: true, mode: 0o700 });
    await syncFolder(this.address);
    for (const folder of folders) this.#folders.add(folder);
  }

  /** Written anew even if it is there: by its new time a sweep that is under way leaves it alone. */
  async #writeOne({ name, bytes }: NewFile): Promise<void> {
    const path = join(this.address, name);
    const beside = `${path}.tmp`;
    const file = await open(beside, "w", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  }

  read(name: string): Promise<Buffer> {
    return readFile(join(this.address, name));
  }

  /** One folder is read at a time. */
  async *list(after: string): AsyncGenerator<ListedFile> {
    for (const folder of sorted(this.address)) {
      for (const file of sorted(join(this.address, folder))) {
        const name = `${folder}/${file}`;
        if (name <= after) continue;
        const state = statSync(join(this.address, name), { throwIfNoEntry: false });
        if (state?.isFile() === true) yield { name, modifiedAtMs: state.mtimeMs };
      }
    }
  }

  remove(name: string): Promise<void> {
    return unlink(join(this.address, name));
  }
}

function folderOf(name: string): string {
  return name.slice(0, name.indexOf("/"));
}

function sorted(folder: string): readonly string[] {
  const state = existsSync(folder) ? statSync(folder) : null;
  return state?.isDirectory() === true ? readdirSync(folder).toSorted() : [];
}

/** Makes the names in a folder durable. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
