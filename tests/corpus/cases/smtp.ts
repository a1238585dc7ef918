/** Mail through the connector: refusals at each command, and sessions that break at each of them. */
import { mailClient, type MailClientOptions } from "holdfast/connectors/mail";
import { label, type Proof, type Reason, type Scenario, type Seen } from "../case.ts";
import { recordedAttempt, seenThrough } from "../capture.ts";
import type { Counterpart } from "../start-counterpart.ts";
import type { WireScript, WireStep } from "../wire-script.ts";
import { closedPort } from "./http-call.ts";

const PATIENCE_MS = 30_000;
const SILENCE_MS = 700;

export function smtpScenarios(counterpart: Counterpart): readonly Scenario[] {
  return [
    ...REPLIES.map((reply) => replyScenario(counterpart, reply)),
    ...BREAKS.map((broken) => breakScenario(counterpart, broken)),
    ...partialScenarios(counterpart),
    ...settingScenarios(counterpart),
  ];
}

/** Sends one message and says what was seen. */
export async function mail(
  key: string,
  port: number,
  options: Partial<MailClientOptions> = {},
  to: readonly string[] = ["ann@example.com"],
  text = "Your order 4711 has left our house.",
): Promise<Seen> {
  const client = mailClient({
    host: "127.0.0.1",
    port,
    from: "shop@example.com",
    connectTimeoutMs: PATIENCE_MS,
    idleTimeoutMs: PATIENCE_MS,
    ...options,
  });
  const attempt = recordedAttempt(key.replaceAll("/", "-"));
  try {
    await client.send(attempt, { to, subject: "Order 4711", text });
    return { phase: attempt.calls.phase };
  } catch (error) {
    return seenThrough(attempt, error);
  }
}

/** Where a reply comes in, in the order of a session. */
const COMMANDS = ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "dot"] as const;
export type Command = (typeof COMMANDS)[number];

const GOOD: Readonly<Record<Command, string>> = {
  greeting: "220 mx.example.com ESMTP",
  EHLO: "250 mx.example.com",
  MAIL: "250 2.1.0 Ok",
  RCPT: "250 2.1.5 Ok",
  DATA: "354 End data with <CR><LF>.<CR><LF>",
  dot: "250 2.0.0 Ok: queued as 4XyZ",
};
const HEARD: Readonly<Record<Exclude<Command, "greeting">, string>> = {
  EHLO: "EHLO",
  MAIL: "MAIL FROM:",
  RCPT: "RCPT TO:",
  DATA: "DATA\r\n",
  dot: "\r\n.\r\n",
};

interface Reply {
  readonly at: Command;
  readonly says: string;
  readonly reason: Reason;
  readonly why: string;
}

const GREY = "not now, and it says so; the same message is taken later";
const NO_BOX = "this recipient does not exist: somebody must mend the address";
const OUR_SET = "we may not send this way until a setting changes";
const RULE = "a policy of the receiver forbids this message";
const TEMPORARY = "a trouble of the moment at the server";
const ROOM = "no room until somebody makes some";
const OUR_BUG = "our side of the conversation is wrong";

const reply = (at: Command, says: string, reason: Reason, why: string): Reply => ({
  at,
  says,
  reason,
  why,
});

const REPLIES: readonly Reply[] = [
  reply("greeting", "421 4.7.0 Too many connections, try again later", "throttled", GREY),
  reply(
    "greeting",
    "421 4.3.2 Service shutting down",
    "unavailable",
    "the server as a whole goes down",
  ),
  reply("greeting", "554 5.7.1 Service unavailable; client host blocked", "misconfigured", OUR_SET),
  reply("greeting", "554 No SMTP service here", "misconfigured", OUR_SET),
  reply("EHLO", "421 4.7.0 Rate limited", "throttled", GREY),
  reply("MAIL", "421 4.3.2 Shutting down", "unavailable", "the server as a whole goes down"),
  reply("MAIL", "450 4.7.1 Sender rate limit exceeded", "throttled", GREY),
  reply("MAIL", "451 4.3.0 Temporary lookup failure", "transient", TEMPORARY),
  reply("MAIL", "452 4.3.1 Insufficient system storage", "throttled", GREY),
  reply("MAIL", "501 5.1.7 Bad sender address syntax", "defect", OUR_BUG),
  reply("MAIL", "503 5.5.1 Bad sequence of commands", "defect", OUR_BUG),
  reply("MAIL", "530 5.7.0 Authentication required", "misconfigured", OUR_SET),
  reply("MAIL", "530 5.7.0 Must issue a STARTTLS command first", "misconfigured", OUR_SET),
  reply("MAIL", "550 5.7.1 Sender not allowed", "misconfigured", OUR_SET),
  reply("MAIL", "552 5.3.4 Message size exceeds fixed limit", "data", "this message is too large"),
  reply("MAIL", "553 5.7.1 Sender address rejected: not owned by user", "misconfigured", OUR_SET),
  reply("MAIL", "555 5.5.4 Unsupported option", "defect", OUR_BUG),
  reply("RCPT", "421 4.7.0 Try again later, closing connection", "throttled", GREY),
  reply("RCPT", "450 4.2.0 Greylisted, try again in 300 seconds", "throttled", GREY),
  reply("RCPT", "450 4.1.1 Mailbox busy", "transient", TEMPORARY),
  reply("RCPT", "451 4.7.1 Greylisting in action", "throttled", GREY),
  reply("RCPT", "451 4.4.3 DNS lookup failed", "transient", TEMPORARY),
  reply(
    "RCPT",
    "452 4.2.2 Mailbox full",
    "transient",
    "the box may have room soon; the server says later",
  ),
  reply("RCPT", "452 4.5.3 Too many recipients", "throttled", GREY),
  reply("RCPT", "501 5.1.3 Bad recipient address syntax", "data", NO_BOX),
  reply("RCPT", "550 5.1.1 User unknown", "data", NO_BOX),
  reply("RCPT", "550 No such user here", "data", NO_BOX),
  reply("RCPT", "550 5.7.1 Relaying denied", "misconfigured", OUR_SET),
  reply("RCPT", "551 5.1.6 User not local; please try elsewhere", "data", NO_BOX),
  reply("RCPT", "552 5.2.2 Mailbox full", "exhausted", ROOM),
  reply("RCPT", "553 5.1.3 Mailbox name not allowed", "data", NO_BOX),
  reply("RCPT", "554 5.7.1 Relay access denied", "misconfigured", OUR_SET),
  reply("RCPT", "556 5.1.10 Domain does not accept mail", "data", NO_BOX),
  reply("DATA", "421 4.3.2 Shutting down", "unavailable", "the server as a whole goes down"),
  reply("DATA", "451 4.3.0 Queue file error", "transient", TEMPORARY),
  reply("DATA", "452 4.3.1 Insufficient system storage", "throttled", GREY),
  reply("DATA", "503 5.5.1 Need RCPT first", "defect", OUR_BUG),
  reply("DATA", "554 5.5.1 No valid recipients", "data", NO_BOX),
  reply(
    "dot",
    "421 4.3.0 Temporary system problem",
    "unavailable",
    "the server as a whole goes down",
  ),
  reply("dot", "450 4.7.1 Content held, try later", "throttled", GREY),
  reply("dot", "451 4.3.0 Error in processing", "transient", TEMPORARY),
  reply("dot", "451 4.7.1 Please try again later", "throttled", GREY),
  reply("dot", "452 4.3.1 Out of storage", "throttled", GREY),
  reply("dot", "550 5.7.1 Message rejected as spam", "policy", RULE),
  reply("dot", "550 5.7.26 Unauthenticated mail: DMARC policy", "misconfigured", OUR_SET),
  reply("dot", "552 5.3.4 Message too big", "data", "this message is too large"),
  reply("dot", "552 5.2.2 Quota exceeded", "exhausted", ROOM),
  reply("dot", "552 5.7.0 Attachment blocked for security", "policy", RULE),
  reply("dot", "554 5.6.0 Message is malformed", "data", "this message cannot be read"),
  reply("dot", "554 5.7.1 Rejected by content filter", "policy", RULE),
  reply("dot", "571 Delivery not authorized, message refused", "policy", RULE),
];

const send = (text: string): WireStep => ({ do: "send", text: `${text}\r\n` });

/** A whole good session but for one reply; the server has worked only if it has said so. */
export function session(key: string, at: Command, steps: readonly WireStep[]): WireScript {
  const of = (command: Command): readonly WireStep[] => {
    if (command === at) return steps;
    return command === "dot" ? [{ do: "work" }, send(GOOD.dot)] : [send(GOOD[command])];
  };
  const on = COMMANDS.flatMap((command) =>
    command === "greeting" ? [] : [{ text: HEARD[command], steps: of(command) }],
  );
  // After a refused EHLO the client says HELO.
  if (at === "EHLO") on.splice(1, 0, { text: "HELO", steps });
  return { key, greet: of("greeting"), on };
}

function replyScenario(counterpart: Counterpart, { at, says, reason, why }: Reply): Scenario {
  const id = `smtp/${at}-${says
    .toLowerCase()
    .replaceAll(/[^a-z\d.]+/gu, "-")
    .slice(0, 40)}`;
  return {
    id,
    protocol: "smtp",
    server: "scripted SMTP",
    fault: `${says} at ${at}`,
    label: label("never", reason, `${why}; the message was not taken`),
    play: async () => {
      await counterpart.follow(session(id, at, [send(says)]));
      return { seen: await mail(id, counterpart.ports.wire), ledger: counterpart.done(id) };
    },
  };
}

interface Break {
  readonly at: Command;
  readonly name: string;
  readonly steps: readonly WireStep[];
  readonly effect: Proof;
  readonly options?: Partial<MailClientOptions>;
}

const SHORT = { options: { idleTimeoutMs: SILENCE_MS, connectTimeoutMs: SILENCE_MS } };
const END: WireStep = { do: "end" };
const RESET: WireStep = { do: "reset" };
const WORK: WireStep = { do: "work" };
const early = (["greeting", "EHLO", "MAIL", "RCPT", "DATA"] as const).flatMap((at): Break[] => [
  { at, name: "ends", steps: [END], effect: "never" },
  { at, name: "reset", steps: [RESET], effect: "never" },
  { at, name: "silence", steps: [], effect: "never", ...SHORT },
]);

const BREAKS: readonly Break[] = [
  ...early,
  { at: "dot", name: "ends before its work", steps: [END], effect: "maybe" },
  { at: "dot", name: "ends after its work", steps: [WORK, END], effect: "maybe" },
  { at: "dot", name: "reset before its work", steps: [RESET], effect: "maybe" },
  { at: "dot", name: "reset after its work", steps: [WORK, RESET], effect: "maybe" },
  { at: "dot", name: "silence before its work", steps: [], effect: "maybe", ...SHORT },
  { at: "dot", name: "silence after its work", steps: [WORK], effect: "maybe", ...SHORT },
  {
    at: "dot",
    name: "half a reply",
    steps: [WORK, { do: "send", text: "25" }, END],
    effect: "maybe",
  },
  { at: "dot", name: "garbage", steps: [WORK, send("\u0001\u0002ok"), END], effect: "maybe" },
];

function breakScenario(counterpart: Counterpart, broken: Break): Scenario {
  const { at, name, steps, effect, options } = broken;
  const id = `smtp/${at}-${name.replaceAll(" ", "-")}`;
  const why =
    effect === "never"
      ? "the content had not been asked for, so nothing can have been taken"
      : "the whole message had left; the reply to it is lost";
  return {
    id,
    protocol: "smtp",
    server: "scripted SMTP",
    fault: `${name} at ${at}`,
    label: label(effect, "transient", why),
    play: async () => {
      await counterpart.follow(session(id, at, steps));
      return {
        seen: await mail(id, counterpart.ports.wire, options),
        ledger: counterpart.done(id),
      };
    },
  };
}

function partialScenarios(counterpart: Counterpart): readonly Scenario[] {
  const one = (
    name: string,
    refusals: Readonly<Record<string, string>>,
    to: readonly string[],
    reason: Reason,
  ): Scenario => {
    const id = `smtp/partial-${name}`;
    const on = Object.entries(refusals).map(([text, said]) => ({
      text,
      steps: [{ do: "send", text: said } as const],
    }));
    return {
      id,
      protocol: "smtp",
      server: "smtp-server",
      fault: `refuses ${Object.keys(refusals).join(" and ")}`,
      label: label("partial", reason, "taken for some of the recipients only"),
      play: async () => {
        await counterpart.follow({ key: id, on });
        const seen = await mail(id, counterpart.ports.smtp, {}, to);
        return { seen, ledger: counterpart.done(id, to.length) };
      },
    };
  };
  const three = ["ann@example.com", "bob@example.com", "eve@example.com"];
  return [
    one("unknown", { "to bob@example.com": "550 5.1.1 User unknown" }, three.slice(0, 2), "data"),
    one(
      "greylisted",
      { "to bob@example.com": "450 4.7.1 Greylisted" },
      three.slice(0, 2),
      "throttled",
    ),
    one("full", { "to eve@example.com": "552 5.2.2 Mailbox full" }, three, "exhausted"),
    one(
      "two-of-three",
      {
        "to bob@example.com": "550 5.1.1 User unknown",
        "to eve@example.com": "550 5.1.1 User unknown",
      },
      three,
      "data",
    ),
    one("relay", { "to eve@example.com": "554 5.7.1 Relay access denied" }, three, "misconfigured"),
  ];
}

const refuseAuth = (said: string): WireScript["on"] => [
  { text: "auth", steps: [{ do: "send", text: said }] },
];

function settingScenarios(counterpart: Counterpart): readonly Scenario[] {
  const { ports } = counterpart;
  const auth = { user: "shop", pass: "wrong" };
  const one = (
    name: string,
    reason: Reason,
    why: string,
    script: WireScript["on"],
    see: (id: string) => Promise<Seen>,
  ): Scenario => {
    const id = `smtp/setting-${name.replaceAll(" ", "-")}`;
    return {
      id,
      protocol: "smtp",
      server: "smtp-server",
      fault: name,
      label: label("never", reason, why),
      play: async () => {
        await counterpart.follow({ key: id, on: script });
        return { seen: await see(id), ledger: counterpart.done(id) };
      },
    };
  };
  const login = async (id: string): Promise<Seen> =>
    mail(id, ports.smtp, { auth, requireTls: false });
  return [
    one(
      "wrong password",
      "misconfigured",
      OUR_SET,
      refuseAuth("535 5.7.8 Authentication credentials invalid"),
      login,
    ),
    one(
      "login later",
      "transient",
      TEMPORARY,
      refuseAuth("454 4.7.0 Temporary authentication failure"),
      login,
    ),
    one(
      "weak mechanism",
      "misconfigured",
      OUR_SET,
      refuseAuth("534 5.7.9 Authentication mechanism is too weak"),
      login,
    ),
    one("certificate of STARTTLS is over", "misconfigured", OUR_SET, [], async (id) =>
      mail(id, ports.smtp, { auth }),
    ),
    one("TLS to a plain server", "misconfigured", OUR_SET, [], async (id) =>
      mail(id, ports.smtp, { secure: true }),
    ),
    one("unknown authority", "misconfigured", OUR_SET, [], async (id) =>
      mail(id, ports.tls, { secure: true }),
    ),
    one("refused", "unavailable", "nobody is there to take a connection", [], async (id) =>
      mail(id, await closedPort()),
    ),
    one("no such name", "misconfigured", "there is no such name", [], async (id) =>
      mail(id, 25, { host: "mail.invalid" }),
    ),
    one("message too large", "data", "this message is too large", [], async (id) =>
      mail(id, ports.smtp, {}, ["ann@example.com"], "x".repeat(150_000)),
    ),
    one(
      "all recipients unknown",
      "data",
      NO_BOX,
      [{ text: "to", steps: [{ do: "send", text: "550 5.1.1 User unknown" }] }],
      async (id) => mail(id, ports.smtp, {}, ["bob@example.com", "eve@example.com"]),
    ),
    one(
      "blocked address",
      "misconfigured",
      OUR_SET,
      [
        {
          text: "connect",
          steps: [{ do: "send", text: "554 5.7.1 Your address is on a block list" }],
        },
      ],
      async (id) => mail(id, ports.smtp),
    ),
    one("no recipient", "data", "the order has no address", [], async (id) =>
      mail(id, ports.smtp, {}, []),
    ),
  ];
}
