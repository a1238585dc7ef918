/** The raw limit of one durable step: one write and one fdatasync, with nothing else around. */
import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from "node:fs";
import { systemClock } from "holdfast/testing";
import { logText } from "./stores/log-text.ts";

/** The file is as large as this from the beginning, so that no probe has to make it grow. */
const FILE_BYTES = 4 * 1024 * 1024;

export class FdatasyncProbe {
  readonly #fd: number;
  readonly #bytes: Buffer;
  #position = 0;
  readonly latenciesMs: number[] = [];

  /** `result` is the JSON of a step's result: the bytes written are those of a flush with it. */
  constructor(path: string, result: string) {
    this.#fd = openSync(path, "w+");
    this.#bytes = Buffer.from(logText(oneStep(result)));
    writeSync(this.#fd, Buffer.alloc(FILE_BYTES), 0, FILE_BYTES, 0);
    fsyncSync(this.#fd);
  }

  get bytes(): number {
    return this.#bytes.length;
  }

  measure(): void {
    const startMs = performance.now();
    writeSync(this.#fd, this.#bytes, 0, this.#bytes.length, this.#position);
    fdatasyncSync(this.#fd);
    this.latenciesMs.push(performance.now() - startMs);
    this.#position += this.#bytes.length;
    if (this.#position + this.#bytes.length > FILE_BYTES) this.#position = 0;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function oneStep(result: string) {
  return {
    run: [2 ** 52],
    seq: [2],
    kind: [1],
    attempt: [0],
    name: ["step-0"],
    atMs: [systemClock.nowMs()],
    head: [null],
    data: [result],
  };
}
