import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { SUMMARY_FILE } from "./places.ts";

/** Databases with what SQLite and Holdfast keep beside them, and the key of one that is elsewhere. */
const OURS = /^(?:(?:holdfast|audit|crm|payments|erp|mail)\.db|holdfast\.key$)/;

/**
 * Makes the directory of a run, empty. What an earlier run left there is removed.
 *
 * @throws {Error} if it holds anything else: a mistyped path must not cost somebody their files.
 */
export function makeEmpty(dir: string): void {
  const entries = existsSync(dir) ? readdirSync(dir, { withFileTypes: true }) : [];
  const foreign = entries.find(
    (entry) => !entry.isFile() || !(OURS.test(entry.name) || entry.name === SUMMARY_FILE),
  );
  if (foreign !== undefined) {
    throw new Error(
      `expected a new directory or one of an earlier run, got ${dir} with ${foreign.name} in it`,
    );
  }
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
}
