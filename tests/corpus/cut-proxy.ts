/** A TCP proxy that cuts a connection around the moment at which the client has sent some text. */
import { EventEmitter, once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export type Cut =
  /** Reset before the text has reached the server. */
  | "before"
  /** The server gets it; once it answers, the answer is dropped and the client reset. */
  | "after"
  /** The server gets it and answers; the client never hears of it. */
  | "swallow"
  /** The server gets it; the client gets one byte of the answer, then a reset. */
  | "half"
  /** The client gets bytes that are no answer. */
  | "garbage";

export interface CutProxy {
  readonly port: number;
  /** Resolves once the server has answered what was cut, or will never get it. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export async function startCutProxy(
  upstreamPort: number,
  text: string,
  cut: Cut,
): Promise<CutProxy> {
  const end = new EventEmitter();
  const settled = once(end, "settled");
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(upstreamPort, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      // Whichever side breaks, the other one ends with it.
      socket.on("error", () => socket.destroy());
    }
    let isCut = false;
    client.on("data", (bytes) => {
      if (!isCut && bytes.includes(text)) {
        isCut = true;
        if (cut === "before") {
          upstream.resetAndDestroy();
          client.resetAndDestroy();
          end.emit("settled");
          return;
        }
      }
      upstream.write(bytes);
    });
    upstream.on("data", (bytes) => {
      if (!isCut) {
        client.write(bytes);
        return;
      }
      if (cut === "half") client.write(bytes.subarray(0, 1), () => client.resetAndDestroy());
      if (cut === "garbage") client.write("\u0000\u0001\u0002 no answer", () => client.end());
      if (cut === "after") client.resetAndDestroy();
      end.emit("settled");
    });
    client.on("close", () => upstream.end());
    upstream.on("close", () => client.end());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    settled: async () => {
      await settled;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}
