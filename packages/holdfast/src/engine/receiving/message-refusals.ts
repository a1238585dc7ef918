/** What the sender of a message is told that is not taken. */
import { HoldfastError } from "../../core/error.ts";

/** Longest piece of foreign text in a message, in characters. */
const QUOTED_MAX = 80;

function quoted(text: string): string {
  return JSON.stringify(text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}...` : text);
}

export function otherPayload(id: string): HoldfastError {
  return new HoldfastError(
    "HF4110",
    `The id ${quoted(id)} was used before, with another payload. Nothing was started.`,
    "Send another message under an id of its own; repeat one with the payload that it had.",
  );
}

export function inProgress(id: string): HoldfastError {
  return new HoldfastError(
    "HF4111",
    `A message with the id ${quoted(id)} is being taken just now.`,
    "Send it again in a moment: it gets the answer of the first one.",
  );
}

export function remembersNoMore(max: number): HoldfastError {
  return new HoldfastError(
    "HF4202",
    `${String(max)} messages are remembered, the limit receivedMax: another could not be told from its repeats. Nothing was started.`,
    "Raise receivedMax, or give the ingress a window; then send it again.",
  );
}

export function holdsNoMore(max: number): HoldfastError {
  return new HoldfastError(
    "HF4206",
    `${String(max)} messages wait for what they follow, the limit heldMessagesMax. This one was not taken.`,
    "Send it again later, after what it follows. See what is waited for: holdfast received --state held",
  );
}

export function unknownWorkflow(name: string): HoldfastError {
  return new HoldfastError(
    "HF1003",
    `The engine does not know workflow "${name}".`,
    "Deploy the app that has it: the worker that takes messages needs the workflows of all of them.",
  );
}
