/**
 * Holds the history of a run against code, as recovery does, and stops where something would be
 * executed. The code itself runs, from its beginning to where the history ends; no step of it does.
 */
import { HoldfastError } from "../../core/error.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { JournalRecord } from "../../core/journal.ts";
import type { StoredRun } from "../../store/rows.ts";
import { KnownWorkflows } from "../starts/known-workflows.ts";
import { LiveRun } from "../run/live-run.ts";
import { requireBeginning } from "../run/unreadable-run.ts";
import { codeOf, withoutCode } from "../run/without-code.ts";
import { CheckHost, type CheckOptions } from "./check-host.ts";
import { endMisfit } from "./end-misfit.ts";

/** How long the code of one run may take to come to where its history ends, milliseconds. */
const CHECK_MS_MAX = 10_000;
/** Runs of one workflow that may take so long; of the others it is known then. */
const WAITED_FOR_MAX = 3;

export class FitCheck {
  readonly #host: CheckHost;
  readonly #workflows: KnownWorkflows;
  /** Runs that were waited for in vain, by workflow. */
  readonly #inVain = new Map<string, number>();
  /** How completed runs had ended, where that is looked at. */
  readonly #ends = new WeakMap<LiveRun, JournalRecord>();
  /** Of runs that are being looked at. */
  readonly #heard = new Map<LiveRun, (misfit: HoldfastError | null) => void>();

  /** @throws {HoldfastError} HF1002 if two workflows or effects have one name. */
  constructor(options: CheckOptions) {
    this.#workflows = new KnownWorkflows(options.workflows);
    this.#host = new CheckHost(options, {
      fits: (run) => {
        const end = options.pulled !== undefined ? this.#ends.get(run) : undefined;
        if (end === undefined) this.#hear(run, null);
        else void this.#lookAtEnd(run, end.data);
      },
      misfits: (run, error) => this.#hear(run, error),
      isSame: (recorded, asked, sensitive) =>
        options.pulled?.isSame(recorded, asked, sensitive) ?? false,
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
      const run = new LiveRun(this.#host, workflow, stored);
      const end = stored.records.findLast(({ kind }) => kind === "finished");
      if (end !== undefined && stored.row.state === "completed") this.#ends.set(run, end);
      return await this.#judged(run);
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

  async #lookAtEnd(run: LiveRun, recorded: string | null): Promise<void> {
    const sentence = await endMisfit(run, recorded);
    if (sentence === null) this.#hear(run, null);
    else run.ending.drift(sentence);
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
