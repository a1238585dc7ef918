/** The kinds of records, and which of them are the store's own. Their heads are in journal.ts. */

/** Order is the stored number: append only, never reorder. */
export const RECORD_KINDS = [
  // of a run
  "started",
  "result", // of local work, now: resolves its step
  "intent", // an attempt of an effect is about to be sent; durable before it leaves
  "outcome", // an attempt ended
  "probe", // the other system was asked what happened
  "settled", // a person or a late answer said what happened
  "pending", // accepted now, done later (202)
  "timer",
  "fired",
  "asked",
  "answered",
  "escalated",
  "awaited", // an event is waited for
  "event",
  "called", // a child run was started
  "returned",
  "state", // the run waits, is parked, held ... or runs again
  "opened", // an exception
  "closed", // an exception
  "cancel", // cancellation was asked for
  "resumed", // an operator let the run go on
  "finished",
  // of the store itself (run 0)
  "incarnation",
  "group", // a recovery group was started or came through
  "dependency", // an integration was parked or came back
  "kept", // an event arrived before anybody waited for it
  "applied", // a command from another process that changed no run
  "declared", // what of a definition's payloads is sensitive, and what answers a review
  // of a run again
  "late", // its deadline has passed
  // of the store itself again
  "early", // an answer came before the request that it answers was on record
  // of a run once more
  "restored", // the store was restored from a backup in which the run was open
  // of the store itself
  "archived", // runs have left for an archive: see archived.ts
  "imported", // an archive was read into this store, for looking
  "received", // a message came from outside: what became of it, in the flush that says so
  // of a run, by hand: see repaired.ts
  "supplied", // a person gave an effect's result, or a run that is done again keeps it
  "edited", // the input of an effect was corrected
  "again", // the run is done again from a step, perhaps with another input
  "proposed", // a repair that a second person has to approve
  "decided", // what became of a proposal
  // of a run, and of the store itself
  "handled", // an exception: somebody has it, a note, a time that has passed
  // of the store itself
  "grouped", // what operators have decided about a group of exceptions
  "routed", // a new version of the rules by which exceptions go to owners
  "cells", // the list of cells that this store is one of: see cells.ts
  "carried", // keys of a cell that is to be removed are guarded here from now on
  "forwarded", // a kept event was given to another cell
  "placed", // a key belongs to this cell, and its run, for its lane, to another one
  // of a run
  "lane", // it was taken out of its lane, or has its turn because another one was: see lane.ts
  "ruled", // a version of a classification rule was added, or put in another state
  // of a run
  "code", // from here on another version of the code goes on with it
  "suspected", // its worker has crashed with it at work, or it has come through: see suspicion.ts
] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];

/** Kinds that only the store's own journal has; what they say is about other runs, or about none. */
export const STORE_KINDS: readonly RecordKind[] = [
  "incarnation",
  "group",
  "dependency",
  "kept",
  "declared",
  "early",
  "archived",
  "imported",
  "received",
  "grouped",
  "routed",
  "cells",
  "carried",
  "forwarded",
  "placed",
  "ruled",
];

/** Number under which a kind is stored. */
export function kindNumber(kind: RecordKind): number {
  return RECORD_KINDS.indexOf(kind);
}

const CELL_KINDS = ["cells", "carried", "forwarded", "placed"] as const;
export type CellKind = (typeof CELL_KINDS)[number];

/** Of a store that is one of several cells: see cells.ts. */
export function isCellKind(kind: RecordKind): kind is CellKind {
  return (CELL_KINDS as readonly RecordKind[]).includes(kind);
}
