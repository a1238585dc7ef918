/**
 * Holds the history of a run against code, as recovery does, and stops where something would be
 * executed. The code itself runs, from its beginning to where the history ends; no step of it does.
 */
import { HoldfastError } from "../../core/error.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { StoredRun } from "../../store/rows.ts";
import { KnownWorkflows } from "../starts/known-workflows.ts";
import { LiveRun } from "../run/live-run.ts";
import { requireBeginning } from "../run/unreadable-run.ts";
import { codeOf, withoutCode } from "../run/without-code.ts";
import { CheckHost, type CheckOptions } from "./check-host.ts";

/** How long the code of one run may take to come to where its history ends, milliseconds. */
const CHECK_MS_MAX = 10_000;
/** Runs of one workflow that may take so long; of the others it is known then. */
const WAITED_FOR_MAX = 3;

export class FitCheck {
  readonly #host: CheckHost;
  readonly #workflows: KnownWorkflows;
  /** Runs that were waited for in vain, by workflow. */
  readonly #inVain = new Map<string, number>();
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
      if ((this.#inVain.get(workflow.name) ?? 0) >= WAITED_FOR_MAX) return notChecked(stored.row);
      return await this.#judged(new LiveRun(this.#host, workflow, stored));
    } catch (error) {
      if (error instanceof HoldfastError) return error;
      throw error;
    }
  }

  async #judged(run: LiveRun): Promise<HoldfastError | null> {
    return await new Promise((resolve) => {
      const cancel = this.#host.clock.after(CHECK_MS_MAX, () => {
        const { name } = run.workflow;
        this.#inVain.set(name, (this.#inVain.get(name) ?? 0) + 1);
        this.#hear(run, notChecked(run.row));
      });
      this.#heard.set(run, (misfit) => {
        cancel();
        resolve(misfit);
      });
      run.start();
    });
  }

  /** The first word counts; what the code does afterwards is of no account. */
  #hear(run: LiveRun, misfit: HoldfastError | null): void {
    const heard = this.#heard.get(run);
    this.#heard.delete(run);
    run.abandon();
    heard?.(misfit);
  }
}

function notChecked({ run, workflow }: StoredRun["row"]): HoldfastError {
  const id = formatRunId(run);
  return new HoldfastError(
    "HF2107",
    `Run ${id} cannot be checked: the code of workflow "${workflow}" waits for something that no history holds, for more than ${String(CHECK_MS_MAX / 1_000)} s.`,
    "Let the workflow, and the schemas that it uses, wait for nothing but what run.* gives; then check again.",
    { where: id },
  );
}
