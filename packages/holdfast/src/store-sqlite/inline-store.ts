/** The store in the caller's own thread: each call blocks it. For tests and the command line. */
import type { HoldfastError } from "../core/error.ts";
import type { Store } from "../store/store.ts";
import type { OnNotice } from "./notice.ts";
import { unpackRuns } from "./packed-runs.ts";
import { Session } from "./session.ts";
import type { SessionSettings } from "./session.ts";
import type { SqliteStore } from "./open.ts";

export function openInline(
  settings: SessionSettings,
  nowMs: () => number,
  onNotice: OnNotice,
): SqliteStore {
  const fatal = new FatalListeners();
  const session = new Session(settings, { onNotice, onFatal: (error) => fatal.tell(error) });
  return {
    ...session.opened,
    shards: { isWhole: true },
    removal: {
      recordSums: async (runs) => session.queries.recordSums(runs),
      storeRecords: async (seqs) => session.queries.storeRecords(seqs),
      childrenOf: async (runs) => session.queries.childrenOf(runs),
      callsOf: async (runs) => session.queries.callsOf(runs),
      archivedRuns: async (runs) => session.queries.archivedRuns(runs),
    },
    cells: {
      list: async () => session.queries.cellList(),
      carried: async (names) => session.queries.carriedKeys(names),
      placed: async (keyHashes) => session.queries.placedKeys(keyHashes),
      hasPlaced: async () => session.queries.hasPlaced(),
      keptFor: async (afterSeq, limit) => session.queries.keptFor(afterSeq, limit),
      carriedRun: async (run) => session.queries.carriedRun(run),
    },
    taken: {
      count: async () => session.queries.takenCount(),
      forget: async (untilMs, limit) => session.forgetCommands(untilMs, limit),
    },
    flush: async (batch) => session.flush(batch),
    find: async (keys) => session.queries.find(keys),
    load: async (runs) => unpackRuns(session.queries.load(runs)),
    page: async (states, page) => unpackRuns(session.queries.page(states, page)),
    due: async (afterMs, untilMs, limit) => session.queries.due(afterMs, untilMs, limit),
    parkedCount: async (integration) => session.queries.parkedCount(integration),
    parked: async (integration, page) => session.queries.parked(integration, page),
    lane: async (namespace, lane, limit) => session.queries.lane(namespace, lane, limit),
    openLanes: async (page) => session.queries.openLanes(page),
    acceptedEvents: async (ids) => session.queries.acceptedEvents(ids),
    received: async (names) => session.queries.received(names),
    receivedCount: async () => session.queries.receivedCount(),
    newestInOrder: async (name) => session.queries.newestInOrder(name),
    heldMessages: async (after, limit) => session.queries.heldMessages(after, limit),
    acceptedCount: async (atMs) => session.queries.acceptedCount(atMs),
    exception: async (run, seq) => session.queries.exception(run, seq),
    besideExceptions: async (run, subject) => session.queries.besideExceptions(run, subject),
    exceptionsDue: async (limit) => session.queries.exceptionsDue(limit),
    issueOverlay: async (fingerprint) => session.queries.issueOverlay(fingerprint),
    routing: async () => session.queries.routing(),
    rules: async (afterChange, limit) => session.queries.rules(afterChange, limit),
    keptCount: async () => session.queries.keptCount(),
    keptEvents: async (of, limit) => session.queries.keptEvents(of, limit),
    awaiting: async (of, limit) => session.queries.awaiting(of, limit),
    pendingByRef: async (integration, ref) => session.queries.pendingByRef(integration, ref),
    endedByRef: async (integration, ref) => session.queries.endedByRef(integration, ref),
    earlyAnswers: async (limit) => session.queries.earlyAnswers(limit),
    dependencies: async () => session.queries.dependencies(),
    declarations: async () => session.queries.declarations(),
    openGroups: async () => session.queries.openGroups(),
    inbox: async (limit) => session.inbox(limit),
    // Whoever writes from another process is noticed by a look that costs nothing.
    onPosted: () => () => false,
    changed: async () => session.changed(),
    close: async () => session.close(nowMs()),
    abandon: async () => session.abandon(),
    onFatal: (listener) => fatal.add(listener),
  };
}

/** Tells each listener once, and at once one that comes too late. */
export class FatalListeners {
  readonly #listeners: Parameters<Store["onFatal"]>[0][] = [];
  #error: HoldfastError | null = null;

  add(listener: Parameters<Store["onFatal"]>[0]): void {
    if (this.#error === null) this.#listeners.push(listener);
    else listener(this.#error);
  }

  tell(error: HoldfastError): void {
    if (this.#error !== null) return;
    this.#error = error;
    for (const listener of this.#listeners) listener(error);
  }
}
