/** Versions of the user's code: names that are given, or digests that are made of files. */

/** A version as it was put on record. */
export interface DeployedVersion {
  readonly name: string;
  readonly atMs: number;
}

/**
 * Versions in the order in which they were deployed first, each once: several workers may have put the
 * same one on record. Two of one moment go by their names, so that all see the same order.
 *
 * @param declared - of versions and of other definitions.
 */
export function versionsInOrder(
  declared: readonly (DeployedVersion & { readonly definition: string })[],
): readonly DeployedVersion[] {
  const first = new Map<string, DeployedVersion>();
  const oldest = declared.toSorted((a, b) => a.atMs - b.atMs || (a.name < b.name ? -1 : 1));
  for (const { definition, name, atMs } of oldest)
    if (definition === "version" && !first.has(name)) first.set(name, { name, atMs });
  return [...first.values()];
}

/** How versions begin that are made of files; they have no order. */
export const DERIVED_VERSION = "sha256:";

export function isDerived(version: string): boolean {
  return version.startsWith(DERIVED_VERSION);
}
