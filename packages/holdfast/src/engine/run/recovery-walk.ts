/** One step of bringing code back to where the journal has it. */
import type { Answers } from "./answers.ts";
import type { LiveRun } from "./live-run.ts";
import type { Recovery } from "./recovery.ts";

interface Walk {
  readonly recovery: Recovery;
  readonly answers: Answers;
  /** Once the code has come to rest with what it was given. */
  readonly again: () => void;
}

/** True if the journal holds nothing more that the code has not had; a misfit is drift. */
export function isRecovered(run: LiveRun, { recovery, answers, again }: Walk): boolean {
  const next = recovery.next(run.slots);
  switch (next.kind) {
    case "answer":
      run.end(next.slot);
      answers.hand(next.slot, next.record, again);
      return false;
    case "later":
      setImmediate(again);
      return false;
    case "misfit":
      run.ending.drift(next.sentence);
      return false;
    case "over": {
      const misfit = run.versions.unasked(recovery.paths);
      if (misfit !== null) run.ending.drift(misfit);
      return misfit === null;
    }
  }
}
