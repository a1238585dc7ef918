/** File systems of a script's own, gone when its scene is. */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { FILE_SYSTEM_BYTES, run } from "./machine.ts";
import type { Scene } from "./scene.ts";
import { until } from "./until.ts";

const UNMOUNT_MS_MAX = 20_000;
/** Bytes that are written at a time to fill a file system. */
const CHUNK_BYTES = 65_536;

/** In memory, with an end. */
export function mountSmall(scene: Scene, name: string, sizeBytes: number): string {
  const folder = join(scene.folder, name);
  mkdirSync(folder);
  run("mount", "-t", "tmpfs", "-o", `size=${String(sizeBytes)},mode=755`, "tmpfs", folder);
  scene.onClose(() => unmount(folder));
  return folder;
}

/** Takes all the room there is. */
export function fill(folder: string): void {
  const file = openSync(join(folder, "ballast"), "a");
  const chunk = Buffer.alloc(CHUNK_BYTES, 1);
  try {
    for (let left = 1; left > 0;) left = writeSync(file, chunk) === CHUNK_BYTES ? 1 : 0;
  } catch (error) {
    const isFull = error instanceof Error && "code" in error && error.code === "ENOSPC";
    if (!isFull) throw error;
  } finally {
    closeSync(file);
  }
}

export function makeRoom(folder: string): void {
  rmSync(join(folder, "ballast"), { force: true });
}

async function unmount(folder: string): Promise<void> {
  let why = "";
  const isGone = await until(() => {
    try {
      run("umount", folder);
      return true;
    } catch (error) {
      // Busy until the last process that had a file there is gone.
      why = String(error);
      return /not mounted/u.test(why);
    }
  }, UNMOUNT_MS_MAX);
  if (!isGone) throw new Error(why);
}

/** A file system in a file, which can lose its power. */
export class Disk {
  readonly folder: string;
  readonly #image: string;
  #canary = 0;

  constructor(scene: Scene, kind: "ext4" | "xfs", name: string) {
    this.folder = join(scene.folder, name);
    this.#image = `${this.folder}.image`;
    mkdirSync(this.folder);
    writeFileSync(this.#image, "");
    truncateSync(this.#image, FILE_SYSTEM_BYTES[kind]);
    run(`mkfs.${kind}`, "-q", this.#image);
    this.mount();
    scene.onClose(() => unmount(this.folder));
  }

  mount(): void {
    run("mount", "-o", "loop", this.#image, this.folder);
  }

  /** From now on nothing gets to the image, and what was not written to it yet is gone. */
  losePower(): void {
    this.#canary += 1;
    writeFileSync(join(this.folder, `unsynced-${String(this.#canary)}`), "nobody has synced this");
    run("xfs_io", "-x", "-c", "shutdown", this.folder);
  }

  /**
   * After the processes that were at work there are gone.
   *
   * @returns whether what nobody had synced is really gone.
   */
  async comeBack(): Promise<boolean> {
    await unmount(this.folder);
    this.mount();
    const canary = join(this.folder, `unsynced-${String(this.#canary)}`);
    return !existsSync(canary) || readFileSync(canary, "utf8") === "";
  }
}
