/** `show` and `why` as text. */
import { COMPENSATED_TEXT } from "../core/run-state.ts";
import { verdictLines } from "../core/verdict.ts";
import type { ShownException } from "../operate/show-exception.ts";
import type { ShownRun } from "../operate/show-run.ts";
import { cancelSentence, type CancelView } from "../operate/cancel-request.ts";
import { keptSentence } from "../operate/kept-command.ts";
import type { BlockerView } from "../operate/blockers.ts";
import type { TimelineEntry } from "../operate/timeline.ts";
import type { RunView } from "../operate/views.ts";
import type { ExplainedRun } from "../operate/why-run.ts";
import { payloadText } from "./payload-text.ts";
import {
  effectsTable,
  exceptionsTable,
  exceptionTable,
  ownerText,
  reviewsTable,
  timeText,
  type Look,
} from "./show-lists.ts";
import { bold, sentence, textTable, type Column, type TableRow } from "./text-table.ts";

export function shownRunText(shown: ShownRun, look: Look): string {
  const { run, cancel, timeline, next, effects, exceptions, reviews } = shown;
  const more = next === null ? "" : `\nmore with: --after ${String(next)}`;
  return [
    [
      runHead(run, look),
      ...blockerLines(shown, look),
      ...cancelLines(cancel, look),
      ...keptLines(shown, look),
    ].join("\n"),
    section("timeline", timelineText(timeline, look) + more, look),
    ...(effects.length === 0 ? [] : [section("effects", effectsTable(effects, look), look)]),
    ...openSections(shown, look),
    ...(exceptions.length + reviews.length > 0 ? [`why: holdfast why ${run.id}`] : []),
  ].join("\n\n");
}

export function shownExceptionText(shown: ShownException, look: Look): string {
  const { exception, payload, occurrences, earlierNotes } = shown;
  const { screen } = look;
  const notes = earlierNotes.map(({ at, by, text }) =>
    sentence(`${timeText(at)} ${by}: ${text}`, 0, screen),
  );
  return [
    exceptionTable(exception, look),
    ...(occurrences > 1
      ? [sentence(`It is one of ${String(occurrences)} at this step of its run.`, 0, screen)]
      : []),
    ...(notes.length === 0 ? [] : [section("notes to those before it", notes.join("\n"), look)]),
    ...(payload === null
      ? []
      : [section("what came", sentence(payloadText(payload), 0, screen), look)]),
  ].join("\n\n");
}

export function explainedRunText(explained: ExplainedRun, look: Look): string {
  const { run, verdict, cancel, decision, dependency, effects, exceptions, gaps } = explained;
  const head = [
    sentence(`${run.id}  ${run.key}  ${run.workflow} (${versionText(run)})`, 0, look.screen),
    ...verdictLines(verdict).map((line) => sentence(line, 0, look.screen)),
    ...gaps.map((gap) => sentence(gap, 0, look.screen)),
    ...blockerLines(explained, look),
    ...cancelLines(cancel, look),
    ...keptLines(explained, look),
  ];
  if (decision !== null) {
    const rule = decision.rule === null ? "" : ` (rule ${decision.rule})`;
    const text = `last decision  ${timeText(decision.at)} UTC  ${decision.step}: ${decision.move}${rule}: ${decision.because}`;
    head.push(sentence(text, 0, look.screen));
    const { message } = decision;
    // An exception that it led to is below, with the same line.
    if (message !== null && !exceptions.some((one) => one.message === message))
      head.push(sentence(`it failed with  ${message}`, 0, look.screen));
    if (decision.said !== null)
      head.push(sentence(`they said  ${JSON.stringify(decision.said)}`, 0, look.screen));
  }
  if (explained.thrownAt !== null) {
    const all = `all of it: holdfast show ${run.id} --stack`;
    head.push(sentence(`thrown at  ${explained.thrownAt}   ${all}`, 0, look.screen));
  }
  if (dependency !== null) {
    const again = dependency.state === "open" ? ", tried again and again" : "";
    const probe =
      dependency.probeAt === null ? again : `, probed at ${timeText(dependency.probeAt)} UTC`;
    const text = `${dependency.integration} is ${dependency.state} since ${timeText(dependency.since)} UTC${probe}: ${dependency.reason}`;
    head.push(sentence(text, 0, look.screen));
  }
  return [
    head.join("\n"),
    ...(effects.length === 0 ? [] : [section("effects", effectsTable(effects, look), look)]),
    ...openSections(explained, look),
  ].join("\n\n");
}

/** Runs that are waited for: the last is what holds them all up. */
function blockerLines(
  { blockers }: { readonly blockers: readonly BlockerView[] },
  { screen }: Look,
): readonly string[] {
  return blockers.map((blocker) => {
    const { run, key, workflow, state, reason } = blocker;
    const why = reason === "" ? "" : `: ${reason}`;
    return sentence(
      `behind ${run} (${workflow} ${key}, ${ownerText(blocker)}), which is ${state}${why}`,
      0,
      screen,
    );
  });
}

function cancelLines(cancel: CancelView | null, { screen }: Look): readonly string[] {
  return cancel === null ? [] : [sentence(cancelSentence(cancel), 0, screen)];
}

/** What is about an open exception or review stands there; a cancel has a line of its own. */
function keptLines(
  { kept, exceptions, reviews }: Pick<ShownRun, "kept" | "exceptions" | "reviews">,
  { screen }: Look,
): readonly string[] {
  const below = new Set([...exceptions, ...reviews].flatMap((one) => one.kept.map(({ id }) => id)));
  return kept
    .filter(({ id, topic }) => topic !== "cancel" && !below.has(id))
    .slice(0, KEPT_LINES_MAX)
    .map((command) => sentence(keptSentence(command), 0, screen));
}

const KEPT_LINES_MAX = 5;

function openSections(
  { exceptions, reviews }: Pick<ShownRun, "exceptions" | "reviews">,
  look: Look,
): readonly string[] {
  return [
    ...(exceptions.length === 0
      ? []
      : [section("open exceptions", exceptionsTable(exceptions, look), look)]),
    ...(reviews.length === 0 ? [] : [section("open reviews", reviewsTable(reviews, look), look)]),
  ];
}

function section(title: string, body: string, { screen }: Look): string {
  return `${bold(title, screen)}\n${body}`;
}

function runHead(run: RunView, { screen }: Look): string {
  const facts: (readonly [string, string | null])[] = [
    ["run", run.id],
    ["key", run.key],
    ["workflow", `${run.workflow}, ${versionText(run)}`],
    ["state", `${run.state}${COMPENSATED_TEXT[run.compensated]}: ${run.reason}`],
    ["owner", runOwnerText(run)],
    ["started", `${timeText(run.startedAt)} UTC by ${run.startedBy}`],
    [run.endedAt === null ? "changed" : "ended", `${timeText(run.endedAt ?? run.updatedAt)} UTC`],
    ["wakes", run.wakeAt === null ? null : `${timeText(run.wakeAt)} UTC`],
    ["deadline", run.deadlineAt === null ? null : `${timeText(run.deadlineAt)} UTC`],
    ["lane", run.lane],
    ["value", run.amount === null ? null : `${run.amount} ${run.currency ?? ""}`.trim()],
    ["keys", run.keys === null ? null : keysText(run.keys)],
    ["parent", run.parent === null ? null : `${run.parent.run} at ${run.parent.step}`],
  ];
  return facts
    .filter((fact): fact is readonly [string, string] => fact[1] !== null)
    .map(([name, text]) => sentence(`${name.padEnd(10)}${text}`, 0, screen))
    .join("\n");
}

function runOwnerText(run: RunView): string {
  const now = ownerText(run);
  return now === run.owner ? now : `${now} (${run.workflow} belongs to ${run.owner})`;
}

/** With which it began, and which has it now where that is another one. */
function versionText({ version, codeVersion }: RunView): string {
  return version === codeVersion
    ? `version ${version}`
    : `version ${codeVersion}, began with ${version}`;
}

function keysText(keys: Readonly<Record<string, string>>): string {
  return Object.entries(keys)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

const TIMELINE_COLUMNS: readonly Column[] = [
  { title: "TIME (UTC)", isKept: true },
  { title: "SEQ", isKept: true },
  { title: "STEP" },
  { title: "ATTEMPT", isKept: true },
  { title: "KIND", isKept: true },
  { title: "BY" },
];

function timelineText(timeline: readonly TimelineEntry[], { screen }: Look): string {
  return textTable(TIMELINE_COLUMNS, timeline.map(timelineRow), screen);
}

function timelineRow(entry: TimelineEntry): TableRow {
  const { move, payload, stack } = entry;
  const next = move?.nextAt === null || move === null ? "" : ` at ${move.nextAt}`;
  return {
    cells: [
      entry.at.slice(0, 23).replace("T", " "),
      String(entry.seq),
      entry.step ?? "",
      entry.attempt === null ? "" : String(entry.attempt),
      entry.kind,
      entry.by ?? "",
    ],
    notes: [
      entry.what,
      ...(entry.failure === null ? [] : [`by rule ${entry.failure.rule}`]),
      ...(move === null ? [] : [`-> ${move.kind}${next}: ${move.because}`]),
      ...(payload === undefined ? [] : [payloadText(payload)]),
      ...(stack === undefined ? [] : stack.split("\n")),
    ],
  };
}
