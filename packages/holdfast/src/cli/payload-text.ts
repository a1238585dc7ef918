/** A payload as text: as much of it as may be shown, and what is not. */
import type { Payload } from "../operate/masking.ts";

export function payloadText({ text, chars, isCut, masked }: Payload): string {
  const whole = masked === "whole" ? " (nobody has declared what is sensitive in it)" : "";
  return isCut ? `${text}… (${String(chars)} characters in all)${whole}` : `${text}${whole}`;
}
