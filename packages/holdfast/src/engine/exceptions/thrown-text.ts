/** What was thrown, as text: code may throw anything, also what cannot be read. */

/** Characters of a name and of a message that are kept. */
const NAME_CHARS_MAX = 200;
const MESSAGE_CHARS_MAX = 2_000;

export interface ThrownText {
  readonly name: string;
  readonly message: string;
}

type Mask = (text: string) => string;

/**
 * Never throws.
 *
 * @param mask - covers what is sensitive. It sees the whole: what is cut off might else leave half
 *   of something behind that is not found any more.
 */
export function thrownText(
  error: unknown,
  mask: Mask = asItIs,
  charsMax = MESSAGE_CHARS_MAX,
): ThrownText {
  if (!(error instanceof Error)) {
    return { name: "a value", message: readable(() => error, charsMax, mask) };
  }
  return {
    name: readable(() => error.name, NAME_CHARS_MAX, mask),
    message: readable(() => error.message, charsMax, mask),
  };
}

function asItIs(text: string): string {
  return text;
}

function readable(read: () => unknown, charsMax: number, mask: Mask): string {
  try {
    return clipped(mask(String(read())), charsMax);
  } catch (error) {
    // Decided here: an error about reading an error helps nobody, and must not take its place.
    return `(it cannot be read: ${typeof error})`;
  }
}

/** Any value as text. */
export function textOf(value: unknown, charsMax: number, mask: Mask = asItIs): string {
  return readable(() => value, charsMax, mask);
}

/** What the store has a form for: no half of a pair, and no NUL. */
export function clipped(text: string, charsMax: number): string {
  return (text.length <= charsMax ? text : text.slice(0, charsMax)).replace(NO_FORM, "\ufffd");
}

const NO_FORM = /\p{Cs}|\0/gu;
