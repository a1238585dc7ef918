/** The last third of mail: the words of well-known servers, replies of several lines, messages cut in the middle. */
import { label, type Proof, type Reason, type Scenario } from "../case.ts";
import type { Counterpart } from "../start-counterpart.ts";
import type { WireStep } from "../wire-script.ts";
import { mail, session, type Command } from "./smtp.ts";

interface MailCase {
  readonly name: string;
  readonly at: Command;
  readonly says: string;
  readonly reason: Reason;
  readonly why: string;
}

const NO_BOX = "this recipient does not exist: somebody must mend the address";
const SETTING = "we may not send this way until a setting changes";
const LATER = "not now, says the server; the same message is taken later";
const RULE = "a policy of the receiver forbids this message";

const one = (name: string, at: Command, says: string, reason: Reason, why: string): MailCase => ({
  name,
  at,
  says,
  reason,
  why,
});

const CASES: readonly MailCase[] = [
  one(
    "gmail unknown",
    "RCPT",
    "550-5.1.1 The email account that you tried to reach does not exist.\r\n550 5.1.1 Please try double-checking the address. d9443c01",
    "data",
    NO_BOX,
  ),
  one(
    "gmail disabled",
    "RCPT",
    "550 5.2.1 The email account that you tried to reach is disabled.",
    "data",
    NO_BOX,
  ),
  one(
    "gmail over quota",
    "RCPT",
    "452-4.2.2 The recipient's inbox is out of storage space.\r\n452 4.2.2 Please direct the recipient elsewhere",
    "transient",
    "the box may have room soon; the server says later",
  ),
  one(
    "gmail rate of recipient",
    "RCPT",
    "450 4.2.1 The user you are trying to contact is receiving mail at a rate that is too high",
    "throttled",
    LATER,
  ),
  one(
    "gmail unauthenticated",
    "dot",
    "550-5.7.26 This mail has been blocked because the sender is unauthenticated.\r\n550 5.7.26 SPF did not pass",
    "misconfigured",
    SETTING,
  ),
  one(
    "gmail unsolicited",
    "dot",
    "421-4.7.28 Our system has detected an unusual rate of unsolicited mail.\r\n421 4.7.28 rate limited",
    "throttled",
    LATER,
  ),
  one(
    "gmail spam",
    "dot",
    "550-5.7.1 Our system has detected that this message is likely unsolicited mail.\r\n550 5.7.1 blocked",
    "policy",
    RULE,
  ),
  one(
    "gmail link",
    "dot",
    "552-5.7.0 This message was blocked because its content presents a potential\r\n552 5.7.0 security issue.",
    "policy",
    RULE,
  ),
  one(
    "exchange unknown",
    "RCPT",
    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
    "data",
    NO_BOX,
  ),
  one(
    "exchange restricted",
    "RCPT",
    "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup",
    "policy",
    RULE,
  ),
  one(
    "exchange relay",
    "RCPT",
    "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
    "misconfigured",
    SETTING,
  ),
  one(
    "exchange busy",
    "MAIL",
    "451 4.7.500 Server busy. Please try again later",
    "throttled",
    LATER,
  ),
  one("exchange resources", "MAIL", "452 4.3.1 Insufficient system resources", "throttled", LATER),
  one(
    "exchange sender",
    "dot",
    "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
    "misconfigured",
    SETTING,
  ),
  one(
    "exchange submission quota",
    "dot",
    "550 5.1.90 Your message can't be sent because you've reached your daily limit",
    "exhausted",
    "the daily limit is used up; tomorrow brings it back",
  ),
  one(
    "exchange outbound spam",
    "dot",
    "550 5.1.8 Access denied, bad outbound sender",
    "misconfigured",
    SETTING,
  ),
  one(
    "exchange loop",
    "dot",
    "554 5.4.14 Hop count exceeded - possible mail loop",
    "misconfigured",
    "mail goes in a circle until somebody mends it",
  ),
  one(
    "exchange too large",
    "dot",
    "552 5.3.4 Message size exceeds fixed maximum message size",
    "data",
    "this message is too large",
  ),
  one(
    "postfix greylist",
    "RCPT",
    "450 4.2.0 <ann@example.com>: Recipient address rejected: Greylisted",
    "throttled",
    LATER,
  ),
  one(
    "postfix unknown",
    "RCPT",
    "550 5.1.1 <ann@example.com>: Recipient address rejected: User unknown in local recipient table",
    "data",
    NO_BOX,
  ),
  one(
    "postfix sender domain",
    "RCPT",
    "450 4.1.8 <shop@example.com>: Sender address rejected: Domain not found",
    "transient",
    "a lookup of the moment failed",
  ),
  one(
    "postfix unverified",
    "RCPT",
    "450 4.1.1 <ann@example.com>: Recipient address rejected: unverified address",
    "transient",
    "a lookup of the moment failed",
  ),
  one(
    "postfix helo",
    "RCPT",
    "504 5.5.2 <host>: Helo command rejected: need fully-qualified hostname",
    "misconfigured",
    SETTING,
  ),
  one(
    "postfix block list",
    "RCPT",
    "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using a list",
    "misconfigured",
    SETTING,
  ),
  one(
    "postfix milter",
    "dot",
    "451 4.7.1 Service unavailable - try again later",
    "throttled",
    LATER,
  ),
  one("postfix queue full", "MAIL", "452 4.3.1 Insufficient system storage", "throttled", LATER),
  one(
    "postfix too many hops",
    "dot",
    "554 5.4.0 Error: too many hops",
    "misconfigured",
    "mail goes in a circle until somebody mends it",
  ),
  one("exim verify", "RCPT", "550 Sender verify failed", "misconfigured", SETTING),
  one(
    "exim later",
    "RCPT",
    "451 Temporary local problem - please try later",
    "transient",
    "a trouble of the moment",
  ),
  one(
    "yahoo deferred",
    "greeting",
    "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints",
    "throttled",
    LATER,
  ),
  one("yahoo refused", "dot", "554 5.7.9 Message not accepted for policy reasons", "policy", RULE),
  one(
    "ses sandbox",
    "dot",
    "554 Message rejected: Email address is not verified.",
    "misconfigured",
    SETTING,
  ),
  one(
    "ses rate",
    "dot",
    "454 Throttling failure: Maximum sending rate exceeded.",
    "throttled",
    LATER,
  ),
  one(
    "ses daily",
    "dot",
    "454 Throttling failure: Daily message quota exceeded.",
    "exhausted",
    "the daily limit is used up; tomorrow brings it back",
  ),
  one(
    "local part case",
    "RCPT",
    "553 5.1.2 The recipient domain is not a valid domain",
    "data",
    NO_BOX,
  ),
  one("null mx", "RCPT", "556 5.1.10 Recipient address has null MX", "data", NO_BOX),
  one(
    "encryption wanted",
    "MAIL",
    "530 5.7.0 Must issue a STARTTLS command first",
    "misconfigured",
    SETTING,
  ),
  one(
    "bare 5yz",
    "dot",
    "500 Command not recognised",
    "defect",
    "our side of the conversation is wrong",
  ),
];

export function lastMailScenarios(counterpart: Counterpart): readonly Scenario[] {
  const { ports } = counterpart;
  const replies = CASES.map(({ name, at, says, reason, why }): Scenario => {
    const id = `mail/${name.replaceAll(" ", "-")}`;
    return {
      id,
      protocol: "smtp",
      server: "scripted SMTP in the words of a server",
      fault: name,
      label: label("never", reason, `${why}; the message was not taken`),
      play: async () => {
        await counterpart.follow(session(id, at, [{ do: "send", text: `${says}\r\n` }]));
        return { seen: await mail(id, ports.wire), ledger: counterpart.done(id) };
      },
    };
  });
  const long = "A line of a long message.\r\n".repeat(200_000);
  const cut = (name: string, effect: Proof, why: string, steps: readonly WireStep[]): Scenario => {
    const id = `mail/${name.replaceAll(" ", "-")}`;
    const script = session(id, "dot", [{ do: "work" }, { do: "send", text: "250 Ok\r\n" }]);
    const on = script.on.flatMap((rule) =>
      rule.text === "\r\n.\r\n" ? [{ text: "A line of a long", steps }] : [rule],
    );
    return {
      id,
      protocol: "smtp",
      server: "scripted SMTP",
      fault: name,
      label: label(effect, "transient", why),
      play: async () => {
        await counterpart.follow({ ...script, on });
        return {
          seen: await mail(id, ports.wire, {}, ["ann@example.com"], long),
          ledger: counterpart.done(id),
        };
      },
    };
  };
  const part = "the end of the message had not left, and without it no server takes it";
  return [
    ...replies,
    cut("long message reset in the middle", "never", part, [{ do: "reset" }]),
    cut("long message refused in the middle", "never", part, [
      { do: "send", text: "421 4.3.0 Going down\r\n" },
      { do: "reset" },
    ]),
  ];
}
