/**
 * The writer's thread: answers the messages of thread-store.ts in the order in which they come.
 * Imports by relative path only, so that it starts without the conditions of its parent.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { FlushBatch } from "../store/store.ts";
import type { DigestsAhead } from "./digests-ahead.ts";
import { unpackRecords } from "./packed-records.ts";
import type { PackedRecords } from "./packed-records.ts";
import { READS, Session } from "./session.ts";
import type { Read } from "./session.ts";
import { OPENING, toSent } from "./thread-messages.ts";
import type { Reply, Request, ThreadSettings } from "./thread-messages.ts";

const port = parentPort;
if (port === null) throw new Error("writer-thread.ts is to be started as a worker thread");

function say(reply: Reply): void {
  port?.postMessage(reply);
}

function start(settings: ThreadSettings): Session | null {
  try {
    return new Session(settings, {
      onNotice: (notice) => say({ kind: "notice", notice }),
      onFatal: (error) => say({ kind: "fatal", error: toSent(error) }),
    });
  } catch (error) {
    say({ kind: "failed", id: OPENING, error: toSent(error) });
    return null;
  }
}

function isRead(verb: string): verb is Read {
  return (READS as readonly string[]).includes(verb);
}

/** The arguments are those that thread-store.ts was given under the port's types. */
function perform(session: Session, { verb, args }: Request): unknown {
  if (isRead(verb)) {
    const read = session.queries[verb] as (...given: readonly unknown[]) => unknown;
    return read.apply(session.queries, args as unknown[]);
  }
  switch (verb) {
    case "flush":
      session.flush(
        {
          ...(args[0] as Omit<FlushBatch, "records">),
          records: unpackRecords(args[1] as PackedRecords),
        },
        args[2] as DigestsAhead | null,
      );
      return undefined;
    case "inbox":
      return session.inbox(args[0] as number);
    case "forgetCommands":
      return session.forgetCommands(args[0] as number, args[1] as number);
    case "changed":
      return session.changed();
    case "close":
      return session.close(args[0] as number);
    case "abandon":
      return session.abandon();
    default:
      throw new Error(`the writer's thread knows no verb ${verb}`);
  }
}

async function answer(session: Session, request: Request): Promise<void> {
  const { id } = request;
  try {
    const value = perform(session, request);
    // Answered in the same turn where nothing is awaited, so that answers keep their order.
    say({ kind: "answer", id, value: value instanceof Promise ? await value : value });
  } catch (error) {
    say({ kind: "failed", id, error: toSent(error) });
  }
  // The database is closed, well or badly: nothing keeps this thread but the port.
  if (request.verb === "close" || request.verb === "abandon") port?.close();
}

const session = start(workerData as ThreadSettings);
if (session === null) {
  port.close();
} else {
  port.on("message", (request: Request) => {
    void answer(session, request);
  });
  say({ kind: "opened", opened: session.opened });
}
