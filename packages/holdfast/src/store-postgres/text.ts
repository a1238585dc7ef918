/**
 * Texts on their way to PostgreSQL, which keeps every character but NUL. A NUL is written as a
 * character that Unicode will never give a meaning to, and a digit; that character itself likewise.
 */
const ESCAPE = "\uFDD0";
const NUL = "\0";

/** As it is stored. */
export function storedText(text: string): string {
  if (!text.includes(NUL) && !text.includes(ESCAPE)) return text;
  return text.replaceAll(ESCAPE, `${ESCAPE}1`).replaceAll(NUL, `${ESCAPE}0`);
}

/** As it was given. */
export function givenText(stored: string): string {
  if (!stored.includes(ESCAPE)) return stored;
  return stored.replaceAll(`${ESCAPE}0`, NUL).replaceAll(`${ESCAPE}1`, ESCAPE);
}
