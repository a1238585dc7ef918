/** Parsing of text from outside, with bounds on what it may cost before it is even looked at. */
import { HoldfastError } from "./error.ts";
import { parseJson } from "./json-text.ts";
import { JSON_LIMITS, assertJsonValue, type JsonLimits } from "./json-value.ts";

/**
 * The value of a JSON text from outside. An own `__proto__` property is data and changes nothing.
 *
 * @param what - names the text in errors, for example `input of place-order`.
 * @throws {HoldfastError} HF4104 above `bytesMax` as UTF-8, HF4105 above `depthMax`, HF4102 if it
 * is not JSON, HF4103 if it holds what cannot be kept (lone surrogates, numbers beyond 2^53).
 */
export function parseJsonText(
  text: string,
  what: string,
  limits: JsonLimits = JSON_LIMITS,
): unknown {
  const sizeBytes = utf8SizeBytes(text, limits.bytesMax);
  if (sizeBytes > limits.bytesMax) {
    throw new HoldfastError(
      "HF4104",
      `The ${what} is too large: expected at most ${String(limits.bytesMax)} bytes, got ${text.length > limits.bytesMax ? `at least ${String(text.length)}` : "more"}.`,
      "Keep large content elsewhere and pass a reference to it.",
    );
  }
  if (isNestedDeeper(text, limits.depthMax)) {
    throw new HoldfastError(
      "HF4105",
      `The ${what} is nested too deep: expected at most ${String(limits.depthMax)} levels, got more.`,
      "Flatten the value.",
    );
  }
  const value = parsed(text, what);
  assertJsonValue(value, what, limits);
  return value;
}

function parsed(text: string, what: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    // The engine's own message quotes the text, which may be secret; only the place is kept.
    const place = /position (\d+)/.exec(cause instanceof Error ? cause.message : "")?.[1];
    const where = place === undefined ? "" : ` (character ${place})`;
    throw new HoldfastError(
      "HF4102",
      `The ${what} is not JSON: expected one JSON value, got ${text.trim() === "" ? "nothing" : `something else${where}`}.`,
      "Send one JSON value, encoded as UTF-8 without a byte order mark.",
    );
  }
}

/** Size as UTF-8, or any number above the limit once that is certain. */
function utf8SizeBytes(text: string, bytesMax: number): number {
  // A UTF-16 unit takes 1 to 3 bytes, so most texts need not be counted.
  if (text.length > bytesMax || text.length * 3 <= bytesMax) return text.length;
  let sizeBytes = text.length;
  for (let index = 0; index < text.length && sizeBytes <= bytesMax; index += 1) {
    const unit = text.charCodeAt(index);
    // Each half of a surrogate pair takes 2 of the pair's 4 bytes.
    if (unit >= 0xd800 && unit <= 0xdfff) sizeBytes += 1;
    else if (unit >= 0x800) sizeBytes += 2;
    else if (unit >= 0x80) sizeBytes += 1;
  }
  return sizeBytes;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Looks at brackets outside of strings only. It need not be right about text that is not JSON: that
 * is refused either way, and it never counts fewer open brackets than a parser would meet.
 */
function isNestedDeeper(text: string, depthMax: number): boolean {
  if (text.length <= depthMax) return false;
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (inString) {
      if (unit === BACKSLASH) index += 1;
      else if (unit === QUOTE) inString = false;
    } else if (unit === QUOTE) inString = true;
    else if (unit === 0x5b || unit === 0x7b) {
      depth += 1;
      if (depth > depthMax) return true;
    } else if (unit === 0x5d || unit === 0x7d) depth -= 1;
  }
  return false;
}
