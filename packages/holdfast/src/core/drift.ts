/**
 * Whether what the code asks for is what the journal recorded at that step. A difference means that
 * the code has changed under a run in flight; nothing is executed then. Source: api.md 3.6, HF2104.
 */

import type { RecordKind } from "./record-kinds.ts";
import type * as journal from "./journal.ts";
import { parseJson } from "./json-text.ts";
import type { EditedHead } from "./repaired.ts";

/** What a step is, as the journal knows it. */
export const STEP_VERBS = [
  "effect",
  "step",
  "now",
  "since",
  "timer",
  "review",
  "wait",
  "call",
  "compensation",
  "scope",
] as const;
type StepVerb = (typeof STEP_VERBS)[number];

export interface StepShape {
  readonly verb: StepVerb;
  /** Name of the effect, review, event or workflow; null for verbs that have none. */
  readonly target: string | null;
  /** Hex digest of the input or subject; null for verbs that have none. */
  readonly digest: string | null;
}

const VERB_TEXT: Readonly<Record<StepVerb, string>> = {
  effect: "the effect",
  step: "local work",
  now: "the time",
  since: "a question for the version",
  timer: "a timer",
  review: "the review",
  wait: "the event",
  call: "the workflow",
  compensation: "the undoing",
  scope: "a scope that was undone",
};

/**
 * Null if they agree, else what differs, as the second sentence of HF2104.
 *
 * @param path - the step's path.
 * @param where - asked where the two inputs differ; null if that is not known.
 */
export function driftOf(
  path: string,
  recorded: StepShape,
  asked: StepShape,
  where: () => string | null = () => null,
): string | null {
  const at = `The journal says step ${JSON.stringify(path)} was`;
  if (recorded.verb !== asked.verb || recorded.target !== asked.target) {
    return `${at} ${shapeText(recorded)}; your code asks for ${shapeText(asked)}.`;
  }
  if (recorded.digest !== asked.digest && recorded.digest !== null && asked.digest !== null) {
    const differs = where();
    return (
      `${at} ${shapeText(recorded)} with another input (digest ${short(recorded.digest)}); ` +
      `your code asks with digest ${short(asked.digest)}` +
      `${differs === null ? "" : `, which differs ${differs}`}.`
    );
  }
  return null;
}

/** What the journal holds at a step; null if its records say nothing about that. */
export function recordedShape(records: readonly journal.JournalRecord[]): StepShape | null {
  let first: StepShape | null = null;
  for (const record of records) {
    const shape = SHAPES[record.kind]?.(record) ?? null;
    first ??= shape;
    // How an attempt ended before anything was declared does not say with what input.
    if (shape !== null && (shape.verb !== "effect" || shape.digest !== null)) return shape;
  }
  return first;
}

/** "the effect "charge-card"", for sentences about what the journal holds. */
export function recordedText(records: readonly journal.JournalRecord[]): string {
  const shape = recordedShape(records);
  return shape === null ? "something" : shapeText(shape);
}

/** Records of the other kinds follow one of these, or are about the run. */
const SHAPES: Partial<Record<RecordKind, (record: journal.JournalRecord) => StepShape>> = {
  intent: (record) => {
    const { effect, digest, asked } = headOf<journal.IntentHead>(record);
    return { verb: "effect", target: effect, digest: asked ?? digest };
  },
  edited: (record) => {
    const { effect, asked } = headOf<EditedHead>(record);
    return { verb: "effect", target: effect, digest: asked };
  },
  outcome: ofEffect,
  probe: ofEffect,
  settled: ofEffect,
  supplied: ofEffect,
  result: (record) => {
    const head = headOf<journal.ResultHead | null>(record);
    return { verb: verbOf(head), target: null, digest: null };
  },
  timer: () => ({ verb: "timer", target: null, digest: null }),
  asked: (record) => {
    const { review, digest } = headOf<journal.AskedHead>(record);
    return { verb: "review", target: review, digest };
  },
  awaited: (record) => {
    return { verb: "wait", target: headOf<journal.AwaitedHead>(record).event, digest: null };
  },
  called: (record) => {
    return { verb: "call", target: headOf<journal.CalledHead>(record).workflow, digest: null };
  },
};

function verbOf(head: journal.ResultHead | null): StepVerb {
  if (head?.scope !== undefined) return "scope";
  if (head?.since !== undefined) return "since";
  return head?.now === true ? "now" : "step";
}

function ofEffect(record: journal.JournalRecord): StepShape {
  const { effect } = headOf<{ readonly effect: string }>(record);
  return { verb: "effect", target: effect, digest: null };
}

/** The engine wrote it with the shape of its kind. */
function headOf<Head>(record: journal.JournalRecord): Head {
  return parseJson(record.head ?? "null") as Head;
}

function shapeText(shape: StepShape): string {
  const verb = VERB_TEXT[shape.verb];
  return shape.target === null ? verb : `${verb} ${JSON.stringify(shape.target)}`;
}

function short(digest: string): string {
  return `${digest.slice(0, 8)}...`;
}
