/** Installs a rival in its own folder when it is needed: nothing of it is in our own install. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A registry that needs longer is not slow but stuck, milliseconds. */
const INSTALL_MS_MAX = 300_000;
/** Holds the lock that was installed from; npm empties the folder first, so it is never a lie. */
const STAMP = join("node_modules", ".installed-lock.json");

/** Is what the folder's lock says already there? */
export function isInstalled(folder: string): boolean {
  const stamp = join(folder, STAMP);
  return existsSync(stamp) && readFileSync(stamp, "utf8") === lockOf(folder);
}

/**
 * `npm ci` in the folder of a rival, unless that has been done with the same lock. Install scripts
 * are not run: one of them reports to its maker, and none is needed.
 *
 * @throws {Error} if npm fails; the error has its last words.
 */
export function installRival(folder: string): void {
  if (isInstalled(folder)) return;
  const npm = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: folder,
    encoding: "utf8",
    timeout: INSTALL_MS_MAX,
    killSignal: "SIGKILL",
  });
  if (npm.status !== 0) {
    const because = npm.error?.message ?? npm.stderr.trim();
    throw new Error(`npm ci failed in ${folder}: ${because}`);
  }
  const stamp = join(folder, STAMP);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, lockOf(folder));
}

function lockOf(folder: string): string {
  return readFileSync(join(folder, "package-lock.json"), "utf8");
}
