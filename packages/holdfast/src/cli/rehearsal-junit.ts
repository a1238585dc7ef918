/** A rehearsal as JUnit XML: a test case for each scenario. */
import type { KnownFinding, RehearsalReport } from "../core/rehearsal.ts";
import { junitText, type JunitSuite } from "./junit.ts";

export function rehearsalJunit(reports: readonly RehearsalReport[]): string {
  return junitText(reports.map(suite));
}

function suite({ workflow, scenarios, failed, known }: RehearsalReport): JunitSuite {
  return {
    name: `rehearse ${workflow}`,
    cases: scenarios.map((id) => ({
      group: workflow,
      name: id,
      failures: failed
        .filter((finding) => finding.scenario === id)
        .map(({ law, story, what, hint }) => ({
          message: law,
          text: `${story}: ${what}. ${hint}`,
        })),
      ...ofKnown(known.filter(({ scenario }) => scenario === id)),
    })),
  };
}

function ofKnown(known: readonly KnownFinding[]): { readonly known?: string } {
  const reasons = known.map(({ law, reason }) => `known: ${law}: ${reason}`);
  return reasons.length === 0 ? {} : { known: reasons.join("; ") };
}
