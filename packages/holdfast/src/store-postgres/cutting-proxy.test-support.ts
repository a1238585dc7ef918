/** A TCP proxy before the database that cuts or holds a connection within a flush, as a test says. */
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";

/** The name of a statement that each flush has, as the server knows it. */
const FLUSH = "batch-flush";

interface Cut {
  /** Which way: what the client sends, or what the server answers. */
  readonly direction: "request" | "answer";
  /** Bytes of the flush, or of its answer, that still pass. */
  readonly afterBytes: number;
}

interface Arming extends Cut {
  wasCut: boolean;
}

interface Holding {
  readonly text: string;
  readonly held: () => void;
  release: () => void;
}

/** What is to happen to the next of them, on whichever connection it comes. */
interface Orders {
  readonly text: string;
  cut: Arming | null;
  hold: Holding | null;
}

/** @param text - what is cut, or its answer: a message of the client that has this in it. */
export async function startCuttingProxy(url: string, text = FLUSH): Promise<CuttingProxy> {
  const upstream = new URL(url);
  const orders: Orders = { text, cut: null, hold: null };
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const database = connect(Number(upstream.port), upstream.hostname);
    const passage = new Passage(client, database, orders);
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.on("error", () => passage.end());
      socket.on("close", () => {
        sockets.delete(socket);
        passage.end();
      });
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const through = new URL(url);
  // A server that listens on a port has an address of this form.
  through.port = String((server.address() as AddressInfo).port);
  return new CuttingProxy(through.toString(), server, orders, sockets);
}

export class CuttingProxy {
  /** The same database, through the proxy. */
  readonly url: string;
  readonly #server: Server;
  readonly #orders: Orders;
  readonly #sockets: Set<Socket>;

  constructor(url: string, server: Server, orders: Orders, sockets: Set<Socket>) {
    this.url = url;
    this.#server = server;
    this.#orders = orders;
    this.#sockets = sockets;
  }

  /** Cuts the next flush; it passes whole if it is shorter. Answers whether it was cut. */
  cutNext(cut: Cut): { readonly wasCut: () => boolean } {
    const arming = { ...cut, wasCut: false };
    this.#orders.cut = arming;
    return {
      wasCut: () => {
        if (this.#orders.cut === arming) this.#orders.cut = null;
        return arming.wasCut;
      },
    };
  }

  /**
   * Holds the next flush where this text begins: what is before it reaches the database, the rest
   * when `release` is called. `held` resolves when it is so.
   */
  holdNext(text: string): { readonly held: Promise<void>; readonly release: () => void } {
    let holding: Holding | null = null;
    const held = new Promise<void>((resolve) => {
      holding = { text, held: resolve, release: () => undefined };
      this.#orders.hold = holding;
    });
    return { held, release: () => holding?.release() };
  }

  /** Cuts all connections now, whatever the database is at. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Holds all connections: bytes go neither way until the answer is called. */
  hold(): () => void {
    for (const socket of this.#sockets) socket.pause();
    return () => {
      for (const socket of this.#sockets) socket.resume();
    };
  }

  async close(): Promise<void> {
    this.cutAll();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}

/** One connection on its way through. */
class Passage {
  readonly #client: Socket;
  readonly #database: Socket;
  readonly #orders: Orders;
  #cut: Arming | null = null;
  /** Bytes that have passed in the cut's direction since the flush began. */
  #passed = 0;

  constructor(client: Socket, database: Socket, orders: Orders) {
    this.#client = client;
    this.#database = database;
    this.#orders = orders;
    client.on("data", (bytes: Buffer) => this.#request(bytes));
    database.on("data", (bytes: Buffer) => this.#pass("answer", client, bytes));
  }

  end(): void {
    this.#client.destroy();
    this.#database.destroy();
  }

  #request(bytes: Buffer): void {
    const { text, cut, hold } = this.#orders;
    if (cut !== null && bytes.includes(text)) {
      [this.#cut, this.#orders.cut, this.#passed] = [cut, null, 0];
    }
    const holdAt = hold === null ? -1 : bytes.indexOf(hold.text);
    if (hold === null || holdAt < 0) {
      this.#pass("request", this.#database, bytes);
      return;
    }
    this.#orders.hold = null;
    this.#database.write(bytes.subarray(0, holdAt));
    hold.release = () => this.#database.write(bytes.subarray(holdAt));
    hold.held();
  }

  #pass(direction: Cut["direction"], to: Socket, bytes: Buffer): void {
    const cut = this.#cut;
    const left = cut?.direction === direction ? cut.afterBytes - this.#passed : bytes.length;
    this.#passed += cut?.direction === direction ? bytes.length : 0;
    if (cut === null || bytes.length <= left) {
      to.write(bytes);
      return;
    }
    cut.wasCut = true;
    // What passes arrives; then both sides see an end.
    if (left === 0) this.end();
    else to.write(bytes.subarray(0, left), () => this.end());
  }
}
