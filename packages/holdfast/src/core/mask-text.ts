/**
 * Sentences that were built from values: what is sensitive is found in them by value, because nobody
 * knows which part of a foreign message quotes what. Found are the text itself, its form inside JSON
 * and its form inside an address; also the beginning of a long one that a message has cut off.
 */
import { isWellFormed } from "./well-formed.ts";

/** So short a text is found as a word of its own only: "12" is in many numbers. */
const SHORT_CHARS_MAX = 3;
/** As much of a long text is looked for; from there on it is followed as far as it goes. */
const PREFIX_CHARS = 24;
/** As much of a text at the very end of a message counts as its beginning, cut off. */
const CUT_CHARS_MIN = 4;

const MASK = "[masked]";

/** True if something of it was covered. */
export function isMasked(text: string): boolean {
  return text.includes(MASK);
}

type Range = readonly [from: number, to: number];

/** The sentence with every occurrence of these texts covered. */
export function maskedText(text: string, sensitive: Iterable<string>): string {
  const ranges: Range[] = [];
  for (const value of sensitive) {
    for (const form of formsOf(value)) ranges.push(...occurrences(text, form));
  }
  if (ranges.length === 0) return text;
  let masked = "";
  let at = 0;
  for (const [from, to] of merged(ranges)) {
    masked += text.slice(at, from) + MASK;
    at = to;
  }
  return masked + text.slice(at);
}

function formsOf(value: string): ReadonlySet<string> {
  const trimmed = value.trim();
  if (trimmed === "") return new Set();
  const forms = new Set([trimmed, JSON.stringify(trimmed).slice(1, -1)]);
  // Half a surrogate pair has no form in an address.
  if (isWellFormed(trimmed)) forms.add(encodeURIComponent(trimmed));
  return forms;
}

function occurrences(text: string, form: string): readonly Range[] {
  const ranges: Range[] = [];
  const isShort = form.length <= SHORT_CHARS_MAX;
  const prefix = form.slice(0, PREFIX_CHARS);
  for (let at = text.indexOf(prefix); at !== -1; at = text.indexOf(prefix, at + 1)) {
    const to = at + prefix.length + sharedLength(text, at + prefix.length, form, prefix.length);
    if (!isShort || isWord(text, at, to)) ranges.push([at, to]);
  }
  const cut = cutAtEnd(text, prefix);
  return cut === null ? ranges : [...ranges, cut];
}

function sharedLength(text: string, textAt: number, form: string, formAt: number): number {
  let length = 0;
  while (formAt + length < form.length && text[textAt + length] === form[formAt + length]) {
    length += 1;
  }
  return length;
}

const WORD = /[\p{L}\p{N}]/u;

function isWord(text: string, from: number, to: number): boolean {
  return !WORD.test(text[from - 1] ?? "") && !WORD.test(text[to] ?? "");
}

function cutAtEnd(text: string, prefix: string): Range | null {
  for (let length = prefix.length - 1; length >= CUT_CHARS_MIN; length -= 1) {
    if (text.endsWith(prefix.slice(0, length))) return [text.length - length, text.length];
  }
  return null;
}

function merged(ranges: readonly Range[]): readonly Range[] {
  const merging: [number, number][] = [];
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = merging.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else merging.push([from, to]);
  }
  return merging;
}
