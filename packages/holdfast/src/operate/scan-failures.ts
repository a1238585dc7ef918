/** Failures of the past as the journal has them, for rules that are tried on them. Bounded. */
import type { Failure } from "../core/failure.ts";
import { parseJson } from "../core/json-text.ts";
import type { OutcomeHead } from "../core/journal.ts";
import type { RuleSubject } from "../core/rule-book.ts";
import type { StoreReader } from "../store/store.ts";
import { PAGE_LIMIT_MAX } from "./paging.ts";
import { scanRun } from "./scan-run.ts";

/** Runs whose journals are read. */
const SCANNED_RUNS_MAX = 20_000;

export interface PastFailure {
  readonly run: number;
  readonly step: string;
  readonly atMs: number;
  readonly failure: Failure;
  readonly subject: RuleSubject;
}

/** How many runs were looked through, and whether there are more. */
export interface Scanned {
  readonly runs: number;
  readonly isPart: boolean;
}

/** Failed attempts since `sinceMs` of the runs that are still in the store, in the order of runs. */
export async function scanFailures(
  reader: StoreReader,
  sinceMs: number,
  look: (past: PastFailure) => void,
): Promise<Scanned> {
  let runs = 0;
  for (let afterRun = 0; ;) {
    const page = await reader.runs({ afterRun, limit: PAGE_LIMIT_MAX });
    for (const row of page) {
      if (row.updatedAtMs < sinceMs) continue;
      if (runs >= SCANNED_RUNS_MAX) return { runs, isPart: true };
      runs += 1;
      const { run, namespace, workflow } = row;
      await scanRun(reader, run, (record) => {
        if (record.kind !== "outcome" || record.atMs < sinceMs) return;
        // Written by the engine in this form.
        const head = parseJson(record.head ?? "{}") as OutcomeHead;
        const { failure, integration, effect } = head;
        if (failure === undefined || integration === undefined) return;
        const { attempt, name: step, atMs } = record;
        const subject = { namespace, workflow, effect, integration, attempt };
        look({ run, step, atMs, failure, subject });
      });
    }
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_LIMIT_MAX) return { runs, isPart: false };
    afterRun = last.run;
  }
}
