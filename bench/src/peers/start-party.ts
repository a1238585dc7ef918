/** Starts the process of a party and asks it. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { deferred } from "./deferred.ts";
import type { HostSettings, PartyAnswer, PartyCount, PartyRequest } from "./party.ts";

/** Nothing that is asked may take longer, milliseconds: a product that hangs is left out. */
const ANSWER_MS_MAX = 30_000;
/** So long a process may take to end by itself, milliseconds. */
const CLOSE_MS_MAX = 10_000;
/** Characters of its last words that go into an error. */
const WORDS_MAX = 600;

export interface PartyBounds {
  /** By performance.now(): nothing is waited for after it. */
  readonly endMs: number;
  /** Flags of Node.js; default: those of this process. */
  readonly execArgv?: readonly string[] | undefined;
}

export class PartyProcess {
  readonly name: string;
  readonly #endMs: number;
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly #waiting = new Map<number, (count: PartyCount | null) => void>();
  readonly #failed = deferred<never>();
  readonly #ready = deferred<void>();
  #lastId = 0;

  private constructor(name: string, child: ChildProcess, log: string, endMs: number) {
    this.name = name;
    this.#endMs = endMs;
    this.#child = child;
    this.#log = log;
    // Whoever asks next hears of it; until then it is nobody's.
    this.#failed.promise.catch(() => undefined);
    child.on("message", (message: PartyAnswer) => this.#heard(message));
    child.once("error", (error) => this.#fail(error.message));
    child.once("exit", (code, signal) => this.#fail(`it ended with ${signal ?? `code ${code}`}`));
  }

  /** @throws {Error} if it does not come up; the error has its last words. */
  static async start(
    name: string,
    settings: HostSettings,
    { endMs, execArgv = process.execArgv }: PartyBounds,
  ): Promise<PartyProcess> {
    const path = join(settings.folder, "party.log");
    const log = openSync(path, "a");
    const child = fork(new URL("./host.ts", import.meta.url), [JSON.stringify(settings)], {
      execArgv: [...execArgv],
      stdio: ["ignore", log, log, "ipc"],
    });
    closeSync(log);
    const party = new PartyProcess(name, child, path, endMs);
    try {
      await party.#inTime("open", party.#ready.promise);
    } catch (error) {
      await party.close();
      throw error;
    }
    return party;
  }

  /** @throws {Error} if the party has failed or does not answer. */
  async ask(request: Exclude<PartyRequest, { verb: "count" }>): Promise<void> {
    await this.#asked(request);
  }

  async count(): Promise<PartyCount> {
    const count = await this.#asked({ verb: "count" });
    if (count === null) throw new Error(`${this.name} did not count`);
    return count;
  }

  /** Ends the process: by itself if it can, else with SIGKILL. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    if (this.#child.connected) this.#child.send({ id: 0, verb: "close" });
    const late = setTimeout(() => this.#child.kill("SIGKILL"), CLOSE_MS_MAX);
    await gone;
    clearTimeout(late);
  }

  async #asked(request: PartyRequest): Promise<PartyCount | null> {
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve } = deferred<PartyCount | null>();
    this.#waiting.set(id, resolve);
    if (this.#child.connected) this.#child.send({ id, ...request });
    return this.#inTime(request.verb, promise);
  }

  async #inTime<T>(what: string, answer: Promise<T>): Promise<T> {
    const late = deferred<never>();
    const leftMs = Math.max(0, Math.min(ANSWER_MS_MAX, this.#endMs - performance.now()));
    const timer = setTimeout(() => {
      late.reject(this.#error(`no answer to "${what}" in ${(leftMs / 1000).toFixed(1)} s`));
    }, leftMs);
    try {
      return await Promise.race([answer, this.#failed.promise, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #heard(message: PartyAnswer): void {
    switch (message.kind) {
      case "ready":
        this.#ready.resolve();
        break;
      case "answer":
        this.#waiting.get(message.id)?.(message.count);
        this.#waiting.delete(message.id);
        break;
      case "failed":
        this.#fail(message.message);
        break;
    }
  }

  #fail(because: string): void {
    this.#failed.reject(this.#error(because));
  }

  #error(because: string): Error {
    const words = readFileSync(this.#log, "utf8").slice(-WORDS_MAX).trim();
    return new Error(`${this.name}: ${because}${words === "" ? "" : `; its last words: ${words}`}`);
  }
}
