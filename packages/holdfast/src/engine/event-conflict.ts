/** Two events under one id: the second is not delivered, and somebody has to look at both. */
import { HoldfastError } from "../core/error.ts";
import type { AcceptedEvent } from "../core/journal.ts";
import { canonicalText } from "../core/operation-key.ts";
import { formatRunId } from "../core/run-number.ts";
import type { AcceptedEventRow } from "../store/rows.ts";
import type { Engine } from "./engine.ts";

export interface EventConflict {
  readonly sent: AcceptedEvent;
  /** What was accepted under the id first. */
  readonly known: AcceptedEventRow | null;
  readonly differs: string;
  /** Payload of the second, as JSON. */
  readonly data: string;
}

/**
 * Opens its exception, at the run that took the first event: whoever owns that run knows what to
 * make of a correction, and whether it comes too late. Where no run has taken it, at the store.
 *
 * @returns what the sender is told.
 * @throws {HoldfastError} HF4203 if too many are open there.
 */
export async function openEventConflict(
  engine: Engine,
  { sent, known, differs, data }: EventConflict,
): Promise<HoldfastError> {
  const { event, id, key, namespace, digest } = sent;
  const name = `Event ${quoted(event)} with id ${quoted(id)}`;
  const subject = canonicalText("event", [namespace, event, id, key, digest]);
  const place = await engine.beside.open({
    run: known?.run ?? null,
    subject: `event ${engine.digests.hex(subject)}`,
    at: `event ${event}`,
    reasonCode: "HF4106",
    rule: "engine/event-conflict@1",
    message: `${name} came again with another ${differs}.`,
    because: (row) =>
      `${name} came again with another ${differs}. ${row === null ? "The first one is kept until a run waits for it" : "This run has the first one"}; the second was not delivered.`,
    owner: engine.owner,
    data,
    event,
  });
  const where =
    place.run === null
      ? `no run has taken the first one yet`
      : `the first one went to run ${formatRunId(place.run)}`;
  return new HoldfastError(
    "HF4106",
    `${name} was accepted before with another ${differs}; ${where}. Nothing was delivered; ${place.owner} has an exception that says so.`,
    "If it is another event, send it with an id of its own. If the first one was wrong, its owner has to correct what came of it.",
  );
}

/** Longest piece of foreign text in a message, in characters. */
const QUOTED_MAX = 80;

function quoted(text: string): string {
  return JSON.stringify(text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}...` : text);
}
