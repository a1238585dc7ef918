/** Workers as processes of their own, as a test sees them. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { CONDITION_FLAG } from "../program-flags.ts";
import type { Command } from "./worker.ts";

const PROGRAM = fileURLToPath(new URL("worker.ts", import.meta.url));

export interface Answer {
  readonly run?: string;
  readonly isNew?: boolean;
  readonly result?: unknown;
  readonly error?: string;
}

type Line = Answer & {
  readonly id?: number;
  readonly ready?: true;
  readonly fatal?: string;
  readonly dependency?: string;
  readonly "shards.taken"?: number;
  readonly "shards.given"?: number;
};

export class Worker {
  readonly pid: number;
  readonly ended: Promise<readonly [number | null, string | null]>;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Line[] = [];
  #heard: (() => void)[] = [];
  #lastId = 0;

  constructor(env: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, [CONDITION_FLAG, PROGRAM], {
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.pid = this.#child.pid ?? 0;
    this.ended = once(this.#child, "exit") as Promise<[number | null, string | null]>;
    createInterface(this.#child.stdout).on("line", (line) => {
      // Written by our own worker.
      this.#lines.push(JSON.parse(line) as Line);
      for (const resolve of this.#heard.splice(0)) resolve();
    });
  }

  /** Resolves with the first line like this, said or to be said. */
  async says(isIt: (line: Line) => boolean): Promise<Line> {
    for (;;) {
      const found = this.#lines.find(isIt);
      if (found !== undefined) return found;
      const next = new Promise<null>((resolve) => {
        this.#heard.push(() => {
          resolve(null);
        });
      });
      const end = await Promise.race([next, this.ended]);
      if (end !== null) throw new Error(`the worker has ended (${String(end[1] ?? end[0])})`);
    }
  }

  /** What it has said of dependencies: each is an incident, or the end of one. */
  get incidents(): readonly string[] {
    return this.#lines.flatMap(({ dependency }) => dependency ?? []);
  }

  async ready(): Promise<this> {
    await this.says(({ ready }) => ready === true);
    return this;
  }

  /** Resolves when it owns as many shards as this. */
  async owns(count: number): Promise<void> {
    await this.says(() => this.owned === count);
  }

  /** Shards that are its own by what it has said. */
  get owned(): number {
    let count = 0;
    for (const line of this.#lines) {
      count += (line["shards.taken"] ?? 0) - (line["shards.given"] ?? 0);
    }
    return count;
  }

  async asks(command: Omit<Command, "id">): Promise<Answer> {
    this.#lastId += 1;
    const id = this.#lastId;
    this.#child.stdin.write(`${JSON.stringify({ ...command, id })}\n`);
    const answer = await this.says((line) => line.id === id);
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  /** SIGSTOP: it neither runs nor ends. SIGCONT: it goes on as if nothing had been. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child.kill(signal);
  }

  async end(signal: "SIGKILL" | "SIGTERM"): Promise<readonly [number | null, string | null]> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal);
    return await this.ended;
  }
}
