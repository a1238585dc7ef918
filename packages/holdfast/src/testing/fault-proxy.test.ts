import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, request, Agent, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../engine/clock.ts";
import type { FaultCounts } from "./fault-context.ts";
import { FAULT_KINDS, type FaultKind } from "./fault-plan.ts";
import { startFaultProxy, type FaultProxy, type FaultProxyOptions } from "./fault-proxy.ts";

const ANSWER = JSON.stringify({ chargeId: "ch_1", note: "x".repeat(200) });

interface Counterpart {
  readonly port: number;
  /** Bodies of the requests that were executed, in order. */
  readonly executed: string[];
  readonly executedAtMs: number[];
  close(): Promise<void>;
}

const toClose: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const closable of toClose.splice(0).toReversed()) await closable.close();
});

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** A real server that counts what it executes and answers 201 with JSON. */
async function counterpart(
  answer: (request: IncomingMessage) => {
    readonly chunked?: boolean;
    readonly body: string;
  } = () => ({ body: ANSWER }),
): Promise<Counterpart> {
  const executed: string[] = [];
  const executedAtMs: number[] = [];
  const server = createServer((incoming, outgoing) => {
    const parts: Buffer[] = [];
    incoming.on("data", (part: Buffer) => parts.push(part));
    incoming.on("end", () => {
      executed.push(Buffer.concat(parts).toString("utf8"));
      executedAtMs.push(performance.now());
      const { body, chunked = false } = answer(incoming);
      outgoing.writeHead(201, {
        "content-type": "application/json",
        ...(chunked ? {} : { "content-length": String(Buffer.byteLength(body)) }),
      });
      if (chunked) outgoing.write(body.slice(0, 5));
      outgoing.end(chunked ? body.slice(5) : body);
    });
  });
  const port = await listening(server);
  const made = {
    port,
    executed,
    executedAtMs,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  toClose.push(made);
  return made;
}

async function proxyTo(
  upstreamPort: number,
  options: Partial<FaultProxyOptions> = {},
): Promise<FaultProxy> {
  const proxy = await startFaultProxy({
    upstream: { host: "127.0.0.1", port: upstreamPort },
    seed: 1,
    faultRate: 1,
    settleMs: 1_000,
    ...options,
  });
  toClose.push(proxy);
  return proxy;
}

type Outcome =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly headers: IncomingMessage["headers"];
      readonly body: string;
    }
  | { readonly kind: "cut"; readonly status: number; readonly code: string; readonly bytes: number }
  | { readonly kind: "failed"; readonly code: string };

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

/** One POST with node:http, on a connection of its own unless an agent is given. */
/** Whether a request is on its way or held back: then `settled` has not resolved a turn later. */
async function holdsOne(proxy: FaultProxy): Promise<boolean> {
  let isSettled = false;
  void proxy.settled().then(() => {
    isSettled = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return !isSettled;
}

async function post(
  port: number,
  body: string,
  options: {
    readonly timeoutMs?: number;
    readonly agent?: Agent;
    readonly headers?: Record<string, string>;
  } = {},
): Promise<Outcome> {
  const signal = AbortSignal.timeout(options.timeoutMs ?? 5_000);
  return new Promise((resolve) => {
    const outgoing = request({
      host: "127.0.0.1",
      port,
      method: "POST",
      path: "/charges",
      agent: options.agent ?? false,
      headers: options.headers ?? { "content-length": String(Buffer.byteLength(body)) },
      signal,
    });
    let hasHead = false;
    outgoing.on("error", (error) => {
      // After the head, the error is told to the answer as well, which knows how much has come.
      if (!hasHead) resolve({ kind: "failed", code: codeOf(error) });
    });
    outgoing.on("response", (incoming) => {
      hasHead = true;
      const parts: Buffer[] = [];
      incoming.on("data", (part: Buffer) => parts.push(part));
      incoming.on("error", (error) => {
        const bytes = Buffer.concat(parts).length;
        resolve({ kind: "cut", status: incoming.statusCode ?? 0, code: codeOf(error), bytes });
      });
      incoming.on("end", () => {
        const text = Buffer.concat(parts).toString("utf8");
        resolve({
          kind: "answered",
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: text,
        });
      });
    });
    outgoing.end(body);
  });
}

function only(kind: FaultKind): Partial<FaultProxyOptions> {
  return { mix: { [kind]: 1 }, breakContract: kind === "too-late" };
}

function accountedFor(counts: FaultCounts): number {
  const faults = FAULT_KINDS.reduce((sum, kind) => sum + counts.faults[kind], 0);
  return faults + counts.passed + counts.abandoned + counts.upstreamLost + counts.lateDropped;
}

describe("what each fault does to the server and to the client", () => {
  test("without faults, requests and answers pass unchanged, chunked bodies included", async () => {
    const server = await counterpart(() => ({ chunked: true, body: ANSWER }));
    const proxy = await proxyTo(server.port, { faultRate: 0 });
    const headers = { "transfer-encoding": "chunked" };
    expect(await post(proxy.port, "one", { headers })).toMatchObject({
      kind: "answered",
      status: 201,
      body: ANSWER,
    });
    expect(server.executed).toEqual(["one"]);
    expect(proxy.counts).toMatchObject({ connections: 1, decisions: 1, delivered: 1, passed: 1 });
  });

  test("refuse resets the connection and the server never sees the request", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, only("refuse"));
    expect(await post(proxy.port, "one")).toEqual({ kind: "failed", code: "ECONNRESET" });
    expect(server.executed).toEqual([]);
    expect(proxy.counts.faults.refuse).toBe(1);
  });

  test("reset-before takes the request and does not deliver it", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, only("reset-before"));
    expect(await post(proxy.port, "one")).toEqual({ kind: "failed", code: "ECONNRESET" });
    expect(server.executed).toEqual([]);
    expect(proxy.counts).toMatchObject({ delivered: 0, faults: { "reset-before": 1 } });
  });

  test("reset-after looks the same to the client, but the server has executed", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, only("reset-after"));
    expect(await post(proxy.port, "one")).toEqual({ kind: "failed", code: "ECONNRESET" });
    expect(server.executed).toEqual(["one"]);
    expect(proxy.counts).toMatchObject({ delivered: 1, passed: 0, faults: { "reset-after": 1 } });
  });

  test("swallow leaves the client hanging until it gives up; the server has executed", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, only("swallow"));
    expect(await post(proxy.port, "one", { timeoutMs: 150 })).toEqual({
      kind: "failed",
      code: "ABORT_ERR",
    });
    expect(server.executed).toEqual(["one"]);
  });

  test("swallow resets a client that does not give up, at the bound", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, { ...only("swallow"), hangMsMax: 50 });
    expect(await post(proxy.port, "one")).toEqual({ kind: "failed", code: "ECONNRESET" });
  });

  test("late delivers within 0.6 of the settle time although the client has gone", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, only("late"));
    const sentAtMs = performance.now();
    expect(await post(proxy.port, "one", { timeoutMs: 50 })).toEqual({
      kind: "failed",
      code: "ABORT_ERR",
    });
    expect(server.executed).toEqual([]);
    await proxy.settled();
    expect(server.executed).toEqual(["one"]);
    const lateMs = (server.executedAtMs[0] ?? 0) - sentAtMs;
    expect(lateMs).toBeGreaterThan(0.3 * 1_000 - 5);
    expect(lateMs).toBeLessThan(1_000);
    expect(proxy.counts.faults.late).toBe(1);
  });

  test("too-late delivers after the settle time, and only where the contract may be broken", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, { ...only("too-late"), settleMs: 100 });
    const sentAtMs = performance.now();
    await post(proxy.port, "one", { timeoutMs: 20 });
    await proxy.settled();
    expect(server.executed).toEqual(["one"]);
    expect((server.executedAtMs[0] ?? 0) - sentAtMs).toBeGreaterThan(145);
    await expect(proxyTo(server.port, { mix: { "too-late": 1 } })).rejects.toThrow(/breakContract/);
  });

  test("throttle answers 429 with Retry-After in both forms and delivers nothing", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, only("throttle"));
    const forms: string[] = [];
    for (let count = 0; count < 12; count += 1) {
      const outcome = await post(proxy.port, "one");
      if (outcome.kind !== "answered") throw new Error(`expected an answer, got ${outcome.kind}`);
      expect(outcome.status).toBe(429);
      forms.push(outcome.headers["retry-after"] ?? "none");
    }
    const dates = forms.filter((form) => form !== "1");
    expect(dates.length).toBeGreaterThan(0);
    expect(dates.length).toBeLessThan(12);
    for (const date of dates) {
      const inMs = Date.parse(date) - systemClock.nowMs();
      expect(inMs).toBeGreaterThan(-1_000);
      expect(inMs).toBeLessThanOrEqual(2_000);
    }
    expect(server.executed).toEqual([]);
    expect(proxy.counts).toMatchObject({ delivered: 0, faults: { throttle: 12 } });
  });

  test("malformed keeps the status and spoils the JSON; the server has executed", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, only("malformed"));
    const bodies = new Set<string>();
    for (let count = 0; count < 10; count += 1) {
      const outcome = await post(proxy.port, "one");
      if (outcome.kind !== "answered") throw new Error(`expected an answer, got ${outcome.kind}`);
      expect(outcome.status).toBe(201);
      expect(() => JSON.parse(outcome.body) as unknown).toThrow(SyntaxError);
      bodies.add(outcome.body.slice(0, 5));
    }
    expect([...bodies].toSorted()).toEqual(["<html", ANSWER.slice(0, 5)]);
    expect(server.executed).toHaveLength(10);
  });

  test("cut passes the head and a part of the body, then resets; the server has executed", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, only("cut"));
    const outcome = await post(proxy.port, "one");
    expect(outcome).toMatchObject({ kind: "cut", status: 201, code: "ECONNRESET" });
    expect(outcome.kind === "cut" && outcome.bytes).toBe(Math.floor(ANSWER.length / 2));
    expect(server.executed).toEqual(["one"]);
  });

  test("cut of an answer without a body is a reset in its head", async () => {
    const server = await counterpart(() => ({ body: "" }));
    const proxy = await proxyTo(server.port, only("cut"));
    expect(await post(proxy.port, "one")).toMatchObject({ kind: "failed" });
    expect(server.executed).toEqual(["one"]);
  });

  test("an outage of the plan refuses connects, then the same port works again", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, {
      ...only("outage"),
      outageMs: { min: 600, max: 600 },
    });
    expect(await post(proxy.port, "one")).toEqual({ kind: "failed", code: "ECONNRESET" });
    proxy.setRate(0);
    expect(await post(proxy.port, "two")).toEqual({ kind: "failed", code: "ECONNREFUSED" });
    await proxy.outage(1);
    expect(await post(proxy.port, "three")).toMatchObject({ kind: "answered" });
    expect(server.executed).toEqual(["three"]);
    expect(proxy.counts.faults.outage).toBe(1);
  });
});

describe("the plan as a whole", () => {
  test("the same seed does the same to the same requests; another seed does not", async () => {
    const server = await counterpart();
    const run = async (seed: number): Promise<string[]> => {
      const fired: string[] = [];
      const proxy = await proxyTo(server.port, {
        seed,
        faultRate: 0.5,
        mix: { refuse: 1, "reset-before": 1, "reset-after": 1, throttle: 1, malformed: 1 },
        onFault: (fault) => fired.push(`${String(fault.index)} ${fault.kind}`),
      });
      for (let count = 0; count < 40; count += 1) await post(proxy.port, "x");
      return fired;
    };
    const [first, again, other] = [await run(7), await run(7), await run(8)];
    expect(first.length).toBeGreaterThan(8);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  test("the counts add up, and delivered is what the server has executed", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, {
      faultRate: 0.7,
      settleMs: 200,
      outageMs: { min: 20, max: 40 },
    });
    await Promise.all(
      Array.from({ length: 120 }, async (_, index) =>
        post(proxy.port, String(index), { timeoutMs: 300 }),
      ),
    );
    // Some clients have given up before the proxy has looked at them.
    await expect.poll(() => proxy.counts.decisions).toBe(120);
    await proxy.settled();
    await expect.poll(() => accountedFor(proxy.counts)).toBe(120);
    const { counts } = proxy;
    expect(counts.delivered).toBe(server.executed.length);
    expect(new Set(server.executed).size).toBe(server.executed.length);
    expect(counts.passed).toBeGreaterThan(0);
    expect(counts.upstreamLost).toBe(0);
  });

  test("close drops late requests, and says so", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, { ...only("late"), settleMs: 600_000 });
    const posted = post(proxy.port, "one");
    // Held, and not given up before that by a client that the machine has let wait.
    while (!(await holdsOne(proxy)));
    await proxy.close();
    await proxy.settled();
    expect(proxy.counts).toMatchObject({ lateDropped: 1, delivered: 0, faults: { late: 0 } });
    expect(server.executed).toEqual([]);
    expect(await posted).toMatchObject({ kind: "failed" });
  });

  test("close leaves no handle: a process with hanging, late and refused connections ends by itself", async () => {
    const script = `
      import { createServer } from "node:http";
      import { connect } from "node:net";
      import { once } from "node:events";
      import { startFaultProxy } from ${JSON.stringify(new URL("fault-proxy.ts", import.meta.url).href)};
      const server = createServer((request, response) => request.resume().on("end", () => response.end("{}")));
      await once(server.listen(0, "127.0.0.1"), "listening");
      let fired = 0;
      const proxy = await startFaultProxy({
        upstream: { host: "127.0.0.1", port: server.address().port }, seed: 3, faultRate: 0.8, settleMs: 600_000,
        mix: { swallow: 1, late: 1, refuse: 1 }, onFault: () => { fired += 1; },
      });
      const clients = Array.from({ length: 30 }, () => connect(proxy.port, "127.0.0.1"));
      for (const client of clients) {
        client.resume().on("error", () => client.destroy());
        client.write("GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n");
      }
      while (proxy.counts.decisions < 30 || fired < 8) await new Promise((resolve) => setImmediate(resolve));
      // Half of them give up, as clients with a timeout do; the proxy ends its side of those by itself.
      await Promise.all(clients.slice(0, 15).map((client) => new Promise((resolve) => {
        if (client.closed) resolve();
        else client.once("close", resolve).end();
      })));
      void proxy.outage(600_000);
      await proxy.close();
      server.closeAllConnections();
      server.close();
      process.stdout.write("closed");
    `;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let printed = "";
    child.stdout.on("data", (part: Buffer) => {
      printed += part.toString("utf8");
    });
    const guard = setTimeout(() => child.kill("SIGKILL"), 8_000);
    const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
    clearTimeout(guard);
    expect({ printed, code, signal }).toEqual({ printed: "closed", code: 0, signal: null });
  }, 15_000);

  test.each([
    [{ faultRate: 1.2 }, /fault rate from 0 to 1, got 1.2/],
    [{ faultRate: Number.NaN }, /fault rate from 0 to 1, got NaN/],
    [{ settleMs: 0 }, /settle time above 0 ms, got 0/],
    [{ mix: {} }, /at least one fault kind/],
    [{ mix: { cut: -1 } }, /weight of at least 0 for cut, got -1/],
    [
      { protocol: "smtp" as const, mix: { throttle: 1 } },
      /throttle means nothing for protocol smtp/,
    ],
  ])("refuses options that cannot be meant: %j", async (options, message) => {
    await expect(proxyTo(1, options)).rejects.toThrow(message);
  });
});
