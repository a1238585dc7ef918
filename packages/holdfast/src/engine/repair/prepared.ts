/** A repair that was looked at and may be done: now, or once a second person has approved it. */
import type { RecordKind } from "../../core/record-kinds.ts";
import type { ByHand } from "../../core/repaired.ts";
import type { JsonChange } from "../../core/json-edit.ts";
import { CHANGES_MAX } from "../../core/json-edit.ts";
import { badValue } from "./repair-refusals.ts";

export interface Prepared {
  /** What is frozen in a proposal, as JSON: a result or a whole input; null where there is none. */
  readonly data: string | null;
  /** Effect of the step, whose payload that is. */
  readonly effect?: string;
  /** Why a second person is needed, as a sentence; null if none is. */
  readonly needs: string | null;
  /**
   * Starts a run in the place of this one, before anything of this one is written: it may be refused for
   * now. The answer is its number.
   */
  readonly start?: (hand: ByHand) => number;
  /** Writes its records, before anything else can happen. */
  readonly apply: (hand: ByHand) => void;
}

/** Writes a record of the run, and says its number. */
export type Write = (kind: RecordKind, name: string, head: object, data?: string | null) => number;

/**
 * What a person wants changed.
 *
 * @throws {HoldfastError} HF4102 if it is no list of changes.
 */
export function changesOf(run: number, value: unknown): readonly JsonChange[] {
  if (Array.isArray(value) && value.length <= CHANGES_MAX && value.every(isChange)) return value;
  throw badValue(
    run,
    `Expected a list of at most ${String(CHANGES_MAX)} changes, each {"at": "/pointer", "value": ...}.`,
  );
}

function isChange(one: unknown): one is JsonChange {
  return (
    typeof one === "object" &&
    one !== null &&
    "at" in one &&
    typeof one.at === "string" &&
    "value" in one
  );
}
