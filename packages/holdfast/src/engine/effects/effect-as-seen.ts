/** What an effect that is to be undone was done with, and what it answered, as its code saw both. */
import { HoldfastError } from "../../core/error.ts";
import { parseJson } from "../../core/json-text.ts";
import { parse, problemText } from "../../workflow/schema.ts";
import type { EffectStep } from "./effect-step.ts";

export async function outputAsSeen(step: EffectStep): Promise<unknown> {
  if (step.endSeq !== null || step.settledLater === null) return step.output;
  const value = parseJson(step.settledLater.text);
  const parsed = await parse(step.effect.definition.output, value);
  return parsed.ok ? parsed.value : value;
}

/** @throws {HoldfastError} HF4102 if the recorded input no longer fits its schema. */
export async function inputAsSeen(step: EffectStep): Promise<unknown> {
  if (step.input !== undefined) return step.input;
  const parsed = await parse(step.effect.definition.input, parseJson(step.inputText));
  if (parsed.ok) return parsed.value;
  throw new HoldfastError(
    "HF4102",
    `The recorded input of "${step.path}" no longer fits its schema, so it cannot be undone: ${problemText(parsed.problems)}.`,
    "Deploy a version whose schema takes the recorded input, then resume the run.",
  );
}
