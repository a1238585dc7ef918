/**
 * Which of the 256 virtual shards a row is in. A run's shard is the last byte of a hash: of its key,
 * or of its lane, because the runs of one lane must have one owner. It is decided at its start, from
 * the start's own record, and kept for ever.
 */
import { hash } from "node:crypto";

export const SHARDS = 256;

/** Rows that belong to no run: the store's own journal and what only its owner writes. */
export const SYSTEM_SHARD = 0;

/** @param keyHash - hex HMAC of (namespace, workflow, key). */
export function keyShard(keyHash: string): number {
  return Number.parseInt(keyHash.slice(-2), 16);
}

export function runShard(start: {
  readonly namespace: string;
  readonly lane: string | null;
  readonly keyHash: string;
}): number {
  return start.lane === null
    ? keyShard(start.keyHash)
    : textShard(`${start.namespace.length}|${start.namespace}${start.lane}`);
}

/** For a command, which is found by its id alone. */
export function textShard(text: string): number {
  return keyShard(hash("sha256", text, "hex"));
}

/** An event's id by its hash, hex: of any length, and with its shard in its last byte. */
export function eventName(event: {
  readonly namespace: string;
  readonly event: string;
  readonly id: string;
}): string {
  const { namespace, event: type, id } = event;
  return hash("sha256", `${namespace.length}|${type.length}|${namespace}${type}${id}`, "hex");
}

/** The store's own journal is one per incarnation, and belongs to it and not to a shard's owner. */
export function chainShard(incarnation: number): number {
  return incarnation % SHARDS;
}

/** The run number under which an incarnation's own journal, run 0 of the port, is stored. */
export function storedRun(run: number, incarnation: number): number {
  return run === 0 ? -incarnation : run;
}
