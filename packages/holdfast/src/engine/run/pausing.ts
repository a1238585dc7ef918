/**
 * A person stops a run: nothing of it begins any more until they let it go on. What has left already is
 * waited for, and its end is written down. It is an exception of the run, so that it has an owner and a
 * time: a pause that is forgotten is seen. Source: settled points, "Run states"; decision 0048.
 */
import type { OpenedHead } from "../../core/journal.ts";
import { PAUSED, PAUSED_BY_HAND } from "../../core/pause.ts";
import { exceptionHead } from "../exceptions/exceptions.ts";
import type { LiveRun } from "./live-run.ts";

export interface Pausing {
  readonly by: string;
  readonly reason: string;
  /** Its id in the inbox; null if it was given to this process. */
  readonly command: string | null;
}

export function pausedHead(run: LiveRun, { by, reason, command }: Pausing): OpenedHead {
  const message = `Paused by ${by}: ${reason}`;
  return {
    ...exceptionHead(run, {
      class: "interrupted",
      effect: "never",
      scope: "item",
      origin: "human",
      reasonCode: PAUSED,
      rule: PAUSED_BY_HAND,
      message,
      because: message,
      owner: run.row.owner,
      step: "",
    }),
    // Who lifts it, and whose it is.
    assignee: by,
    ...(command === null ? {} : { command }),
  };
}
