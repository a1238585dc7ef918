/** The mail connector against the tests that every connector has to pass. */
import { SMTPServer } from "smtp-server";
import { describe, test } from "vitest";
import type { Attempt } from "../../workflow/attempt.ts";
import { describeConnector, type Counterpart } from "../../testing/connector/describe-connector.ts";
import { listening, portOf } from "../../testing/connector/listener.ts";
import { mailClient, type MailClient } from "./mail-client.ts";

const PASSWORD = "password-1234";

async function openMailbox(): Promise<Counterpart> {
  const done: string[] = [];
  let asked = 0;
  const server = new SMTPServer({
    allowInsecureAuth: true,
    disabledCommands: ["STARTTLS"],
    disableReverseLookup: true,
    closeTimeout: 1,
    onAuth({ username = "", password = "" }, _session, callback) {
      callback(null, { user: `${username}:${password}` });
    },
    onMailFrom(_address, _session, callback) {
      asked += 1;
      callback();
    },
    onRcptTo({ address }, { user = "" }, callback) {
      // As servers do that tell what they were given.
      if (address.startsWith("nobody")) callback(reply(550, `5.1.1 nobody there for ${user}`));
      else if (address.startsWith("later")) callback(reply(450, "4.2.0 come again later"));
      else callback();
    },
    onData(stream, _session, callback) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const id = /^Message-ID: <(.*)@shop\.example>\r$/imu.exec(Buffer.concat(chunks).toString());
        done.push(id?.[1] ?? "");
        callback();
      });
    },
  });
  // Clients that break off are what the tests are about.
  server.on("error", () => undefined);
  await listening(server.server);
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(resolve);
    });
  return { port: portOf(server.server), done: () => done, asked: () => asked, close };
}

function reply(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}

function sendTo(to: string) {
  return (client: MailClient, attempt: Attempt) =>
    client.send(attempt, { to, subject: "Order O-1", text: "Thank you." });
}

describeConnector(
  "the mail connector",
  {
    open: openMailbox,
    connect: (port) =>
      mailClient({
        host: "127.0.0.1",
        port,
        from: "Shop <shop@shop.example>",
        auth: { user: "shop", pass: PASSWORD },
        requireTls: false,
      }),
    close: () => Promise.resolve(),
    call: sendTo("ana@shop.example"),
    passesKey: true,
    refusals: [
      {
        name: "550, nobody there",
        call: sendTo("nobody@shop.example"),
        class: "data",
        effect: "never",
      },
      {
        name: "450, later",
        call: sendTo("later@shop.example"),
        class: "throttled",
        effect: "never",
      },
    ],
    secret: PASSWORD,
    // SMTP has no answer that sends a message elsewhere, and its replies are lines.
    sentOn: null,
    endless: null,
  },
  { describe, test },
);
