/**
 * The last look at a record before the journal has it. What a door should have refused would be
 * refused by the database instead, in a flush with the records of many runs: and a failed flush ends
 * the process.
 */
import { HoldfastError } from "../../core/error.ts";
import { formatRunId } from "../../core/run-number.ts";

/** Properties of heads that become columns of texts, whatever the kind of the record. */
const TEXTS: ReadonlySet<string> = new Set([
  "amount",
  "approvedBy",
  "by",
  "class",
  "correlationId",
  "currency",
  "dependency",
  "effect",
  "event",
  "fingerprint",
  "from",
  "integration",
  "key",
  "lane",
  "message",
  "name",
  "namespace",
  "notBy",
  "owner",
  "reason",
  "ref",
  "review",
  "startedBy",
  "state",
  "step",
  "subject",
  "to",
  "workflow",
]);

/** Kinds whose head becomes no column: `by` of a suspicion is the number of a worker. */
const WITHOUT_COLUMNS: ReadonlySet<string> = new Set(["suspected"]);

/** What of a record is looked at. */
interface Written {
  readonly run: number;
  readonly kind: string;
  readonly name: string;
  readonly head: object | null;
  readonly data: string | null;
}

/** @throws {HoldfastError} HF4102 for the first text that is something else. */
export function requireTexts({ run, kind, name, head, data }: Written): void {
  // The types say so already; a caller without types may have brought something else.
  if (typeof name !== "string") throw noText(run, kind, "name");
  if (data !== null && typeof data !== "string") throw noText(run, kind, "data");
  if (head === null || WITHOUT_COLUMNS.has(kind)) return;
  // By key: pairs would be made anew for every record that is written.
  for (const property of Object.keys(head)) {
    const value = (head as Readonly<Record<string, unknown>>)[property];
    if (value === undefined || value === null || typeof value === "string") continue;
    if (TEXTS.has(property)) throw noText(run, kind, property);
  }
}

function noText(run: number, kind: string, property: string): HoldfastError {
  return new HoldfastError(
    "HF4102",
    `The record "${kind}" of ${run === 0 ? "the store" : formatRunId(run)} cannot be written: its ${property} is no text. Nothing was written.`,
    `Give a text for ${property}.`,
  );
}
