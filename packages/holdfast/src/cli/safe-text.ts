/**
 * Foreign text on a terminal. Keys, reasons and messages come from other people's systems: what
 * moves the cursor, reverses the line or cannot be seen is written out, so that it neither breaks a
 * table nor passes for something else.
 */

/** Controls, invisible format characters (bidi, zero width), line separators, lone surrogates. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** One line, with everything that cannot be seen as `\n`, `\t` or `\u{...}`. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (found) => SHORT[found] ?? `\\u{${codeOf(found)}}`);
}

/** The same, but line feeds stay: for sentences of our own that hold foreign parts. */
export function visibleLines(text: string): string {
  return text.split("\n").map(visible).join("\n");
}

function codeOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16);
}

/** What a terminal may act on, and JSON.stringify leaves as it is. */
const UNSEEN_IN_JSON = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

/** One JSON document, readable, safe to print. Parses to the same value. */
export function jsonText(value: unknown): string {
  return escaped(JSON.stringify(value, null, 2));
}

/** The same on one line: one of many documents. */
export function jsonLine(value: unknown): string {
  return escaped(JSON.stringify(value));
}

function escaped(json: string): string {
  return json.replace(UNSEEN_IN_JSON, (found) =>
    // In units of UTF-16, because that is what JSON escapes; these characters occur in strings only.
    Array.from({ length: found.length }, (_, index) => unitEscape(found.charCodeAt(index))).join(
      "",
    ),
  );
}

function unitEscape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}

const COMBINING = /^\p{M}$/u;
/** East Asian wide and emoji; the ranges of Unicode's EastAsianWidth that are W or F, roughly. */
const WIDE =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\u4dbf\u4e00-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation})$/u;

/** Columns that a text takes, which must be visible already. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += widthOfCharacter(character);
  return width;
}

function widthOfCharacter(character: string): number {
  if (character <= "\u02ff") return 1;
  if (COMBINING.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** The text, or as much of its beginning as fits, with a mark. */
export function fitted(text: string, widthMax: number): string {
  if (widthOf(text) <= widthMax) return text;
  let width = 1;
  let kept = "";
  for (const character of text) {
    width += widthOfCharacter(character);
    if (width > widthMax) break;
    kept += character;
  }
  return `${kept}…`;
}
