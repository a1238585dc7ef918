/**
 * Which definition the payload of a record belongs to. Whoever shows payloads asks, and whoever
 * seals them: what is covered on a screen and what is sealed on a disk are the same values.
 *
 * Kind, head and step name say it. The path of a step ends in the name of the effect, review, event
 * or workflow that it is about; only a step of a workflow's own needs the name of that workflow.
 */
import { isCellKind } from "./record-kinds.ts";
import { assertNever } from "./assert.ts";
import { parseJson } from "./json-text.ts";
import type * as journal from "./journal.ts";
import type { ReceivedHead } from "./received.ts";
import type { ProposedHead } from "./repaired.ts";
import { stepDefinitionName, stepNameOf } from "./step-path.ts";

type JournalRecord = journal.JournalRecord;

/** What a payload belongs to. */
export interface PayloadOwner {
  readonly definition: journal.DefinitionKind;
  readonly name: string;
}

/** What the answer is read from. */
export type OwnedRecord = Pick<JournalRecord, "kind" | "name" | "head" | "data">;

/** True if the record's data is a payload, and not the stack of an error. */
export function hasPayload(record: OwnedRecord): boolean {
  if (record.data === null) return false;
  // What stands beside a run keeps what came; else it may keep the stack of an error.
  if (record.kind === "opened") return headOf<journal.OpenedHead>(record).beside !== undefined;
  if (record.kind === "result") return headOf<journal.ResultHead>(record).threw === undefined;
  if (record.kind !== "outcome") return true;
  return headOf<journal.OutcomeHead>(record).failure === undefined;
}

/** True if it is what `run.now` answered: the engine's own, and holds nothing of anybody. */
export function isTime(record: OwnedRecord): boolean {
  return record.kind === "result" && headOf<journal.ResultHead>(record).now === true;
}

/**
 * Null where the journal does not say; such a payload counts as sensitive whole.
 *
 * @param workflow - of the record's run; null if that is not known.
 */
export function payloadOwner(record: OwnedRecord, workflow: string | null): PayloadOwner | null {
  if (isCellKind(record.kind)) return null;
  switch (record.kind) {
    case "started":
      return { definition: "workflow", name: headOf<journal.StartedHead>(record).workflow };
    case "finished":
      return { definition: "workflow", name: headOf<journal.FinishedHead>(record).workflow };
    case "intent":
    case "outcome":
    case "probe":
    case "settled":
    case "supplied":
    case "edited":
      return { definition: "effect", name: headOf<journal.OutcomeHead>(record).effect };
    case "asked":
      return { definition: "review", name: headOf<journal.AskedHead>(record).review };
    case "answered":
      return ownerOfDecision(record);
    case "kept":
      return { definition: "event", name: headOf<journal.KeptHead>(record).event };
    case "event":
      return ownerOfEvent(headOf<journal.EventHead>(record));
    case "returned":
      return ownerOfReturned(record);
    case "received":
      return { definition: "workflow", name: headOf<ReceivedHead>(record).workflow };
    case "again":
      return workflow === null ? null : { definition: "workflow", name: workflow };
    case "proposed":
      return ownerOfProposed(headOf<ProposedHead>(record));
    case "opened":
      return ownerOfBeside(headOf<journal.OpenedHead>(record));
    case "result":
      return ownerOfResult(record, workflow);
    // An answer that came before its request: whose it is, nobody knows yet.
    case "early":
    // These have none.
    case "pending":
    case "timer":
    case "fired":
    case "escalated":
    case "awaited":
    case "called":
    case "state":
    case "closed":
    case "cancel":
    case "resumed":
    case "incarnation":
    case "group":
    case "dependency":
    case "applied":
    case "declared":
    case "late":
    case "restored":
    case "archived":
    case "imported":
    case "decided":
    case "handled":
    case "grouped":
    case "routed":
    case "lane":
    case "ruled":
    case "code":
    case "suspected":
      return null;
    default:
      return assertNever(record.kind);
  }
}

function ownerOfResult({ name }: OwnedRecord, workflow: string | null): PayloadOwner | null {
  if (workflow === null) return null;
  return { definition: "step", name: stepDefinitionName(workflow, stepNameOf(name).name) };
}

/** Without a question it is what was wrong with the subject. */
function ownerOfDecision(record: OwnedRecord): PayloadOwner | null {
  const { asked } = headOf<journal.AnsweredHead>(record);
  return asked === 0 ? null : { definition: "review", name: stepNameOf(record.name).name };
}

function ownerOfEvent({ event }: journal.EventHead): PayloadOwner | null {
  return event === undefined ? null : { definition: "event", name: event };
}

function ownerOfReturned(record: OwnedRecord): PayloadOwner | null {
  const { child, end } = headOf<journal.ReturnedHead>(record);
  if (child === 0 || end === "failed") return null;
  return { definition: "workflow", name: stepNameOf(record.name).name };
}

/** An event that was not delivered, or an input that was not started. */
function ownerOfBeside({ beside, workflow }: journal.OpenedHead): PayloadOwner | null {
  if (beside === undefined) return null;
  if (beside.effect !== undefined) return { definition: "effect", name: beside.effect };
  return beside.event === undefined
    ? { definition: "workflow", name: workflow }
    : { definition: "event", name: beside.event };
}

/** A result or an input of an effect, or an input of the workflow. */
function ownerOfProposed({ effect, workflow }: ProposedHead): PayloadOwner {
  return effect === undefined
    ? { definition: "workflow", name: workflow }
    : { definition: "effect", name: effect };
}

/** The engine wrote it with the shape of its kind. */
function headOf<Head>(record: OwnedRecord): Head {
  return parseJson(record.head ?? "{}") as Head;
}
