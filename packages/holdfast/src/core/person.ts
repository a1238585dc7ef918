/**
 * Names of people as they are on record. They are not proved: whoever may write to the store may use
 * any name. What can be done with that is done here: the same name written another way is the same
 * person, and a run that nobody is on record as having started says so.
 */

/** On record as the starter of a run where `start` was given no name. */
export const UNNAMED_STARTER = "app";

/** True if both names are of one person: letter case and space around them make no difference. */
export function isSamePerson(left: string, right: string): boolean {
  return plain(left) === plain(right);
}

function plain(name: string): string {
  return name.normalize("NFKC").trim().toLowerCase();
}

/** Why somebody may not decide, as a sentence. */
export function excludedText(by: string, notBy: string, startedBy: string | null): string {
  const hasStarted = startedBy !== null && isSamePerson(startedBy, notBy);
  const why = hasStarted ? "who started the run" : "by name";
  return `${by} may not decide this: the review excludes ${notBy}, ${why}.`;
}
