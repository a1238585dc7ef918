/**
 * Holds the history of a run against code, as recovery does, and stops where something would be
 * executed. The code itself runs, from its beginning to where the history ends; no step of it does.
 */
import { HoldfastError } from "../../core/error.ts";
import type { StoredRun } from "../../store/rows.ts";
import { KnownWorkflows } from "../starts/known-workflows.ts";
import { LiveRun } from "../run/live-run.ts";
import { requireBeginning } from "../run/unreadable-run.ts";
import { codeOf, withoutCode } from "../run/without-code.ts";
import { CheckHost, type CheckOptions } from "./check-host.ts";

export class FitCheck {
  readonly #host: CheckHost;
  readonly #workflows: KnownWorkflows;
  /** Of runs that are being looked at. */
  readonly #heard = new Map<LiveRun, (misfit: HoldfastError | null) => void>();

  /** @throws {HoldfastError} HF1002 if two workflows or effects have one name. */
  constructor(options: CheckOptions) {
    this.#workflows = new KnownWorkflows(options.workflows);
    this.#host = new CheckHost(options, {
      fits: (run) => this.#hear(run, null),
      misfits: (run, error) => this.#hear(run, error),
    });
  }

  /** To be called before the first run. */
  async begin(): Promise<void> {
    await this.#host.begin();
  }

  /** Null if the code fits; else why it would be held. */
  async misfitOf(stored: StoredRun): Promise<HoldfastError | null> {
    try {
      requireBeginning(stored);
      const workflow = codeOf(this.#workflows, stored);
      if (workflow === null) return withoutCode(stored.row);
      const run = new LiveRun(this.#host, workflow, stored);
      return await new Promise((resolve) => {
        this.#heard.set(run, resolve);
        run.start();
      });
    } catch (error) {
      if (error instanceof HoldfastError) return error;
      throw error;
    }
  }

  /** The first word counts; what the code does afterwards is of no account. */
  #hear(run: LiveRun, misfit: HoldfastError | null): void {
    const heard = this.#heard.get(run);
    this.#heard.delete(run);
    run.abandon();
    heard?.(misfit);
  }
}
