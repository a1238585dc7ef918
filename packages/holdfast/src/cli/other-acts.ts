/** Commands by which an exception can be dealt with beside those that are printed with every one. */
import type { ActName } from "../core/offered-acts.ts";
import { quotedForShell } from "../operate/shell-word.ts";
import type { ExceptionView } from "../operate/views.ts";

/** With every exception, in full: what is most often given. */
const PRINTED = ["settle", "resume", "admit", "close", "unpark", "park"] as const;
type OtherAct = Exclude<ActName, (typeof PRINTED)[number]>;

type Dealt = Pick<ExceptionView, "acts" | "id" | "run" | "step">;

function isOther(act: ActName): act is OtherAct {
  return !PRINTED.some((printed) => printed === act);
}

/**
 * Each of them as it can be given. In a list several would bury the exceptions: then their names, and
 * where they stand in full.
 */
export function otherActs(exception: Dealt, isAlone: boolean): readonly string[] {
  const { acts, id, run } = exception;
  const others = acts.filter(isOther);
  if (others.length === 0 || run === null) return [];
  if (others.length > 1 && !isAlone) return [`or  ${others.join(", ")}: holdfast show ${id}`];
  return others.map((act) => commandOf(act, run, exception.step));
}

function commandOf(act: OtherAct, run: string, step: string | null): string {
  const at = step === null ? "STEP" : quotedForShell(step);
  switch (act) {
    case "edit":
      return `holdfast edit ${run} --step ${at} --set /POINTER=VALUE --reason "..."`;
    case "correct":
      return `holdfast correct ${run} --set /POINTER=VALUE --reason "..."`;
    case "again":
      return `holdfast again ${run} --from ${at} --reason "..."`;
    case "supply":
      return `holdfast supply ${run} --step ${at} --value JSON --reason "..."`;
    case "skip":
      return `holdfast skip ${run} --step ${at} --reason "..."`;
    case "anew":
      return `holdfast anew ${run} --reason "..."`;
    case "cancel":
      return `holdfast cancel ${run} --reason "..."`;
  }
}
