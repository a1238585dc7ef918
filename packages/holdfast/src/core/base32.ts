/** Crockford's base32, lower case: no i, l, o, u, so that ids survive being read aloud. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/**
 * Bytes, given as lower-case hex, as base32: most significant bit first, the last character padded
 * with zero bits. From hex at once, and made into a text at once: each effect needs it, and bytes in
 * between and a text that grew by characters took most of the memory of an operation key.
 *
 * @throws {RangeError} if it is not pairs of lower-case hex digits.
 */
export function base32OfHex(hex: string): string {
  if (hex.length % 2 !== 0) throw new RangeError("hex must come in pairs of digits");
  const units: number[] = [];
  let pending = 0;
  let pendingBits = 0;
  for (let index = 0; index < hex.length; index += 1) {
    // At most 4 + 4 bits are ever pending: bit operations, exact up to 32, are safe.
    pending = (pending << 4) | digitOfHex(hex.charCodeAt(index));
    pendingBits += 4;
    if (pendingBits < 5) continue;
    pendingBits -= 5;
    units.push(ALPHABET.charCodeAt(pending >> pendingBits));
    pending &= (1 << pendingBits) - 1;
  }
  if (pendingBits > 0) units.push(ALPHABET.charCodeAt(pending << (5 - pendingBits)));
  return String.fromCharCode(...units);
}

function digitOfHex(unit: number): number {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30;
  if (unit >= 0x61 && unit <= 0x66) return unit - 0x57;
  throw new RangeError(`expected a digit of lower-case hex, got unit ${String(unit)}`);
}

/**
 * A safe integer of at least 0 as base32, padded with zeros so that text sorts like numbers.
 *
 * @throws {RangeError} if it is none.
 */
export function base32OfNumber(number: number, length: number): string {
  if (!Number.isSafeInteger(number) || number < 0)
    throw new RangeError(`expected a whole number of at least 0, got ${String(number)}`);
  let text = "";
  let rest = number;
  while (text.length < length) {
    text = ALPHABET.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/** The number in a base32 text, or null if it is not one. Upper case and o, i, l are understood. */
export function numberOfBase32(text: string): number | null {
  let number = 0;
  for (const char of text.toLowerCase()) {
    const plain = char === "o" ? "0" : char === "i" || char === "l" ? "1" : char;
    const digit = ALPHABET.indexOf(plain);
    if (digit < 0) return null;
    number = number * 32 + digit;
  }
  return Number.isSafeInteger(number) ? number : null;
}
