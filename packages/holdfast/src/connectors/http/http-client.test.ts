import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { currentAttempt } from "../../workflow/attempt.ts";
import { fakeAttempt } from "../fake-attempt.test-support.ts";
import { LOOPBACK_CERTIFICATE } from "../loopback-certificate.test-support.ts";
import { answer, FaultServer } from "./fault-server.test-support.ts";
import { httpClient, type HttpClient } from "./http-client.ts";
import { HttpCallFailed } from "./http-failure.ts";
import type { HttpClientOptions } from "./http-options.ts";

type Reply = (request: IncomingMessage, response: ServerResponse) => void;

/** A real server that answers as told, and the requests that it got, as "METHOD /path". */
async function serve(reply: Reply): Promise<{ url: string; got: IncomingMessage[] }> {
  const got: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    got.push(request);
    request.resume();
    request.on("end", () => {
      reply(request, response);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  // The cast is true: it listens on a TCP port.
  return { url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, got };
}

function clientOf(baseUrl: string, options: Partial<HttpClientOptions> = {}): HttpClient {
  const client = httpClient({ baseUrl, ...options });
  onTestFinished(async () => client.close());
  return client;
}

function json(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

async function failed(call: Promise<unknown>): Promise<HttpCallFailed> {
  const error = await call.then(
    () => new Error("the call succeeded"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof HttpCallFailed)) throw error;
  return error;
}

function paths(got: readonly IncomingMessage[]): string[] {
  return got.map((request) => `${request.method ?? ""} ${request.url ?? ""}`);
}

describe("what is sent", () => {
  test("carries the operation key on writes, the attempt and the correlation on everything", async () => {
    const { url, got } = await serve((_request, response) => json(response, 200, { ok: true }));
    const client = clientOf(`${url}/api/`, { headers: { "X-Api-Key": "secret-1234" } });
    const attempt = fakeAttempt({ key: "hf1_abc", number: 3 });
    await client.request(attempt, {
      method: "POST",
      path: "/orders/ä",
      query: { dry: true, skip: undefined, n: 2 },
      json: { a: 1 },
    });
    await client.request(attempt, { method: "GET", path: "/orders" });
    expect(paths(got)).toEqual(["POST /api/orders/%C3%A4?dry=true&n=2", "GET /api/orders"]);
    expect(got[0]?.headers).toMatchObject({
      "idempotency-key": "hf1_abc",
      "x-attempt": "3",
      "x-correlation-id": "correlation-1",
      "x-api-key": "secret-1234",
      "content-type": "application/json",
      "content-length": "7",
    });
    expect(got[1]?.headers["idempotency-key"]).toBeUndefined();
    expect(attempt.calls).toEqual({ count: 2, phase: "answered" });
  });

  test("names the key's header as told, or leaves it out", async () => {
    const { url, got } = await serve((_request, response) => json(response, 200, {}));
    const call = { method: "PUT", path: "/" } as const;
    await clientOf(url, { keyHeader: "X-Request-Key" }).request(fakeAttempt({ key: "k" }), call);
    await clientOf(url, { keyHeader: false }).request(fakeAttempt({ key: "k" }), call);
    expect(got[0]?.headers["x-request-key"]).toBe("k");
    expect(got.every((request) => request.headers["idempotency-key"] === undefined)).toBe(true);
  });

  test.each([
    ["a path without a slash", { path: "orders" }],
    ["dot segments", { path: "/orders/../admin" }],
    ["encoded dot segments", { path: "/orders/%2e%2E/admin" }],
    ["a key of its own", { path: "/", headers: { "idempotency-key": "mine" } }],
    ["a length of its own", { path: "/", headers: { "Content-Length": "3" } }],
    ["a header with a line break", { path: "/", headers: { "x-a": "b\r\nx-c: d" } }],
    ["both kinds of body", { path: "/", json: {}, body: "x" }],
    ["what JSON cannot write", { path: "/", json: { n: 1n } }],
  ])("is refused as a defect that proves nothing was sent: %s", async (_what, parts) => {
    const { url, got } = await serve((_request, response) => json(response, 200, {}));
    const failure = await failed(
      clientOf(url).request(fakeAttempt(), { method: "POST", ...parts }),
    );
    expect(failure.table?.says).toMatchObject({ class: "defect", effect: "never" });
    expect(failure.evidence.phase).toMatch(/^(none|created)$/u);
    expect(got).toEqual([]);
  });

  test("is refused as data if it is too large", async () => {
    const { url, got } = await serve((_request, response) => json(response, 200, {}));
    const client = clientOf(url, { requestBytesMax: 10 });
    const failure = await failed(
      client.request(fakeAttempt(), { method: "POST", path: "/", body: "x".repeat(11) }),
    );
    expect(failure.table?.says).toMatchObject({ class: "data", effect: "never" });
    expect(got).toEqual([]);
  });
});

describe("what comes back", () => {
  test("is JSON, text or nothing, as expected", async () => {
    const { url } = await serve((_request, response) => {
      response.setHeader("content-type", "text/plain; charset=iso-8859-1");
      response.end(Buffer.from('"gr\u00fc\u00df"', "latin1"));
    });
    const client = clientOf(url);
    const read = { method: "GET", path: "/" } as const;
    const text = await client.request(fakeAttempt(), { ...read, expect: "text" });
    expect(text).toMatchObject({ status: 200, body: '"gr\u00fc\u00df"' });
    expect((await client.request(fakeAttempt(), { ...read, expect: "none" })).body).toBeNull();
    const failure = await failed(client.request(fakeAttempt(), read));
    expect(failure.message).toContain("not utf-8");
    // Of a read a 2xx proves only that it was answered, so it may simply be read again.
    expect(failure.table?.says).toMatchObject({ class: "defect", effect: "maybe" });
  });

  test("is null without a body where the status has none, and a defect where JSON is expected", async () => {
    const { url } = await serve((request, response) => {
      response.writeHead(request.url === "/204" ? 204 : 201).end();
    });
    const client = clientOf(url);
    const gone = await client.request(fakeAttempt(), { method: "DELETE", path: "/204" });
    expect(gone).toMatchObject({ status: 204, body: null });
    const call = { method: "POST", path: "/201" } as const;
    const failure = await failed(client.request(fakeAttempt(), call));
    expect(failure.table?.says).toMatchObject({ class: "defect", effect: "surely" });
    expect(failure.message).toContain('say expect: "none"');
    const empty = await client.request(fakeAttempt(), { ...call, expect: "none" });
    expect(empty.status).toBe(201);
  });

  test("is a success without its body where none is expected", async () => {
    const server = await FaultServer.start({
      onRequest: ({ socket }) => socket.end(answer(201, "{", "", 50)),
    });
    onTestFinished(async () => server.close());
    const call = { method: "POST", path: "/", expect: "none" } as const;
    expect((await clientOf(server.url()).request(fakeAttempt(), call)).status).toBe(201);
  });

  test("is an answer for the statuses that the call names, with or without JSON", async () => {
    const { url } = await serve((request, response) => {
      if (request.url === "/json") json(response, 404, { code: "unknown" });
      else response.writeHead(404).end("<html>");
    });
    const client = clientOf(url);
    const call = { method: "GET", ok: [404] } as const;
    const known = await client.request(fakeAttempt(), { ...call, path: "/json" });
    expect(known).toMatchObject({ status: 404, body: { code: "unknown" } });
    const page = await client.request(fakeAttempt(), { ...call, path: "/html" });
    expect(page).toMatchObject({ status: 404, body: null, bodyText: "<html>" });
  });

  test("leaves a 202 unknown unless the call takes it, and a 207 to be split", async () => {
    const { url } = await serve((request, response) =>
      json(response, Number(request.url?.slice(1)), { ref: "r1" }),
    );
    const client = clientOf(url);
    const call = { method: "POST", path: "/202" } as const;
    const unknown = await failed(client.request(fakeAttempt(), call));
    expect(unknown.table?.says).toMatchObject({ class: "ambiguous", effect: "maybe" });
    const taken = await client.request(fakeAttempt(), { ...call, accept202: true });
    expect(taken).toMatchObject({ status: 202, body: { ref: "r1" } });
    const parts = await failed(client.request(fakeAttempt(), { ...call, path: "/207" }));
    expect(parts.table?.says.effect).toBe("partial");
  });

  test("names the problem type and what was said, without our secrets", async () => {
    const type = "https://pay.example/problems/out-of-credit";
    const { url } = await serve((_request, response) =>
      json(
        response,
        422,
        { type, title: "No credit", detail: "for token secret-1234 today" },
        { "content-type": "application/problem+json", "retry-after": "5" },
      ),
    );
    const client = clientOf(url, { headers: { authorization: "secret-1234" } });
    const failure = await failed(client.request(fakeAttempt(), { method: "POST", path: "/?t=x" }));
    expect(failure.table?.says).toMatchObject({ class: "data", reasonCode: "HTTP:OUT_OF_CREDIT" });
    expect(failure.table?.rule).toEqual({ source: "table", id: "http-status/422", version: 4 });
    expect(failure.evidence).toEqual({
      phase: "answered",
      status: 422,
      code: type,
      message: "No credit: for token *** today",
      retryAfterMs: 5_000,
      callCount: 1,
      // What rules of operators may ask for.
      path: "/",
      headers: { "content-type": "application/problem+json", "retry-after": "5" },
    });
    expect(failure.message).toBe("POST /: answered 422");
    expect(failure.answer?.body).toMatchObject({ type });
  });

  test("names the error code where the client knows its place", async () => {
    const { url } = await serve((_request, response) =>
      json(response, 400, { fault: { nr: "E17" } }),
    );
    const client = clientOf(url, {
      errorCode: (body) => (JSON.stringify(body).includes("E17") ? "E17" : null),
    });
    const failure = await failed(client.request(fakeAttempt(), { method: "POST", path: "/" }));
    expect(failure.table?.says.reasonCode).toBe("HTTP:E17");
  });
});

describe("redirects", () => {
  test.each([
    [301, "never"],
    [302, "maybe"],
    [307, "never"],
    [308, "never"],
  ])("of a write are not followed: %i, which was %s done", async (status, effect) => {
    const { url, got } = await serve((_request, response) => {
      response.writeHead(status, { location: "/elsewhere" }).end();
    });
    const failure = await failed(
      clientOf(url).request(fakeAttempt(), { method: "POST", path: "/" }),
    );
    expect(failure.table?.says).toMatchObject({ class: "misconfigured", effect });
    expect(paths(got)).toEqual(["POST /"]);
  });

  test("of a read are followed within the origin, as often as allowed", async () => {
    const { url, got } = await serve((request, response) => {
      const hop = Number(request.url?.slice(1));
      if (hop >= 3) json(response, 200, { hop });
      else response.writeHead(302, { location: String(hop + 1) }).end();
    });
    const read = { method: "GET", path: "/0" } as const;
    expect((await clientOf(url).request(fakeAttempt(), read)).body).toEqual({ hop: 3 });
    expect(paths(got)).toEqual(["GET /0", "GET /1", "GET /2", "GET /3"]);
    const failure = await failed(clientOf(url, { redirectsMax: 2 }).request(fakeAttempt(), read));
    expect(failure.table?.says).toMatchObject({ class: "misconfigured" });
  });

  test("to another origin are followed only where it is named, and without credentials", async () => {
    const other = await serve((_request, response) => json(response, 200, { from: "other" }));
    const { url } = await serve((_request, response) => {
      response.writeHead(307, { location: `${other.url}/moved` }).end();
    });
    const headers = { authorization: "Bearer secret-1234", "x-api-key": "secret-5678" };
    const read = { method: "GET", path: "/" } as const;
    const refused = await failed(clientOf(url, { headers }).request(fakeAttempt(), read));
    expect(refused.message).toContain("redirect not followed");
    expect(other.got).toEqual([]);
    const client = clientOf(url, { headers, redirectOrigins: [other.url] });
    expect((await client.request(fakeAttempt(), read)).body).toEqual({ from: "other" });
    expect(other.got[0]?.headers.authorization).toBeUndefined();
    expect(other.got[0]?.headers["x-api-key"]).toBeUndefined();
    expect(other.got[0]?.headers["x-correlation-id"]).toBe("correlation-1");
  });

  test("303 to a write proves that it was done, whatever comes of following it", async () => {
    const { url, got } = await serve((request, response) => {
      if (request.method === "POST") {
        response.writeHead(303, { location: request.url === "/ok" ? "/orders/1" : "/lost" }).end();
      } else if (request.url === "/orders/1") json(response, 200, { id: 1 });
      else json(response, 404, {});
    });
    const client = clientOf(url);
    const order = await client.request(fakeAttempt(), { method: "POST", path: "/ok", json: {} });
    expect(order.body).toEqual({ id: 1 });
    expect(paths(got)).toEqual(["POST /ok", "GET /orders/1"]);
    expect(got[1]?.headers["content-type"]).toBeUndefined();
    const lost = await failed(
      client.request(fakeAttempt(), { method: "POST", path: "/no", json: {} }),
    );
    expect(lost.table?.says).toMatchObject({ effect: "surely" });
    const never = await failed(
      clientOf(url, { redirectsMax: 0 }).request(fakeAttempt(), { method: "POST", path: "/ok" }),
    );
    expect(never.table?.says).toMatchObject({ effect: "surely" });
  });
});

describe("credentials", () => {
  test("are refreshed once after a 401, and the call that was refused does not count", async () => {
    const { url, got } = await serve((request, response) =>
      request.headers.authorization === "Bearer new"
        ? json(response, 200, { ok: true })
        : json(response, 401, {}),
    );
    const asked: string[] = [];
    const client = clientOf(url, {
      authorize: (why) => {
        asked.push(`${why} ${String(currentAttempt.getStore()?.number)}`);
        return Promise.resolve({ authorization: why === "first" ? "Bearer old" : "Bearer new" });
      },
    });
    const attempt = fakeAttempt();
    const call = async (): Promise<unknown> =>
      currentAttempt.run(attempt, async () =>
        client.request(attempt, { method: "POST", path: "/" }),
      );
    expect(await call()).toMatchObject({ status: 200 });
    expect(asked).toEqual(["first undefined", "refused undefined"]);
    expect(got).toHaveLength(2);
    expect(attempt.calls.count).toBe(1);
  });

  test("that stay refused are not tried in a loop", async () => {
    const { url, got } = await serve((_request, response) => json(response, 401, {}));
    const client = clientOf(url, { authorize: () => Promise.resolve({ authorization: "old" }) });
    const failure = await failed(client.request(fakeAttempt(), { method: "POST", path: "/" }));
    expect(failure.table?.says).toMatchObject({ class: "misconfigured", effect: "never" });
    expect(got).toHaveLength(2);
  });

  test("that cannot be had prove that nothing was sent", async () => {
    const { url, got } = await serve((_request, response) => json(response, 200, {}));
    const error = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
    const client = clientOf(url, { authorize: () => Promise.reject(error) });
    const failure = await failed(client.request(fakeAttempt(), { method: "POST", path: "/" }));
    expect(failure.table?.says).toMatchObject({ class: "unavailable", effect: "never" });
    expect(got).toEqual([]);
  });
});

describe("the count of calls", () => {
  test("sees fetch and node:http of the same attempt, and nothing of others", async () => {
    const { url } = await serve((_request, response) => json(response, 200, {}));
    const client = clientOf(url);
    const attempt = fakeAttempt();
    const other = fakeAttempt();
    await currentAttempt.run(attempt, async () => {
      await fetch(url);
      const { get } = await import("node:http");
      await new Promise((resolve) => {
        get(url, (response) => response.resume().on("end", resolve));
      });
    });
    expect(attempt.calls).toEqual({ count: 2, phase: "answered" });
    await client.request(other, { method: "GET", path: "/" });
    expect(attempt.calls.count).toBe(2);
    expect(other.calls.count).toBe(1);
  });

  test("is kept apart for calls that share a connection", async () => {
    const { url } = await serve((_request, response) => json(response, 200, {}));
    const client = clientOf(url);
    const attempts = Array.from({ length: 50 }, () => fakeAttempt());
    for (let start = 0; start < attempts.length; start += 10) {
      await Promise.all(
        attempts
          .slice(start, start + 10)
          .map(async (attempt) => client.request(attempt, { method: "POST", path: "/" })),
      );
    }
    for (const { calls } of attempts) expect(calls).toEqual({ count: 1, phase: "answered" });
  });
});

describe("a client", () => {
  test("verifies certificates, and takes an authority of its own", async () => {
    const server = await FaultServer.start({
      tls: true,
      onRequest: ({ socket }) => socket.write(answer(200, "{}")),
    });
    onTestFinished(async () => server.close());
    const client = clientOf(server.url(), { tls: { ca: LOOPBACK_CERTIFICATE } });
    expect((await client.request(fakeAttempt(), { method: "GET", path: "/" })).status).toBe(200);
  });

  test("that is closed sends nothing more", async () => {
    const { url, got } = await serve((_request, response) => json(response, 200, {}));
    const client = httpClient({ baseUrl: url });
    await client.close();
    const failure = await failed(client.request(fakeAttempt(), { method: "POST", path: "/" }));
    expect(failure.table?.says).toMatchObject({ class: "interrupted", effect: "never" });
    expect(got).toEqual([]);
  });

  test.each([
    [{ baseUrl: "erp.example" }],
    [{ baseUrl: "ftp://erp.example" }],
    [{ baseUrl: "https://user:pass@erp.example" }],
    [{ baseUrl: "https://erp.example/?a=b" }],
    [{ headersTimeoutMs: 0 }],
    [{ responseBytesMax: 1.5 }],
    [{ redirectOrigins: ["nowhere"] }],
  ])("is refused at start with %j", (options) => {
    expect(() => httpClient({ baseUrl: "https://erp.example", ...options })).toThrow(
      expect.objectContaining({ code: "HF1001" }),
    );
  });
});
