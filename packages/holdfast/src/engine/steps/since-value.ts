/** `run.since`: which of two paths a run takes, where a version of the code has brought a new one. */
import { HoldfastError } from "../../core/error.ts";
import type { LiveRun } from "../run/live-run.ts";
import { enterValue } from "./derived-values.ts";
import { stepDrift } from "./step-drift.ts";

/** A verb of a run whose code does not fit never answers. */
const NEVER = new Promise<never>(() => undefined);

/** Name under which it is on record. */
export function sinceName(version: string): string {
  return `since ${version}`;
}

/** @throws {HoldfastError} HF1111 if it cannot be answered, HF1203 for a second use of its name. */
export function sinceVersion(run: LiveRun, path: string, version: string): Promise<boolean> {
  enterValue(run, path);
  const asked = { verb: "since", target: null, digest: null } as const;
  const misfit = stepDrift(path, run.recorded(path), asked);
  if (misfit !== null) {
    run.ending.drift(misfit);
    return NEVER;
  }
  try {
    return Promise.resolve(run.versions.since(path, version, () => run.hasPassedHere));
  } catch (error) {
    // Thrown into a recovery it would look like code that took another way.
    if (run.mode !== "recovering" || !(error instanceof HoldfastError)) throw error;
    run.ending.hold(error);
    return NEVER;
  }
}
