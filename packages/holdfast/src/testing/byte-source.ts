import type { Socket } from "node:net";

/** Reading stops while this much is waiting to be taken, so a fast sender cannot fill our memory. */
const WAITING_BYTES_MAX = 1024 * 1024;

/**
 * The bytes that arrive on a socket, taken one piece at a time by one reader.
 *
 * The socket is kept flowing even while nobody takes anything: otherwise we would not notice that the
 * other side has gone, and a hanging exchange would outlive its client.
 */
export class ByteSource {
  readonly #socket: Socket;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #ended = false;
  #wake: (() => void) | undefined;
  #markGone: (() => void) | undefined;
  /** Resolves when the other side has ended, reset or been destroyed. Never rejects. */
  readonly gone: Promise<void>;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.gone = new Promise((resolve) => {
      this.#markGone = resolve;
    });
    socket.on("data", (bytes: Buffer) => {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
      if (this.#waitingBytes > WAITING_BYTES_MAX) socket.pause();
      this.#wake?.();
    });
    socket.once("end", () => {
      this.#end();
    });
    socket.once("close", () => {
      this.#end();
    });
    socket.resume();
  }

  /** The next bytes, or undefined once everything was taken and the other side is gone. */
  async next(): Promise<Buffer | undefined> {
    while (this.#waiting.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const bytes = this.#waiting.shift();
    if (bytes === undefined) return undefined;
    this.#waitingBytes -= bytes.length;
    if (this.#waitingBytes <= WAITING_BYTES_MAX && this.#socket.isPaused()) this.#socket.resume();
    return bytes;
  }

  /** Everything that is waiting, without waiting for more. */
  takeWaiting(): Buffer {
    const bytes = Buffer.concat(this.#waiting.splice(0));
    this.#waitingBytes = 0;
    return bytes;
  }

  /** Returns bytes that were taken but belong to whoever reads next. */
  putBack(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#waiting.unshift(bytes);
    this.#waitingBytes += bytes.length;
  }

  #end(): void {
    this.#ended = true;
    this.#markGone?.();
    this.#wake?.();
  }
}
