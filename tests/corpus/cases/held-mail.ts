/** Held-out mail: replies that the other parts do not have, in the words of other servers and registries. */
import { heldLabel, type Reason, type Scenario } from "../case.ts";
import type { Counterpart } from "../start-counterpart.ts";
import { mail, session, type Command } from "./smtp.ts";

interface Case {
  readonly at: Command;
  readonly says: string;
  readonly reasons: Reason | readonly [Reason, ...Reason[]];
  readonly why: string;
  readonly told?: "words";
}

const NO_BOX = "somebody must mend the address";
const SETTING = "we may not send this way until a setting changes";
const LATER = "not now, it says; the same message is taken later";
const RULE = "a policy of the receiver forbids it";
const MESSAGE = "this message is not what a server takes";
const BUILT = "our side of the conversation is wrong";

const one = (
  at: Command,
  says: string,
  reasons: Case["reasons"],
  why: string,
  told?: "words",
): Case => ({ at, says, reasons, why, ...(told === undefined ? {} : { told }) });

const CASES: readonly Case[] = [
  one("greeting", "421 4.1.0 mx.example.net too many sessions opened", "throttled", LATER),
  one("greeting", "421 4.7.1 Connection refused, try later", "throttled", LATER),
  one("greeting", "554 5.7.1 Your address is on a list", ["misconfigured", "policy"], SETTING),
  one("greeting", "521 5.3.2 Host takes no mail", ["misconfigured", "permanent"], SETTING),
  one("EHLO", "501 5.5.2 Bad name of a host", ["defect", "misconfigured"], BUILT),
  one("EHLO", "550 5.7.1 Your name of a host is forged", ["misconfigured", "policy"], SETTING),
  one("MAIL", "451 4.3.2 System not accepting messages", ["unavailable", "throttled"], LATER),
  one("MAIL", "452 4.3.3 Resources are short", "throttled", LATER),
  one("MAIL", "421 4.4.2 Timed out waiting", ["transient", "throttled"], LATER),
  one("MAIL", "530 5.7.1 Client was not authenticated", "misconfigured", SETTING),
  one("MAIL", "553 5.5.4 Domain name required for sender", ["defect", "misconfigured"], BUILT),
  one("MAIL", "550 5.1.8 Access denied, bad outbound sender", "misconfigured", SETTING),
  one("MAIL", "550 5.1.0 Address rejected", ["misconfigured", "data"], SETTING, "words"),
  one("MAIL", "501 5.6.7 Non-ASCII not permitted for the sender", ["defect", "data"], MESSAGE),
  one("MAIL", "504 5.5.4 Parameter not implemented", "defect", BUILT),
  one("RCPT", "450 4.2.1 Mailbox is disabled for now", ["transient", "throttled"], LATER),
  one("RCPT", "450 4.7.25 Reverse name is missing for now", ["throttled", "transient"], LATER),
  one("RCPT", "451 4.7.24 SPF could not be looked up", ["throttled", "transient"], LATER),
  one("RCPT", "452 4.5.3 Too many recipients this hour", "throttled", LATER),
  one("RCPT", "450 4.3.1 Mail system full", ["throttled", "transient"], LATER),
  one("RCPT", "550 5.1.2 Unknown domain", "data", NO_BOX),
  one("RCPT", "501 5.1.3 No such form of an address", "data", NO_BOX),
  one("RCPT", "550 5.1.6 Mailbox has moved", "data", NO_BOX),
  one("RCPT", "550 5.2.1 Mailbox is not taking mail", "data", NO_BOX),
  one("RCPT", "550 5.4.1 Recipient address rejected: access denied", "data", NO_BOX, "words"),
  one("RCPT", "552 Mailbox is full", "exhausted", "no room until somebody makes some"),
  one("RCPT", "550 5.2.2 Over quota", "exhausted", "no room until somebody makes some"),
  one("RCPT", "550 5.7.2 Only members may write to this list", "policy", RULE),
  one("RCPT", "550 5.7.60 May not send as this sender", "misconfigured", SETTING, "words"),
  one("RCPT", "553 5.3.0 Mail from here is refused", ["policy", "misconfigured"], RULE, "words"),
  one("DATA", "451 4.3.5 Server is set up wrongly", ["transient", "throttled"], LATER),
  one("DATA", "503 5.5.1 Bad order of commands", "defect", BUILT),
  one("dot", "550 5.7.20 No passing signature", "misconfigured", SETTING),
  one("dot", "550 5.7.23 SPF validation failed", "misconfigured", SETTING),
  one("dot", "550 5.7.25 Reverse name does not fit", "misconfigured", SETTING),
  one("dot", "550 5.7.27 Sender has a null MX", "misconfigured", SETTING),
  one(
    "dot",
    "550 5.7.606 Access denied, banned sending address",
    "misconfigured",
    SETTING,
    "words",
  ),
  one("dot", "554 5.7.1 Rejected by a local policy", "policy", RULE),
  one("dot", "552 5.2.3 Longer than an administrator allows", "data", MESSAGE),
  one("dot", "554 5.6.1 This kind of media is not taken", "data", MESSAGE),
  one("dot", "550 5.6.2 A conversion is forbidden", ["data", "policy"], MESSAGE),
  one("dot", "554 5.4.6 A loop of routes", "misconfigured", "mail goes in a circle"),
  one("dot", "550 5.4.6 Unusual sending, suspended for a day", "exhausted", LATER, "words"),
  one("dot", "554 5.3.4 Too big for this system", "data", MESSAGE),
  one("dot", "451 4.7.1 Come again in a quarter of an hour", "throttled", LATER),
  one("dot", "450 4.3.0 The filter has not answered", ["transient", "throttled"], LATER),
];

export function heldMailScenarios(counterpart: Counterpart): readonly Scenario[] {
  return CASES.map(({ at, says, reasons, why, told }): Scenario => {
    const id = `letter/${at}-${says.replaceAll(/[^\w.]+/gu, "-").slice(0, 40)}`;
    return {
      id,
      protocol: "smtp",
      server: "scripted SMTP in the words of a server",
      fault: `${at}: ${says}`,
      label: heldLabel("never", reasons, `${why}; the message was not taken`, told),
      play: async () => {
        await counterpart.follow(session(id, at, [{ do: "send", text: `${says}\r\n` }]));
        return { seen: await mail(id, counterpart.ports.wire), ledger: counterpart.done(id) };
      },
    };
  });
}
