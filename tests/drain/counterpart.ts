/** Another system in the test's own process, which answers when the test says so. */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  /** For example `POST /charges/a`. */
  readonly what: string;
  readonly idempotencyKey: string | null;
}

export class Counterpart {
  readonly received: Received[] = [];
  readonly #server = createServer();
  #held: ServerResponse[] = [];
  #isHolding = true;
  #onReceived: (() => void) | null = null;

  /** Listens on loopback; the answer is the port. */
  async listen(): Promise<number> {
    this.#server.on("request", (request, response) => {
      const key = request.headers["idempotency-key"];
      const { method = "", url = "" } = request;
      this.received.push({
        what: `${method} ${url}`,
        idempotencyKey: typeof key === "string" ? key : null,
      });
      request.resume();
      if (this.#isHolding) this.#held.push(response);
      else answer(response);
      this.#onReceived?.();
    });
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    // A TCP server's address is always this.
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resolves when a request has come. */
  async firstReceived(): Promise<void> {
    if (this.received.length > 0) return;
    await new Promise<void>((resolve) => {
      this.#onReceived = resolve;
    });
  }

  /** Answers what it has held back, and everything that comes from now on. */
  answerAll(): void {
    this.#isHolding = false;
    for (const response of this.#held) answer(response);
    this.#held = [];
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

function answer(response: ServerResponse): void {
  response.setHeader("content-type", "application/json").end(JSON.stringify({ ref: "done" }));
}
