/** Names, addresses, TLS: ends without an answer, from real resolvers, sockets and handshakes. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { createServer, type AddressInfo, type Server } from "node:net";
import { createSecureContext, createServer as createTlsServer } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import type { FailureClass } from "../../core/failure.ts";
import { fakeAttempt } from "../fake-attempt.test-support.ts";
import { answer, executes, FaultServer, refusedUrl } from "../http/fault-server.test-support.ts";
import { httpClient } from "../http/http-client.ts";
import type { HttpClientOptions } from "../http/http-options.ts";
import { LOOPBACK_CERTIFICATE, LOOPBACK_KEY } from "../loopback-certificate.test-support.ts";
import { expectFailure, failureOf, thrownBy } from "./produced.test-support.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  closing.push(() => new Promise((resolve) => server.close(() => resolve())));
  // The cast is true: it listens on a TCP port.
  return (server.address() as AddressInfo).port;
}

async function postTo(baseUrl: string, options: Partial<HttpClientOptions> = {}) {
  const client = httpClient({ baseUrl, ...options });
  const call = { method: "POST", path: "/", json: {} } as const;
  return failureOf(await thrownBy(client.request(fakeAttempt(), call)));
}

/** A name server that answers each question with this code, or not at all. */
async function nameServer(rcode: number | null): Promise<Resolver> {
  const socket: Socket = createSocket("udp4");
  socket.on("message", (question: Buffer, { port, address }: RemoteInfo) => {
    if (rcode === null) return;
    const reply = Buffer.from(question);
    // An answer, recursion available, and its code. Source: RFC 1035 4.1.1.
    reply[2] = 0x81;
    reply[3] = 0x80 | rcode;
    socket.send(reply, port, address);
  });
  await new Promise<void>((resolve) => {
    socket.bind(0, "127.0.0.1", resolve);
  });
  closing.push(() => new Promise((resolve) => socket.close(() => resolve())));
  const resolver = new Resolver({ timeout: 50, tries: 1 });
  resolver.setServers([`127.0.0.1:${String(socket.address().port)}`]);
  return resolver;
}

describe("a name that is not resolved", () => {
  // The call's own connector resolves by the system; this is the resolver that other clients use.
  test.each([
    ["NXDOMAIN", 3, "node/host-unknown", "misconfigured"],
    ["an empty answer", 0, "node/host-unknown", "misconfigured"],
    ["SERVFAIL", 2, "node/resolver-down", "unavailable"],
    ["silence", null, "node/resolver-down", "unavailable"],
  ] as const)("because of %s", async (_why, rcode, rule, failureClass) => {
    const resolver = await nameServer(rcode);
    const error = await thrownBy(resolver.resolve4("shop.example"));
    const failure = failureOf(error, { phase: "created", callCount: 1 });
    expectFailure(failure, rule, failureClass, "never");
  });
});

describe("a connection that is not made", () => {
  test("because nobody listens", async () => {
    const failure = await postTo(await refusedUrl());
    expectFailure(failure, "node/refused", "unavailable", "never");
  });

  test("because the handshake is cut off", async () => {
    const port = await listening(createServer((socket) => socket.resetAndDestroy()));
    const failure = await postTo(`https://127.0.0.1:${String(port)}`);
    expectFailure(failure, "node/connection-lost", "transient", "never");
  });

  test("because our own certificate cannot be read", async () => {
    const failure = failureOf(
      await thrownBy(
        new Promise((_resolve, reject) => {
          try {
            createSecureContext({ cert: "no certificate" });
          } catch (error) {
            reject(error);
          }
        }),
      ),
      { phase: "created", callCount: 1 },
    );
    expectFailure(failure, "node/own-key", "misconfigured", "never");
  });

  test("because the other side does not speak TLS", async () => {
    const server = await FaultServer.start({ onBytes: (socket) => socket.end(answer(400, "")) });
    closing.push(() => server.close());
    const failure = await postTo(server.url("https"));
    expectFailure(failure, "node/tls", "misconfigured", "never");
  });
});

describe("a certificate that is refused", () => {
  const cases: readonly (readonly [string, string, Partial<HttpClientOptions>])[] = [
    ["because nobody vouches for it", "127.0.0.1", {}],
    ["because it is another host's", "127.0.0.2", { tls: { ca: LOOPBACK_CERTIFICATE } }],
  ];

  test.each(cases)("%s", async (_why, host, options) => {
    const server = createTlsServer({ key: LOOPBACK_KEY, cert: LOOPBACK_CERTIFICATE });
    server.on("tlsClientError", () => undefined);
    await new Promise<void>((resolve) => {
      server.listen(0, host, resolve);
    });
    closing.push(() => new Promise((resolve) => server.close(() => resolve())));
    // The cast is true: it listens on a TCP port.
    const { port } = server.address() as AddressInfo;
    const failure = await postTo(`https://${host}:${String(port)}`, options);
    expectFailure(failure, "node/certificate", "misconfigured", "never");
  });
});

/** What a server does once it has executed, and what is made of it. */
const LOST: readonly (readonly [string, Partial<HttpClientOptions>, FailureClass])[] = [
  ["node/connection-lost", {}, "transient"],
  ["node/no-answer", { headersTimeoutMs: 100 }, "transient"],
];

test.each(LOST)("%s: executed, and no answer", async (rule, options, failureClass) => {
  const isSilent = options.headersTimeoutMs !== undefined;
  const server = await FaultServer.start(
    executes((socket) => (isSilent ? undefined : socket.resetAndDestroy())),
  );
  closing.push(() => server.close());
  expectFailure(await postTo(server.url(), options), rule, failureClass, "maybe");
  expect(server.executed.size).toBe(1);
});

test("an answer that is no HTTP", async () => {
  const server = await FaultServer.start(executes((socket) => socket.end("garbage\r\n\r\n")));
  closing.push(() => server.close());
  expectFailure(await postTo(server.url()), "node/answer-malformed", "transient", "maybe");
});

test("an answer that breaks off after its head was done", async () => {
  const server = await FaultServer.start(
    executes((socket) => socket.end(answer(200, "{}", "", 100))),
  );
  closing.push(() => server.close());
  const failure = await postTo(server.url());
  expect(failure.effect).toBe("surely");
});
