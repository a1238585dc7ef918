/**
 * A value that stands for another of its kind: what is recognised (an address for mail, a UUID, a date,
 * an account number with its check digits) keeps its form, so that a schema that took the one takes the
 * other. Everything else keeps its length, and the kind of each of its characters.
 */
import { dateText, parseDate } from "../civil-time.ts";
import type { Hmac } from "../operation-key.ts";

/** How far dates are moved: whole weeks, at least a year. */
const WEEKS_MIN = 53;
const WEEKS_SPAN = 260;
/** The part of a mail address before the "@" is at least so long, so that two are not taken for one. */
const LOCAL_CHARS_MIN = 6;

const LOWER = "abcdefghijklmnopqrstuvwxyz";
const UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS = "0123456789";
const NOT_0 = "123456789";
const HEX = "0123456789abcdef";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MAIL = /^[^\s@]{1,64}@[^\s@]{1,255}\.[^\s@.]{2,63}$/;
const ADDRESS = /^([a-z][a-z0-9+.-]{1,20}:\/\/)(.+)$/i;
const DATE = /^(\d{4}-\d{2}-\d{2})(.*)$/s;
const TIME_BEHIND = /^(?:[T ]\d{2}:\d{2}.*)?$/s;
const HEX_TEXT = /^(?=.*\d)(?=.*[a-f])[0-9a-f]{16,}$/i;
const ACCOUNT = /^([A-Z]{2})(\d{2})([A-Z0-9]{11,30})$/;
const CARD = /^\d{13,19}$/;

/** Numbers that follow from the value, the key and `salt`, and from nothing else. */
class Draw {
  readonly #hmac: Hmac;
  readonly #seed: string;
  #block = 0;
  #left = "";

  constructor(hmac: Hmac, seed: string) {
    this.#hmac = hmac;
    this.#seed = seed;
  }

  /** In [0, count). `count` is far below 65,536, so that the remainder is even enough. */
  below(count: number): number {
    if (this.#left.length < 4) {
      this.#left = this.#hmac(`${this.#seed}\u0000${String(this.#block)}`);
      this.#block += 1;
    }
    const drawn = Number.parseInt(this.#left.slice(0, 4), 16);
    this.#left = this.#left.slice(4);
    return drawn % count;
  }

  of(letters: string): string {
    return letters.charAt(this.below(letters.length));
  }
}

/** @param salt - another number gives another fake, where the first one is taken. */
export function fakeText(text: string, hmac: Hmac, salt = 0): string {
  const draw = new Draw(hmac, `text ${String(salt)}\u0000${text}`);
  if (UUID.test(text)) return fakeUuid(text, draw);
  if (MAIL.test(text)) return fakeMail(text, draw);
  const address = ADDRESS.exec(text);
  if (address !== null) return `${address[1] ?? ""}${kindByKind(address[2] ?? "", draw)}`;
  const date = DATE.exec(text);
  if (date !== null && TIME_BEHIND.test(date[2] ?? "")) {
    const moved = movedDate(date[1] ?? "", hmac);
    if (moved !== null) return `${moved}${date[2] ?? ""}`;
  }
  const account = ACCOUNT.exec(text);
  if (account !== null && remainder97(text) === 1) return fakeAccount(account, draw);
  if (CARD.test(text) && luhnDigit(text.slice(0, -1)) === text.at(-1)) return fakeCard(text, draw);
  if (HEX_TEXT.test(text))
    return Array.from(text)
      .map((one) => hexDigit(one, draw))
      .join("");
  return kindByKind(text, draw);
}

/** The same sign and number of digits before and after the point; 0 stays 0. */
export function fakeNumber(value: number, hmac: Hmac, salt = 0): number {
  if (value === 0) return 0;
  const draw = new Draw(hmac, `number ${String(salt)}\u0000${String(value)}`);
  const text = String(Math.abs(value));
  const [mantissa = "", exponent] = text.split("e");
  const digits = kindByKind(mantissa, draw);
  const fake = Number(exponent === undefined ? digits : `${digits}e${exponent}`);
  // A fraction may have been drawn as 0.00, which is of another sign.
  return Math.sign(value) * (fake === 0 ? Math.abs(value) : fake);
}

export function fakeBoolean(value: boolean, hmac: Hmac): boolean {
  return new Draw(hmac, `boolean ${String(value)}`).below(2) === 1;
}

function fakeUuid(text: string, draw: Draw): string {
  // Version and variant are what a schema looks at.
  return Array.from(text)
    .map((one, at) => (at === 14 || at === 19 ? one : hexDigit(one, draw)))
    .join("");
}

function hexDigit(one: string, draw: Draw): string {
  if (one === "-") return one;
  const digit = draw.of(HEX);
  return one >= "A" && one <= "F" ? digit.toUpperCase() : digit;
}

/** At a domain that belongs to nobody: RFC 2606, section 3. */
function fakeMail(text: string, draw: Draw): string {
  const local = text.slice(0, text.indexOf("@")).padEnd(LOCAL_CHARS_MIN, "x");
  return `${kindByKind(local, draw)}@example.com`;
}

/** All dates of a file are moved by the same time, so that what is earlier stays earlier. */
function movedDate(day: string, hmac: Hmac): string | null {
  const days = parseDate(day);
  if (days === null) return null;
  const weeks = WEEKS_MIN + new Draw(hmac, "dates").below(WEEKS_SPAN);
  return dateText(days - 7 * weeks);
}

/** Check digits of ISO 13616, by ISO 7064 (mod 97). */
function fakeAccount([, country = "", , rest = ""]: RegExpExecArray, draw: Draw): string {
  const digits = kindByKind(rest, draw);
  const check = 98 - remainder97(`${country}00${digits}`);
  return `${country}${String(check).padStart(2, "0")}${digits}`;
}

function remainder97(account: string): number {
  let rest = 0;
  for (const one of account.slice(4) + account.slice(0, 4)) {
    for (const digit of String(Number.parseInt(one, 36))) rest = (rest * 10 + Number(digit)) % 97;
  }
  return rest;
}

function fakeCard(text: string, draw: Draw): string {
  const digits = kindByKind(text.slice(0, -1), draw);
  return `${digits}${luhnDigit(digits)}`;
}

/** Check digit of ISO/IEC 7812 ("Luhn"). */
function luhnDigit(digits: string): string {
  let sum = 0;
  Array.from(digits)
    .toReversed()
    .forEach((one, at) => {
      const twice = at % 2 === 0 ? 2 * Number(one) : Number(one);
      sum += twice > 9 ? twice - 9 : twice;
    });
  return String((10 - (sum % 10)) % 10);
}

/** A letter for a letter, a digit for a digit; what stands between them stays. */
function kindByKind(text: string, draw: Draw): string {
  let fake = "";
  let isFirstDigit = true;
  for (const one of text) {
    const isDigit = /^\p{Nd}$/u.test(one);
    // A leading 0 stays one, and no other digit becomes one: a number keeps its length.
    if (isDigit && isFirstDigit) fake += one === "0" ? "0" : filled(draw.of(NOT_0), one, draw);
    else if (isDigit) fake += filled(draw.of(DIGITS), one, draw);
    else if (/^\p{Lu}$/u.test(one)) fake += filled(draw.of(UPPER), one, draw);
    else if (/^[\p{L}\p{M}\p{N}]$/u.test(one)) fake += filled(draw.of(LOWER), one, draw);
    else fake += one;
    if (isDigit) isFirstDigit = false;
  }
  return fake;
}

/** A character of two units of UTF-16 is two of ours: lengths are counted in units. */
function filled(letter: string, one: string, draw: Draw): string {
  return one.length === 1 ? letter : `${letter}${draw.of(NOT_0)}`;
}
