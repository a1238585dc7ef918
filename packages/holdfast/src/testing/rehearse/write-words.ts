/** What a write of a run holds, in words of the steps that its code names. */
import type { RecordKind } from "../../core/record-kinds.ts";

/** Kinds that a write is told by; the others go along with these. */
const WORDS: Partial<Record<RecordKind, (step: string) => string>> = {
  incarnation: () => "the start of the process",
  started: () => "the start",
  intent: (step) => `the request of ${step}`,
  outcome: (step) => `what came of ${step}`,
  probe: (step) => `what a look-up said of ${step}`,
  pending: (step) => `that ${step} was accepted`,
  result: (step) => `the result of ${step}`,
  timer: (step) => `how long ${step} waits`,
  fired: (step) => `the end of ${step}`,
  asked: (step) => `the question of ${step}`,
  answered: (step) => `the answer to ${step}`,
  awaited: (step) => `that ${step} is awaited`,
  event: (step) => `the event of ${step}`,
  called: (step) => `the call of ${step}`,
  returned: (step) => `what ${step} has returned`,
  opened: () => "that somebody is asked",
  cancel: () => "that it is cancelled",
  finished: () => "the end",
};
/** Of one write. */
const NAMED_MAX = 3;

/** Without quotes of its own: it stands in brackets. Empty if the write says nothing of a step. */
export function writeWords(kinds: readonly RecordKind[], records: readonly string[]): string {
  const named = kinds.flatMap((kind, at) => {
    const step = (records[at] ?? "").slice(kind.length + 1);
    const words = WORDS[kind]?.(step);
    return words === undefined ? [] : [words];
  });
  const rest = named.length - NAMED_MAX;
  return `${named.slice(0, NAMED_MAX).join(", ")}${rest > 0 ? ` and ${String(rest)} more` : ""}`;
}
