/** Replies of a real mail server, at every stage of a message. */
import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { expect, onTestFinished, test } from "vitest";
import type { EffectProof, FailureClass } from "../../core/failure.ts";
import { fakeAttempt } from "../fake-attempt.test-support.ts";
import { breaking, type BreakAt } from "../mail/breaking-server.test-support.ts";
import { mailClient, type MailClientOptions } from "../mail/mail-client.ts";
import { expectFailure, failureOf, thrownBy } from "./produced.test-support.ts";

const MESSAGE = { to: "ana@shop.example", subject: "Order O-1", text: "Thank you." };

/** Where the server refuses, in the words of the table. */
type Stage = "connect" | "auth" | "sender" | "recipient" | "message";

function refusing(stage: Stage, code: number, text: string): SMTPServerOptions {
  const no = Object.assign(new Error(text), { responseCode: code });
  switch (stage) {
    case "connect":
      return { onConnect: (_session, callback) => callback(no) };
    case "auth":
      return {
        authOptional: false,
        allowInsecureAuth: true,
        onAuth: (_auth, _session, callback) => callback(no),
      };
    case "sender":
      return { onMailFrom: (_address, _session, callback) => callback(no) };
    case "recipient":
      return { onRcptTo: (_address, _session, callback) => callback(no) };
    case "message":
      return {
        onData: (stream, _session, callback) => {
          stream.resume();
          stream.on("end", () => callback(no));
        },
      };
  }
}

async function listening(options: SMTPServerOptions): Promise<number> {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    disableReverseLookup: true,
    ...options,
  });
  // Clients that break off are what some tests are about.
  server.on("error", () => undefined);
  onTestFinished(async () => {
    await new Promise<void>((resolve) => {
      server.close(resolve);
    });
  });
  return await new Promise<number>((resolve) => {
    const listener = server.listen(0, "127.0.0.1", () => {
      // The cast is true: it listens on a TCP port.
      resolve((listener.address() as AddressInfo).port);
    });
  });
}

async function sentTo(port: number, options: Partial<MailClientOptions> = {}) {
  const client = mailClient({ host: "127.0.0.1", port, from: "shop@shop.example", ...options });
  return failureOf(await thrownBy(client.send(fakeAttempt(), MESSAGE)));
}

const REPLIES: readonly (readonly [string, Stage, number, string, FailureClass])[] = [
  ["smtp/auth-refused", "auth", 535, "5.7.8 wrong", "misconfigured"],
  ["smtp/auth-needed", "sender", 530, "5.7.0 first log in", "misconfigured"],
  ["smtp/too-many", "connect", 421, "4.7.0 too many connections", "throttled"],
  ["smtp/no-service", "connect", 421, "4.3.2 not now", "unavailable"],
  ["smtp/closing", "sender", 421, "4.3.2 closing", "throttled"],
  ["smtp/greylisted", "recipient", 451, "4.7.1 come again", "throttled"],
  ["smtp/mailbox-busy", "recipient", 450, "4.2.1 busy", "throttled"],
  ["smtp/server-busy", "message", 451, "4.3.0 busy", "throttled"],
  ["smtp/later", "message", 454, "4.3.0 later", "transient"],
  ["smtp/bad-command", "sender", 501, "5.5.4 what", "defect"],
  ["smtp/mailbox-full", "recipient", 552, "5.2.2 full", "exhausted"],
  ["smtp/too-large", "message", 552, "5.3.4 too large", "data"],
  ["smtp/refused-by-policy", "message", 550, "5.7.1 no", "policy"],
  ["smtp/bad-recipient", "recipient", 550, "5.1.1 nobody", "data"],
  ["smtp/sender-refused", "sender", 550, "5.1.8 no such domain of yours", "misconfigured"],
  ["smtp/bad-address", "recipient", 550, "5.1.4 that address is not one alone", "data"],
  ["smtp/unknown-mailbox", "recipient", 550, "nobody", "data"],
  ["smtp/over-quota", "recipient", 552, "full", "exhausted"],
  ["smtp/bad-recipient", "recipient", 501, "5.1.3 what address", "data"],
  ["smtp/sender-unproved", "message", 550, "5.7.26 SPF and DKIM", "misconfigured"],
  ["smtp/bad-content", "message", 554, "5.6.0 malformed", "data"],
  ["smtp/routing", "message", 554, "5.4.6 too many hops", "misconfigured"],
  ["smtp/rejected", "message", 554, "spam", "policy"],
  ["smtp/refused", "recipient", 571, "no", "permanent"],
];

test.each(REPLIES)("%s: at %s, %i %s", async (rule, stage, code, text, failureClass) => {
  const port = await listening(refusing(stage, code, text));
  const auth = { auth: { user: "u", pass: "secret-1234" }, requireTls: false };
  const failure = await sentTo(port, stage === "auth" ? auth : {});
  expectFailure(failure, rule, failureClass, "never");
  expect(failure.evidence.status).toBe(code);
});

const CUTS: readonly (readonly [string, BreakAt, FailureClass, EffectProof])[] = [
  ["smtp/reply-lost", "dot", "ambiguous", "maybe"],
  ["node/connection-lost", "MAIL FROM", "transient", "never"],
];

test.each(CUTS)("%s: cut off at %s", async (rule, command, failureClass, effect) => {
  const { port } = await breaking(command, (socket) => socket.destroy());
  expectFailure(await sentTo(port), rule, failureClass, effect);
});
