/** Replay plans as text. */
import type { JsonChange } from "../core/json-edit.ts";
import { clippedJson, type ChangedField } from "../core/replay/changed-fields.ts";
import {
  nothingRuns,
  REPLAY_REFUSALS,
  totalOf,
  wavesOf,
  type ReplayPlan,
} from "../core/replay/replay-plan.ts";
import { REPLAY_ENDS, type ReplayTally } from "../core/replay/replay-tally.ts";
import type { CoolDown } from "../operate/replay/cool-down.ts";
import type { PlannedReplay } from "../operate/replay/plan-replay.ts";
import type { ReplayDetails, ReplayItemView, ReplayPage } from "../operate/replay/replay-acts.ts";
import type { ReplaySummary } from "../operate/replay/replay-view.ts";
import { ageText, listText, timeText, type Look } from "./show-lists.ts";
import { textTable, type Column } from "./text-table.ts";

/** Ids that are named of what is refused. */
const NAMED_MAX = 10;

/** A plan that was just made: everything that a start is bound to. */
export function plannedText(
  { plan, outcome, notBefore }: PlannedReplay,
  secondPerson: string | null,
): string {
  const { id } = plan;
  const nothing = nothingRuns(plan);
  return [
    ...planLines(plan),
    ...coolDownLines(notBefore),
    nothing !== null
      ? `It cannot be started: ${nothing}.`
      : secondPerson === null
        ? `start with:  holdfast replay ${id} --start`
        : `A second person has to approve it (${secondPerson}): holdfast approve ${id} --by NAME --reason "..."`,
    ...(outcome === "applied" ? [] : ["No engine has taken it yet; it is kept until one does."]),
  ].join("\n");
}

function planLines(plan: ReplayPlan): readonly string[] {
  const { id, query, items, refused, money, shown, canary, rate, atOnce } = plan;
  const value = money.map(({ currency, amount }) => `${amount} ${currency}`).join(", ");
  const waves = wavesOf(items.length, canary).join(", ");
  const pace =
    rate === null
      ? "as fast as limits allow"
      : `${String(rate.count)} in ${String(rate.periodMs / 1_000)} s`;
  return [
    `${id}  ${query}`,
    `frozen ${String(totalOf(plan))}   would run ${String(items.length)}   refused ${String(refused.length)}   keys ${String(shown.keyCount)}   value ${value === "" ? "unknown" : value}`,
    ...modeLines(plan),
    `open for     ${pairs(shown.ages)}`,
    `contracts    ${pairs(shown.contracts)}`,
    `effects again  ${shown.again.length === 0 ? "none" : shown.again.map(([effect, count, sent]) => `${effect} ${String(count)} (sent before: ${String(sent)})`).join("   ")}`,
    `could happen twice  ${String(shown.duplicateCount)}`,
    ...(shown.wholeCount === undefined
      ? []
      : [
          `sent again as a whole  ${String(shown.wholeCount)}: some of their parts were done, and their code leaves out none (byParts)`,
        ]),
    ...(shown.parked.length === 0 ? [] : [`waits for    ${shown.parked.join(", ")} (parked)`]),
    ...refusedLines(refused),
    `waves ${waves === "" ? "none" : waves}   rate ${pace}   at once ${String(atOnce)}   stops at more than 10 % failures, or at a new cause`,
  ];
}

function modeLines({ how, to, shown }: ReplayPlan): readonly string[] {
  if (to !== undefined) return [`each goes on with version ${to} of the code, which fits it`];
  if (how === undefined) return [];
  if (how.act === "again") return [`each is done again from step "${how.step}"`];
  if (how.act === "supply") return [`each effect gets the result ${clippedJson(how.value)}`];
  if (how.act === "skip")
    return [`each effect is skipped; the code gets ${clippedJson(how.value)} in its place`];
  // Sealed, and read without its key: then a mark stands in its place.
  if (!Array.isArray(how.changes)) return ["each is tried again with what cannot be read here"];
  const what =
    how.act === "correct"
      ? "each is done again from its beginning, its input changed:"
      : "each is tried again, its input changed:";
  const changes = how.changes.flatMap((change) => changeLines(change, shown.changes ?? []));
  return [what, ...changes];
}

/** Of each workflow, or effect: what stood there, and what shall. */
function changeLines({ at, value }: JsonChange, fields: readonly ChangedField[]): string[] {
  const to = clippedJson(value);
  const own = fields.filter((field) => field.at === at);
  if (own.length === 0) return [`  ${at}: ${to}`];
  return own.map(({ of, from, others }) => {
    const before = from.map(([text, count]) => `${text} (${String(count)})`);
    const rest = others === 0 ? [] : [`other values (${String(others)})`];
    return `  ${of} ${at}: ${[...before, ...rest].join(", ")} -> ${to}`;
  });
}

function pairs(list: readonly (readonly [string, number])[]): string {
  return list.map(([name, count]) => `${name}: ${String(count)}`).join("   ");
}

function refusedLines(refused: ReplayPlan["refused"]): readonly string[] {
  const lines = refused
    .slice(0, NAMED_MAX)
    .map(([run, , why, found]) => `refused      ${run}: ${refusedText(why, found ?? null)}`);
  const more = refused.length - lines.length;
  return more === 0 ? lines : [...lines, `refused      ${String(more)} more`];
}

function refusedText(why: string, found: string | null): string {
  // An older or newer engine may know another.
  const known: Readonly<Record<string, string>> = REPLAY_REFUSALS;
  const text = known[why] ?? why;
  return found === null ? text : `${text}: ${found}`;
}

function coolDownLines(notBefore: CoolDown | null): readonly string[] {
  if (notBefore === null) return [];
  const { after, at } = notBefore;
  return [
    `not before   ${timeText(at)} (UTC): ${after}, with the same cause, stopped itself. Look at what failed: holdfast replay ${after}`,
  ];
}

const REPLAY_COLUMNS: readonly Column[] = [
  { title: "REPLAY", isKept: true },
  { title: "STATE", isKept: true },
  { title: "SUCCEEDED", isKept: true },
  { title: "FAILED", isKept: true },
  { title: "LEFT", isKept: true },
  { title: "OF", isKept: true },
  { title: "MADE" },
  { title: "BY" },
  { title: "QUERY" },
];

export function replaysText({ replays, next }: ReplayPage, look: Look): string {
  const rows = replays.map((replay) => {
    const { id, state, tally, left, total, madeAt, madeBy, query, because } = replay;
    const failed = tally["failed-same"] + tally["failed-anew"];
    return {
      cells: [
        id,
        state,
        String(tally.succeeded),
        String(failed),
        String(left),
        String(total),
        ageText(madeAt, look.nowMs),
        madeBy,
        query,
      ],
      notes: because === null ? [] : [because],
    };
  });
  return listText(REPLAY_COLUMNS, rows, next, "replay plans", look);
}

const ITEM_COLUMNS: readonly Column[] = [
  { title: "ITEM", isKept: true },
  { title: "KEY" },
  { title: "RUN", isKept: true },
  { title: "END", isKept: true },
  { title: "BECAUSE" },
];

export function replayText(details: ReplayDetails, look: Look): string {
  const { items, plan, next, id } = details;
  const rows = items.map((item) => ({ cells: cellsOf(item) }));
  return [
    ...planLines(plan),
    ...peopleLines(details),
    stateLine(details),
    ...coolDownLines(details.notBefore),
    ...(details.waitsFor.length === 0
      ? []
      : [`waits for    ${details.waitsFor.join(", ")} (parked now)`]),
    sumLine(details),
    textTable(ITEM_COLUMNS, rows, look.screen),
    ...(next === null ? [] : [`more with: holdfast replay ${id} --after ${String(next)}`]),
  ].join("\n");
}

function cellsOf({ item, key, run, end, because, found }: ReplayItemView): readonly string[] {
  const why = because === null ? "" : refusedText(because, found);
  return [String(item), key ?? "", run, end ?? "", why];
}

function peopleLines(summary: ReplaySummary): readonly string[] {
  const { madeBy, madeAt, reason, approvedBy, startedBy } = summary;
  const approved = approvedBy === null ? "" : `   approved by ${approvedBy}`;
  const started = startedBy === null ? "" : `   started by ${startedBy}`;
  return [`made by ${madeBy} at ${timeText(madeAt)} (UTC): ${reason}${approved}${started}`];
}

function stateLine({ state, because, wave, waves, run }: ReplaySummary): string {
  const at = wave === null ? "" : `, wave ${String(wave)} of ${String(waves.length)}`;
  const why = because === null ? "" : `: ${because}`;
  const own = state === "standing" ? `: see holdfast why ${run ?? ""}` : "";
  return `${state}${at}${why}${own}`;
}

/** The ends and what is left: they add up to all of it. */
function sumLine({ tally, left, total }: ReplaySummary): string {
  const ends = REPLAY_ENDS.map((end) => `${String(tally[end])} ${WORD_OF[end]}`);
  return `${ends.join("   ")}   ${String(left)} left   = ${String(total)}`;
}

const WORD_OF: Readonly<Record<keyof ReplayTally, string>> = {
  succeeded: "succeeded",
  "failed-same": "failed the same",
  "failed-anew": "failed anew",
  "not-judged": "not judged",
  passed: "past the step",
  skipped: "skipped",
  "not-reached": "not reached",
};
