/** The way between workers and their database: cut at a byte of an answer, or led elsewhere. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** The message that asks for it; settings have names that end so too. */
const COMMIT = "Q\0\0\0\u000bcommit\0";
/** The end of the answer to `commit`: the command's name, and that the server waits for the next. */
const COMMITTED = Buffer.concat([Buffer.from("COMMIT\0"), Buffer.from([0x5a, 0, 0, 0, 5, 0x49])]);

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
   * Cuts the next transaction's answer so many bytes before its end, when the database has committed.
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
      if (cut === null && this.#cut !== null && bytes.includes(COMMIT)) {
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
      if (!whole.includes(COMMITTED)) return;
      const { bytes: missing, done } = cut;
      client.write(whole.subarray(0, Math.max(0, whole.length - missing)), end);
      done(whole.length);
    });
  }
}
