/**
 * Names of people as they are on record. They are not proved: whoever may write to the store may use
 * any name. What can be done with that is done here: the same name written another way is the same
 * person, and a run that nobody is on record as having started says so.
 */

/** On record as the starter of a run where `start` was given no name. */
export const UNNAMED_STARTER = "app";

/**
 * True if both names are of one person: letter case, space, and characters that nobody sees make no
 * difference.
 */
export function isSamePerson(left: string, right: string): boolean {
  return plain(left) === plain(right);
}

/** True for a name of which nothing is to be seen: it would be another person than everybody. */
export function isNobody(name: string): boolean {
  return plain(name) === "";
}

/** Format and control characters, and letters that are drawn as nothing. */
const UNSEEN = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;

function plain(name: string): string {
  const seen = name.normalize("NFKC").replaceAll(UNSEEN, "");
  return seen
    .replaceAll(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .toLowerCase();
}

/** Why somebody may not decide, as a sentence. */
export function excludedText(by: string, notBy: string, startedBy: string | null): string {
  const hasStarted = startedBy !== null && isSamePerson(startedBy, notBy);
  const why = hasStarted ? "who started the run" : "by name";
  return `${by} may not decide this: the review excludes ${notBy}, ${why}.`;
}
