import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { FaultCounts } from "./fault-context.ts";
import { FAULT_KINDS } from "./fault-plan.ts";
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

function accountedFor(counts: FaultCounts): number {
  const faults = FAULT_KINDS.reduce((sum, kind) => sum + counts.faults[kind], 0);
  return faults + counts.passed + counts.abandoned + counts.upstreamLost + counts.lateDropped;
}

/** A server that executes each piece it is sent and answers `done`. */
async function echo(): Promise<{ readonly port: number; readonly executed: string[] }> {
  const executed: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes: Buffer) => {
      executed.push(bytes.toString("utf8"));
      socket.write("done");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  toClose.push({ close: async () => new Promise((resolve) => server.close(resolve)) });
  return { port, executed };
}

/** Sends one piece; what came back, and how it ended. The client gives up after `patienceMs`. */
async function send(
  port: number,
  patienceMs: number,
): Promise<{ readonly got: string; readonly code: string }> {
  const client = connect(port, "127.0.0.1");
  let got = "";
  let code = "none";
  client.on("data", (bytes: Buffer) => {
    got += bytes.toString("utf8");
    if (got === "done") client.destroy();
  });
  client.on("error", (error) => {
    code = "code" in error ? String(error.code) : error.message;
    client.destroy();
  });
  const patience = setTimeout(() => {
    code = "gave up";
    client.destroy();
  }, patienceMs);
  client.write("work");
  await new Promise<void>((resolve) =>
    client.once("close", () => {
      resolve();
    }),
  );
  clearTimeout(patience);
  return { got, code };
}

/** A client on Node 22 that gets bytes and a reset at once is told of an end. */
const CUT_CODE = process.versions.node.startsWith("22.") ? "none" : "ECONNRESET";

describe("plain TCP", () => {
  test.each([
    ["refuse", { got: "", code: "ECONNRESET" }, 0],
    ["reset-before", { got: "", code: "ECONNRESET" }, 0],
    ["reset-after", { got: "", code: "ECONNRESET" }, 1],
    ["swallow", { got: "", code: "gave up" }, 1],
    ["late", { got: "", code: "gave up" }, 1],
    ["cut", { got: "do", code: CUT_CODE }, 1],
  ] as const)("%s", async (kind, seen, executions) => {
    const server = await echo();
    const proxy = await proxyTo(server.port, { mix: { [kind]: 1 }, protocol: "tcp" });
    expect(await send(proxy.port, 80)).toEqual(seen);
    await proxy.settled();
    expect(server.executed).toHaveLength(executions);
    await expect.poll(() => accountedFor(proxy.counts)).toBe(1);
    expect(proxy.counts.faults[kind]).toBe(1);
    expect(proxy.counts.delivered).toBe(executions);
  });

  test("passes a connection without a fault in both directions", async () => {
    const server = await echo();
    const proxy = await proxyTo(server.port, { faultRate: 0, protocol: "tcp" });
    expect(await send(proxy.port, 5_000)).toEqual({ got: "done", code: "none" });
    expect(proxy.counts.passed).toBe(1);
  });

  test("a client that leaves while the counterpart is at work does not disturb it", async () => {
    const answers: (() => void)[] = [];
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.on("data", () => answers.push(() => socket.write("done")));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    toClose.push({ close: async () => new Promise((resolve) => server.close(resolve)) });
    const { port } = server.address() as AddressInfo;
    const proxy = await proxyTo(port, { mix: { "reset-after": 1 }, protocol: "tcp" });
    const client = connect(proxy.port, "127.0.0.1");
    client.write("work");
    await expect.poll(() => answers.length).toBe(1);
    client.destroy();
    await once(client, "close");
    // Once a later connection has been passed on, the proxy has seen that the first one is gone.
    const later = connect(proxy.port, "127.0.0.1");
    later.on("error", () => later.destroy());
    later.write("work");
    await expect.poll(() => answers.length).toBe(2);
    for (const answer of answers) answer();
    await expect.poll(() => proxy.counts.faults["reset-after"]).toBe(2);
    expect(proxy.counts).toMatchObject({ delivered: 2, upstreamLost: 0 });
  });
});
