/** Acts of people upon exceptions and groups, as they come from other processes. */
import { isAmount } from "./amount.ts";
import { HoldfastError } from "./error.ts";
import { HANDLING_LIMITS, LINK_KINDS, WAITS_FOR, type HandlingAct } from "./exception-handling.ts";
import type { IssueAct, MutedUntil } from "./issue-overlay.ts";
import { isWellFormed } from "./well-formed.ts";

/** What a person asks for; the engine adds what follows from it. */
export type AskedAct =
  | Exclude<HandlingAct, { kind: "handed-over" | "waits" | "goes-on" | "crossed" }>
  | Pick<Extract<HandlingAct, { kind: "handed-over" }>, "kind" | "owner">
  | Pick<Extract<HandlingAct, { kind: "waits" }>, "kind" | "for">
  | { readonly kind: "goes-on" };

/** The message that the exception is about is to be taken after all, with another input. */
export interface Admitting {
  readonly kind: "admitted";
}

export function isAdmitting(act: object): act is Admitting {
  return "kind" in act && act.kind === "admitted";
}

type Given = Readonly<Record<string, unknown>>;

/** @throws {HoldfastError} HF4102 for what is no act of a person. */
export function parseHandlingAct(value: object): AskedAct {
  const given = value as Given;
  const kind = given["kind"];
  switch (kind) {
    case "assigned":
      return { kind, to: given["to"] === null ? null : textOf(given, "to") };
    case "handed-over":
      return { kind, owner: textOf(given, "owner") };
    case "noted":
      return { kind, text: textOf(given, "text", HANDLING_LIMITS.noteChars) };
    case "tagged":
    case "untagged":
      return { kind, tag: textOf(given, "tag") };
    case "linked":
    case "unlinked": {
      const link = given["link"];
      if (typeof link !== "object" || link === null) throw misfit("an object", "link");
      const of = link as Given;
      return { kind, link: { kind: wordOf(of, "kind", LINK_KINDS), to: textOf(of, "to") } };
    }
    case "watched":
    case "unwatched":
      return { kind, who: textOf(given, "who") };
    case "duplicate":
      return { kind, of: given["of"] === null ? null : textOf(given, "of") };
    case "waits":
      return { kind, for: wordOf(given, "for", WAITS_FOR) };
    case "snoozed":
      return { kind, until: untilOf(given) };
    case "goes-on":
    case "unsnoozed":
      return { kind };
    default:
      throw misfit("an act that people have upon an exception", "kind");
  }
}

/** @throws {HoldfastError} HF4102 for what is no act upon a group. */
export function parseIssueAct(value: object): IssueAct {
  const given = value as Given;
  const kind = given["kind"];
  switch (kind) {
    case "muted":
      return { kind, until: untilOf(given) };
    case "resolved":
      return { kind, inVersion: textOf(given, "inVersion") };
    case "merged":
      return { kind, into: textOf(given, "into") };
    case "split":
      return { kind, by: wordOf(given, "by", ["code", "data"]) };
    case "unmuted":
    case "reopened":
    case "unmerged":
    case "unsplit":
      return { kind };
    default:
      throw misfit("an act that people have upon a group", "kind");
  }
}

function untilOf(given: Given): MutedUntil {
  const until = given["until"];
  if (typeof until !== "object" || until === null) throw misfit("an object", "until");
  return mutedUntil(until as Given);
}

function mutedUntil(until: Given): MutedUntil {
  const kind = until["kind"];
  switch (kind) {
    case "time":
      return { kind, atMs: wholeOf(until, "atMs") };
    case "deploy":
      return { kind, version: textOf(until, "version") };
    case "count":
      return { kind, count: wholeOf(until, "count") };
    case "value": {
      const amount = textOf(until, "amount");
      if (!isAmount(amount)) throw misfit("an amount such as 1000.00", "until/amount");
      return { kind, amount, currency: textOf(until, "currency") };
    }
    default:
      throw misfit("time, deploy, count or value", "until/kind");
  }
}

function textOf(given: Given, name: string, charsMax: number = HANDLING_LIMITS.textChars): string {
  const value = given[name];
  const isText = typeof value === "string" && value.trim() !== "" && value.length <= charsMax;
  if (isText && isWellFormed(value) && !value.includes("\u0000")) return value;
  throw misfit(`a text of 1 to ${String(charsMax)} characters`, name);
}

function wholeOf(given: Given, name: string): number {
  const value = given[name];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw misfit("a whole number", name);
}

function wordOf<Word extends string>(given: Given, name: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === given[name]);
  if (found !== undefined) return found;
  throw misfit(`one of ${words.join(", ")}`, name);
}

function misfit(expected: string, name: string): HoldfastError {
  return new HoldfastError(
    "HF4102",
    `The act is not valid: expected ${expected} at /${name}. Nothing was changed.`,
    "Give it with the command line, or as the reference has it.",
  );
}
