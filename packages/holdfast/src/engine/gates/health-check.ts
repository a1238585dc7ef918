/** What an integration's own health check comes to: nothing, or a failure of the whole system. */
import type { Failure } from "../../core/failure.ts";

/** A check without an answer for this long says no, milliseconds. Less than a canary has. */
export const HEALTH_MS_MAX = 10_000;

/** Null if the system says that it is well; a check that throws says that it is not. */
export async function unhealthy(health: () => Promise<boolean>): Promise<Failure | null> {
  try {
    return (await health()) ? null : down("its health check says no");
  } catch (error) {
    return down(error instanceof Error ? error.message : String(error));
  }
}

/** The check has not answered within `HEALTH_MS_MAX`. */
export function healthTooLate(): Failure {
  return down(`its health check did not answer within ${String(HEALTH_MS_MAX)} ms`);
}

function down(message: string): Failure {
  return {
    effect: "never",
    class: "unavailable",
    scope: "dependency",
    origin: "remote",
    reasonCode: "HEALTH:DOWN",
    message,
    evidence: { message },
    rule: { source: "integration", id: "integration/health", version: 1 },
  };
}
