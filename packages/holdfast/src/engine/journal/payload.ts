/** Values on their way into the journal: plain JSON, checked and bounded. */
import { assertJsonValue } from "../../core/json-value.ts";
import { HoldfastError } from "../../core/error.ts";
import type { EngineLimits } from "../limits.ts";

/**
 * The JSON text of a value.
 *
 * @param what - names the value in messages, for example `input of place-order`.
 * @throws {HoldfastError} HF4103 if it is no plain JSON, HF4105 if it is nested too deep, HF4104
 *   if its text is longer than the limit `payloadCharsMax`.
 */
export function toJson(value: unknown, limits: EngineLimits, what: string): string {
  const plain = value === undefined ? null : value;
  assertJsonValue(plain, what);
  const text = JSON.stringify(plain);
  if (text.length > limits.payloadCharsMax) {
    throw new HoldfastError(
      "HF4104",
      `The ${what} is ${String(text.length)} characters of JSON; the limit payloadCharsMax is ${String(limits.payloadCharsMax)}.`,
      "Keep large content elsewhere and pass a reference.",
    );
  }
  return text;
}
