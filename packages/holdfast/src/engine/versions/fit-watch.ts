/** Who hears whether code fits a run's history, where nothing is to be executed from it. */
import type { HoldfastError } from "../../core/error.ts";
import type { LiveRun } from "../run/live-run.ts";

export interface FitWatch {
  /** The code has asked for everything that the history holds, in its order. */
  fits(run: LiveRun): void;
  /** It has not; the error says where, and what to do. */
  misfits(run: LiveRun, error: HoldfastError): void;
  /**
   * At a step the history holds another input than the code asks with, or at its end another result; both
   * as JSON. True if that is none: they differ in nothing but what stands for a sensitive value.
   */
  isSame(recorded: string, asked: string, sensitive: readonly string[]): boolean;
}
