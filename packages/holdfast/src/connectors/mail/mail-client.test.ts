/**
 * The mail connector against real SMTP servers: `smtp-server` for whole sessions, and a raw one that
 * breaks off where it is told. What is claimed must not contradict what the server has taken.
 */
import { createServer, type AddressInfo, type Socket } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { describe, expect, onTestFinished, test } from "vitest";
import { DeadlinePassed } from "../../workflow/attempt.ts";
import { fakeAttempt } from "../fake-attempt.test-support.ts";
import { breaking, type Mailbox } from "./breaking-server.test-support.ts";
import { LOOPBACK_CERTIFICATE, LOOPBACK_KEY } from "../loopback-certificate.test-support.ts";
import { mailClient, messageIdOf, type MailClientOptions } from "./mail-client.ts";
import { MailCallFailed } from "./smtp-failure.ts";

const MESSAGE = { to: "ana@shop.example", subject: "Order O-1", text: "Thank you.\r\n.\r\nBye" };

async function smtp(options: SMTPServerOptions = {}): Promise<Mailbox> {
  const taken: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    disableReverseLookup: true,
    onData(stream, _session, callback) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        taken.push(Buffer.concat(chunks).toString());
        callback();
      });
    },
    ...options,
  });
  // Clients that break off are what some tests are about.
  server.on("error", () => undefined);
  const port = await new Promise<number>((resolve) => {
    const listener = server.listen(0, "127.0.0.1", () => {
      // The cast is true: it listens on a TCP port.
      resolve((listener.address() as AddressInfo).port);
    });
  });
  onTestFinished(async () => {
    await new Promise<void>((resolve) => {
      server.close(resolve);
    });
  });
  return { port, taken };
}

function clientOf(
  port: number,
  options: Partial<MailClientOptions> = {},
): ReturnType<typeof mailClient> {
  return mailClient({ host: "127.0.0.1", port, from: "Shop <shop@shop.example>", ...options });
}

async function failed(call: Promise<unknown>): Promise<MailCallFailed> {
  const error = await call.then(
    () => new Error("the message was sent"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof MailCallFailed)) throw error;
  return error;
}

function refuse(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}

describe("a message", () => {
  test("arrives whole, with an id that is the same on every attempt", async () => {
    const { port, taken } = await smtp();
    const client = clientOf(port);
    const attempt = fakeAttempt({ key: "hf1_abc" });
    const message = { ...MESSAGE, html: "<p>Thank you</p>", headers: { "x-order": "O-1" } };
    const sent = await client.send(attempt, message);
    await client.send(fakeAttempt({ key: "hf1_abc", number: 2 }), message);
    expect(sent).toMatchObject({
      messageId: "<hf1_abc@shop.example>",
      accepted: ["ana@shop.example"],
    });
    expect(attempt.calls).toEqual({ count: 1, phase: "answered" });
    expect(taken).toHaveLength(2);
    for (const text of taken) {
      expect(text).toContain("Message-ID: <hf1_abc@shop.example>");
      expect(text).toMatch(/^X-Order: O-1\r$/imu);
      expect(text).toContain("Thank you.\r\n.\r\nBye");
      expect(text).toContain("<p>Thank you</p>");
    }
  });

  test("cannot smuggle headers or files in", async () => {
    const { port, taken } = await smtp();
    await clientOf(port).send(fakeAttempt(), {
      ...MESSAGE,
      subject: "Hi\r\nBcc: eve@evil.example",
      headers: { "x-a": "b\r\nBcc: eve@evil.example" },
    });
    expect(taken[0]).not.toMatch(/^bcc:/imu);
  });

  test("goes over TLS, implicit or asked for, to a server that can be verified", async () => {
    const tls = { key: LOOPBACK_KEY, cert: LOOPBACK_CERTIFICATE, disabledCommands: [] };
    const ca = { ca: LOOPBACK_CERTIFICATE, servername: "localhost" };
    for (const secure of [true, false]) {
      const { port, taken } = await smtp({ ...tls, secure });
      await clientOf(port, { secure, requireTls: true, tls: ca }).send(fakeAttempt(), MESSAGE);
      expect(taken).toHaveLength(1);
      const failure = await failed(clientOf(port, { secure }).send(fakeAttempt(), MESSAGE));
      expect(failure.table?.says).toMatchObject({ class: "misconfigured", effect: "never" });
    }
  });

  test("is not sent with credentials in clear, nor without them where they are refused", async () => {
    const auth = { user: "u", pass: "secret-1234" };
    for (const [extension, options] of [
      ["AUTH PLAIN", { auth }],
      ["SIZE", { auth, requireTls: false }],
    ] as const) {
      const { port, commands } = await breaking("MAIL FROM", (socket) => socket.end(), [extension]);
      const clear = await failed(clientOf(port, options).send(fakeAttempt(), MESSAGE));
      expect(clear.table?.says.effect).toBe("never");
      expect(commands.filter((command) => !/^(EHLO|STARTTLS)/u.test(command))).toEqual([]);
    }
    const { port, taken } = await smtp({
      allowInsecureAuth: true,
      onAuth: (given, _session, callback) => {
        if (given.password === auth.pass) callback(null, { user: "u" });
        else callback(refuse(535, "5.7.8 bad credentials"));
      },
    });
    const open = { requireTls: false } as const;
    await clientOf(port, { ...open, auth }).send(fakeAttempt(), MESSAGE);
    expect(taken).toHaveLength(1);
    const wrong = clientOf(port, { ...open, auth: { user: "u", pass: "wrong" } });
    const refused = await failed(wrong.send(fakeAttempt(), MESSAGE));
    expect(refused.table).toMatchObject({
      says: { class: "misconfigured", effect: "never", scope: "dependency" },
      rule: { id: "smtp/auth-refused" },
    });
    expect(taken).toHaveLength(1);
  });
});

describe("a refusal", () => {
  test.each([
    [550, "5.1.1 no such user", "data", "item"],
    [553, "mailbox name not allowed", "data", "item"],
    [550, "5.7.1 not for you", "policy", "item"],
    [552, "5.2.2 mailbox full", "exhausted", "item"],
    [450, "4.2.0 greylisted", "throttled", "item"],
    [451, "4.7.1 try again later", "throttled", "item"],
    [421, "4.3.2 closing", "throttled", "dependency"],
    [501, "syntax", "defect", "item"],
  ] as const)(
    "of the recipient proves that nothing was sent: %i %s",
    async (code, text, failureClass, scope) => {
      const { port, taken } = await smtp({
        onRcptTo: (_address, _session, callback) => {
          callback(refuse(code, text));
        },
      });
      const client = clientOf(port, { slowWaitMs: 900_000 });
      const failure = await failed(client.send(fakeAttempt(), MESSAGE));
      expect(failure.table?.says).toMatchObject({ class: failureClass, scope, effect: "never" });
      expect(failure.evidence).toMatchObject({ phase: "created", status: code, callCount: 1 });
      expect(failure.evidence.message).toContain(text);
      expect(failure.evidence.retryAfterMs).toBe(
        failureClass === "throttled" ? 900_000 : undefined,
      );
      expect(failure.rejected).toEqual(["ana@shop.example"]);
      expect(taken).toEqual([]);
    },
  );

  test.each([
    [451, "4.3.0 local error", "throttled"],
    [554, "5.7.1 looks like spam", "policy"],
    [554, "no", "policy"],
    [552, "5.3.4 too large", "data"],
    [471, "odd", "transient"],
    [541, "odd", "permanent"],
  ] as const)(
    "of the content proves that it was not taken: %i %s",
    async (code, text, failureClass) => {
      const { port } = await smtp({
        onData: (stream, _session, callback) => {
          stream.resume().on("end", () => {
            callback(refuse(code, text));
          });
        },
      });
      const failure = await failed(clientOf(port).send(fakeAttempt(), MESSAGE));
      expect(failure.table?.says).toMatchObject({ class: failureClass, effect: "never" });
      expect(failure.evidence.phase).toBe("answered");
    },
  );

  test.each([421, 554])("of the connection means that there is no service: %i", async (code) => {
    const { port } = await smtp({
      onConnect: (_session, callback) => {
        callback(refuse(code, "no"));
      },
    });
    const failure = await failed(clientOf(port).send(fakeAttempt(), MESSAGE));
    expect(failure.table?.says).toMatchObject({ class: "unavailable", effect: "never" });
  });

  test("of some recipients is partial, and says which", async () => {
    const { port, taken } = await smtp({
      onRcptTo: ({ address }, _session, callback) => {
        callback(address.startsWith("bo") ? refuse(550, "5.1.1 no such user") : null);
      },
    });
    const to = ["ana@shop.example", "bo@shop.example"];
    const failure = await failed(clientOf(port).send(fakeAttempt(), { ...MESSAGE, to }));
    expect(failure.table?.says).toMatchObject({ class: "data", effect: "partial" });
    expect(failure.table?.says.parts).toEqual([
      { name: "recipient 1", effect: "surely" },
      { name: "recipient 2", effect: "never" },
    ]);
    expect(failure.accepted).toEqual(["ana@shop.example"]);
    expect(failure.rejected).toEqual(["bo@shop.example"]);
    expect(failure.message).toContain("1 of 2 recipients");
    expect(taken).toHaveLength(1);
  });

  test("of all recipients is no delivery to any", async () => {
    const { port, taken } = await smtp({
      onRcptTo: (_address, _session, callback) => {
        callback(refuse(550, "5.1.1 no such user"));
      },
    });
    const to = ["ana@shop.example", "bo@shop.example"];
    const failure = await failed(clientOf(port).send(fakeAttempt(), { ...MESSAGE, to }));
    expect(failure.table?.says).toMatchObject({ class: "data", effect: "never" });
    expect(failure.rejected).toEqual(to);
    expect(taken).toEqual([]);
  });

  test("of our own making needs no server", async () => {
    const { port, taken } = await smtp({ size: 50 });
    const none = await failed(clientOf(port).send(fakeAttempt(), { ...MESSAGE, to: [] }));
    expect(none.table?.says).toMatchObject({ class: "data", effect: "never" });
    expect(taken).toEqual([]);
  });
});

const ENDS = [
  ["closes", (socket: Socket): void => void socket.end()],
  ["resets", (socket: Socket): void => void socket.resetAndDestroy()],
  ["falls silent", (_socket: Socket): void => undefined],
] as const;

describe.each(ENDS)("a server that %s", (_how, end) => {
  test.each(["greeting", "MAIL FROM", "DATA"] as const)(
    "before it asked for the content proves that nothing was sent: %s",
    async (at) => {
      for (const extensions of [[], ["PIPELINING"]]) {
        const { port, taken } = await breaking(at, end, extensions);
        const client = clientOf(port, { connectTimeoutMs: 150, idleTimeoutMs: 150 });
        const failure = await failed(client.send(fakeAttempt(), MESSAGE));
        expect(failure.table?.says.effect).toBe("never");
        expect(["transient", "unavailable"]).toContain(failure.table?.says.class);
        expect(failure.evidence.phase).toBe("created");
        expect(taken).toEqual([]);
      }
    },
  );

  test.each(["content", "dot"] as const)(
    "after it asked for the content leaves it unknown: %s",
    async (at) => {
      for (const extensions of [[], ["PIPELINING"]]) {
        const { port, taken } = await breaking(at, end, extensions);
        const client = clientOf(port, { idleTimeoutMs: 300 });
        const failure = await failed(client.send(fakeAttempt(), MESSAGE));
        expect(failure.table?.says).toMatchObject({ class: "ambiguous", effect: "maybe" });
        expect(["sent", "bodySent"]).toContain(failure.evidence.phase);
        expect(taken).toHaveLength(at === "dot" ? 1 : 0);
      }
    },
  );
});

test("content that has left in part is unknown, like all of it", async () => {
  const { port, taken } = await breaking("content", (socket) => socket.resetAndDestroy());
  const text = "x".repeat(8_000_000);
  const failure = await failed(clientOf(port).send(fakeAttempt(), { ...MESSAGE, text }));
  expect(failure.table?.says).toMatchObject({ class: "ambiguous", effect: "maybe" });
  expect(failure.evidence.phase).toBe("sent");
  expect(taken).toEqual([]);
});

test("a refusal that was cut off with the connection proves nothing", async () => {
  const { port, taken } = await breaking("dot", (socket) => socket.end("554 n"));
  const failure = await failed(clientOf(port).send(fakeAttempt(), MESSAGE));
  expect(failure.table?.says).toMatchObject({ class: "ambiguous", effect: "maybe" });
  expect(taken).toHaveLength(1);
});

describe("a delivery that is given up", () => {
  test("by its own deadline or by the caller is unknown once the content has left", async () => {
    for (const [reason, failureClass] of [
      [new DeadlinePassed("no time left"), "ambiguous"],
      [new Error("the run was cancelled"), "cancelled"],
    ] as const) {
      const controller = new AbortController();
      const { port, taken } = await breaking("dot", () => {
        controller.abort(reason);
      });
      const attempt = fakeAttempt({ signal: controller.signal });
      const failure = await failed(clientOf(port).send(attempt, MESSAGE));
      expect(failure.table?.says).toMatchObject({ class: failureClass, effect: "maybe" });
      expect(taken).toHaveLength(1);
    }
  });

  test("before that is proved never to have been sent", async () => {
    const controller = new AbortController();
    const { port, taken } = await breaking("MAIL FROM", () => {
      controller.abort(new DeadlinePassed("no time left"));
    });
    const attempt = fakeAttempt({ signal: controller.signal });
    const failure = await failed(clientOf(port).send(attempt, MESSAGE));
    expect(failure.table?.says).toMatchObject({ class: "transient", effect: "never" });
    const early = await failed(clientOf(port).send(attempt, MESSAGE));
    expect(early.evidence.phase).toBe("none");
    expect(taken).toEqual([]);
  });
});

test("a port that refuses proves that nothing was sent, unless the attempt made another call", async () => {
  const { port } = await breaking("greeting", (socket) => socket.destroy());
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  // The cast is true: it listens on a TCP port.
  const closed = (server.address() as AddressInfo).port;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  const attempt = fakeAttempt();
  const refused = await failed(clientOf(closed).send(attempt, MESSAGE));
  expect(refused.table?.says).toMatchObject({ class: "unavailable", effect: "never" });
  expect(refused.evidence.callCount).toBe(1);
  const second = await failed(clientOf(port).send(attempt, MESSAGE));
  expect(second.evidence.callCount).toBe(2);
  expect(second.table?.says.effect).toBe("maybe");
});

test("the message id needs no particular key or sender", () => {
  expect(messageIdOf("hf1_ABC", "shop@shop.example")).toBe("<hf1_ABC@shop.example>");
  expect(messageIdOf("a b<>@", "Shop <shop@shop.example>")).toMatch(
    /^<[\da-f]{64}@shop\.example>$/u,
  );
  expect(messageIdOf("k", "nobody")).toBe("<k@localhost>");
});

test("an option that makes no sense is refused at start", () => {
  expect(() => clientOf(0)).toThrow(expect.objectContaining({ code: "HF1001" }));
  expect(() => clientOf(25, { idleTimeoutMs: -1 })).toThrow(
    expect.objectContaining({ code: "HF1001" }),
  );
});
