/**
 * T1 of the failure model: the ways in which a call over HTTP ends badly, against real servers that
 * know whether they did the work. What is claimed must not contradict what they know: no `never`
 * where it was done, no `surely` where it was not.
 */
import { describe, expect, test } from "vitest";
import {
  PHASES,
  type EffectProof,
  type Evidence,
  type FailureClass,
  type Phase,
} from "../../core/failure.ts";
import { DeadlinePassed, type Attempt } from "../../workflow/attempt.ts";
import { fakeAttempt } from "../fake-attempt.test-support.ts";
import {
  answer,
  executes,
  FaultServer,
  refusedUrl,
  type Behaviour,
} from "./fault-server.test-support.ts";
import { httpClient, type HttpCall } from "./http-client.ts";
import { HttpCallFailed } from "./http-failure.ts";
import type { HttpClientOptions } from "./http-options.ts";

const REPEATS = 12;
/** For timeouts that are the thing tested. */
const SOON_MS = 150;

interface Scenario {
  readonly name: string;
  readonly server: Behaviour;
  /** Speak this, whatever the server speaks. */
  readonly scheme?: "http" | "https";
  readonly client?: Partial<HttpClientOptions>;
  readonly call?: Partial<HttpCall>;
  /** Give up as soon as the call has got so far; `executed` as the server sees it. */
  readonly giveUp?: { readonly at: Phase | "executed"; readonly by: "deadline" | "caller" };
  readonly effects: readonly EffectProof[];
  readonly classes: readonly FailureClass[];
  readonly phases: readonly Evidence["phase"][];
}

const NEVER = { effects: ["never"] } as const;
const MAYBE = { effects: ["maybe"], phases: ["sent", "bodySent"] } as const;
const LOST = { effects: ["surely"], classes: ["transient"], phases: ["answered"] } as const;
const TRANSIENT = { classes: ["transient"] } as const;

const SCENARIOS: readonly Scenario[] = [
  {
    name: "reset at accept",
    server: { onConnection: (socket) => socket.resetAndDestroy() },
    // A race: undici may or may not have begun to send. Both claims are true.
    effects: ["never", "maybe"],
    classes: ["transient"],
    phases: ["created", "sent", "bodySent"],
  },
  {
    name: "closed at accept, request unread",
    server: { onConnection: (socket) => socket.end() },
    effects: ["never", "maybe"],
    classes: ["transient"],
    phases: ["created", "sent", "bodySent"],
  },
  {
    name: "executed, then closed",
    server: executes((socket) => socket.end()),
    ...MAYBE,
    ...TRANSIENT,
  },
  {
    name: "read, then closed unexecuted: the same error",
    server: { onRequest: ({ socket }) => socket.end() },
    ...MAYBE,
    ...TRANSIENT,
  },
  {
    name: "executed, then reset",
    server: executes((socket) => socket.resetAndDestroy()),
    ...MAYBE,
    ...TRANSIENT,
  },
  {
    name: "executed, no answer within the head's timeout",
    server: executes(),
    client: { headersTimeoutMs: SOON_MS },
    ...MAYBE,
    ...TRANSIENT,
  },
  {
    name: "executed, no answer before the attempt's deadline",
    server: executes(),
    giveUp: { at: "executed", by: "deadline" },
    ...MAYBE,
    ...TRANSIENT,
  },
  {
    name: "never read, deadline passed",
    server: { onConnection: (socket) => socket.pause() },
    giveUp: { at: "sent", by: "deadline" },
    ...MAYBE,
    ...TRANSIENT,
  },
  {
    name: "executed, caller aborts",
    server: executes(),
    giveUp: { at: "executed", by: "caller" },
    ...MAYBE,
    classes: ["cancelled"],
  },
  {
    name: "executed, 200 head, then reset",
    server: executes((socket) =>
      socket.write(answer(200, '{"id":', "", 100), () => socket.resetAndDestroy()),
    ),
    // The reset may overtake the head.
    effects: ["surely", "maybe"],
    classes: ["transient"],
    phases: ["answered", "sent", "bodySent"],
  },
  {
    name: "executed, 200 head, then closed",
    server: executes((socket) => socket.end(answer(200, '{"id":', "", 100))),
    ...LOST,
  },
  {
    name: "executed, 200 head, then silence",
    server: executes((socket) => socket.write(answer(200, '{"id":', "", 100))),
    client: { bodyTimeoutMs: SOON_MS },
    ...LOST,
  },
  {
    name: "executed, 200 head, then the deadline",
    server: executes((socket) => socket.write(answer(200, '{"id":', "", 100))),
    giveUp: { at: "answered", by: "deadline" },
    ...LOST,
  },
  {
    name: "executed, 201 with a body that is no JSON",
    server: executes((socket) => socket.write(answer(201, "<html>ok</html>"))),
    effects: ["surely"],
    classes: ["defect"],
    phases: ["answered"],
  },
  {
    name: "executed, 200 with more than may be read",
    server: executes((socket) => socket.write(answer(200, `"${"x".repeat(2_000)}"`))),
    client: { responseBytesMax: 1_000 },
    effects: ["surely"],
    classes: ["defect"],
    phases: ["answered"],
  },
  {
    name: "executed, an answer that is no HTTP",
    server: executes((socket) => socket.end("SSH-2.0-OpenSSH\r\n\r\n")),
    ...MAYBE,
    ...TRANSIENT,
  },
  {
    name: "executed, early hints, then closed: hints are no answer",
    server: executes((socket) => socket.end("HTTP/1.1 103 Early Hints\r\n\r\n")),
    ...MAYBE,
    ...TRANSIENT,
  },
  {
    name: "large body, reset in the middle",
    server: { onBytes: (socket) => socket.resetAndDestroy() },
    call: { body: Buffer.alloc(4_000_000) },
    ...MAYBE,
    ...TRANSIENT,
  },
  {
    name: "large body, refused early with 413",
    server: { onBytes: (socket) => socket.end(answer(413, "", "connection: close\r\n")) },
    call: { body: Buffer.alloc(4_000_000) },
    // The answer may be lost when the rest of the body meets a closed socket.
    effects: ["never", "maybe"],
    classes: ["data", "transient"],
    phases: ["answered", "sent", "bodySent"],
  },
  {
    name: "executed, 500",
    server: executes((socket) => socket.write(answer(500, ""))),
    effects: ["maybe"],
    classes: ["transient"],
    phases: ["answered"],
  },
  {
    name: "executed by the origin, 503 of a proxy",
    server: executes((socket) => socket.write(answer(503, ""))),
    effects: ["maybe"],
    classes: ["unavailable"],
    phases: ["answered"],
  },
  {
    name: "self-signed certificate",
    server: { tls: true, ...executes() },
    ...NEVER,
    classes: ["misconfigured"],
    phases: ["created"],
  },
  {
    name: "TLS to a port that speaks HTTP",
    server: { onBytes: (socket) => socket.end(answer(400, "")) },
    scheme: "https",
    ...NEVER,
    classes: ["misconfigured"],
    phases: ["created"],
  },
  {
    name: "reset during the TLS handshake: the code of an executed call",
    server: { onBytes: (socket) => socket.resetAndDestroy() },
    scheme: "https",
    ...NEVER,
    ...TRANSIENT,
    phases: ["created"],
  },
  {
    name: "TLS handshake never answered",
    server: { onConnection: (socket) => socket.pause() },
    scheme: "https",
    client: { connectTimeoutMs: SOON_MS },
    ...NEVER,
    classes: ["transient", "unavailable"],
    phases: ["created"],
  },
  {
    name: "deadline while connecting",
    server: { onConnection: (socket) => socket.pause() },
    scheme: "https",
    giveUp: { at: "created", by: "deadline" },
    ...NEVER,
    ...TRANSIENT,
    phases: ["created"],
  },
  {
    name: "HTTP to a port that speaks TLS",
    server: { tls: true, ...executes() },
    scheme: "http",
    effects: ["maybe"],
    classes: ["transient", "defect"],
    phases: ["sent", "bodySent"],
  },
];

describe("a call that ends badly claims nothing that the server knows better", () => {
  test.each(SCENARIOS)("$name", async (scenario) => {
    const server = await FaultServer.start(scenario.server);
    const client = httpClient({ baseUrl: server.url(scenario.scheme), ...scenario.client });
    const ends = await Promise.all(
      Array.from({ length: REPEATS }, async (_, index) => {
        const key = `key-${String(index)}`;
        const failure = await failed(
          client.request(attemptOf(key, scenario, server), {
            method: "POST",
            path: "/orders",
            ...(scenario.call?.body === undefined ? { json: { index } } : {}),
            ...scenario.call,
          }),
        );
        return { key, failure };
      }),
    );
    await client.close();
    await server.close();
    const claims = ends.map(({ key, failure }) => ({
      said: failure.message,
      effect: failure.table?.says.effect,
      class: failure.table?.says.class,
      phase: failure.evidence.phase,
      callCount: failure.evidence.callCount,
      wasExecuted: server.executed.has(key),
      arrivals: server.arrivals.get(key) ?? 0,
    }));
    expect(claims.filter((claim) => claim.effect === "never" && claim.wasExecuted)).toEqual([]);
    expect(claims.filter((claim) => claim.effect === "surely" && !claim.wasExecuted)).toEqual([]);
    // One retry layer: the engine's. Nothing below it sends a second time.
    expect(claims.filter((claim) => claim.arrivals > 1 || claim.callCount !== 1)).toEqual([]);
    expect(claims.filter((claim) => !isExpected(scenario, claim))).toEqual([]);
  });
});

describe("a call that did not leave", () => {
  test("is proved never to have happened where the port is closed", async () => {
    const client = httpClient({ baseUrl: await refusedUrl() });
    const failure = await failed(client.request(fakeAttempt(), { method: "POST", path: "/" }));
    expect(failure.table?.says).toMatchObject({ effect: "never", class: "unavailable" });
    expect(failure.evidence).toMatchObject({ phase: "created", code: "ECONNREFUSED" });
  });

  test("is proved never to have happened where the name does not resolve", async () => {
    const client = httpClient({ baseUrl: "http://no-such-host.invalid" });
    const failure = await failed(client.request(fakeAttempt(), { method: "POST", path: "/" }));
    expect(failure.table?.says.effect).toBe("never");
    expect(["ENOTFOUND", "EAI_AGAIN"]).toContain(failure.evidence.code);
  });

  test("is proved never to have happened where the signal was aborted before", async () => {
    const server = await FaultServer.start(executes());
    const client = httpClient({ baseUrl: server.url() });
    const attempt = fakeAttempt({ signal: AbortSignal.abort(new Error("the run was cancelled")) });
    const failure = await failed(client.request(attempt, { method: "POST", path: "/" }));
    expect(failure.table?.says).toMatchObject({ effect: "never", class: "cancelled" });
    expect(failure.evidence).toMatchObject({ phase: "none", callCount: 0 });
    await client.close();
    await server.close();
    expect(server.arrivals.size).toBe(0);
  });

  test("proves nothing if the attempt made another call", async () => {
    const server = await FaultServer.start({
      onRequest: ({ socket }) => socket.write(answer(200, "{}")),
    });
    const attempt = fakeAttempt();
    const other = httpClient({ baseUrl: server.url() });
    await other.request(attempt, { method: "POST", path: "/" });
    const client = httpClient({ baseUrl: await refusedUrl() });
    const failure = await failed(client.request(attempt, { method: "POST", path: "/" }));
    expect(failure.evidence).toMatchObject({ phase: "created", callCount: 2 });
    expect(failure.table?.says.effect).toBe("maybe");
    await other.close();
    await server.close();
  });
});

test("a connection dropped between two requests leaves the second one unproved", async () => {
  for (const isExecuted of [true, false]) {
    let requests = 0;
    const server = await FaultServer.start({
      onRequest: ({ execute, socket }) => {
        requests += 1;
        if (requests === 1) {
          socket.write(answer(200, "{}"));
          return;
        }
        if (isExecuted) execute();
        socket.resetAndDestroy();
      },
    });
    const client = httpClient({ baseUrl: server.url() });
    await client.request(fakeAttempt({ key: "first" }), { method: "POST", path: "/" });
    const second = client.request(fakeAttempt({ key: "second" }), { method: "PUT", path: "/" });
    expect((await failed(second)).table?.says).toMatchObject({
      effect: "maybe",
      class: "transient",
    });
    await client.close();
    await server.close();
    expect(server.arrivals.get("second")).toBe(1);
  }
});

function isExpected(
  { effects, classes, phases }: Scenario,
  claim: { readonly effect: unknown; readonly class: unknown; readonly phase: unknown },
): boolean {
  const known: readonly unknown[][] = [[...effects], [...classes], [...phases]];
  return [claim.effect, claim.class, claim.phase].every((said, at) => known[at]?.includes(said));
}

async function failed(call: Promise<unknown>): Promise<HttpCallFailed> {
  const error = await call.then(
    () => new Error("the call succeeded"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof HttpCallFailed)) throw error;
  return error;
}

function attemptOf(key: string, { giveUp }: Scenario, server: FaultServer): Attempt {
  if (giveUp === undefined) return fakeAttempt({ key });
  const controller = new AbortController();
  const attempt = fakeAttempt({ key, signal: controller.signal });
  const until = setInterval(() => {
    const isThere =
      giveUp.at === "executed"
        ? server.executed.has(key)
        : PHASES.indexOf(attempt.calls.phase) >= PHASES.indexOf(giveUp.at);
    if (!isThere) return;
    clearInterval(until);
    controller.abort(
      giveUp.by === "deadline" ? new DeadlinePassed("no time left") : new Error("run cancelled"),
    );
  }, 5);
  return attempt;
}
