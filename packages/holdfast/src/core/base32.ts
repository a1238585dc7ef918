/** Crockford's base32, lower case: no i, l, o, u, so that ids survive being read aloud. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** Bytes as base32, most significant bit first, the last character padded with zero bits. */
export function base32Crockford(bytes: Uint8Array): string {
  // Units of UTF-16, made into a text at once: character by character took ten times the memory.
  const units: number[] = [];
  let count = 0;
  let pending = 0;
  let pendingBits = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    // At most 4 + 8 bits are ever pending: bit operations, exact up to 32, are safe.
    pending = (pending << 8) | (bytes[index] ?? 0);
    pendingBits += 8;
    while (pendingBits >= 5) {
      pendingBits -= 5;
      units[count] = ALPHABET.charCodeAt(pending >> pendingBits);
      count += 1;
      pending &= (1 << pendingBits) - 1;
    }
  }
  if (pendingBits > 0) units[count] = ALPHABET.charCodeAt(pending << (5 - pendingBits));
  return String.fromCharCode(...units);
}

/** A safe integer of at least 0 as base32, padded with zeros so that text sorts like numbers. */
export function base32OfNumber(number: number, length: number): string {
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
