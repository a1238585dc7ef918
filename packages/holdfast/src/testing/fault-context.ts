import { connect, type Socket } from "node:net";
import { FAULT_KINDS, type FaultDecision, type FaultKind, type FaultPlan } from "./fault-plan.ts";

/** A fault that was done to a request, at the moment it was done. */
export interface FiredFault {
  readonly kind: FaultKind;
  /** Position of the decision in the plan, from 0. */
  readonly index: number;
  /** Milliseconds since 1970 (the clock of the machine). */
  readonly atMs: number;
}

/**
 * What a proxy did so far. Once nothing is under way:
 * `decisions` = `passed` + all `faults` + `abandoned` + `upstreamLost` + `lateDropped`.
 */
export interface FaultCounts {
  /** Connections accepted; connects refused in an outage are not seen and not counted. */
  readonly connections: number;
  /** Requests (HTTP), messages (SMTP) or connections (TCP) that a decision was drawn for. */
  readonly decisions: number;
  /** Requests handed to the counterpart whole, with a fault or without. */
  readonly delivered: number;
  /** Delivered and answered without any fault. */
  readonly passed: number;
  /** The client left before its request was whole, or before its faultless answer was. */
  readonly abandoned: number;
  /** The counterpart was not there, or left before it had answered. */
  readonly upstreamLost: number;
  /**
   * Late requests that were not delivered, because the proxy was closed first or because it was
   * itself so late that delivering would have broken the contract.
   */
  readonly lateDropped: number;
  /** Faults really done, by kind. */
  readonly faults: Readonly<Record<FaultKind, number>>;
}

type Tally = "connections" | "delivered" | "passed" | "abandoned" | "upstreamLost" | "lateDropped";

export interface FaultContextOptions {
  readonly plan: FaultPlan;
  readonly upstream: { readonly host: string; readonly port: number };
  readonly settleMs: number;
  readonly hangMsMax: number;
  readonly onFault: ((fault: FiredFault) => void) | undefined;
  readonly nowMs: () => number;
  /** Starts an outage whose length the variant chooses. */
  readonly startOutage: (variant: number) => void;
}

/**
 * Ends a connection by a reset (RST), so that the other side sees ECONNRESET and not an end.
 *
 * A connection that we have ended ourselves, because the other side did, is only destroyed: libuv
 * refuses to reset a socket that was shut down (EINVAL), and Node then never closes its handle.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** What the connections of one proxy share: the plan, the counts, the sockets and the waits to end. */
export class FaultContext {
  readonly settleMs: number;
  readonly hangMsMax: number;
  readonly nowMs: () => number;
  readonly startOutage: (variant: number) => void;
  readonly #options: FaultContextOptions;
  readonly #tally = new Map<Tally, number>();
  readonly #faults = new Map<FaultKind, number>();
  readonly #sockets = new Set<Socket>();
  readonly #waits = new Set<() => void>();
  readonly #deliveries = new Set<Promise<unknown>>();
  #decisions = 0;
  #closed = false;

  constructor(options: FaultContextOptions) {
    this.#options = options;
    this.settleMs = options.settleMs;
    this.hangMsMax = options.hangMsMax;
    this.nowMs = options.nowMs;
    this.startOutage = options.startOutage;
  }

  get counts(): FaultCounts {
    const of = (name: Tally): number => this.#tally.get(name) ?? 0;
    const faults = Object.fromEntries(
      FAULT_KINDS.map((kind) => [kind, this.#faults.get(kind) ?? 0]),
    );
    return {
      connections: of("connections"),
      decisions: this.#decisions,
      delivered: of("delivered"),
      passed: of("passed"),
      abandoned: of("abandoned"),
      upstreamLost: of("upstreamLost"),
      lateDropped: of("lateDropped"),
      // The keys are FAULT_KINDS, mapped one by one in the line above.
      faults: faults as Record<FaultKind, number>,
    };
  }

  decide(): FaultDecision {
    this.#decisions += 1;
    return this.#options.plan.next();
  }

  count(name: Tally): void {
    this.#tally.set(name, (this.#tally.get(name) ?? 0) + 1);
  }

  /** Records that a decision was carried out; for "deliver" that is `passed`. */
  fired(decision: FaultDecision): void {
    const { kind, index } = decision;
    if (kind === "deliver") {
      this.count("passed");
      return;
    }
    this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + 1);
    this.#options.onFault?.({ kind, index, atMs: this.nowMs() });
  }

  /** Owns a socket until it closes, so that close() can end it. */
  adopt(socket: Socket): void {
    this.#sockets.add(socket);
    // An error on a socket says that the other side is gone; "close" always follows it, and that is
    // what the exchanges act on. Without a listener the error would end the process.
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      this.#sockets.delete(socket);
    });
  }

  /** A connection to the counterpart, or undefined if it is not there. */
  async connectUpstream(): Promise<Socket | undefined> {
    if (this.#closed) return undefined;
    const socket = connect({ ...this.#options.upstream, noDelay: true });
    this.adopt(socket);
    return new Promise((resolve) => {
      socket.once("connect", () => {
        resolve(socket);
      });
      socket.once("close", () => {
        resolve(undefined);
      });
    });
  }

  /** True after `delayMs`; false if `until` came first or the proxy was closed. Leaves no timer behind. */
  async wait(delayMs: number, until?: Promise<void>): Promise<boolean> {
    if (this.#closed) return false;
    return new Promise((resolve) => {
      const stop = (): void => {
        clearTimeout(timer);
        this.#waits.delete(stop);
        resolve(false);
      };
      const timer = setTimeout(() => {
        this.#waits.delete(stop);
        resolve(true);
      }, delayMs);
      this.#waits.add(stop);
      void until?.then(stop);
    });
  }

  /** Work that may still reach the counterpart; `settled` waits for it. */
  async track<T>(work: Promise<T>): Promise<T> {
    this.#deliveries.add(work);
    try {
      return await work;
    } finally {
      this.#deliveries.delete(work);
    }
  }

  /** Resolves once no request is on its way to the counterpart or held back for it. */
  async settled(): Promise<void> {
    while (this.#deliveries.size > 0) await Promise.allSettled(this.#deliveries);
  }

  /** Ends every wait and destroys every socket. */
  close(): void {
    this.#closed = true;
    for (const stop of this.#waits) stop();
    for (const socket of this.#sockets) socket.destroy();
  }
}
