/** One line for each event that somebody has to know of although nobody listens: see the option `log`. */
import { durationText } from "./core/duration.ts";
import { formatItemId, formatRunId } from "./core/run-number.ts";
import type { EngineEvent } from "./engine/events.ts";

/** Null for an event that needs nobody. */
export function logLine(event: EngineEvent): string | null {
  if (event.type === "exception.opened") return needsPerson(event);
  if (event.type === "exception.due" || event.type === "exception.unowned") return needsCare(event);
  if (event.type === "review.asked" || event.type === "review.overdue") return needsAnswer(event);
  if (event.type === "store.notice") return `holdfast: ${event.message}`;
  if (event.type === "lane.alarm") return isHeldUp(event);
  return event.type === "store.retry" ? cannotRead(event) : null;
}

function needsCare(
  event: Extract<EngineEvent, { type: "exception.due" | "exception.unowned" }>,
): string {
  if (event.type === "exception.unowned") {
    return `holdfast: an exception of ${event.workflow} went to ${event.owner} for want of its own owner: ${event.because}`;
  }
  const { exception, crossing, to, step, watchers } = event;
  const what = {
    warning: "will be overdue soon",
    overdue: "is overdue",
    escalation: "is long overdue",
  };
  const where = step === "" ? "" : ` at ${step}`;
  const told = watchers.length === 0 ? "" : ` Watched by ${watchers.join(", ")}.`;
  return `holdfast: ${exception}${where} ${what[crossing]}; ${to} has to look.${told} See: holdfast show ${exception}`;
}

function needsPerson(event: Extract<EngineEvent, { type: "exception.opened" }>): string {
  const { run, workflow, key, step, owner, because } = event;
  const id = formatRunId(run);
  if (event.beside === true) {
    const what = workflow === "" ? "" : ` ${id} (${workflow}, ${JSON.stringify(key)}):`;
    return `holdfast:${what} ${owner} has to look: ${because} Look: npx holdfast exceptions`;
  }
  const place = step === "" ? "its code" : `step ${JSON.stringify(step)}`;
  return `holdfast: ${id} (${workflow}, ${JSON.stringify(key)}) needs ${owner} at ${place}: ${because} Look: npx holdfast why ${id}`;
}

function needsAnswer(
  event: Extract<EngineEvent, { type: "review.asked" | "review.overdue" }>,
): string {
  const { run, workflow, key, seq, review } = event;
  const id = formatItemId("rev", { run, seq });
  const due =
    "dueAtMs" in event && event.dueAtMs !== null
      ? ` until ${new Date(event.dueAtMs).toISOString()}`
      : "";
  const said =
    event.type === "review.overdue"
      ? `is overdue: nobody has answered ${JSON.stringify(review)} in time; it goes to ${event.to}.`
      : `asks ${event.by} to decide ${JSON.stringify(review)}${due}.`;
  return `holdfast: ${formatRunId(run)} (${workflow}, ${JSON.stringify(key)}) ${said} What it takes: npx holdfast reviews. Answer: npx holdfast answer ${id} DECISION`;
}

function isHeldUp({
  limit,
  lane,
  depth,
  head,
  waitedMs,
}: Extract<EngineEvent, { type: "lane.alarm" }>): string {
  const waited = durationText(waitedMs);
  return `holdfast: lane ${JSON.stringify(lane)} is held up by ${formatRunId(head)}: ${String(depth - 1)} runs wait behind it, the next one for ${waited} (limit ${limit}). See: npx holdfast why ${formatRunId(head)}; to let the others go on: npx holdfast skip-head ${formatRunId(head)} --reason ...`;
}

function cannotRead({
  what,
  message,
  delayMs,
}: Extract<EngineEvent, { type: "store.retry" }>): string {
  return `holdfast: the store did not answer (${what}): ${message}. It is asked again in ${String(delayMs)} ms; nothing is lost. If this goes on, run: npx holdfast store verify`;
}
