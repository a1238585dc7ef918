import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { systemClock } from "../engine/clock.ts";
import { FaultContext, reset, type FaultCounts, type FiredFault } from "./fault-context.ts";
import { serveHttp } from "./fault-http.ts";
import { planFaults, type FaultMix, type FaultPlan, type FaultProtocol } from "./fault-plan.ts";
import { serveStream } from "./fault-stream.ts";
import { watchSmtp, watchTcp } from "./smtp-watch.ts";

export interface FaultProxyOptions {
  /** The counterpart. */
  readonly upstream: { readonly host: string; readonly port: number };
  /** On 127.0.0.1; 0, the default, for any free port. */
  readonly listenPort?: number;
  /**
   * What is one request: for `http` (HTTP/1.1, the default) each request, kept-alive connections
   * included; for `smtp` each message; for `tcp` each connection.
   */
  readonly protocol?: FaultProtocol;
  /** The same seed, rate and mix decide the same for the n-th request. */
  readonly seed: number | string;
  /** Share of requests that meet a fault, 0..1. */
  readonly faultRate: number;
  /** Which faults, by weight; kinds not named do not happen. Default: all that the protocol knows, but not `too-late`. */
  readonly mix?: FaultMix;
  /** The settle time that the counterpart's contract states: late requests are late by at most 0.6 of it. */
  readonly settleMs: number;
  /** Allows `too-late` in the mix: requests delivered after the settle time. */
  readonly breakContract?: boolean;
  /** Bounds of the outages that the plan starts. Default 1 to 3 s. */
  readonly outageMs?: { readonly min: number; readonly max: number };
  /** A connection left hanging is reset after this, if the client has not given up. Default 60 s. */
  readonly hangMsMax?: number;
  /** Called at each fault, at the moment it is done. */
  readonly onFault?: (fault: FiredFault) => void;
}

/** A TCP proxy before one counterpart, which does faults to the requests that pass. */
export interface FaultProxy {
  /** Where clients connect, on 127.0.0.1. */
  readonly port: number;
  /** A snapshot. */
  readonly counts: FaultCounts;
  /** @throws {RangeError} outside 0..1. */
  setRate(faultRate: number): void;
  /**
   * Refuses connects (a real ECONNREFUSED) for so long; requests under way are finished, idle
   * connections reset. Resolves when the port is open again; an outage under way is prolonged.
   * @throws {Error} if the port could not be opened again.
   */
  outage(durationMs: number): Promise<void>;
  /**
   * Resolves once no request is on its way to the counterpart or held back to be late. Await it
   * before counting what the counterpart has done.
   */
  settled(): Promise<void>;
  /**
   * Ends everything: late requests that are still held are not delivered (`lateDropped`).
   * @throws {Error} if an outage of the plan could not be ended, because its port was taken.
   */
  close(): Promise<void>;
}

const OUTAGE_MS = { min: 1_000, max: 3_000 } as const;
const HANG_MS_MAX = 60_000;
/** After an outage somebody else may have the port for a moment: a try each 20 ms, for 10 s. */
const REOPEN_TRIES_MAX = 500;
const REOPEN_DELAY_MS = 20;

/**
 * Starts a fault proxy. Each request is read whole, decided upon, and delivered on a connection of
 * its own, so that what happens to the client says nothing about what happens to the counterpart.
 *
 * It understands HTTP/1.1 without Upgrade, and SMTP without TLS.
 *
 * @throws {RangeError} for options that cannot be meant (see `planFaults`).
 * @throws {Error} if the port cannot be opened.
 */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  if (!(options.settleMs > 0)) {
    throw new RangeError(`expected a settle time above 0 ms, got ${String(options.settleMs)}`);
  }
  const proxy = new ListeningProxy(
    options,
    planFaults({ ...options, protocol: options.protocol ?? "http" }),
  );
  await proxy.open(options.listenPort ?? 0);
  return proxy;
}

class ListeningProxy implements FaultProxy {
  readonly #protocol: FaultProtocol;
  readonly #plan: FaultPlan;
  readonly #context: FaultContext;
  readonly #connections = new Set<Promise<void>>();
  readonly #idle = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  #isClosed = false;
  #outUntilMs = 0;
  #outage: Promise<void> | undefined;
  #reopenError: Error | undefined;

  constructor(options: FaultProxyOptions, plan: FaultPlan) {
    this.#protocol = options.protocol ?? "http";
    this.#plan = plan;
    const { min, max } = options.outageMs ?? OUTAGE_MS;
    this.#context = new FaultContext({
      plan,
      upstream: options.upstream,
      settleMs: options.settleMs,
      hangMsMax: options.hangMsMax ?? HANG_MS_MAX,
      onFault: options.onFault,
      nowMs: () => systemClock.nowMs(),
      startOutage: (variant) => {
        // Nobody awaits an outage of the plan; if it cannot be ended, close() reports it.
        void this.outage(min + (max - min) * variant).catch((error: unknown) => {
          this.#reopenError = error instanceof Error ? error : new Error(String(error));
        });
      },
    });
  }

  get port(): number {
    return this.#port;
  }

  get counts(): FaultCounts {
    return this.#context.counts;
  }

  async open(port: number): Promise<void> {
    // pauseOnConnect: a refused connection is reset before a byte of it was read.
    const server = createServer({ pauseOnConnect: true, noDelay: true }, (client) => {
      this.#accept(client);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        server.off("error", reject);
        resolve();
      });
    });
    // A server that listens on a host and a port has an AddressInfo; strings are for pipes.
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  setRate(faultRate: number): void {
    this.#plan.setRate(faultRate);
  }

  async outage(durationMs: number): Promise<void> {
    this.#outUntilMs = Math.max(this.#outUntilMs, performance.now() + durationMs);
    this.#outage ??= this.#beOut().finally(() => {
      this.#outage = undefined;
    });
    await this.#outage;
  }

  async settled(): Promise<void> {
    await this.#context.settled();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#server?.close();
    this.#context.close();
    await Promise.all(this.#connections);
    await this.#outage;
    if (this.#reopenError !== undefined) throw this.#reopenError;
  }

  async #beOut(): Promise<void> {
    this.#server?.close();
    this.#server = undefined;
    for (const client of this.#idle) reset(client);
    for (let left = this.#leftMs(); left > 0; left = this.#leftMs()) {
      if (!(await this.#context.wait(left))) return;
    }
    await this.#reopen();
  }

  #leftMs(): number {
    return this.#outUntilMs - performance.now();
  }

  async #reopen(): Promise<void> {
    for (let tries = 1; !this.#isClosed; tries += 1) {
      try {
        await this.open(this.#port);
        if (this.#isClosed) this.#server?.close();
        return;
      } catch (cause) {
        if (tries < REOPEN_TRIES_MAX && isAddressInUse(cause)) {
          await this.#context.wait(REOPEN_DELAY_MS);
          continue;
        }
        throw new Error(`port ${String(this.#port)} could not be opened again after an outage`, {
          cause,
        });
      }
    }
  }

  #accept(client: Socket): void {
    this.#context.count("connections");
    this.#context.adopt(client);
    const served = this.#serve(client).finally(() => {
      this.#idle.delete(client);
      this.#connections.delete(served);
    });
    this.#connections.add(served);
  }

  async #serve(client: Socket): Promise<void> {
    switch (this.#protocol) {
      case "http":
        await serveHttp(client, this.#context, {
          isOut: () => this.#outage !== undefined,
          setIdle: (isIdle) => {
            if (isIdle) this.#idle.add(client);
            else this.#idle.delete(client);
          },
        });
        return;
      case "smtp":
        await serveStream(client, this.#context, watchSmtp());
        return;
      case "tcp":
        await serveStream(client, this.#context, watchTcp());
        return;
    }
  }
}

function isAddressInUse(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}
