/** A server that does to a request whatever a test says, and knows which requests it has executed. */
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { LOOPBACK_CERTIFICATE, LOOPBACK_KEY } from "../loopback-certificate.test-support.ts";

/** What a server does with a request that it has read to its end. */
interface Arrived {
  readonly socket: Socket;
  readonly text: string;
  /** Does the work: from now on the effect has happened. */
  readonly execute: () => void;
}

export interface Behaviour {
  readonly tls?: boolean;
  /** Right after a connection was accepted, before anything is read. */
  readonly onConnection?: (socket: Socket) => void;
  /** On the first bytes, whatever they are. */
  readonly onBytes?: (socket: Socket) => void;
  readonly onRequest?: (request: Arrived) => void;
}

export class FaultServer {
  /** Operation keys of the requests that were executed. */
  readonly executed = new Set<string>();
  /** How often each operation key arrived whole. */
  readonly arrivals = new Map<string, number>();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #scheme: "http" | "https";

  private constructor(behaviour: Behaviour) {
    const accept = (socket: Socket): void => {
      this.#serve(socket, behaviour);
    };
    this.#scheme = behaviour.tls === true ? "https" : "http";
    this.#server =
      behaviour.tls === true
        ? createTlsServer({ key: LOOPBACK_KEY, cert: LOOPBACK_CERTIFICATE }, accept)
        : createServer({ allowHalfOpen: true }, accept);
    // A client that refuses our certificate ends the handshake; the test looks at its side only.
    this.#server.on("tlsClientError", (_error: Error, socket: Socket) => socket.destroy());
  }

  static async start(behaviour: Behaviour): Promise<FaultServer> {
    const server = new FaultServer(behaviour);
    await new Promise<void>((resolve) => {
      server.#server.listen(0, "127.0.0.1", resolve);
    });
    return server;
  }

  url(scheme: "http" | "https" = this.#scheme): string {
    // The cast is true: it listens on a TCP port.
    const { port } = this.#server.address() as AddressInfo;
    return `${scheme}://127.0.0.1:${String(port)}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  #serve(socket: Socket, behaviour: Behaviour): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    // Its end is what the test provokes; the claim of the client is what is looked at.
    socket.on("error", () => socket.destroy());
    behaviour.onConnection?.(socket);
    if (behaviour.onBytes === undefined && behaviour.onRequest === undefined) return;
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      if (behaviour.onBytes !== undefined) behaviour.onBytes(socket);
      text += chunk.toString("latin1");
      if (!isWhole(text)) return;
      const request = text;
      text = "";
      this.#arrived(socket, request, behaviour);
    });
  }

  #arrived(socket: Socket, text: string, behaviour: Behaviour): void {
    const key = /^idempotency-key: (.*)\r$/imu.exec(text)?.[1] ?? "";
    this.arrivals.set(key, (this.arrivals.get(key) ?? 0) + 1);
    behaviour.onRequest?.({
      socket,
      text,
      execute: () => {
        this.executed.add(key);
      },
    });
  }
}

function isWhole(text: string): boolean {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return false;
  const length = Number(/^content-length: (\d+)\r$/imu.exec(text)?.[1] ?? 0);
  return text.length >= headEnd + 4 + length;
}

/** A server that does the work and then ends the call in its own way. */
export function executes(then?: (socket: Socket) => unknown): Behaviour {
  return {
    onRequest: ({ execute, socket }) => {
      execute();
      then?.(socket);
    },
  };
}

/** An answer as bytes. `declared` overrides the true length of the body. */
export function answer(status: number, body: string, headers = "", declared?: number): string {
  const length = declared ?? Buffer.byteLength(body);
  return `HTTP/1.1 ${String(status)} Said\r\ncontent-length: ${String(length)}\r\n${headers}\r\n${body}`;
}

/** A port on which nobody listens. */
export async function refusedUrl(): Promise<string> {
  const server = await FaultServer.start({});
  const url = server.url();
  await server.close();
  return url;
}
