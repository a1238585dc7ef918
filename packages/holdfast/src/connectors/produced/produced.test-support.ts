/** Bad ends that are made for real, and what the engine makes of them. */
import { expect } from "vitest";
import { classify, type ClassifierInput } from "../../core/classify.ts";
import type { EffectProof, Evidence, Failure, FailureClass } from "../../core/failure.ts";
import { classifyForeign } from "../../foreign-errors.ts";
import { CallFailed } from "../../workflow/attempt.ts";

/** What the call ended with; a call that ends well fails the test. */
export async function thrownBy(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => {
      throw new Error("it ended well");
    },
    (error: unknown) => error,
  );
}

/** @param seen - what is known of the call where no connector has made it. */
export function failureOf(error: unknown, seen: Evidence = {}): Failure {
  const isCall = error instanceof CallFailed;
  const foreign = isCall ? null : classifyForeign(error, seen, 0);
  const told = isCall ? [error.signal, error.table] : [];
  const inputs: ClassifierInput[] = told.flatMap((each) =>
    each === undefined
      ? []
      : [
          {
            source: each.rule.source,
            says: each.says,
            id: each.rule.id,
            version: each.rule.version,
            echo: isCall && error.echo && each === error.table,
            neverNeeds: "answered" as const,
          },
        ],
  );
  if (foreign !== null) inputs.push(foreign.input);
  return classify(inputs, {
    evidence: isCall ? error.evidence : (foreign?.evidence ?? seen),
    maybeBefore: false,
    thrownBy: isCall || foreign !== null ? "connector" : "code",
    message: "",
  });
}

export function expectFailure(
  failure: Failure,
  rule: string,
  failureClass: FailureClass,
  effect: EffectProof,
): void {
  expect(`${failure.rule.id}: ${failure.class}, ${failure.effect}`).toBe(
    `${rule}: ${failureClass}, ${effect}`,
  );
}
