/** A TCP proxy before the database that cuts a connection within a flush, where a test says. */
import { type AddressInfo, type Socket, connect, createServer } from "node:net";

export interface Cut {
  /** Which way: what the client sends, or what the server answers. */
  readonly direction: "request" | "answer";
  /** Bytes of the flush, or of its answer, that still pass. */
  readonly afterBytes: number;
}

export interface CuttingProxy {
  /** The same database, through the proxy. */
  readonly url: string;
  /** Cuts the next flush; it passes whole if it is shorter. Answers whether it was cut. */
  cutNext(cut: Cut): { readonly wasCut: () => boolean };
  /**
   * Holds the next flush where this text begins: what is before it reaches the database, the rest
   * when `release` is called. `held` resolves when it is so.
   */
  holdNext(text: string): { readonly held: Promise<void>; readonly release: () => void };
  /** Holds all connections: bytes go neither way until the answer is called. */
  hold(): () => void;
  close(): Promise<void>;
}

export async function startCuttingProxy(url: string): Promise<CuttingProxy> {
  const upstream = new URL(url);
  const sockets = new Set<Socket>();
  let next: { cut: Cut; wasCut: boolean } | null = null;
  let holding: { text: string; hold: (release: () => void) => void } | null = null;
  const server = createServer((client) => {
    const database = connect(Number(upstream.port), upstream.hostname);
    const end = () => {
      client.destroy();
      database.destroy();
    };
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.on("error", end).on("close", () => {
        sockets.delete(socket);
        end();
      });
    }
    let armed: { cut: Cut; wasCut: boolean } | null = null;
    let passed = 0;
    const pass = (direction: Cut["direction"], to: Socket, bytes: Buffer) => {
      if (direction === "request" && next !== null && bytes.includes("commit")) {
        [armed, next, passed] = [next, null, 0];
      }
      const holdAt = direction === "request" && holding !== null ? bytes.indexOf(holding.text) : -1;
      if (holding !== null && holdAt >= 0) {
        to.write(bytes.subarray(0, holdAt));
        holding.hold(() => to.write(bytes.subarray(holdAt)));
        holding = null;
        return;
      }
      if (armed === null || armed.cut.direction !== direction) {
        to.write(bytes);
        return;
      }
      const left = armed.cut.afterBytes - passed;
      passed += bytes.length;
      if (bytes.length <= left) {
        to.write(bytes);
        return;
      }
      armed.wasCut = true;
      const last = bytes.subarray(0, left);
      // What passes arrives; then both sides see an end.
      if (left === 0) end();
      else to.write(last, end);
    };
    client.on("data", (bytes) => pass("request", database, bytes));
    database.on("data", (bytes) => pass("answer", client, bytes));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const through = new URL(url);
  // A server that listens on a port has an address of this form.
  through.port = String((server.address() as AddressInfo).port);
  return {
    url: through.toString(),
    cutNext(cut) {
      const arming = { cut, wasCut: false };
      next = arming;
      return {
        wasCut: () => {
          if (next === arming) next = null;
          return arming.wasCut;
        },
      };
    },
    holdNext(text) {
      let release = (): void => undefined;
      const held = new Promise<void>((resolve) => {
        holding = {
          text,
          hold: (letGo) => {
            release = letGo;
            resolve();
          },
        };
      });
      return { held, release: () => release() };
    },
    hold() {
      for (const socket of sockets) socket.pause();
      return () => {
        for (const socket of sockets) socket.resume();
      };
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
