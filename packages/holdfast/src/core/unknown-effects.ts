/** Which effects of a run may have happened without anybody knowing: nothing is repaired over them. */
import { effectRecordOf } from "./effect-record.ts";
import { foldEffect, FRESH_EFFECT, type EffectState } from "./effect-state.ts";
import type { JournalRecord } from "./journal.ts";
import { lifeOf } from "./run-life.ts";

/** Paths of them, in the order in which they began. */
export function unknownEffects(records: readonly JournalRecord[]): readonly string[] {
  const { steps, superseded } = lifeOf(records);
  const paths = new Set([...superseded.keys(), ...steps.keys()]);
  return [...paths].filter((path) => {
    const own = [...(superseded.get(path) ?? []), ...(steps.get(path) ?? [])];
    return own.some(({ kind }) => kind === "intent") && isUnknown(stateOf(own));
  });
}

/** What is not settled of one of them, as the end of a sentence. */
export function unknownText(records: readonly JournalRecord[], path: string): string {
  const { steps, superseded } = lifeOf(records);
  return unsettledText(stateOf([...(superseded.get(path) ?? []), ...(steps.get(path) ?? [])]));
}

export function unsettledText({ proof, failure, next }: EffectState): string {
  const isOpen =
    failure?.effect === "maybe" || failure?.parts?.some((one) => one.effect === "maybe");
  return proof === "partial" && isOpen !== true && next.kind !== "inDoubt"
    ? "was done in part, and nobody has said yet what becomes of the rest"
    : "may have happened, and nobody knows whether it has";
}

/** Where an effect stands by its records. */
export function stateOf(records: readonly JournalRecord[]): EffectState {
  let state = FRESH_EFFECT;
  for (const record of records) {
    const effectRecord = effectRecordOf(record);
    if (effectRecord !== null) state = foldEffect(state, effectRecord);
  }
  return state;
}

function isUnknown({ openMaybe, unknown, proof, next }: EffectState): boolean {
  if (openMaybe || proof === "partial") return true;
  // What was asked of a step that has its answer was answered with it.
  if (next.kind === "ended") return false;
  return unknown !== null || next.kind === "inDoubt" || next.kind === "pending";
}
