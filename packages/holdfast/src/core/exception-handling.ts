/**
 * What has become of an exception since it was opened: who has it, what was noted, which times have
 * passed. A fold of the acts upon it, pure, used by every driver and by `store verify` alike.
 */
import { assertNever } from "./assert.ts";
import { HoldfastError } from "./error.ts";
import type { Crossing, ExceptionRecord } from "./exception-record.ts";
import type { MutedUntil } from "./issue-overlay.ts";

const HANDLING_STATUSES = ["new", "triaged", "in-progress", "waiting", "closed"] as const;
export type HandlingStatus = (typeof HANDLING_STATUSES)[number];

/** Whom or what it waits for. For the first two its time stands still. */
export const WAITS_FOR = ["vendor", "source", "data", "code", "approval", "outcome"] as const;
export type WaitsFor = (typeof WAITS_FOR)[number];

/** Its time stands still only while somebody outside has the move. Source: failure model 4.4. */
export function stopsTheClock(waitsFor: WaitsFor): boolean {
  return waitsFor === "vendor" || waitsFor === "source";
}

export const LINK_KINDS = ["ticket", "runbook", "similar"] as const;

interface ExceptionLink {
  readonly kind: (typeof LINK_KINDS)[number];
  /** Where it is, as whoever linked it has written it. */
  readonly to: string;
}

export type HandlingAct =
  /** Null: nobody in particular any more. */
  | { readonly kind: "assigned"; readonly to: string | null }
  /** With the times that are left, for whom the other owner says. */
  | {
      readonly kind: "handed-over";
      readonly owner: string;
      readonly crossings: readonly Crossing[];
    }
  | { readonly kind: "noted"; readonly text: string }
  | { readonly kind: "tagged" | "untagged"; readonly tag: string }
  | { readonly kind: "linked" | "unlinked"; readonly link: ExceptionLink }
  /** Who is told of its times beside those who have to look. */
  | { readonly kind: "watched" | "unwatched"; readonly who: string }
  /** Id of the exception that it is the same as; null: it is one of its own. */
  | { readonly kind: "duplicate"; readonly of: string | null }
  /** `spentMs`: of its time by then, by its calendar. */
  | { readonly kind: "waits"; readonly for: WaitsFor; readonly spentMs: number }
  /** It goes on: the times that are left, moved by as long as its time stood still. */
  | { readonly kind: "goes-on"; readonly dueAtMs: number; readonly crossings: readonly Crossing[] }
  /** Kept out of the list until something has happened; it stays open, and due. */
  | { readonly kind: "snoozed"; readonly until: MutedUntil }
  | { readonly kind: "unsnoozed" }
  /** By the engine: a time has passed and it is still open. */
  | { readonly kind: "crossed"; readonly crossing: Crossing };

interface HandlingNote {
  readonly atMs: number;
  readonly by: string;
  readonly text: string;
}

interface Snoozed {
  readonly until: MutedUntil;
  readonly sinceMs: number;
  readonly by: string;
  readonly reason: string;
}

export interface Handling {
  readonly status: HandlingStatus;
  readonly waitsFor: WaitsFor | null;
  readonly waitReason: string | null;
  readonly assignee: string | null;
  readonly tags: readonly string[];
  readonly links: readonly ExceptionLink[];
  /** Who is told of its times beside those who have to look, sorted. */
  readonly watchers: readonly string[];
  /** Id of the exception that it is the same as, by what somebody said; null: it is one of its own. */
  readonly duplicateOf: string | null;
  readonly notes: readonly HandlingNote[];
  /** Times that have passed while it was open, oldest first. */
  readonly crossed: readonly Crossing[];
  /** Times to come, soonest first. */
  readonly crossings: readonly Crossing[];
  /** Since when its time stands still; null while it runs. */
  readonly stoppedAtMs: number | null;
  /** Since when its time has run without standing still, and how much of it had passed before. */
  readonly runsFromMs: number;
  readonly spentMs: number;
  /** Ids of the newest commands: one that is taken again after a crash changes nothing. */
  readonly commands: readonly string[];
  /** Who keeps it out of the list until when: whether that is over is worked out when it is asked for. */
  readonly snoozed: Snoozed | null;
  /** What the person said who closed it. */
  readonly closedBecause: string | null;
}

/** What can grow on one exception, with its bound. */
export const HANDLING_LIMITS = {
  notes: 100,
  noteChars: 2_000,
  tags: 20,
  links: 20,
  watchers: 20,
  textChars: 200,
} as const;

/** How many ids of commands are kept: those that can be under way at once upon one exception. */
const COMMANDS_KEPT_MAX = 8;

export function handlingOf(
  { crossings }: Pick<ExceptionRecord, "crossings">,
  openedAtMs: number,
  assignee: string | null = null,
): Handling {
  return {
    status: assignee === null ? "new" : "in-progress",
    waitsFor: null,
    waitReason: null,
    assignee,
    tags: [],
    links: [],
    watchers: [],
    duplicateOf: null,
    notes: [],
    crossed: [],
    crossings,
    stoppedAtMs: null,
    runsFromMs: openedAtMs,
    spentMs: 0,
    commands: [],
    snoozed: null,
    closedBecause: null,
  };
}

/** When the next of its times comes; null if none does, or its time stands still. */
export function nextCrossingAtMs(handling: Handling): number | null {
  if (handling.status === "closed" || handling.stoppedAtMs !== null) return null;
  return handling.crossings[0]?.atMs ?? null;
}

/**
 * By how much it is late, milliseconds; 0 or less where it is not. What was late when its time came to a
 * stand is late by as much as it was then.
 */
export function lateMs(
  { dueAtMs, stoppedAtMs }: { readonly dueAtMs: number; readonly stoppedAtMs: number | null },
  nowMs: number,
): number {
  return (stoppedAtMs ?? nowMs) - dueAtMs;
}

interface ActOf {
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
  /** Id of the command in the inbox; null for one that came another way. */
  readonly command: string | null;
}

export function handlingAfter(before: Handling, act: HandlingAct, of: ActOf): Handling {
  const { by, reason, atMs, command } = of;
  const commands = command === null ? [] : [command];
  const handling = {
    ...before,
    commands: [...before.commands, ...commands].slice(-COMMANDS_KEPT_MAX),
  };
  switch (act.kind) {
    case "assigned":
      return { ...moved(handling, act.to), assignee: act.to };
    case "handed-over":
      // Whoever had it belongs to the team that had it.
      return { ...moved(handling, null), assignee: null, crossings: act.crossings };
    case "noted":
      return { ...handling, notes: [...handling.notes, { atMs, by, text: act.text }] };
    case "tagged":
      return { ...handling, tags: [...new Set([...handling.tags, act.tag])].toSorted() };
    case "untagged":
      return { ...handling, tags: handling.tags.filter((tag) => tag !== act.tag) };
    case "linked":
      return { ...handling, links: [...withoutLink(handling, act.link), act.link] };
    case "unlinked":
      return { ...handling, links: withoutLink(handling, act.link) };
    case "watched":
      return { ...handling, watchers: [...new Set([...handling.watchers, act.who])].toSorted() };
    case "unwatched":
      return { ...handling, watchers: handling.watchers.filter((who) => who !== act.who) };
    case "duplicate":
      return { ...handling, duplicateOf: act.of };
    case "waits":
      return {
        ...handling,
        status: "waiting",
        waitsFor: act.for,
        waitReason: reason,
        ...(stopsTheClock(act.for) ? { stoppedAtMs: atMs, spentMs: act.spentMs } : {}),
      };
    case "goes-on":
      return {
        ...goneOn(handling, handling.assignee),
        crossings: act.crossings,
        stoppedAtMs: null,
        // Where it never stood still, it runs on from where it did.
        runsFromMs: handling.stoppedAtMs === null ? handling.runsFromMs : atMs,
      };
    case "snoozed":
      return { ...handling, snoozed: { until: act.until, sinceMs: atMs, by, reason } };
    case "unsnoozed":
      return { ...handling, snoozed: null };
    case "crossed":
      return {
        ...handling,
        crossed: [...handling.crossed, act.crossing],
        crossings: handling.crossings.filter((one) => !isSame(one, act.crossing)),
      };
    default:
      return assertNever(act);
  }
}

export function handlingClosed(handling: Handling, reason: string): Handling {
  return { ...handling, status: "closed", closedBecause: reason };
}

/** What waits for somebody outside goes on waiting, whoever has it. */
function moved(handling: Handling, assignee: string | null): Handling {
  return handling.status === "waiting" || handling.status === "closed"
    ? handling
    : goneOn(handling, assignee);
}

function goneOn(handling: Handling, assignee: string | null): Handling {
  const status = assignee === null ? "triaged" : "in-progress";
  return { ...handling, status, waitsFor: null, waitReason: null };
}

function withoutLink({ links }: Handling, link: ExceptionLink): readonly ExceptionLink[] {
  return links.filter((one) => one.kind !== link.kind || one.to !== link.to);
}

function isSame(one: Crossing, other: Crossing): boolean {
  return one.kind === other.kind && one.atMs === other.atMs && one.to === other.to;
}

/** What says something about it, and asks nobody for anything. */
const MAY_BE_CLOSED: ReadonlySet<HandlingAct["kind"]> = new Set<HandlingAct["kind"]>([
  "noted",
  "linked",
  "tagged",
  "duplicate",
]);

/**
 * Refuses what would not be an act upon it as it is now.
 *
 * @param what - the exception, for the message.
 * @throws {HoldfastError} HF6003 (closed, or nothing to change), HF4203 (a bound is reached).
 */
export function refuseAct(handling: Handling, act: HandlingAct, what: string): void {
  const isClosed = handling.status === "closed";
  const mayBeClosed = MAY_BE_CLOSED.has(act.kind);
  if (isClosed && !mayBeClosed) {
    throw new HoldfastError(
      "HF6003",
      `${what} is closed: nobody has to deal with it any more. Nothing was changed.`,
      "A note, a tag, a link and what it is a duplicate of are taken all the same. See what is open with: holdfast exceptions",
    );
  }
  if (act.kind === "waits" && handling.status === "waiting") {
    throw new HoldfastError(
      "HF6003",
      `${what} waits already, for ${handling.waitsFor ?? ""}. Nothing was changed.`,
      'Let it go on first, with: holdfast wait over EXCEPTION --reason "..."',
    );
  }
  if (act.kind === "goes-on" && handling.status !== "waiting") {
    throw new HoldfastError(
      "HF6003",
      `${what} waits for nobody: there is nothing to go on from.`,
      "See how it stands with: holdfast show EXCEPTION",
    );
  }
  if (act.kind === "unsnoozed" && handling.snoozed === null) {
    throw new HoldfastError(
      "HF6003",
      `${what} is not snoozed. Nothing was changed.`,
      "See what is, with: holdfast exceptions --snoozed",
    );
  }
  if (act.kind === "duplicate" && act.of === handling.duplicateOf) {
    const stands = act.of === null ? "is no duplicate" : `is a duplicate of ${act.of} already`;
    throw new HoldfastError(
      "HF6003",
      `${what} ${stands}. Nothing was changed.`,
      "See how it stands with: holdfast show EXCEPTION",
    );
  }
  const [count, max, of] = growthOf(handling, act);
  if (count < max) return;
  throw new HoldfastError(
    "HF4203",
    `${what} has ${String(count)} ${of}, the most that are kept on one exception. Nothing was added.`,
    `Keep what is more in a ticket, and link it: holdfast link EXCEPTION ticket URL`,
  );
}

function growthOf(handling: Handling, act: HandlingAct): readonly [number, number, string] {
  const { notes, tags, watchers } = handling;
  if (act.kind === "noted") return [notes.length, HANDLING_LIMITS.notes, "notes"];
  if (act.kind === "tagged" && !tags.includes(act.tag))
    return [tags.length, HANDLING_LIMITS.tags, "tags"];
  if (act.kind === "watched" && !watchers.includes(act.who))
    return [watchers.length, HANDLING_LIMITS.watchers, "watchers"];
  if (act.kind === "linked") {
    const others = withoutLink(handling, act.link).length;
    return [others, HANDLING_LIMITS.links, "links"];
  }
  return [0, 1, ""];
}
