/** What follows where a part of an operation was done, and only the rest is sent. Source: R37. */
import type { Failure } from "./failure.ts";
import type { Move } from "./move.ts";
import { inPartText } from "./parts.ts";

type Kinds = readonly Move["kind"][];

const GIVES_UP: Kinds = ["stop", "late", "cancel"];
/** A person has something else to decide about it. */
const IS_FOR_A_PERSON: Kinds = [
  "hold",
  "repair",
  "approve",
  "handOver",
  "askOutcome",
  "quarantine",
];

/** The whole is never sent again by itself. */
export function split(failure: Failure, why: string): Move {
  const what = `${inPartText(failure)} (${failure.reasonCode})`;
  return { kind: "split", because: `${what}; a person decides what becomes of the rest.${why}` };
}

/** What was done in part stays done: to give up the rest, or to call it off, is for a person, who is told. */
export function moveOfRest(failure: Failure, move: Move): Move {
  if (GIVES_UP.includes(move.kind)) return split(failure, ` ${move.because}`);
  if (!IS_FOR_A_PERSON.includes(move.kind)) return move;
  return { ...move, because: `${move.because} ${inPartText(failure)}.` };
}
