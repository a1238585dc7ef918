/**
 * A structured field of type string (RFC 9651, section 4.2.5), without parameters: the form of the
 * header Idempotency-Key.
 */

const PRINTABLE = /^[\x20-\x7e]*$/u;
const BODY = /^(?:[^"\\]|\\["\\])*$/u;

/** The text between the quotes; null if the field is none. */
export function parseSfString(field: string): string | null {
  // Spaces around an item are no part of it; a tab is none.
  const text = field.replaceAll(/^ +| +$/gu, "");
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return null;
  const inside = text.slice(1, -1);
  if (!PRINTABLE.test(inside) || !BODY.test(inside)) return null;
  return inside.replaceAll(/\\(["\\])/gu, "$1");
}
