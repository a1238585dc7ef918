/**
 * The store in a thread of its own: the caller's event loop is not blocked while the disk works.
 * Each call is one message and one answer. If the thread dies, nothing more can be written: whoever
 * waits is refused and the engine is told.
 */
import { Worker } from "node:worker_threads";
import { HoldfastError } from "../core/error.ts";
import type { Store } from "../store/store.ts";
import { AheadDigester } from "./digests-ahead.ts";
import { FatalListeners } from "./inline-store.ts";
import type { OnNotice } from "./notice.ts";
import type { SqliteStore } from "./open.ts";
import { packRecords } from "./packed-records.ts";
import { unpackRuns } from "./packed-runs.ts";
import type { PackedRuns } from "./packed-runs.ts";
import type { Opened, Read } from "./session.ts";
import { OPENING, fromSent } from "./thread-messages.ts";
import type { Reply, Request, SentError, ThreadSettings } from "./thread-messages.ts";

type Verb = keyof Store | Read | "forgetCommands" | "abandon";

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export async function openInThread(
  settings: ThreadSettings,
  nowMs: () => number,
  onNotice: OnNotice,
): Promise<SqliteStore> {
  const thread = new WriterThread(settings, onNotice);
  const opened = await thread.opened;
  const digester = new AheadDigester(opened.secret, opened.lastPos);
  return {
    ...opened,
    shards: { isWhole: true },
    removal: {
      recordSums: (runs) => thread.ask("recordSums", runs),
      storeRecords: (seqs) => thread.ask("storeRecords", seqs),
      childrenOf: (runs) => thread.ask("childrenOf", runs),
      callsOf: (runs) => thread.ask("callsOf", runs),
      archivedRuns: (runs) => thread.ask("archivedRuns", runs),
    },
    cells: {
      list: () => thread.ask("cellList"),
      carried: (names) => thread.ask("carriedKeys", names),
      placed: (keyHashes) => thread.ask("placedKeys", keyHashes),
      hasPlaced: () => thread.ask("hasPlaced"),
      keptFor: (afterSeq, limit) => thread.ask("keptFor", afterSeq, limit),
      carriedRun: (run) => thread.ask("carriedRun", run),
    },
    taken: {
      count: () => thread.ask("takenCount"),
      forget: (untilMs, limit) => thread.ask("forgetCommands", untilMs, limit),
    },
    flush: ({ records, ...batch }) =>
      thread.ask("flush", batch, packRecords(records), digester.of(records)),
    find: (keys) => thread.ask("find", keys),
    load: async (runs) => unpackRuns(await thread.ask<PackedRuns>("load", runs)),
    page: async (states, page) => unpackRuns(await thread.ask<PackedRuns>("page", states, page)),
    due: (afterMs, untilMs, limit) => thread.ask("due", afterMs, untilMs, limit),
    parkedCount: (integration) => thread.ask("parkedCount", integration),
    parked: (integration, page) => thread.ask("parked", integration, page),
    lane: (namespace, lane, limit) => thread.ask("lane", namespace, lane, limit),
    openLanes: (page) => thread.ask("openLanes", page),
    acceptedEvents: (ids) => thread.ask("acceptedEvents", ids),
    received: (names) => thread.ask("received", names),
    receivedCount: () => thread.ask("receivedCount"),
    newestInOrder: (name) => thread.ask("newestInOrder", name),
    heldMessages: (after, limit) => thread.ask("heldMessages", after, limit),
    acceptedCount: (atMs) => thread.ask("acceptedCount", atMs),
    exception: (run, seq) => thread.ask("exception", run, seq),
    besideExceptions: (run, subject) => thread.ask("besideExceptions", run, subject),
    exceptionsDue: (limit) => thread.ask("exceptionsDue", limit),
    issueOverlay: (fingerprint) => thread.ask("issueOverlay", fingerprint),
    routing: () => thread.ask("routing"),
    rules: (afterChange, limit) => thread.ask("rules", afterChange, limit),
    keptCount: () => thread.ask("keptCount"),
    keptEvents: (of, limit) => thread.ask("keptEvents", of, limit),
    awaiting: (of, limit) => thread.ask("awaiting", of, limit),
    pendingByRef: (integration, ref) => thread.ask("pendingByRef", integration, ref),
    endedByRef: (integration, ref) => thread.ask("endedByRef", integration, ref),
    earlyAnswers: (limit) => thread.ask("earlyAnswers", limit),
    dependencies: () => thread.ask("dependencies"),
    declarations: () => thread.ask("declarations"),
    openGroups: () => thread.ask("openGroups"),
    inbox: (limit) => thread.ask("inbox", limit),
    // Whoever writes from another process is noticed by a look that costs nothing.
    onPosted: () => () => false,
    changed: () => thread.ask("changed"),
    close: () => thread.end("close", nowMs()),
    abandon: () => thread.end("abandon"),
    onFatal: (listener) => thread.fatal.add(listener),
  };
}

class WriterThread {
  readonly fatal = new FatalListeners();
  readonly opened: Promise<Opened>;
  readonly #worker: Worker;
  readonly #gone: Promise<unknown>;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = OPENING + 1;
  /** Why nothing more is asked: the store was closed, a write has failed, the thread has died. */
  #refusal: HoldfastError | null = null;
  #ending: Promise<void> | null = null;

  constructor(settings: ThreadSettings, onNotice: OnNotice) {
    // No flags of the parent: what the thread imports needs none, and some are refused in threads.
    this.#worker = new Worker(threadFile(), { workerData: settings, execArgv: [] });
    // Not once(): it would take an error for the end, and the thread closes its files after that.
    this.#gone = new Promise((resolve) => {
      this.#worker.on("exit", resolve);
    });
    this.opened = this.#wait<Opened>(OPENING);
    this.#worker.on("message", (reply: Reply) => {
      this.#receive(reply, onNotice);
    });
    this.#worker.on("error", (error) => {
      this.#die(stopped(error));
    });
    this.#worker.on("exit", (code) => {
      this.#die(stopped(new Error(`the writer's thread ended with code ${code}`)));
    });
  }

  /** The thread answers what the port's verb of this name promises. */
  ask<Answer>(verb: Verb, ...args: readonly unknown[]): Promise<Answer> {
    if (this.#refusal !== null) return Promise.reject(this.#refusal);
    return this.#send(verb, args);
  }

  /** The last verb. The thread is gone when this resolves. A second call waits for the first. */
  end(verb: "close" | "abandon", ...args: readonly unknown[]): Promise<void> {
    this.#ending ??= this.#end(verb, args);
    return this.#ending;
  }

  /**
   * The thread closes the database and then ends by itself. It is never terminated: that would tear
   * it down under an open database, and no sooner, since a statement of SQLite cannot be broken off.
   */
  async #end(verb: "close" | "abandon", args: readonly unknown[]): Promise<void> {
    const hasFailed = this.#refusal !== null;
    this.#refusal ??= stopped(new Error("the store was closed"));
    // A thread that #die() has let go of is waited for all the same.
    this.#worker.ref();
    try {
      // After a failed write there is nothing to seal: only the files are to be let go of. A thread
      // that is gone already answers nothing.
      if (hasFailed) await Promise.race([this.#send("abandon", []).catch(() => null), this.#gone]);
      else await this.#send<void>(verb, args);
    } finally {
      await this.#gone;
    }
  }

  #send<Answer>(verb: Verb, args: readonly unknown[]): Promise<Answer> {
    const id = this.#nextId;
    this.#nextId += 1;
    const answer = this.#wait<Answer>(id);
    const request: Request = { id, verb, args };
    // Nothing is moved: what the engine has in a batch it may still read.
    this.#worker.postMessage(request, []);
    return answer;
  }

  #wait<Answer>(id: number): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
    });
  }

  #receive(reply: Reply, onNotice: OnNotice): void {
    switch (reply.kind) {
      case "opened":
        this.#settle(OPENING)?.resolve(reply.opened);
        return;
      case "answer":
        this.#settle(reply.id)?.resolve(reply.value);
        return;
      case "failed":
        if (reply.id === OPENING) this.#refusal = stopped(new Error("it was never opened"));
        this.#settle(reply.id)?.reject(fromSent(reply.error));
        return;
      case "notice":
        onNotice(reply.notice);
        return;
      case "fatal":
        this.#die(fatalFrom(reply.error));
        return;
    }
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  /** Nothing more can be written. Whoever waits is refused; after a close that is nobody. */
  #die(error: HoldfastError): void {
    if (this.#refusal === null) {
      this.#refusal = error;
      this.fatal.tell(error);
    }
    for (const id of this.#waiting.keys()) this.#settle(id)?.reject(error);
    // A dead writer is no reason for a process to live on; that it ends may be waited for.
    if (this.#ending === null) this.#worker.unref();
  }
}

function fatalFrom(sent: SentError): HoldfastError {
  const error = fromSent(sent);
  return error instanceof HoldfastError ? error : stopped(error);
}

/** This file and the thread's have the same suffix: .ts from source, .js from dist. */
function threadFile(): URL {
  const suffix = import.meta.url.slice(import.meta.url.lastIndexOf("."));
  return new URL(`./writer-thread${suffix}`, import.meta.url);
}

function stopped(cause: Error): HoldfastError {
  return new HoldfastError(
    "HF5008",
    `the store cannot be written any more: ${cause.message}`,
    "Stop this process and start it again. The next start checks the store and goes on from what " +
      "is durable.",
    { cause },
  );
}
