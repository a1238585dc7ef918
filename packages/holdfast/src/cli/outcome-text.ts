/** The evidence of a question "Did it happen?", line by line. */
import type { OutcomeQuestion } from "../operate/outcome-question.ts";
import { payloadText } from "./payload-text.ts";

/** Attempts and look-ups that are listed; of more, the last ones and how many there were. */
const LISTED_MAX = 8;

export function outcomeLines(question: OutcomeQuestion): readonly string[] {
  const { sent, found, digest, contract, attempts, lastPhase, looks, secondPerson, answers } =
    question;
  const phase = lastPhase === null ? "" : `, got as far as: ${lastPhase}`;
  return [
    ...(sent === null ? [] : [`sent  ${payloadText(sent)}`]),
    ...(found === null ? [] : [`there instead  ${payloadText(found)}`]),
    `request ${digest.slice(0, 16)}, contract ${contract}, sent at ${listed(attempts)}${phase}`,
    looks.length === 0
      ? "it was never looked up"
      : `looked up at ${listed(looks.map(({ at, says, why }) => `${at} ${says}${why === null ? "" : ` (${why})`}`))}`,
    ...(secondPerson === null ? [] : [`a second person approves what is said: ${secondPerson}`]),
    ...answers.flatMap(({ answer, does, command }) => [`${answer}: ${does}`, command]),
  ];
}

function listed(items: readonly string[]): string {
  const last = items.slice(-LISTED_MAX);
  const more = items.length - last.length;
  return `${more > 0 ? `(${String(more)} before) ` : ""}${last.join(", ")}`;
}
