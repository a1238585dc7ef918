/** What a start brings, checked before anything is done with it: the same at every door. */
import { HoldfastError } from "../../core/error.ts";
import { parseJson } from "../../core/json-text.ts";
import { maskedText } from "../../core/mask-text.ts";
import { UNNAMED_STARTER } from "../../core/person.ts";
import { sensitiveTexts } from "../../core/sensitive.ts";
import { parse, problemText } from "../../workflow/schema.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import { isStorable, requireName, requireText } from "../journal/checked-values.ts";
import type { EngineLimits } from "../limits.ts";
import { toJson } from "../journal/payload.ts";

export interface StartInput {
  /** As the schema gives it. */
  readonly input: unknown;
  /** As it came, as JSON. */
  readonly text: string;
  /** Business key of the run. */
  readonly key: string;
}

interface Starter {
  readonly by?: string;
  readonly correlationId?: string;
  /** What becomes of an error that a function of the workflow itself throws; not given: the same. */
  readonly threw?: (error: unknown) => unknown;
}

/** Characters of a business key. */
const KEY_CHARS_MAX = 512;

/**
 * @param asItCame - is given the input before the schema has it, which may change it.
 * @throws {HoldfastError} HF4102 if the input, its key or a name does not fit, HF4103..5 if it is no
 *   plain JSON or too large.
 */
export async function checkedStart(
  workflow: AnyWorkflow,
  input: unknown,
  { by, correlationId, threw }: Starter,
  limits: EngineLimits,
  asItCame: (plain: unknown) => void = () => undefined,
): Promise<StartInput> {
  if (by !== undefined) requireName(by, `starts workflow "${workflow.name}"`);
  if (correlationId !== undefined)
    requireText(correlationId, `correlationId of a start of workflow "${workflow.name}"`);
  const what = `input of ${workflow.name}`;
  const text = toJson(input, limits, what);
  // The copy is what the journal keeps, so that the first execution sees what recovery will see.
  const plain = parseJson(text);
  asItCame(plain);
  const parsed = await parse(workflow.definition.input, plain);
  if (!parsed.ok) {
    const said = problemText(parsed.problems);
    const { sensitive = [] } = workflow.definition;
    const problems = maskedText(said, sensitiveTexts(parseJson(text), sensitive));
    throw new HoldfastError(
      "HF4102",
      `The ${what} is not valid: ${problems}. Nothing was started.`,
      "Mend the input and start again.",
    );
  }
  return { input: parsed.value, text, key: keyBy(workflow, parsed.value, threw) };
}

function keyBy(workflow: AnyWorkflow, input: unknown, threw: Starter["threw"]): string {
  if (threw === undefined) return keyOf(workflow, input);
  try {
    return keyOf(workflow, input);
  } catch (error) {
    throw threw(error);
  }
}

/** @throws {HoldfastError} HF4102 if the workflow's key function gives none. */
export function keyOf(workflow: AnyWorkflow, input: unknown): string {
  const key = workflow.definition.key(input);
  if (typeof key === "string" && key !== "" && key.length <= KEY_CHARS_MAX && isStorable(key))
    return key;
  throw new HoldfastError(
    "HF4102",
    `The key of workflow "${workflow.name}" must be a text of 1 to ${String(KEY_CHARS_MAX)} whole characters without NUL. Nothing was started.`,
    "Mend the input, or the workflow's key function.",
  );
}

/**
 * A review that excludes the starter would exclude nobody.
 *
 * @throws {HoldfastError} HF1108
 */
export function refuseUnnamed(
  workflow: AnyWorkflow,
  { by = UNNAMED_STARTER }: { readonly by?: string },
): void {
  if (by !== UNNAMED_STARTER) return;
  const review = workflow.definition.reviews?.find((r) => r.definition.notBy === "starter");
  if (review !== undefined)
    throw unnamedStarter(review.name, `workflow ${workflow.name}`, " Nothing was started.");
}

/**
 * @param where - the workflow or run that would ask it.
 * @param so - what came of it, as a sentence with a space before it.
 */
export function unnamedStarter(review: string, where: string, so = ""): HoldfastError {
  return new HoldfastError(
    "HF1108",
    `Review "${review}" excludes who started the run, and nobody is on record as that.${so}`,
    "Say who starts it: app.start(workflow, input, { by }). A run that was started without that can be cancelled and started anew.",
    { where },
  );
}
