/** Two events under one id: the second is not delivered, and somebody has to look at both. */
import { HoldfastError } from "../../core/error.ts";
import type { AcceptedEvent, EventHead } from "../../core/journal.ts";
import { differenceText } from "../../core/json-difference.ts";
import { parseJson } from "../../core/json-text.ts";
import { canonicalText } from "../../core/operation-key.ts";
import { formatRunId } from "../../core/run-number.ts";
import { DeclaredFields } from "../../store/declared-fields.ts";
import type { AcceptedEventRow, StoredRun } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import { headOf } from "../run/recovery.ts";

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
  const pointers = await sensitiveIn(engine, event);
  const kept = await keptPayload(engine, known);
  /** Where the payloads differ; nothing where that cannot be said. */
  let where = "";
  const look = (first: string | null) => {
    const found =
      first === null || pointers === null
        ? null
        : differenceText(parseJson(first), parseJson(data), pointers);
    where = found === null ? "" : ` (${found})`;
  };
  look(kept);
  const subject = canonicalText("event", [namespace, event, id, key, digest]);
  const place = await engine.exceptions.beside.open({
    run: known?.run ?? null,
    subject: `event ${engine.digests.hex(subject)}`,
    at: `event ${event}`,
    reasonCode: "HF4106",
    rule: "engine/event-conflict@1",
    message: `${name} came again with another ${differs}.`,
    because: (stored) => {
      if (stored !== null) look(takenPayload(stored, sent, known));
      return `${name} came again with another ${differs}${where}. ${stored === null ? "The first one is kept until a run waits for it" : "This run has the first one"}; the second was not delivered.`;
    },
    owner: engine.owner,
    data,
    event,
  });
  const went =
    place.run === null
      ? `no run has taken the first one yet`
      : `the first one went to run ${formatRunId(place.run)}`;
  return new HoldfastError(
    "HF4106",
    `${name} was accepted before with another ${differs}${where}; ${went}. Nothing was delivered; ${place.owner} has an exception that says so.`,
    "If it is another event, send it with an id of its own. If the first one was wrong, its owner has to correct what came of it.",
  );
}

/** Null if nobody has declared anything of the event yet: then all of it counts as sensitive. */
async function sensitiveIn(engine: Engine, event: string): Promise<readonly string[] | null> {
  const declared = new DeclaredFields(await engine.store.declarations());
  return declared.pointersOf({ definition: "event", name: event });
}

/** Kept events of one name and key that are looked through. */
const KEPT_MAX = 1_000;

/** Payload of the first event where no run has taken it. */
async function keptPayload(engine: Engine, known: AcceptedEventRow | null): Promise<string | null> {
  if (known === null || known.run !== null || known.kept === null) return null;
  const { namespace, event, key, kept } = known;
  const rows = await engine.store.keptEvents({ namespace, event, key }, KEPT_MAX);
  return rows.find(({ seq }) => seq === kept)?.data ?? null;
}

/** Payload of the first event, from the run that took it. */
function takenPayload(
  { records }: StoredRun,
  { namespace, event, id }: AcceptedEvent,
  known: AcceptedEventRow | null,
): string | null {
  const took = records.find((record) => {
    if (record.kind !== "event") return false;
    const { kept, accepted } = headOf<EventHead>(record);
    if (kept !== undefined && kept === known?.kept) return true;
    return accepted?.namespace === namespace && accepted.event === event && accepted.id === id;
  });
  return took?.data ?? null;
}

/** Longest piece of foreign text in a message, in characters. */
const QUOTED_MAX = 80;

function quoted(text: string): string {
  return JSON.stringify(text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}...` : text);
}
