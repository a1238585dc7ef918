/**
 * Commands that were committed together with data of their sender's: whoever sent one has gone on
 * and hears no answer, so none may be refused without somebody being told of it. Known by their ids,
 * which can be read also where the rest of a command cannot.
 */
import { HoldfastError } from "../core/error.ts";
import type { InboxRow } from "./rows.ts";

/** A command on its way into the inbox. */
export type PromisedCommand = Omit<InboxRow, "answer">;

const PREFIX = "tx_";

/** @param unique - no other command has it. */
export function promisedId(unique: string): string {
  return `${PREFIX}${unique}`;
}

export function isPromised(id: string): boolean {
  return id.startsWith(PREFIX);
}

/** @param waitingMax - the limit `inboxWaitingMax`. */
export function inboxIsFull(waitingMax: number): HoldfastError {
  return new HoldfastError(
    "HF4205",
    `${String(waitingMax)} commands wait in the inbox for an engine, the limit inboxWaitingMax. Nothing was written.`,
    "Roll the transaction back, and look whether an engine runs on the store and what holds it up: holdfast runs",
  );
}

/** @param expected - what the store's driver takes. */
export function noTransaction(expected: string): HoldfastError {
  return new HoldfastError(
    "HF5014",
    `What was given is no open transaction: expected ${expected}. Nothing was written.`,
    "Begin the transaction, and give the client on which it was begun; a pool gives every statement another one.",
  );
}

/** @param found - what the transaction is in, as the end of a sentence. */
export function otherDatabase(found: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    "HF5015",
    `The transaction is not one of the store's database: ${found}. Nothing was written.`,
    "Give a transaction of the database that holds the store. Where your data lies elsewhere, keep what is to be started in a table of your own there, and start it from it.",
    cause === undefined ? {} : { cause },
  );
}
