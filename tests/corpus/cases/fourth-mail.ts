/** Mail: logins, limits and refusals in the words of hosts that the other parts do not have, and a server that dies. */
import { fourthLabel, type FourthMore, type Proof, type Scenario, type Seen } from "../case.ts";
import type { Counterpart } from "../start-counterpart.ts";
import type { WireScript, WireStep } from "../wire-script.ts";
import type { Reasons } from "./fourth-answer.ts";
import { mail, session, type Command } from "./smtp.ts";

const SETTING = "nothing of ours is taken until a setting changes";
const LATER = "not now, it says; the same is taken later";
const SPENT = "what we may send in a day is used up";
const RULE = "a policy of the receiver forbids it";
const BOX = "somebody must mend the address";

interface Reply {
  readonly at: Command;
  readonly says: string;
  readonly reasons: Reasons;
  readonly why: string;
  readonly more: FourthMore;
}

const reply = (
  at: Command,
  says: string,
  reasons: Reasons,
  why: string,
  more: FourthMore = {},
): Reply => ({ at, says, reasons, why, more });

const REPLIES: readonly Reply[] = [
  reply("greeting", "421 4.7.0 Connection rate limit exceeded", "throttled", LATER),
  reply(
    "greeting",
    "450 4.3.2 Server is going down for maintenance",
    ["unavailable", "throttled", "transient"],
    "the server as a whole is away",
  ),
  reply("MAIL", "550 5.4.5 Daily user sending limit exceeded", "exhausted", SPENT),
  reply(
    "MAIL",
    "550 5.7.705 Access denied, tenant has exceeded threshold",
    ["exhausted", "misconfigured"],
    SPENT,
  ),
  reply(
    "MAIL",
    "550 5.7.708 Access denied, traffic not accepted from this address",
    "misconfigured",
    SETTING,
  ),
  reply(
    "MAIL",
    "550 5.7.750 Service unavailable, client blocked from sending from unregistered domains",
    "misconfigured",
    SETTING,
  ),
  reply(
    "MAIL",
    "451 4.7.650 The mail server has been temporarily rate limited due to reputation",
    "throttled",
    LATER,
  ),
  reply(
    "MAIL",
    "451 4.7.500 Server busy, please try again later",
    ["throttled", "transient"],
    LATER,
  ),
  reply(
    "RCPT",
    "550-5.1.10 The address was not found\r\n550 5.1.10 RecipientNotFound; recipient not found by lookup",
    "data",
    BOX,
  ),
  reply(
    "RCPT",
    "450 4.1.8 Sender address rejected: domain not found for now",
    ["transient", "misconfigured", "throttled"],
    LATER,
  ),
  reply("RCPT", "550 5.7.133 SenderNotAuthenticatedForGroup", ["policy", "misconfigured"], RULE),
  reply("RCPT", "421 4.7.28 Unusual rate of mail to this recipient", "throttled", LATER),
  reply("RCPT", "550 5.2.0 Account inactive for six months", "data", BOX),
  reply(
    "dot",
    "550 5.7.509 Sending domain does not pass verification and has a policy of reject",
    "misconfigured",
    SETTING,
  ),
  reply(
    "dot",
    "550 5.7.515 Sending domain does not meet the required authentication level",
    "misconfigured",
    SETTING,
  ),
  reply("dot", "554 5.7.0 Message contains a virus", ["policy", "data"], RULE),
  reply(
    "dot",
    "552 5.7.0 This message was blocked because its content presents a potential security issue",
    ["policy", "data"],
    RULE,
  ),
  reply(
    "dot",
    "452 4.2.2 The recipient's inbox is out of storage for now",
    ["transient", "exhausted", "throttled"],
    "the box may have room soon; the server says later",
  ),
];

export function fourthMailScenarios(counterpart: Counterpart): readonly Scenario[] {
  const replies = REPLIES.map(({ at, says, reasons, why, more }): Scenario => {
    const id = `host/${at}-${says.replaceAll(/[^\w.]+/gu, "-").slice(0, 40)}`;
    return {
      id,
      protocol: "smtp",
      server: "scripted SMTP in the words of a host",
      fault: `${at}: ${says}`,
      label: fourthLabel("never", reasons, `${why}; the message was not taken`, more),
      play: async () => {
        await counterpart.follow(session(id, at, [{ do: "send", text: `${says}\r\n` }]));
        return { seen: await mail(id, counterpart.ports.wire), ledger: counterpart.done(id) };
      },
    };
  });
  return [...replies, ...logins(counterpart), ...breaks(counterpart)];
}

function logins(counterpart: Counterpart): readonly Scenario[] {
  const login = (
    name: string,
    said: string,
    reasons: Reasons,
    why: string,
    more: FourthMore = {},
  ): Scenario => {
    const id = `host/login-${name.replaceAll(" ", "-")}`;
    return {
      id,
      protocol: "smtp",
      server: "smtp-server",
      fault: `AUTH: ${said}`,
      label: fourthLabel("never", reasons, `${why}; no message was begun`, more),
      play: async () => {
        await counterpart.follow({
          key: id,
          on: [{ text: "auth", steps: [{ do: "send", text: said }] }],
        });
        const auth = { user: "shop", pass: "right" };
        const seen = await mail(id, counterpart.ports.smtp, { auth, requireTls: false });
        return { seen, ledger: counterpart.done(id) };
      },
    };
  };
  return [
    login(
      "switched off for the tenant",
      "535 5.7.139 Authentication unsuccessful, basic authentication is disabled",
      "misconfigured",
      SETTING,
    ),
    login(
      "too many sessions",
      "432 4.7.1 Concurrent connections limit exceeded",
      "throttled",
      LATER,
    ),
    login(
      "too many attempts",
      "454 4.7.0 Too many login attempts, please try again later",
      ["throttled", "transient"],
      LATER,
    ),
    login(
      "password has to be changed",
      "432 4.7.12 A password transition is needed",
      ["misconfigured", "policy"],
      SETTING,
    ),
  ];
}

const refuses = (address: string, said: string): { text: string; steps: readonly WireStep[] } => ({
  text: `to ${address}@example.com`,
  steps: [{ do: "send", text: said }],
});

/** Sessions that end in ways that the other parts do not have. */
function breaks(counterpart: Counterpart): readonly Scenario[] {
  const one = (
    name: string,
    effect: Proof,
    reasons: Reasons,
    why: string,
    script: (id: string) => WireScript,
    see: (id: string) => Promise<Seen>,
    to = 1,
  ): Scenario => {
    const id = `host/${name.replaceAll(/[ ,]+/gu, "-")}`;
    return {
      id,
      protocol: "smtp",
      server: to === 1 ? "scripted SMTP" : "smtp-server",
      fault: name,
      label: fourthLabel(effect, reasons, why),
      play: async () => {
        await counterpart.follow(script(id));
        return { seen: await see(id), ledger: counterpart.done(id, to) };
      },
    };
  };
  const { ports } = counterpart;
  const three = ["ann@example.com", "bob@example.com", "eve@example.com"];
  return [
    one(
      "TLS wanted, and none for now",
      "never",
      ["transient", "misconfigured", "unavailable"],
      "it has no TLS for now, and without it nothing of ours leaves",
      (id) => ({
        key: id,
        greet: [{ do: "send", text: "220 mx.example.com ESMTP\r\n" }],
        on: [
          { text: "EHLO", steps: [{ do: "send", text: "250-mx.example.com\r\n250 STARTTLS\r\n" }] },
          {
            text: "STARTTLS",
            steps: [
              { do: "send", text: "454 4.7.0 TLS not available due to temporary reason\r\n" },
            ],
          },
        ],
      }),
      async (id) => mail(id, ports.wire, { requireTls: true }),
    ),
    one(
      "two refused for two reasons",
      "partial",
      ["data", "throttled"],
      "taken for one; of the others one has no box and one is to come later",
      (id) => ({
        key: id,
        on: [refuses("bob", "550 5.1.1 User unknown"), refuses("eve", "451 4.7.1 Greylisted")],
      }),
      async (id) => mail(id, ports.smtp, {}, three),
      3,
    ),
    one(
      "one of three on hold by a rule",
      "partial",
      ["policy", "misconfigured"],
      "taken for two; a policy refuses the third",
      (id) => ({ key: id, on: [refuses("eve", "550 5.7.133 Not authenticated for this group")] }),
      async (id) => mail(id, ports.smtp, {}, three),
      3,
    ),
    one(
      "a long reply that stops before its end",
      "maybe",
      "transient",
      "the whole message had left; its reply began and was lost",
      (id) =>
        session(id, "dot", [
          { do: "work" },
          { do: "send", text: "250-2.0.0 Ok\r\n250-2.0.0 queued" },
          { do: "reset" },
        ]),
      async (id) => mail(id, ports.wire),
    ),
  ];
}
