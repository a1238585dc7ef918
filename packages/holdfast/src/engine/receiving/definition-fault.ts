/**
 * Functions of a workflow that fail over a message which fits its schema: the code is at fault, and not the
 * message. Its sender keeps it and comes again; the owner of the code has an exception. Source: failure
 * model 2.2, `defect`.
 */
import { HoldfastError } from "../../core/error.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import type { Engine } from "../engine.ts";
import { thrownText } from "../exceptions/thrown-text.ts";
import { checkedStart } from "../starts/start-input.ts";
import { Elsewhere } from "../workers/places.ts";
import type { Message } from "./messages.ts";

/** Of what it threw nothing is quoted: it may hold what is sensitive. The cause has it, for the log. */
function definitionFault(workflow: string, error: unknown): unknown {
  if (error instanceof HoldfastError || error instanceof Elsewhere) return error;
  const name = error instanceof Error ? thrownText(error).name : typeof error;
  return new HoldfastError(
    "HF1113",
    `A function of workflow "${workflow}" threw ${name} over a message that fits its schema. Nothing was started.`,
    "Mend key, describe, lane or deadline of the workflow, or order of the ingress; the sender sends it again.",
    { cause: error },
  );
}

/** For what its functions throw, and nothing else: a disk that fails is no fault of the workflow. */
export function blamed({ name }: Pick<AnyWorkflow, "name">): (error: unknown) => unknown {
  return (error) => definitionFault(name, error);
}

/**
 * What a definition's own function makes of an input. Whoever starts a run sees what his code threw; for
 * the sender of a message it is the fault of another.
 *
 * @param isAlways - also what we refuse of it: no message can be blamed for what is no description.
 */
export function declaredBy<T>(
  of: { readonly name: string; readonly isOfMessage: boolean; readonly isAlways?: true },
  make: () => T,
): T {
  try {
    return make();
  } catch (error) {
    if (!of.isOfMessage) throw error;
    const isRefused = of.isAlways === true && error instanceof HoldfastError;
    throw definitionFault(of.name, isRefused ? new TypeError(error.message) : error);
  }
}

/** One for each version of the code: it stands until somebody has looked, and a newer one that fails tells anew. */
export async function tellDefinitionFault(
  engine: Engine,
  { name, definition }: AnyWorkflow,
  ingress: string,
  { code, message }: HoldfastError,
  fate = "its sender was told to come again: it is lost if that gives up before the code is mended",
): Promise<void> {
  await engine.exceptions.beside.open({
    run: null,
    workflow: name,
    subject: `code of ${name} at ${ingress}, version ${engine.version}`,
    at: "receive",
    reasonCode: code,
    rule: "engine/definition-fault@1",
    message,
    because: () =>
      `${message} It came by ${JSON.stringify(ingress)}, and ${fate}. What was thrown is on the log of the app.`,
    owner: definition.owner,
    class: "defect",
    data: "null",
  });
}

const STAYS = "it is held and tried again every minute, so it begins once the code is mended";

/**
 * A message that was held fitted the code that it came to; what it begins with now may be another one.
 *
 * @throws {HoldfastError} HF1113 if that throws over it, which its owner knows then; HF4102 if it fits no more.
 */
export async function requireSound(
  engine: Engine,
  { head, input, by }: Message,
  workflow: AnyWorkflow,
): Promise<void> {
  const { limits } = engine;
  try {
    await checkedStart(workflow, input, { by, threw: blamed(workflow) }, limits);
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "HF1113")
      await tellDefinitionFault(engine, workflow, head.ingress, error, STAYS);
    throw error;
  }
}
