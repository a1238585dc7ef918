/**
 * The HTTP connector: one client per integration, with its own connections, limits and deadlines.
 *
 * It makes one request per call and repeats nothing; what is repeated, when and whether at all is
 * decided by the engine from the evidence that a failed call carries. The only request that is made
 * on top is one more after a 401, with fresh credentials, and the reads that follow a redirect.
 */
import { Agent, type Dispatcher } from "undici";
import { currentAttempt, type Attempt, type CallFailed } from "../../workflow/attempt.ts";
import { secretsOf } from "../secrets.ts";
import { trackCalls } from "./call-tracking.ts";
import { exchange, type ExchangeResult } from "./exchange.ts";
import { HostHistory } from "./host-history.ts";
import { readAnswer, readLoosely, type Expectation, type HttpAnswer } from "./http-answer.ts";
import { failureOfError, failureOfStatus, type FailedCall } from "./http-failure.ts";
import { resolveOptions, type HttpClientOptions, type ResolvedOptions } from "./http-options.ts";
import { buildRequest, isSafe, type Outgoing, type RequestParts } from "./outgoing-request.ts";
import { followUp, redirectRefused } from "./redirect.ts";
import { isSuccess } from "./status-error.ts";

export interface HttpCall extends RequestParts {
  /** What the body of a success holds. Default `"json"`. */
  readonly expect?: Expectation;
  /** Statuses that are answers here and no failures, besides every 2xx but 202 and 207. */
  readonly ok?: readonly number[];
  /** True if 202 is an answer: the caller returns `pending(...)`. Else its outcome is unknown. */
  readonly accept202?: boolean;
}

export interface HttpClient {
  /**
   * Makes the call as part of the attempt, bounded by the attempt's signal.
   *
   * @throws {HttpCallFailed} with the evidence and what the tables say of it.
   */
  request(attempt: Attempt, call: HttpCall): Promise<HttpAnswer>;
  /** Closes the connections once the calls in flight have ended. */
  close(): Promise<void>;
}

/** @throws {HoldfastError} HF1001 if an option is not valid. */
export function httpClient(options: HttpClientOptions): HttpClient {
  const resolved = resolveOptions(options);
  const agent = agentFor(resolved);
  const hosts = new HostHistory();
  trackCalls();
  const inFlight = new Set<Promise<HttpAnswer>>();
  return {
    request: async (attempt, call) => {
      const running = new Call(agent, hosts, resolved, attempt, call).run();
      inFlight.add(running);
      try {
        return await running;
      } finally {
        inFlight.delete(running);
      }
    },
    close: async () => {
      await Promise.allSettled(inFlight);
      // Not agent.close(): it would wait for connections that a call has given up waiting for.
      await agent.destroy();
    },
  };
}

function agentFor(options: ResolvedOptions): Agent {
  return new Agent({
    connect: { timeout: options.connectTimeoutMs, ...options.tls },
    headersTimeout: options.headersTimeoutMs,
    bodyTimeout: options.bodyTimeoutMs,
    // undici sends again what is lost in a pipeline behind another request, so there is none. No
    // limit of connections either: behind one, requests start in each other's context. The engine
    // bounds how many calls an integration gets at a time.
    pipelining: 1,
    allowH2: false,
  });
}

class Call {
  readonly #dispatcher: Dispatcher;
  readonly #hosts: HostHistory;
  readonly #options: ResolvedOptions;
  readonly #attempt: Attempt;
  readonly #call: HttpCall;
  #isDone = false;
  #secrets: readonly string[];

  constructor(
    dispatcher: Dispatcher,
    hosts: HostHistory,
    options: ResolvedOptions,
    attempt: Attempt,
    call: HttpCall,
  ) {
    this.#dispatcher = dispatcher;
    this.#hosts = hosts;
    this.#options = options;
    this.#attempt = attempt;
    this.#call = call;
    this.#secrets = options.secrets;
  }

  async run(): Promise<HttpAnswer> {
    const first = this.#build();
    let request = await this.#authorized(first, "first");
    let result = await this.#send(request);
    if (result.head?.status === 401 && this.#options.authorize !== null) {
      // The 401 proves that this call did nothing, so it does not stand against the next one.
      this.#attempt.calls.count -= 1;
      request = await this.#authorized(first, "refused");
      result = await this.#send(request);
    }
    for (let hops = 0; ; hops += 1) {
      const next = this.#next(request, result, hops);
      if (next === null) break;
      if (!isSafe(request.method)) this.#isDone = true;
      request = next;
      result = await this.#send(request);
    }
    return this.#read(result);
  }

  #build(): Outgoing {
    try {
      return buildRequest(this.#call, this.#attempt, this.#options);
    } catch (error) {
      throw this.#failed(error, NOTHING_SENT);
    }
  }

  async #authorized(request: Outgoing, why: "first" | "refused"): Promise<Outgoing> {
    const { authorize } = this.#options;
    if (authorize === null) return request;
    try {
      // Fetching a token is not the effect: what it calls does not count as the attempt's call.
      const credentials = await currentAttempt.exit(async () => authorize(why));
      this.#secrets = [...this.#options.secrets, ...secretsOf(credentials)];
      return { ...request, headers: { ...request.headers, ...credentials } };
    } catch (error) {
      throw this.#failed(error, NOTHING_SENT);
    }
  }

  async #send(request: Outgoing): Promise<ExchangeResult> {
    const { origin, pathname, search } = request.url;
    const options: Dispatcher.DispatchOptions = {
      origin,
      path: pathname + search,
      method: request.method,
      headers: request.headers,
      body: request.body,
    };
    const limit = this.#options.responseBytesMax;
    const result = await exchange(this.#dispatcher, options, this.#attempt, limit);
    this.#hosts.learn(origin, result);
    return result;
  }

  #next(request: Outgoing, result: ExchangeResult, hops: number): Outgoing | null {
    if (result.head === null || this.#isExpected(result.head.status)) return null;
    try {
      const next = followUp(request, result.head, this.#options.redirectOrigins);
      if (next !== null && hops >= this.#options.redirectsMax) {
        throw redirectRefused(`${String(hops)} redirects were followed already`);
      }
      return next;
    } catch (error) {
      this.#isDone ||= result.head.status === 303 && !isSafe(request.method);
      throw this.#failed(error, result);
    }
  }

  #read(result: ExchangeResult): HttpAnswer {
    const { head, body } = result;
    const { expect = "json", method } = this.#call;
    if (head === null) throw this.#failed(result.error, result);
    if (!this.#isExpected(head.status)) {
      throw failureOfStatus(head, body, this.#failedCall());
    }
    if (!isSuccess(head.status)) return readLoosely(head.status, head.headers, body);
    if (expect === "none" || method === "HEAD") {
      return { status: head.status, headers: head.headers, body: null, bodyText: "" };
    }
    if (body === null) throw this.#failed(result.error, result);
    try {
      return readAnswer(head.status, head.headers, body, expect);
    } catch (error) {
      throw this.#failed(error, result);
    }
  }

  #isExpected(status: number): boolean {
    const { ok = [], accept202 = false } = this.#call;
    return isSuccess(status) || ok.includes(status) || (status === 202 && accept202);
  }

  #failed(
    error: unknown,
    result: Pick<ExchangeResult, "phase" | "head" | "abortedBy">,
  ): CallFailed {
    return failureOfError(error, result, this.#failedCall());
  }

  #failedCall(): FailedCall {
    const { baseUrl, errorCode, nowMs } = this.#options;
    const [path = ""] = this.#call.path.split(/[?#]/u, 1);
    return {
      method: this.#call.method,
      path,
      attempt: this.#attempt,
      host: this.#hosts.of(baseUrl.origin, this.#attempt),
      secrets: this.#secrets,
      errorCode,
      nowMs: nowMs(),
      isDone: this.#isDone,
    };
  }
}

const NOTHING_SENT = { phase: "none", head: null } as const;
