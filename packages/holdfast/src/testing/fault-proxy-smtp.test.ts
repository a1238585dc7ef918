import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createTransport } from "nodemailer";
import { SMTPServer } from "smtp-server";
import { afterEach, describe, expect, test } from "vitest";
import { startFaultProxy, type FaultProxy, type FaultProxyOptions } from "./fault-proxy.ts";

const toClose: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const closable of toClose.splice(0).toReversed()) await closable.close();
});

interface MailServer {
  readonly port: number;
  /** Subjects of the messages that were accepted: after the final dot, before the 250. */
  readonly accepted: string[];
}

async function mailServer(): Promise<MailServer> {
  const accepted: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["AUTH", "STARTTLS"],
    disableReverseLookup: true,
    onData: (stream, _session, callback) => {
      let text = "";
      stream.on("data", (part: Buffer) => {
        text += part.toString("utf8");
      });
      stream.on("end", () => {
        accepted.push(/^Subject: (.*)$/m.exec(text)?.[1]?.trim() ?? "none");
        callback(null);
      });
    },
  });
  // A connection that a fault resets is an error of that connection, and expected here.
  server.on("error", () => undefined);
  const listener = server.listen(0, "127.0.0.1");
  await once(listener, "listening");
  toClose.push({ close: async () => new Promise<void>((resolve) => server.close(resolve)) });
  return { port: (listener.address() as AddressInfo).port, accepted };
}

async function proxyTo(port: number, options: Partial<FaultProxyOptions>): Promise<FaultProxy> {
  const proxy = await startFaultProxy({
    upstream: { host: "127.0.0.1", port },
    protocol: "smtp",
    seed: 1,
    faultRate: 1,
    settleMs: 1_000,
    ...options,
  });
  toClose.push(proxy);
  return proxy;
}

/** Sends one message; "sent", or the code of the error. */
async function send(port: number, subject: string): Promise<string> {
  const transport = createTransport({
    host: "127.0.0.1",
    port,
    secure: false,
    ignoreTLS: true,
    socketTimeout: 300,
  });
  try {
    // The body has a line that begins with a dot, and one that is only a dot: both are content.
    await transport.sendMail({
      from: "a@x.test",
      to: "b@x.test",
      subject,
      text: "one\n.\n..two\n",
    });
    return "sent";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  } finally {
    transport.close();
  }
}

function message(subject: string): { from: string; to: string; subject: string; text: string } {
  return { from: "a@x.test", to: "b@x.test", subject, text: "hello" };
}

describe("the fault proxy before a mail server", () => {
  test("passes mail unchanged without faults", async () => {
    const server = await mailServer();
    const proxy = await proxyTo(server.port, { faultRate: 0 });
    expect(await send(proxy.port, "one")).toBe("sent");
    expect(server.accepted).toEqual(["one"]);
    await expect
      .poll(() => proxy.counts)
      .toMatchObject({ connections: 1, decisions: 1, delivered: 1, passed: 1 });
  });

  test.each([
    ["refuse", /^E/, 0],
    ["reset-before", /^E/, 0],
    ["reset-after", /^E/, 1],
    ["swallow", /^ETIMEDOUT$/, 1],
    ["outage", /^E/, 0],
  ] as const)(
    "%s: the client fails with %s, the server has accepted %i",
    async (kind, code, accepted) => {
      const server = await mailServer();
      const proxy = await proxyTo(server.port, {
        mix: { [kind]: 1 },
        outageMs: { min: 10, max: 10 },
      });
      expect(await send(proxy.port, "one")).toMatch(code);
      await proxy.settled();
      expect(server.accepted).toHaveLength(accepted);
      expect(proxy.counts).toMatchObject({ delivered: accepted, passed: 0 });
      expect(proxy.counts.faults[kind]).toBe(1);
    },
  );

  test("a connection that sends no message is abandoned, and does not use up its fault", async () => {
    const server = await mailServer();
    const proxy = await proxyTo(server.port, { mix: { "reset-after": 1 } });
    const transport = createTransport({
      host: "127.0.0.1",
      port: proxy.port,
      secure: false,
      ignoreTLS: true,
    });
    expect(await transport.verify()).toBe(true);
    transport.close();
    await expect.poll(() => proxy.counts.abandoned).toBe(1);
    expect(proxy.counts.faults["reset-after"]).toBe(0);
  });

  test("each message of a pooled connection meets a decision of its own", async () => {
    const server = await mailServer();
    const proxy = await proxyTo(server.port, { faultRate: 0, mix: { "reset-after": 1 } });
    const pool = createTransport({
      host: "127.0.0.1",
      port: proxy.port,
      secure: false,
      ignoreTLS: true,
      pool: true,
      maxConnections: 1,
      maxRequeues: 0,
    });
    await pool.sendMail(message("one"));
    await pool.sendMail(message("two"));
    proxy.setRate(1);
    await expect(pool.sendMail(message("three"))).rejects.toThrow(/closed|reset|socket/i);
    pool.close();
    expect(server.accepted).toEqual(["one", "two", "three"]);
    expect(proxy.counts).toMatchObject({ decisions: 3, passed: 2, faults: { "reset-after": 1 } });
  });
});
