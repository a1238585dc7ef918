/** One worker as its script sees it. */
import { startProgram, type End, type Program } from "../kill/programs.ts";
import type { Said, WorkerSettings } from "./worker.ts";

const WORKER = new URL("worker.ts", import.meta.url);
/** No script lasts longer; what is left then is killed. */
const LIFE_MS_MAX = 3_600_000;

export interface Way {
  /** Programs that start it: strace, ip netns exec. */
  readonly under?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What this one is told otherwise. */
  readonly settings?: Partial<WorkerSettings>;
}

/** What came of a start: `ended` if its worker is gone and nobody knows. */
export type StartAnswer =
  | { readonly kind: "accepted"; readonly isNew: boolean }
  | { readonly kind: "refused"; readonly because: string }
  | { readonly kind: "ended" };

export class WorkerProcess {
  readonly ended: Promise<End>;
  /** Resolves with false if it ends before it is ready. */
  readonly ready: Promise<boolean>;
  /** Attempts that it has begun, as far as it has said. */
  attempts = 0;
  hasEnded = false;
  fatal: string | null = null;
  readonly #program: Program;
  readonly #finished: (key: string) => void;
  readonly #waiting = new Map<string, (answer: StartAnswer) => void>();
  #heard: (() => void)[] = [];
  #isReady = false;

  /** @param finished - told the key of each run that has ended there. */
  constructor(settings: WorkerSettings, way: Way, finished: (key: string) => void) {
    this.#finished = finished;
    this.#program = startProgram(WORKER, [JSON.stringify({ ...settings, ...way.settings })], {
      ...way,
      lifeMsMax: LIFE_MS_MAX,
    });
    this.ended = this.#listen();
    this.ready = this.#until(() => this.#isReady);
  }

  /** Resolves when it has begun so many attempts more than now; with false if it ends before. */
  attemptsMore(count: number): Promise<boolean> {
    const wanted = this.attempts + count;
    return this.#until(() => this.attempts >= wanted);
  }

  start(id: string): Promise<StartAnswer> {
    if (this.hasEnded) return Promise.resolve({ kind: "ended" });
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#program.tell(JSON.stringify({ start: id }));
    });
  }

  kill(signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT"): void {
    this.#program.kill(signal);
  }

  async #until(isSo: () => boolean): Promise<boolean> {
    while (!isSo()) {
      if (this.hasEnded) return false;
      await new Promise<void>((resolve) => {
        this.#heard.push(resolve);
      });
    }
    return true;
  }

  async #listen(): Promise<End> {
    for await (const line of this.#program.lines) {
      // Written by our own worker.
      this.#note(line as Said);
      this.#wake();
    }
    const end = await this.#program.ended;
    this.hasEnded = true;
    for (const resolve of this.#waiting.values()) resolve({ kind: "ended" });
    this.#waiting.clear();
    this.#wake();
    return end;
  }

  #wake(): void {
    for (const resolve of this.#heard.splice(0)) resolve();
  }

  #note(said: Said): void {
    if ("ready" in said) this.#isReady = true;
    else if ("fatal" in said) this.fatal = said.fatal;
    else if ("finished" in said) this.#finished(said.finished);
    else if ("accepted" in said) {
      this.#answer(said.accepted, { kind: "accepted", isNew: said.isNew });
    } else if ("refused" in said) {
      this.#answer(said.refused, { kind: "refused", because: said.because });
    } else this.attempts += 1;
  }

  #answer(id: string, answer: StartAnswer): void {
    this.#waiting.get(id)?.(answer);
    this.#waiting.delete(id);
  }
}
