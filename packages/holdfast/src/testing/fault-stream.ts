import type { Socket } from "node:net";
import { ByteSource } from "./byte-source.ts";
import { reset, type FaultContext } from "./fault-context.ts";
import type { FaultDecision } from "./fault-plan.ts";
import { deliverLate } from "./late-delivery.ts";
import type { RequestPhase, StreamWatch } from "./smtp-watch.ts";

/**
 * Serves one client connection of a protocol that is passed on byte by byte: the watch says when a
 * request begins and when it is whole, and that is where the fault is done.
 */
export async function serveStream(
  client: Socket,
  context: FaultContext,
  watch: StreamWatch,
): Promise<void> {
  const decision = context.decide();
  if (decision.kind === "refuse") {
    reset(client);
    context.fired(decision);
    return;
  }
  const upstream = await context.connectUpstream();
  if (upstream === undefined) {
    context.count("upstreamLost");
    reset(client);
    return;
  }
  await new StreamExchange(client, upstream, context, watch, decision).run();
}

/**
 * Where the connection stands. `before`: the request is not whole. `sent`: the counterpart has all of it and has not answered.
 * `answered`: what was decided has been done; bytes pass.
 */
type Stage = "before" | "sent" | "answered";

class StreamExchange {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #context: FaultContext;
  readonly #watch: StreamWatch;
  readonly #fromClient: ByteSource;
  readonly #fromUpstream: ByteSource;
  #decision: FaultDecision;
  #stage: Stage = "before";
  #isAnswerDropped = false;
  #markAnswered: (() => void) | undefined;

  constructor(
    client: Socket,
    upstream: Socket,
    context: FaultContext,
    watch: StreamWatch,
    decision: FaultDecision,
  ) {
    this.#client = client;
    this.#upstream = upstream;
    this.#context = context;
    this.#watch = watch;
    this.#decision = decision;
    this.#fromClient = new ByteSource(client);
    this.#fromUpstream = new ByteSource(upstream);
  }

  /** Ends when either side has gone, or the fault has ended the connection. */
  async run(): Promise<void> {
    await Promise.all([this.#readClient(), this.#readUpstream()]);
    if (this.#stage === "before") this.#context.count("abandoned");
    if (this.#stage === "sent") this.#context.count("upstreamLost");
  }

  async #readClient(): Promise<void> {
    for (let bytes = await this.#fromClient.next(); bytes; bytes = await this.#fromClient.next()) {
      const phase = this.#watch.client(bytes);
      if (phase === "next" && this.#stage === "answered") this.#redecide();
      if (this.#client.destroyed || !(await this.#fromClientOnce(bytes, phase))) return;
    }
    // The client has left. What it sent whole is answered first: the counterpart may be at work on it.
    if (this.#stage === "sent") await this.#answered();
    this.#upstream.destroy();
  }

  /** Passes bytes of the client on, or does the fault; false once the connection is over. */
  async #fromClientOnce(bytes: Buffer, phase: RequestPhase): Promise<boolean> {
    const { kind } = this.#decision;
    const isContent = phase === "begun" || phase === "whole";
    if (this.#stage === "before" && isContent && (kind === "reset-before" || kind === "outage")) {
      if (kind === "outage") this.#context.startOutage(this.#decision.variant);
      this.#fire();
      this.#reset();
      return false;
    }
    if (this.#stage === "before" && isContent && (kind === "late" || kind === "too-late")) {
      await this.#deliverLate(bytes);
      return false;
    }
    if (this.#stage === "before" && phase === "whole") this.#sent();
    await write(this.#upstream, bytes);
    return true;
  }

  #sent(): void {
    this.#stage = "sent";
    this.#context.count("delivered");
    void this.#context.track(this.#answered());
  }

  async #answered(): Promise<void> {
    if (this.#stage !== "sent") return;
    const answered = new Promise<void>((resolve) => {
      const before = this.#markAnswered;
      this.#markAnswered = () => {
        before?.();
        resolve();
      };
    });
    await Promise.race([answered, this.#fromUpstream.gone]);
  }

  async #readUpstream(): Promise<void> {
    for (
      let bytes = await this.#fromUpstream.next();
      bytes;
      bytes = await this.#fromUpstream.next()
    ) {
      this.#watch.server(bytes);
      if (this.#stage === "sent") {
        this.#stage = "answered";
        if (!(await this.#answerOnce(bytes))) return;
      } else if (!this.#isAnswerDropped) {
        await write(this.#client, bytes);
      }
    }
    // A swallowed answer leaves the client hanging even when the counterpart has closed.
    if (!this.#isAnswerDropped) this.#client.destroySoon();
  }

  /** Passes the first bytes of the answer on, or does the fault; false once the connection is over. */
  async #answerOnce(bytes: Buffer): Promise<boolean> {
    const { kind } = this.#decision;
    this.#markAnswered?.();
    if (kind === "swallow") {
      this.#isAnswerDropped = true;
      this.#fire();
      void this.#hang();
      return true;
    }
    if (kind === "reset-after" || kind === "cut") {
      if (kind === "cut")
        await write(this.#client, bytes.subarray(0, Math.floor(bytes.length / 2)));
      this.#fire();
      this.#reset();
      return false;
    }
    if (this.#client.destroyed) {
      this.#context.count("abandoned");
      return false;
    }
    await write(this.#client, bytes);
    this.#fire();
    return true;
  }

  async #deliverLate(first: Buffer): Promise<void> {
    this.#stage = "answered";
    this.#isAnswerDropped = true;
    await deliverLate(this.#context, this.#decision, async () => {
      // What the client has sent until now goes in one piece; what may come after it is dropped.
      const rest = this.#fromClient.takeWaiting();
      this.#context.count("delivered");
      await write(this.#upstream, Buffer.concat([first, rest]));
      const answer = new Promise<void>((resolve) => this.#upstream.once("data", () => resolve()));
      await Promise.race([answer, this.#fromUpstream.gone]);
      return true;
    });
    await this.#hang();
  }

  async #hang(): Promise<void> {
    await this.#context.wait(this.#context.hangMsMax, this.#fromClient.gone);
    this.#reset();
  }

  #redecide(): void {
    this.#decision = this.#context.decide();
    this.#stage = "before";
    if (this.#decision.kind !== "refuse") return;
    this.#fire();
    this.#reset();
  }

  #fire(): void {
    this.#stage = "answered";
    this.#context.fired(this.#decision);
  }

  #reset(): void {
    reset(this.#client);
    this.#upstream.destroy();
  }
}

/** Writes and waits while the other side is slow; returns when it has gone. */
async function write(socket: Socket, bytes: Buffer): Promise<void> {
  if (socket.destroyed || socket.write(bytes)) return;
  await new Promise<void>((resolve) => {
    socket.once("drain", resolve);
    socket.once("close", resolve);
  });
}
