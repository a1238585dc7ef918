/**
 * Which version of the code has a run. It is on record when the run begins, and again whenever another
 * one goes on with it: after its history has been found to fit, before anything of it is executed.
 */
import type { CodeHead } from "../../core/journal.ts";
import type { LiveRun } from "./live-run.ts";

export class RunVersions {
  readonly #run: LiveRun;
  /** That went on with it last. */
  #version: string;

  constructor(run: LiveRun) {
    this.#run = run;
    this.#version = run.row.codeVersion;
  }

  /** The deployed code goes on with it from here. */
  goOn(): void {
    const { version } = this.#run.host;
    if (version === this.#version) return;
    const head: CodeHead = { version, from: this.#version };
    this.#run.append("code", "", head);
    this.#version = version;
  }
}
