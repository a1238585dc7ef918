/** Crockford's base32, lower case: no i, l, o, u, so that ids survive being read aloud. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** Bytes as base32, most significant bit first, the last character padded with zero bits. */
export function base32Crockford(bytes: Uint8Array): string {
  let text = "";
  let pending = 0;
  let pendingBits = 0;
  for (const byte of bytes) {
    // At most 4 + 8 bits are ever pending, so plain arithmetic is exact.
    pending = pending * 256 + byte;
    pendingBits += 8;
    while (pendingBits >= 5) {
      pendingBits -= 5;
      const unit = 2 ** pendingBits;
      text += ALPHABET.charAt(Math.floor(pending / unit));
      pending %= unit;
    }
  }
  return pendingBits === 0 ? text : text + ALPHABET.charAt(pending * 2 ** (5 - pendingBits));
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
