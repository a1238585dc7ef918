/**
 * Commands as they lie in the inbox: written by other processes, perhaps of another version, or by
 * hand. Each is looked at before anything is done, so that none is half applied.
 */
import { HoldfastError } from "../../core/error.ts";
import { JSON_LIMITS } from "../../core/json-value.ts";
import { parseJsonText } from "../../core/parse-json.ts";
import { REPAIR_ACTS } from "../../core/repaired.ts";
import { parseRunId } from "../../core/run-number.ts";
import { isSaidParts } from "../../core/said-parts.ts";
import { INBOX_TOPICS, type InboxRow } from "../../store/rows.ts";
import { isStorable } from "../journal/checked-values.ts";
import type { InboxCommands } from "./inbox-bodies.ts";

/** A command is larger and deeper than what it carries, which has limits of its own. */
const COMMAND_LIMITS = {
  bytesMax: JSON_LIMITS.bytesMax + 64 * 1024,
  depthMax: JSON_LIMITS.depthMax + 4,
};

type Kind =
  | "text"
  | "text or null"
  | "text or nothing"
  | "whole number"
  | "whole number or nothing"
  | "truth value"
  | "true or nothing"
  | "any"
  | "act"
  | "runs"
  | "outcome"
  | "object"
  | "list"
  | "parts or nothing";
type Topic = InboxRow["topic"];

/** What each topic's data must hold. */
const SHAPES: { readonly [T in Topic]: Readonly<Record<keyof InboxCommands[T], Kind>> } = {
  start: {
    workflow: "text",
    input: "any",
    correlationId: "text or nothing",
    parent: "any",
    claimed: "whole number or nothing",
    received: "any",
  },
  send: { event: "text", key: "text", id: "text or nothing", payload: "any" },
  answer: { run: "text", seq: "whole number", decision: "any", reason: "text or nothing" },
  settle: {
    run: "text",
    operation: "whole number",
    attempts: "whole number",
    happened: "truth value",
    parts: "parts or nothing",
    value: "any",
    ref: "text or null",
    reason: "text",
    exception: "whole number or nothing",
  },
  resume: {
    run: "text",
    step: "text or null",
    seen: "whole number or nothing",
    reason: "text",
    exception: "whole number or nothing",
    to: "text or nothing",
    insteadOf: "text or nothing",
  },
  handUp: { run: "text", exception: "whole number", reason: "text" },
  cancel: { run: "text", reason: "text", child: "true or nothing" },
  pause: { run: "text", reason: "text" },
  close: { run: "text", seq: "whole number", reason: "text" },
  skipHead: { run: "text", reason: "text" },
  repair: {
    run: "text",
    act: "act",
    step: "text or null",
    version: "whole number",
    value: "any",
    ref: "text or nothing",
    newKey: "true or nothing",
    reason: "text",
    look: "true or nothing",
    plan: "text or nothing",
    item: "whole number or nothing",
  },
  decide: { run: "text", seq: "whole number", approve: "truth value", reason: "text" },
  handle: { run: "text", seq: "whole number", act: "object", input: "any", reason: "text" },
  group: { run: "text", fingerprint: "text", act: "object", reason: "text" },
  route: {
    run: "text",
    rules: "list",
    version: "whole number",
    tried: "whole number or nothing",
    changed: "whole number or nothing",
    reason: "text",
  },
  rule: { run: "text", act: "object", reason: "text" },
  archive: { archive: "text", file: "text", runs: "runs", here: "true or nothing" },
  park: { integration: "text", reason: "text", forMs: "whole number" },
  unpark: { integration: "text", reason: "text" },
  complete: { integration: "text", ref: "text", outcome: "outcome" },
  returned: { run: "text", step: "text", child: "text" },
  deliver: { run: "text", kept: "whole number", sent: "any", data: "text" },
  offer: { namespace: "text", event: "text", key: "text" },
  outcome: { run: "text", operation: "whole number", ref: "text", outcome: "outcome" },
  asked: { integration: "text", ref: "text" },
  receive: { message: "any" },
  beside: { run: "text", subject: "text", head: "any", data: "text" },
};

/**
 * The data of a command.
 *
 * @throws {HoldfastError} HF6001 for a topic that this version does not know, HF4102 to HF4105 for
 *   data that is not what the topic needs.
 */
export function commandOf<T extends Topic>(
  row: InboxRow & { readonly topic: T },
): InboxCommands[T] {
  const what = `command "${row.topic}"`;
  const data = parseJsonText(row.data, what, COMMAND_LIMITS);
  if (typeof data !== "object" || data === null || Array.isArray(data))
    throw misfit(what, "an object", "");
  const shape: Readonly<Record<string, Kind>> = SHAPES[row.topic];
  for (const [name, kind] of Object.entries(shape)) {
    // An own property only: what the prototype has was not sent.
    const value: unknown = Object.hasOwn(data, name) ? Reflect.get(data, name) : undefined;
    if (!IS[kind](value)) throw misfit(what, kind, name);
  }
  // Each property has just been looked at.
  return data as InboxCommands[T];
}

/** The run that a command is about; null if it names none. What else it holds is looked at later. */
export function runOf(data: string): number | null {
  const body: unknown = parseJsonText(data, "command", COMMAND_LIMITS);
  const run = typeof body === "object" && body !== null && "run" in body ? body.run : null;
  return typeof run === "string" ? parseRunId(run) : null;
}

/** @throws {HoldfastError} HF6001: written by a newer version, or by hand. */
export function requireTopic(topic: string): void {
  if (INBOX_TOPICS.some((known) => known === topic)) return;
  throw new HoldfastError(
    "HF6001",
    `This engine knows no command "${topic.slice(0, 40)}".`,
    `Send one of: ${INBOX_TOPICS.join(", ")}; or update the engine.`,
  );
}

const IS: Readonly<Record<Kind, (value: unknown) => boolean>> = {
  text: (value) => typeof value === "string" && isStorable(value),
  "text or null": (value) => value === null || IS.text(value),
  "text or nothing": (value) => value === undefined || IS.text(value),
  "whole number": (value) => Number.isSafeInteger(value),
  "whole number or nothing": (value) => value === undefined || Number.isSafeInteger(value),
  "truth value": (value) => typeof value === "boolean",
  "true or nothing": (value) => value === undefined || value === true,
  any: () => true,
  act: (value) => REPAIR_ACTS.some((act) => act === value),
  runs: isRuns,
  outcome: isOutcome,
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  list: (value) => Array.isArray(value),
  "parts or nothing": (value) => value === undefined || isSaidParts(value),
};

/** Pairs of a run and how many records it has. */
function isRuns(value: unknown): boolean {
  return Array.isArray(value) && value.every(isOrdered);
}

function isOrdered(pair: unknown): boolean {
  if (!Array.isArray(pair) || pair.length !== 2) return false;
  return IS.text(pair[0]) && IS["whole number"](pair[1]);
}

/** Whether this is what an accepted request may come to: also asked of callers without types. */
export function isOutcome(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("ok" in value)) return false;
  if (value.ok === true) return "value" in value;
  return value.ok === false && "message" in value && IS.text(value.message);
}

function misfit(what: string, expected: string, name: string): HoldfastError {
  const where = name === "" ? "" : ` at /${name}`;
  return new HoldfastError(
    "HF4102",
    `The ${what} is not valid: expected ${expected}${where}. Nothing was done.`,
    "Send it again as this version writes it: with the command line, or with the client.",
  );
}
