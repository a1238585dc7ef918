/** What the runtime's own table says of an error that no connector reported (a plain `fetch`). */
import type { ClassifierInput } from "./core/classify.ts";
import type { Evidence } from "./core/failure.ts";
import { classifyNodeError } from "./connectors/http/node-error.ts";

/**
 * Null if no row knows the error. Unless the effect has marked its one call itself (`seen` has its
 * phase then), nobody watched, and nothing is proved about what happened.
 */
export function classifyForeign(
  error: unknown,
  seen: Evidence,
): { readonly input: ClassifierInput; readonly evidence: Evidence } | null {
  const { classified, rule, evidence } = classifyNodeError(error, {
    phase: seen.phase ?? null,
    callCount: 1,
    attempt: 1,
  });
  if (classified === null || rule === null) return null;
  const { id, version } = rule;
  return {
    // Only what the receiver itself has said counts as an answer, and only of a call that was watched.
    input: { source: "table", says: classified, id, version, neverNeeds: "answered" },
    evidence,
  };
}
