/**
 * One connection, one message. The content is read only when the server has said that it wants it
 * (354), so its first read is the mark before which nothing can have been delivered. That holds
 * under TLS and with pipelined commands alike, where bytes on the socket would tell nothing.
 */
import { Readable } from "node:stream";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import type { SMTPConnectionOptions, SMTPConnectionSendInfo } from "nodemailer/lib/smtp-connection";
import type { Phase } from "../../core/failure.ts";
import { DeadlinePassed, type Attempt } from "../../workflow/attempt.ts";

export interface Envelope {
  readonly from: string;
  readonly to: readonly string[];
}

export type SessionEnd =
  | { readonly kind: "taken"; readonly info: SMTPConnectionSendInfo }
  | {
      readonly kind: "failed";
      readonly error: unknown;
      readonly phase: Phase;
      readonly abortedBy?: "deadline" | "caller";
    };

export interface Credentials {
  readonly user: string;
  readonly pass: string;
}

/** Delivers the message over a connection of its own. Never rejects: an error is a way to end. */
export async function deliver(
  options: SMTPConnectionOptions,
  auth: Credentials | null,
  message: { readonly envelope: Envelope; readonly content: Buffer },
  attempt: Attempt,
): Promise<SessionEnd> {
  if (attempt.signal.aborted) return failed(attempt.signal.reason, "none", attempt);
  const content = new MarkedContent(message.content, attempt);
  const connection = new SMTPConnection(options);
  attempt.calls.count += 1;
  content.mark("created");
  try {
    const info = await orAborted(attempt.signal, async () => {
      // Errors of the connection come as events, also after the step that waited has ended.
      const broken = new Promise<never>((_resolve, reject) => connection.on("error", reject));
      broken.catch(ignoreAfterEnd);
      await Promise.race([broken, connect(connection)]);
      if (auth !== null) await Promise.race([broken, login(connection, auth)]);
      return Promise.race([broken, send(connection, message.envelope, content)]);
    });
    return { kind: "taken", info };
  } catch (error) {
    return failed(error, content.phase, attempt);
  } finally {
    connection.close();
  }
}

/** The race has been decided; what the connection says afterwards changes nothing. */
function ignoreAfterEnd(): void {}

function failed(error: unknown, phase: Phase, attempt: Attempt): SessionEnd {
  if (!attempt.signal.aborted) return { kind: "failed", error, phase };
  const abortedBy = attempt.signal.reason instanceof DeadlinePassed ? "deadline" : "caller";
  return { kind: "failed", error, phase, abortedBy };
}

/** Handed over in pieces, so that its end is not reached before the socket has taken the rest. */
const CHUNK_BYTES = 64 * 1_024;

/** The content as a stream that notes how much of it was asked for. */
class MarkedContent extends Readable {
  phase: Phase = "none";
  #offset = 0;
  readonly #content: Buffer;
  readonly #attempt: Attempt;

  constructor(content: Buffer, attempt: Attempt) {
    super();
    this.#content = content;
    this.#attempt = attempt;
    this.once("end", () => {
      this.mark("bodySent");
    });
  }

  override _read(): void {
    this.mark("sent");
    const end = this.#offset + CHUNK_BYTES;
    this.push(this.#content.subarray(this.#offset, end));
    this.#offset = end;
    if (end >= this.#content.length) this.push(null);
  }

  mark(phase: Phase): void {
    this.phase = phase;
    this.#attempt.mark(phase);
  }
}

async function connect(connection: SMTPConnection): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.connect((error) => {
      if (error instanceof Error) reject(error);
      else resolve();
    });
  });
}

async function login(connection: SMTPConnection, auth: Credentials): Promise<void> {
  if (!connection.allowsAuth) {
    const error = new Error("credentials are given, but the server offers no way to log in");
    throw Object.assign(error, { code: "EAUTH", command: "API" });
  }
  return new Promise((resolve, reject) => {
    connection.login({ credentials: { ...auth } }, (error) => {
      if (error instanceof Error) reject(error);
      else resolve();
    });
  });
}

async function send(
  connection: SMTPConnection,
  envelope: Envelope,
  content: Readable,
): Promise<SMTPConnectionSendInfo> {
  return new Promise((resolve, reject) => {
    connection.send({ from: envelope.from, to: [...envelope.to] }, content, (error, info) => {
      if (error instanceof Error) reject(error);
      else resolve(info);
    });
  });
}

async function orAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => {
      const reason: unknown = signal.reason;
      reject(reason instanceof Error ? reason : new Error("the call was aborted"));
    };
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([aborted, work()]);
  } finally {
    if (stop !== undefined) signal.removeEventListener("abort", stop);
  }
}
