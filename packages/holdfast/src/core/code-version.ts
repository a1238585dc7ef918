/** Versions of the user's code: names that are given, or digests that are made of files. */

/** How versions begin that are made of files; they have no order. */
export const DERIVED_VERSION = "sha256:";

export function isDerived(version: string): boolean {
  return version.startsWith(DERIVED_VERSION);
}
