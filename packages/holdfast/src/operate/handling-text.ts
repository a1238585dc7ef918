/** What was done to an exception, in words. */
import { assertNever } from "../core/assert.ts";
import type { HandlingAct } from "../core/exception-handling.ts";
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
    case "waits":
      return `waits for ${act.for}`;
    case "goes-on":
      return `goes on, due ${isoText(act.dueAtMs)}`;
    case "crossed": {
      const { kind, atMs, to } = act.crossing;
      return `${CROSSING_TEXT[kind]} at ${isoText(atMs)}, ${to} told`;
    }
    default:
      return assertNever(act);
  }
}

const CROSSING_TEXT = {
  warning: "soon overdue",
  overdue: "overdue",
  escalation: "escalated",
} as const;
