import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { startFaultProxy, type FaultProxy, type FaultProxyOptions } from "./fault-proxy.ts";

const toClose: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const closable of toClose.splice(0).toReversed()) await closable.close();
});

async function proxyTo(
  upstreamPort: number,
  options: Partial<FaultProxyOptions>,
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

interface Counterpart {
  readonly port: number;
  /** Bodies of the requests that were executed. */
  readonly executed: string[];
  close(): Promise<void>;
}

async function counterpart(): Promise<Counterpart> {
  const executed: string[] = [];
  const server = createServer((incoming, outgoing) => {
    let body = "";
    incoming.on("data", (part: Buffer) => {
      body += part.toString("utf8");
    });
    incoming.on("end", () => {
      executed.push(body);
      outgoing.writeHead(201).end("{}");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  toClose.push({ close });
  return { port: (server.address() as AddressInfo).port, executed, close };
}

/** The status of the answer, or the code of the error. */
async function post(port: number, body: string, agent?: Agent): Promise<string> {
  return new Promise((resolve) => {
    const outgoing = request({ host: "127.0.0.1", port, method: "POST", agent: agent ?? false });
    outgoing.on("error", (error) => {
      resolve("code" in error ? String(error.code) : error.message);
    });
    outgoing.on("response", (incoming) => {
      incoming.resume().on("end", () => {
        resolve(String(incoming.statusCode));
      });
    });
    outgoing.end(body);
  });
}

describe("the connections of a fault proxy", () => {
  test("each request of a kept-alive connection meets a decision of its own", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, { faultRate: 0.5, mix: { throttle: 1 } });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const outcomes: string[] = [];
    for (let count = 0; count < 20; count += 1) {
      outcomes.push(await post(proxy.port, String(count), agent));
    }
    agent.destroy();
    expect(new Set(outcomes)).toEqual(new Set(["201", "429"]));
    const throttled = outcomes.filter((outcome) => outcome === "429").length;
    expect(proxy.counts).toMatchObject({
      connections: 1,
      decisions: 20,
      faults: { throttle: throttled },
    });
    expect(server.executed).toHaveLength(20 - throttled);
  });

  test("a kept-alive connection is reset by refuse before the next request is read", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, { faultRate: 0, mix: { refuse: 1 } });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect(await post(proxy.port, "one", agent)).toBe("201");
    proxy.setRate(1);
    expect(await post(proxy.port, "two", agent)).toMatch(/^ECONN/);
    agent.destroy();
    expect(server.executed).toEqual(["one"]);
  });

  test("an outage resets idle kept-alive connections", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, { faultRate: 0 });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await post(proxy.port, "one", agent);
    const isOver = proxy.outage(500);
    expect(await post(proxy.port, "two", agent)).toMatch(/^ECONN/);
    await isOver;
    expect(await post(proxy.port, "three", agent)).toBe("201");
    agent.destroy();
    expect(server.executed).toEqual(["one", "three"]);
  });

  test("a client that leaves in the middle of its request has delivered nothing", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, { faultRate: 0 });
    const client = connect(proxy.port, "127.0.0.1");
    client.write("POST /charges HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
    await expect.poll(() => proxy.counts.connections).toBe(1);
    client.resetAndDestroy();
    await expect.poll(() => proxy.counts.abandoned).toBe(1);
    expect(proxy.counts.delivered).toBe(0);
    expect(server.executed).toEqual([]);
  });

  test("a counterpart that is down resets the client and is counted apart", async () => {
    const server = await counterpart();
    await server.close();
    const proxy = await proxyTo(server.port, { faultRate: 0 });
    expect(await post(proxy.port, "one")).toBe("ECONNRESET");
    expect(proxy.counts).toMatchObject({ upstreamLost: 1, delivered: 0 });
  });

  test("what is not HTTP is reset", async () => {
    const server = await counterpart();
    const proxy = await proxyTo(server.port, { faultRate: 0 });
    const client = connect(proxy.port, "127.0.0.1");
    client.on("error", () => client.destroy());
    client.write("GREETINGS\r\n\r\n");
    await new Promise<void>((resolve) =>
      client.once("close", () => {
        resolve();
      }),
    );
    expect(proxy.counts).toMatchObject({ abandoned: 1, delivered: 0 });
  });
});
