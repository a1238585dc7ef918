/** Starts workers of a scale-out and asks them for slices. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { SliceAsked, WorkerJob, WorkerSaid } from "./messages.ts";

/** A worker that is not there or has no answer by then is stuck, milliseconds. */
const ANSWER_MS_MAX = 30_000;

export class ScaleWorker {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @throws {Error} if it does not come to work. */
  static async start(job: WorkerJob): Promise<ScaleWorker> {
    const file = new URL("./scale-worker.ts", import.meta.url);
    const child = fork(file, [JSON.stringify(job)], { execArgv: process.execArgv });
    const worker = new ScaleWorker(child);
    try {
      await worker.#said("ready");
      return worker;
    } catch (error) {
      await worker.stop();
      throw error;
    }
  }

  /** Steps a second. @throws {Error} if the worker has ended or is stuck. */
  async slice(asked: SliceAsked): Promise<number> {
    const answered = this.#said("slice");
    this.#child.send(asked);
    const said = await answered;
    return said.kind === "slice" ? said.stepsPerS : Number.NaN;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    if (this.#child.connected) this.#child.disconnect();
    const kill = setTimeout(() => this.#child.kill("SIGKILL"), ANSWER_MS_MAX);
    await gone;
    clearTimeout(kill);
  }

  async #said(kind: WorkerSaid["kind"]): Promise<WorkerSaid> {
    return await new Promise((resolve, reject) => {
      const ended = () => done(() => reject(new Error("a worker of the scale-out has ended")));
      const heard = (said: WorkerSaid) => {
        if (said.kind === kind) done(() => resolve(said));
      };
      const stuck = setTimeout(
        () => done(() => reject(new Error(`a worker of the scale-out has not said "${kind}"`))),
        ANSWER_MS_MAX,
      );
      const done = (settle: () => void) => {
        clearTimeout(stuck);
        this.#child.off("exit", ended).off("message", heard);
        settle();
      };
      this.#child.once("exit", ended).on("message", heard);
    });
  }
}
