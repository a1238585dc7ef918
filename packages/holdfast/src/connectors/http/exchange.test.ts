/**
 * What an exchange makes of each thing that undici may do. The dispatcher is a stand-in, so that each
 * of the two witnesses (the handler and the diagnostics channels) is heard alone; fault-matrix.test.ts
 * has the real one.
 */
import { channel } from "node:diagnostics_channel";
import { createServer, connect, type AddressInfo, type Socket } from "node:net";
import { Dispatcher } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { DeadlinePassed } from "../../workflow/attempt.ts";
import { fakeAttempt } from "../fake-attempt.test-support.ts";
import { LOOPBACK_CERTIFICATE } from "../loopback-certificate.test-support.ts";
import { trackCalls } from "./call-tracking.ts";
import { exchange } from "./exchange.ts";
import { answer, executes, FaultServer } from "./fault-server.test-support.ts";
import { httpClient } from "./http-client.ts";
import { HttpCallFailed } from "./http-failure.ts";

const REQUEST = { origin: "http://127.0.0.1", path: "/", method: "POST" } as const;

type Script = (handler: Dispatcher.DispatchHandler) => void;

class Scripted extends Dispatcher {
  readonly #script: Script;

  constructor(script: Script) {
    super();
    this.#script = script;
  }

  override dispatch(
    _options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): boolean {
    this.#script(handler);
    return true;
  }
}

function controller(): Dispatcher.DispatchController & { readonly aborts: Error[] } {
  const aborts: Error[] = [];
  return {
    aborts,
    aborted: false,
    paused: false,
    reason: null,
    abort: (reason) => aborts.push(reason),
    pause: () => undefined,
    resume: () => undefined,
  };
}

const LOST = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });

test("takes the start of the request alone for its being sent", async () => {
  const attempt = fakeAttempt();
  const result = await exchange(
    new Scripted((handler) => {
      const control = controller();
      handler.onRequestStart?.(control, {});
      handler.onResponseError?.(control, LOST);
    }),
    REQUEST,
    attempt,
    100,
  );
  expect(result).toMatchObject({ phase: "sent", head: null, error: LOST });
  expect(attempt.calls.phase).toBe("sent");
});

test.each([
  ["undici:client:sendHeaders", "sent"],
  ["undici:request:bodySent", "bodySent"],
])("takes %s alone for its being %s", async (name, phase) => {
  trackCalls();
  const attempt = fakeAttempt();
  const result = await exchange(
    new Scripted((handler) => {
      const request = {};
      channel("undici:request:create").publish({ request });
      channel(name).publish({ request });
      handler.onResponseError?.(controller(), LOST);
    }),
    REQUEST,
    attempt,
    100,
  );
  expect(result.phase).toBe(phase);
  expect(attempt.calls).toEqual({ count: 1, phase });
});

test("keeps the furthest phase: an answer may come before the body has left", async () => {
  trackCalls();
  const result = await exchange(
    new Scripted((handler) => {
      const request = {};
      const control = controller();
      channel("undici:request:create").publish({ request });
      handler.onRequestStart?.(control, {});
      handler.onResponseStart?.(control, 413, {});
      channel("undici:request:bodySent").publish({ request });
      handler.onResponseError?.(control, LOST);
    }),
    REQUEST,
    fakeAttempt(),
    100,
  );
  expect(result).toMatchObject({ phase: "answered", head: { status: 413 } });
});

test("refuses to be sent a second time", async () => {
  const second = controller();
  const result = await exchange(
    new Scripted((handler) => {
      handler.onRequestStart?.(controller(), {});
      handler.onRequestStart?.(second, {});
      handler.onResponseError?.(second, LOST);
    }),
    REQUEST,
    fakeAttempt(),
    100,
  );
  expect(second.aborts.map((error) => error.message)).toEqual([
    "undici was about to send the request a second time",
  ]);
  expect(result.phase).toBe("sent");
});

test("is never sent after it was given up while connecting", async () => {
  const server = await FaultServer.start({
    tls: true,
    ...executes((socket) => socket.write(answer(200, "{}"))),
  });
  const held: Socket[] = [];
  // Holds the handshake back until the caller has given up, then lets it go through.
  const front = createServer((socket) => {
    socket.pause();
    socket.on("error", () => socket.destroy());
    held.push(socket);
  });
  await new Promise<void>((resolve) => {
    front.listen(0, "127.0.0.1", resolve);
  });
  // The cast is true: it listens on a TCP port.
  const { port } = front.address() as AddressInfo;
  const client = httpClient({
    baseUrl: `https://127.0.0.1:${String(port)}`,
    tls: { ca: LOOPBACK_CERTIFICATE },
  });
  onTestFinished(async () => {
    front.close();
    await server.close();
  });
  const controls = new AbortController();
  const call = client.request(fakeAttempt({ key: "k", signal: controls.signal }), {
    method: "POST",
    path: "/",
  });
  await expect.poll(() => held.length).toBe(1);
  controls.abort(new DeadlinePassed("no time left"));
  const error = await call.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(HttpCallFailed);
  expect(error).toMatchObject({ table: { says: { effect: "never", class: "transient" } } });
  const [socket] = held;
  const target = connect(Number(new URL(server.url()).port), "127.0.0.1");
  target.on("error", () => target.destroy());
  const closed = new Promise((resolve) => target.on("close", resolve));
  socket?.pipe(target).pipe(socket);
  // The client ends the connection instead of using it.
  await closed;
  expect(server.arrivals.size).toBe(0);
  await client.close();
});
