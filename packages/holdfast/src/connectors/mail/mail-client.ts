/**
 * The mail connector. One message per connection and no pool: a kept connection would blur which
 * message a broken one belongs to.
 *
 * A mail server that has taken a message may lose its reply on the way (RFC 1047), so an effect that
 * sends mail is `once`. The Message-ID is the same on every attempt, for receivers that look at it
 * and for finding the message later.
 */
import { createHash } from "node:crypto";
import MailComposer from "nodemailer/lib/mail-composer";
import type { SMTPConnectionOptions } from "nodemailer/lib/smtp-connection";
import { HoldfastError } from "../../core/error.ts";
import type { Attempt } from "../../workflow/attempt.ts";
import { trackCalls } from "../http/call-tracking.ts";
import { failureOfDelivery, partialFailure, type FailedDelivery } from "./smtp-failure.ts";
import { deliver, type Credentials, type Envelope } from "./smtp-session.ts";

export interface MailClientOptions {
  readonly host: string;
  readonly port: number;
  /** Address that messages come from, as `Name <name@example.com>` or bare. */
  readonly from: string;
  /** TLS from the first byte. Default: on port 465. Else STARTTLS, where the server offers it. */
  readonly secure?: boolean;
  /** Refuse to go on without TLS. Default: true if `auth` is given, because it would be readable. */
  readonly requireTls?: boolean;
  readonly auth?: Credentials;
  readonly tls?: { readonly ca?: string; readonly servername?: string };
  /** Milliseconds until the connection is ready for a message. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /**
   * Milliseconds without a word from the server. Default 30,000. RFC 5321 4.5.3.2 allows it minutes
   * after the final dot; less means more messages of which nobody knows whether they were taken.
   */
  readonly idleTimeoutMs?: number;
  /** Milliseconds to stay away after "not now" and greylisting. Default 300,000 (5 minutes). */
  readonly slowWaitMs?: number;
}

export interface MailMessage {
  readonly to: string | readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface MailSent {
  /** With angle brackets, as in the message. */
  readonly messageId: string;
  readonly accepted: readonly string[];
  /** The server's reply to the message. Often names its queue id. */
  readonly response: string;
}

export interface MailClient {
  /**
   * Sends one message to all recipients as part of the attempt, bounded by the attempt's signal.
   *
   * @throws {MailCallFailed} if it was not taken for every recipient: `partial` if for some.
   */
  send(attempt: Attempt, message: MailMessage): Promise<MailSent>;
}

/** @throws {HoldfastError} HF1001 if an option is not valid. */
export function mailClient(options: MailClientOptions): MailClient {
  const connection = connectionOptions(options);
  const slowWaitMs = positive("slowWaitMs", options.slowWaitMs ?? 300_000);
  const secrets = secretsOf(options.auth);
  trackCalls();
  return {
    send: async (attempt, message) => {
      const messageId = messageIdOf(attempt.key, options.from);
      const composed = await compose(options.from, messageId, message);
      const end = await deliver(connection, options.auth ?? null, composed, attempt);
      const delivery = { attempt, recipients: composed.envelope.to, slowWaitMs, secrets };
      if (end.kind === "failed") {
        const { error, phase, abortedBy } = end;
        const failed: FailedDelivery = {
          ...delivery,
          phase,
          ...(abortedBy === undefined ? {} : { abortedBy }),
        };
        throw failureOfDelivery(error, failed);
      }
      attempt.mark("answered");
      const { accepted, rejected, rejectedErrors = [], response } = end.info;
      if (rejected.length > 0) {
        throw partialFailure({ ...delivery, phase: "answered" }, accepted, rejectedErrors);
      }
      return { messageId, accepted, response };
    },
  };
}

/**
 * The same for every attempt of an operation. The key is used as it is where RFC 5322 allows it, so
 * that people can find it in a mail log.
 */
export function messageIdOf(key: string, from: string): string {
  const domain = /@([a-z\d.-]+)>?\s*$/iu.exec(from)?.[1] ?? "localhost";
  const left = /^[\w-]{1,64}$/u.test(key) ? key : createHash("sha256").update(key).digest("hex");
  return `<${left}@${domain}>`;
}

async function compose(
  from: string,
  messageId: string,
  message: MailMessage,
): Promise<{ readonly envelope: Envelope; readonly content: Buffer }> {
  const node = new MailComposer({
    from,
    to: typeof message.to === "string" ? message.to : [...message.to],
    subject: message.subject,
    text: message.text,
    ...(message.html === undefined ? {} : { html: message.html }),
    headers: { ...message.headers },
    messageId,
    disableFileAccess: true,
    disableUrlAccess: true,
  }).compile();
  const { from: sender, to } = node.getEnvelope();
  return { envelope: { from: String(sender), to: to.map(String) }, content: await node.build() };
}

function connectionOptions(options: MailClientOptions): SMTPConnectionOptions {
  const connectTimeoutMs = positive("connectTimeoutMs", options.connectTimeoutMs ?? 10_000);
  const secure = options.secure ?? options.port === 465;
  return {
    host: options.host,
    port: positive("port", options.port),
    secure,
    requireTLS: !secure && (options.requireTls ?? options.auth !== undefined),
    connectionTimeout: connectTimeoutMs,
    greetingTimeout: connectTimeoutMs,
    dnsTimeout: connectTimeoutMs,
    socketTimeout: positive("idleTimeoutMs", options.idleTimeoutMs ?? 30_000),
    socketCloseTimeout: 1_000,
    tls: { ...options.tls },
  };
}

/** The password, and what is sent of it: servers repeat the one or the other. */
function secretsOf(auth: Credentials | undefined): readonly string[] {
  if (auth === undefined) return [];
  const { user, pass } = auth;
  const sent = [`\u0000${user}\u0000${pass}`, pass];
  return [pass, ...sent.map((text) => Buffer.from(text).toString("base64"))];
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new HoldfastError(
    "HF1001",
    `The option ${name} of a mail client is not valid: expected a whole number above 0, got ${String(value)}.`,
    `Give mailClient a valid ${name}.`,
  );
}
