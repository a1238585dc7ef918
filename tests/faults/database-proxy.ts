/** The way between workers and their database: cut at a byte of an answer, or led elsewhere. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** The name of a statement that each flush has, as the server knows it: its last. */
const FLUSH = "batch-flush";
/** The end of the answer to a flush: its last statement is done, all is committed, the server waits. */
const COMMITTED = Buffer.from("SELECT 1\0Z\0\0\0\u0005I");
/** The end of any answer. */
const READY = Buffer.from("Z\0\0\0\u0005I");
/** The severity that an error begins with. */
const REFUSED = "SERROR\0";

interface Cut {
  /** Bytes of the answer that do not arrive, counted from its end. */
  readonly bytes: number;
  readonly done: (lengthBytes: number) => void;
}

export class DatabaseProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target: number;
  #cut: Cut | null = null;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => {
      this.#pass(client);
    });
  }

  /** @param target - port of the database, on the loopback. */
  static async open(target: number): Promise<DatabaseProxy> {
    const proxy = new DatabaseProxy(target);
    await new Promise<void>((resolve) => {
      proxy.#server.listen(0, "127.0.0.1", resolve);
    });
    return proxy;
  }

  /** The same address, through the proxy. */
  url(direct: string): string {
    const url = new URL(direct);
    // A server that listens on a port has an address of this form.
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.toString();
  }

  /** New connections go there; those that are open are cut. */
  leadTo(target: number): void {
    this.#target = target;
    this.cutAll();
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /**
   * Cuts the answer to a flush so many bytes before its end, when the database has committed.
   * Resolves with the length of that answer; it was cut at its first byte if it is shorter.
   */
  cutNextCommit(bytes: number): Promise<number> {
    return new Promise((resolve) => {
      this.#cut = { bytes, done: resolve };
    });
  }

  async close(): Promise<void> {
    this.cutAll();
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  #pass(client: Socket): void {
    const database = connect(this.#target, "127.0.0.1");
    const end = () => {
      client.destroy();
      database.destroy();
    };
    for (const socket of [client, database]) {
      this.#sockets.add(socket);
      socket.on("error", end).on("close", () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    let cut: Cut | null = null;
    let answer: Buffer[] = [];
    client.on("data", (bytes: Buffer) => {
      if (cut === null && this.#cut !== null && bytes.includes(FLUSH)) {
        [cut, this.#cut, answer] = [this.#cut, null, []];
      }
      database.write(bytes);
    });
    database.on("data", (bytes: Buffer) => {
      if (cut === null) {
        client.write(bytes);
        return;
      }
      // Held until the database has said that it is done.
      answer.push(bytes);
      const whole = Buffer.concat(answer);
      const at = whole.indexOf(COMMITTED);
      if (at < 0) {
        if (!whole.subarray(-READY.length).equals(READY)) return;
        // The answer to something else; or the flush was refused, and comes again.
        client.write(whole);
        answer = [];
        if (whole.includes(REFUSED)) [this.#cut, cut] = [cut, null];
        return;
      }
      const length = at + COMMITTED.length;
      client.write(whole.subarray(0, Math.max(0, length - cut.bytes)), end);
      cut.done(length);
    });
  }
}
