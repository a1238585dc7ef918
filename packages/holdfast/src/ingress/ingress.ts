/**
 * The handler of an ingress: a request in, a receipt or a problem out. It decides nothing about
 * messages; that is the engine's. See decision 0025.
 */
import type { IncomingMessage as Request, ServerResponse } from "node:http";
import { durationMs, type Duration } from "../core/duration.ts";
import { HoldfastError } from "../core/error.ts";
import { JSON_LIMITS } from "../core/json-value.ts";
import { DUPLICATE_RULES, type DuplicateRule } from "../core/received.ts";
import { checkOptions } from "../workflow/known-options.ts";
import type { IncomingMessage, Receipt, SaidOrder, UnfitMessage } from "../workflow/message.ts";
import type { Out, Schema } from "../workflow/schema.ts";
import type { AnyWorkflow } from "../workflow/workflow.ts";
import { SenderGone } from "./request-body.ts";
import { isOurFault, problemOf, Refusal, type Answer } from "./refusal.ts";
import { identifierOf, type AboutMessage, type Identified, type Sender } from "./sender.ts";
import { isOfMessage, problemOfInput, unfitOf } from "./unfit.ts";

export interface IngressOptions<I extends Schema> {
  /** What a message is known by, and who may send it. */
  readonly sender: Sender;
  /** Ids are unique within it, for each sender. Default: the name of the workflow. */
  readonly name?: string;
  /**
   * What becomes of a message with an id of its own and the business key of a run that is there.
   * `merge`: it joins that run. `reject`: its sender is told (409). `review`: it is accepted and not
   * started, and the owner of the run has an exception with its payload. All are on record, with
   * the run that they duplicate. Default `merge`.
   */
  readonly duplicates?: DuplicateRule;
  /**
   * The place of a message among those with the same key. What is not newer than the newest is
   * acknowledged, recorded as superseded and not started. A `version` may leave gaps. A `sequence`
   * begins at 1 and may not: what comes too early is held. Default: messages have no order.
   */
  readonly order?: (input: Out<I>) => SaidOrder;
  /** How long a message is held before its owner has to know. Default 10 minutes. */
  readonly hold?: Duration;
  /**
   * What becomes of a message whose sender is known and whose body is not JSON, breaks the schema, or
   * is more than `input` can make something of. `refuse`: its sender is told (400), and nothing is kept.
   * `keep`: it is accepted and not started, and the owner of the workflow has an exception (HF4115)
   * with its body; for senders that nobody reads the refusals of. Default `refuse`.
   */
  readonly unfit?: UnfitRule;
  /** How long the sender repeats a message that it has no answer to. */
  readonly horizon?: Duration;
  /** How long a message is remembered, at least. Default: for ever. */
  readonly window?: Duration;
  /** Bytes of a body. Default 1 MiB. */
  readonly bodyBytesMax?: number;
  /** The input of the run. Default: the body, of a CloudEvent its data. */
  readonly input?: (body: unknown, about: AboutMessage) => unknown;
}

const UNFIT_RULES = ["refuse", "keep"] as const;
type UnfitRule = (typeof UNFIT_RULES)[number];

/** For `createServer` of node:http, and for whatever mounts such handlers. Never rejects. */
export type Ingress = (request: Request, response: ServerResponse) => Promise<void>;

/** What a handler needs of the app. */
interface IngressDoor {
  readonly nowMs: () => number;
  /** Requests at a time. */
  readonly openMax: number;
  /** A message that is received is durable when it resolves. */
  readonly receive: (message: IncomingMessage) => Promise<Receipt>;
  /** The same of one that does not fit. */
  readonly receiveUnfit: (message: UnfitMessage) => Promise<Receipt>;
  /** The app's own code fails over messages of this ingress that fit. */
  readonly tellFault: (ingress: string, fault: HoldfastError) => Promise<void>;
  /** A request that failed through our own fault. */
  readonly report: (line: string) => void;
}

const HOLD: Duration = "10m";
/** How far the clocks of sender and receiver may be apart. */
const SKEW_MS = 300_000;
const BODY_BYTES_MAX = 1 << 20;

/** @throws {HoldfastError} HF1001 for an option that is none, HF1109 for a window that is too short. */
export function ingressFor(
  workflow: AnyWorkflow,
  options: IngressOptions<Schema>,
  door: IngressDoor,
): Ingress {
  const what = `ingress of workflow "${workflow.name}"`;
  checkOptions(what, options, {
    sender: "object",
    name: "text",
    duplicates: DUPLICATE_RULES,
    order: "function",
    hold: "duration",
    unfit: UNFIT_RULES,
    horizon: "duration",
    window: "duration",
    bodyBytesMax: "number",
    input: "function",
  });
  const { sender, name = workflow.name, duplicates = "merge", order = null, hold = HOLD } = options;
  if (sender === undefined) throw noSender(what);
  const holdMs = durationMs(hold, `hold of ${what}`);
  const terms = {
    workflow,
    ingress: name,
    duplicates,
    order,
    holdMs,
    windowMs: windowOf(options, what),
  };
  const bytesMax = bodyBytesOf(options, what);
  const { unfit = "refuse" } = options;
  if (unfit === "keep" && order !== null) throw keepsOrder(what);
  const identify = identifierOf(sender, door.nowMs, what);
  const inputOf = options.input ?? ((body: unknown) => body);
  const keep = async (identified: Identified, request: Request, problem: string) => {
    const { "content-type": type = "" } = request.headers;
    const kept = unfitOf(identified, type);
    return await door.receiveUnfit({ workflow, ingress: name, ...kept, problem });
  };
  const take: Take = async (request) => {
    const identified = await identify(request, bytesMax);
    const { by, about, busy } = identified;
    const { id, source } = about;
    let read: Pick<IncomingMessage, "input" | "payload">;
    try {
      const { body, payload } = identified.read();
      read = { input: inputOf(body, about), payload };
    } catch (error) {
      const problem = unfit === "keep" ? problemOfInput(error, workflow) : null;
      if (problem === null) throw error;
      return await keep(identified, request, problem);
    }
    try {
      return await door.receive({ ...terms, ...read, by, source, id, busy });
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      if (error.code === "HF1113") await told(door, name, error);
      if (unfit !== "keep" || !isOfMessage(error)) throw error;
      return await keep(identified, request, error.message);
    }
  };
  return bounded(take, door, what);
}

/** Where the owner cannot be told, the log has it. */
async function told(door: IngressDoor, name: string, fault: HoldfastError): Promise<void> {
  const { cause } = fault;
  door.report(`holdfast: ingress ${name}: ${cause instanceof Error ? (cause.stack ?? "") : ""}`);
  try {
    await door.tellFault(name, fault);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    door.report(`holdfast: ingress ${name}: nobody could be told: ${String(error)}`);
  }
}

type Take = (request: Request) => Promise<Receipt>;

function bounded(take: Take, door: IngressDoor, what: string): Ingress {
  let openCount = 0;
  return async (request, response) => {
    openCount += 1;
    try {
      if (openCount > door.openMax) throw tooMany(door.openMax);
      if (request.method !== "POST") throw notPosted();
      answer(response, receiptAnswer(await take(request)));
    } catch (error) {
      if (error instanceof SenderGone) return;
      if (isOurFault(error)) door.report(`holdfast: ${what}: ${String(error)}`);
      answer(response, problemOf(error));
    } finally {
      openCount -= 1;
    }
  };
}

function receiptAnswer({ state, run, duplicateOf, exception, isRepeat }: Receipt): Answer {
  const replayed = isRepeat ? { "idempotent-replayed": "true" } : {};
  if (state === "rejected") {
    const problem = problemOf(rejected(duplicateOf ?? ""));
    const body = { ...problem.body, duplicateOf };
    return { ...problem, headers: { ...problem.headers, ...replayed }, body };
  }
  const headers = { "content-type": "application/json", ...replayed };
  const body = {
    state,
    run,
    ...(duplicateOf === null ? {} : { duplicateOf }),
    ...(exception === undefined ? {} : { exception }),
  };
  return { status: 202, headers, body };
}

function answer(response: ServerResponse, { status, headers, body }: Answer): void {
  const text = JSON.stringify(body);
  const length = String(Buffer.byteLength(text));
  response.writeHead(status, { ...headers, "content-length": length, "cache-control": "no-store" });
  response.end(text);
}

function windowOf({ window, horizon, order }: IngressOptions<Schema>, what: string): number | null {
  if (window === undefined) return null;
  const windowMs = durationMs(window, `window of ${what}`);
  if (order !== undefined) throw forgetsOrder(window, what);
  if (horizon === undefined) return windowMs;
  const neededMs = durationMs(horizon, `horizon of ${what}`) + SKEW_MS;
  if (windowMs >= neededMs) return windowMs;
  throw new HoldfastError(
    "HF1109",
    `The ${what} remembers a message for ${window}, and its sender may repeat it for ${horizon}: a repeat after that would be a second run.`,
    `Give a window of ${String(Math.ceil(neededMs / 1_000))}s at least, which is the horizon and 5 minutes between clocks; or none, for ever.`,
  );
}

/** The newest number of a key would be forgotten with its message. */
function forgetsOrder(window: string, what: string): HoldfastError {
  return new HoldfastError(
    "HF1109",
    `The ${what} has an order and remembers a message for ${window}: after that it would not know what came last, and take something older for new.`,
    "Leave window out: what has an order is remembered for ever.",
  );
}

function bodyBytesOf({ bodyBytesMax = BODY_BYTES_MAX }: IngressOptions<Schema>, what: string) {
  const isOne = Number.isSafeInteger(bodyBytesMax) && bodyBytesMax > 0;
  if (isOne && bodyBytesMax <= JSON_LIMITS.bytesMax) return bodyBytesMax;
  throw new HoldfastError(
    "HF1001",
    `${what}: "bodyBytesMax" is not valid: expected a whole number of bytes up to ${String(JSON_LIMITS.bytesMax)}, got ${String(bodyBytesMax)}.`,
    "Leave it out for 1 MiB.",
  );
}

/** It would have no place in it. */
function keepsOrder(what: string): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `The ${what} has an order and keeps what does not fit: nobody could say which place that has.`,
    'Leave one of them out: with unfit: "refuse" its sender is told, and what follows it is held.',
  );
}

function noSender(what: string): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `The ${what} does not say what a message is known by: "sender" is missing.`,
    'Give, for example: sender: { kind: "idempotency-key", principal: (request) => ... }',
  );
}

function tooMany(max: number): HoldfastError {
  return new HoldfastError(
    "HF4207",
    `${String(max)} requests are under way here, the limit ingressOpenMax. Nothing was started.`,
    "Send it again in a moment.",
  );
}

function notPosted(): Refusal {
  return new Refusal(405, "HF4109", "A message is sent with POST.", "Use POST.", { allow: "POST" });
}

function rejected(duplicateOf: string): Refusal {
  return new Refusal(
    409,
    "HF4113",
    `A message about the same fact came before: run ${duplicateOf} has its business key. Nothing was started.`,
    "Look at that run. If it is another fact, its business key has to be another.",
  );
}
