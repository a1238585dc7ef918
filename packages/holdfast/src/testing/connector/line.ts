/**
 * The line between a connector and its counterpart, which a test cuts where it likes. What has left the
 * connector always arrives: whether it was done is the counterpart's truth, whatever the connector heard.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { closed, listening, portOf } from "./listener.ts";

export interface LineFault {
  /** The connector is cut off once it has sent so many bytes. */
  readonly cutAfterSentBytes?: number;
  /** The connector is cut off before the byte after these comes to it. */
  readonly cutAfterHeardBytes?: number;
  /** From the moment on in which the work is done, the connector is cut off, or hears nothing more. */
  readonly onceDone?: "cut" | "silent";
}

export interface LineOptions {
  /** Of the counterpart, on 127.0.0.1. */
  readonly port: number;
  /** Whether the counterpart has done the work. */
  readonly isDone: () => boolean;
}

/** Of answers that are kept to look at, in bytes. */
const HEARD_KEPT_MAX = 64 * 1024;
/** Of answers that are carried in all, in bytes: whoever reads on is cut off. */
const HEARD_BYTES_MAX = 64 * 1024 * 1024;

export class Line {
  fault: LineFault = {};
  /** Lines that the connector has opened. */
  connectionCount = 0;
  sentBytes = 0;
  heardBytes = 0;
  readonly #heard: Buffer[] = [];
  readonly #options: LineOptions;
  readonly #server: Server;
  readonly #ends = new Set<Socket>();
  #changed: (() => void)[] = [];

  private constructor(options: LineOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.#carry(client);
    });
  }

  static async open(options: LineOptions): Promise<Line> {
    const line = new Line(options);
    await listening(line.#server);
    return line;
  }

  get port(): number {
    return portOf(this.#server);
  }

  /** Whether something of any line is still open. */
  get isOpen(): boolean {
    return this.#ends.size > 0;
  }

  /** What has come to the connector, up to a bound. */
  get heard(): string {
    return Buffer.concat(this.#heard).toString("latin1");
  }

  /** Resolves when this holds; looks whenever something has passed or ended. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (holds()) resolve();
        else this.#changed.push(look);
      };
      look();
    });
  }

  async close(): Promise<void> {
    for (const socket of this.#ends) socket.destroy();
    await closed(this.#server);
  }

  #carry(client: Socket): void {
    this.connectionCount += 1;
    const counterpart = connect({
      port: this.#options.port,
      host: "127.0.0.1",
      allowHalfOpen: true,
      noDelay: true,
    });
    this.#watch(client);
    this.#watch(counterpart);
    client.on("data", (chunk: Buffer) => {
      this.sentBytes += chunk.length;
      counterpart.write(chunk);
      const { cutAfterSentBytes } = this.fault;
      if (cutAfterSentBytes !== undefined && this.sentBytes >= cutAfterSentBytes)
        client.resetAndDestroy();
      this.#tell();
    });
    client.on("end", () => {
      counterpart.end();
      // It waits for nothing any more, and there is nobody who would end it.
      if (this.#isSilent) client.end();
    });
    // Whoever is cut off has sent what it has sent.
    client.on("close", () => counterpart.end());
    counterpart.on("data", (chunk: Buffer) => {
      this.#answer(client, counterpart, chunk);
      this.#tell();
    });
    counterpart.on("end", () => {
      if (!this.#isSilent) client.end();
    });
    counterpart.on("close", () => {
      if (!this.#isSilent) client.end();
    });
  }

  get #isSilent(): boolean {
    return this.fault.onceDone === "silent" && this.#options.isDone();
  }

  /** Who reads slowly, or no more, is not written to: what has passed was read, but for some buffers. */
  #waitFor(client: Socket, counterpart: Socket): void {
    counterpart.pause();
    client.once("drain", () => counterpart.resume());
    client.once("close", () => counterpart.resume());
  }

  #answer(client: Socket, counterpart: Socket, chunk: Buffer): void {
    const { onceDone, cutAfterHeardBytes = HEARD_BYTES_MAX } = this.fault;
    if (client.destroyed) return;
    if (onceDone !== undefined && this.#options.isDone()) {
      if (onceDone === "cut") client.resetAndDestroy();
      return;
    }
    const passes = chunk.subarray(0, Math.max(0, cutAfterHeardBytes - this.heardBytes));
    this.heardBytes += passes.length;
    if (this.heardBytes < HEARD_KEPT_MAX) this.#heard.push(passes);
    // What has come before the cut is read before it.
    if (passes.length < chunk.length) client.end(passes, () => client.destroy());
    else if (!client.write(passes)) this.#waitFor(client, counterpart);
  }

  #watch(socket: Socket): void {
    this.#ends.add(socket);
    // Broken lines are what tests are about: the connector's side says what it makes of them.
    socket.on("error", () => {
      socket.destroy();
    });
    socket.on("close", () => {
      this.#ends.delete(socket);
      this.#tell();
    });
  }

  #tell(): void {
    const changed = this.#changed;
    this.#changed = [];
    for (const look of changed) look();
  }
}
