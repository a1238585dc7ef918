import type { Socket } from "node:net";
import { ByteSource } from "./byte-source.ts";
import { cutAnswer, malformedAnswer, throttledAnswer } from "./fault-answers.ts";
import { reset, type FaultContext } from "./fault-context.ts";
import type { FaultDecision } from "./fault-plan.ts";
import { deliverLate } from "./late-delivery.ts";
import {
  askUpstream,
  readRequest,
  type HttpAnswer,
  type HttpRequest,
} from "./upstream-exchange.ts";

/**
 * Time between the last bytes written and the reset that follows them, so that the client has read
 * them before it learns of the reset: what must be seen is a cut body, not a refused connection.
 */
const RESET_DELAY_MS = 10;

export interface ConnectionWatch {
  /** The connection waits for a next request, or no longer does. */
  readonly setIdle: (isIdle: boolean) => void;
  /** Whether connects are being refused: then no connection is kept for a next request. */
  readonly isOut: () => boolean;
}

interface Exchange {
  readonly context: FaultContext;
  readonly client: Socket;
  readonly source: ByteSource;
  readonly decision: FaultDecision;
  readonly request: HttpRequest;
}

/** Serves one client connection: one decision for each request on it. */
export async function serveHttp(
  client: Socket,
  context: FaultContext,
  watch: ConnectionWatch,
): Promise<void> {
  // The first decision is made before a byte is read, because `refuse` must not read any.
  let decision = context.decide();
  let source: ByteSource | undefined;
  for (;;) {
    if (decision.kind === "refuse") {
      reset(client);
      context.fired(decision);
      return;
    }
    source ??= new ByteSource(client);
    const request = await readRequest(source);
    if (request === undefined) {
      context.count("abandoned");
      client.destroy();
      return;
    }
    const isKept = await carryOut({ context, client, source, decision, request });
    if (!isKept || watch.isOut()) {
      client.destroySoon();
      return;
    }
    watch.setIdle(true);
    const next = await source.next();
    watch.setIdle(false);
    if (next === undefined) return;
    source.putBack(next);
    decision = context.decide();
  }
}

/** Does to one request what was decided. Whether the connection can take another request. */
async function carryOut(exchange: Exchange): Promise<boolean> {
  const { context, client, decision, request } = exchange;
  switch (decision.kind) {
    case "deliver":
      return relay(exchange);
    case "refuse":
    case "reset-before":
      reset(client);
      context.fired(decision);
      return false;
    case "outage":
      reset(client);
      context.startOutage(decision.variant);
      context.fired(decision);
      return false;
    case "throttle":
      client.write(throttledAnswer(request, decision, context.nowMs()));
      context.fired(decision);
      return !request.closes;
    case "late":
    case "too-late":
      await late(exchange);
      return false;
    case "reset-after":
    case "swallow":
    case "malformed":
    case "cut":
      return spoilAnswer(exchange);
  }
}

async function relay({ context, client, decision, request, source }: Exchange): Promise<boolean> {
  const answer = await context.track(
    askUpstream(context, request, async (bytes) => {
      if (client.write(bytes) || client.destroyed) return;
      await Promise.race([source.gone, new Promise((resolve) => client.once("drain", resolve))]);
    }),
  );
  if (answer === undefined) {
    context.count("upstreamLost");
    reset(client);
    return false;
  }
  if (client.destroyed) context.count("abandoned");
  else context.fired(decision);
  return !request.closes && !answer.framing.closes;
}

async function spoilAnswer(exchange: Exchange): Promise<boolean> {
  const { context, client, source, decision, request } = exchange;
  const answer = await context.track(askUpstream(context, request));
  if (answer === undefined) {
    context.count("upstreamLost");
    reset(client);
    return false;
  }
  context.fired(decision);
  if (decision.kind === "malformed") {
    client.write(malformedAnswer(answer, decision));
    return !request.closes && !answer.framing.closes;
  }
  if (decision.kind === "cut") await writeCut(exchange, answer);
  if (decision.kind === "swallow") await context.wait(context.hangMsMax, source.gone);
  reset(client);
  return false;
}

async function writeCut({ context, client, source }: Exchange, answer: HttpAnswer): Promise<void> {
  const isWritten = new Promise<void>((resolve) => {
    client.write(cutAnswer(answer), () => {
      resolve();
    });
  });
  await Promise.race([isWritten, source.gone]);
  await context.wait(RESET_DELAY_MS, source.gone);
}

async function late(exchange: Exchange): Promise<void> {
  const { context, client, source, decision, request } = exchange;
  await deliverLate(
    context,
    decision,
    async () => (await askUpstream(context, request)) !== undefined,
  );
  await context.wait(context.hangMsMax, source.gone);
  reset(client);
}
