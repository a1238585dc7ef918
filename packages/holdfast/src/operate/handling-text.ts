/** What was done to an exception, in words. */
import { assertNever } from "../core/assert.ts";
import type { HandlingAct } from "../core/exception-handling.ts";
import type { MutedUntil } from "../core/issue-overlay.ts";
import type { HandledHead } from "../core/journal.ts";
import { isoText } from "./views.ts";

/** As the end of a sentence that begins with the exception. */
export function handledText({ act, reason }: Pick<HandledHead, "act" | "reason">): string {
  const because = reason === "" ? "" : `: ${reason}`;
  return `${actText(act)}${because}`;
}

function actText(act: HandlingAct): string {
  switch (act.kind) {
    case "assigned":
      return act.to === null ? "is nobody's in particular" : `assigned to ${act.to}`;
    case "handed-over":
      return `handed over to ${act.owner}`;
    case "noted":
      return `noted ${JSON.stringify(act.text)}`;
    case "tagged":
      return `tagged ${act.tag}`;
    case "untagged":
      return `no longer tagged ${act.tag}`;
    case "linked":
      return `linked to the ${act.link.kind} ${act.link.to}`;
    case "unlinked":
      return `no longer linked to the ${act.link.kind} ${act.link.to}`;
    case "watched":
      return `watched by ${act.who}`;
    case "unwatched":
      return `no longer watched by ${act.who}`;
    case "duplicate":
      return act.of === null ? "is one of its own" : `is a duplicate of ${act.of}`;
    case "waits":
      return `waits for ${act.for}`;
    case "goes-on":
      return `goes on, due ${isoText(act.dueAtMs)}`;
    case "snoozed":
      return `snoozed until ${untilText(act.until)}`;
    case "unsnoozed":
      return "no longer snoozed";
    case "crossed": {
      const { kind, atMs, to } = act.crossing;
      return `${CROSSING_TEXT[kind]} at ${isoText(atMs)}, ${to} told`;
    }
    default:
      return assertNever(act);
  }
}

/** As the end of a sentence that says what stays quiet. */
export function untilText(until: MutedUntil): string {
  switch (until.kind) {
    case "time":
      return isoText(until.atMs);
    case "deploy":
      return `a version that is newer than ${until.version}`;
    case "count":
      return `${String(until.count)} more of its group`;
    case "value":
      return `more of its group come to ${until.amount} ${until.currency}`;
    default:
      return assertNever(until);
  }
}

const CROSSING_TEXT = {
  warning: "soon overdue",
  overdue: "overdue",
  escalation: "escalated",
} as const;
