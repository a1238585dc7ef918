/**
 * What operators have decided about a group of exceptions, beside what is counted of it: it is muted,
 * resolved in a version, shown as part of another, or split. Each is taken back by its opposite, and no
 * exception is ever counted anew for it. Source: failure model 4.1 (group statuses) and 4.2.
 */
import { isAtLeast, sumOf } from "./amount.ts";
import { assertNever } from "./assert.ts";
import { HoldfastError } from "./error.ts";
import { levelOf, type IssueLevel } from "./fingerprint.ts";

/** Until what a group stays quiet. */
export type MutedUntil =
  | { readonly kind: "time"; readonly atMs: number }
  /** The first exception of a version that is newer than this one. */
  | { readonly kind: "deploy"; readonly version: string }
  /** So many more exceptions. */
  | { readonly kind: "count"; readonly count: number }
  /** More of them that come to this amount. */
  | { readonly kind: "value"; readonly amount: string; readonly currency: string };

export type IssueAct =
  | { readonly kind: "muted"; readonly until: MutedUntil }
  | { readonly kind: "unmuted" }
  | { readonly kind: "resolved"; readonly inVersion: string }
  | { readonly kind: "reopened" }
  /** Shown with the other group from here on. */
  | { readonly kind: "merged"; readonly into: string }
  | { readonly kind: "unmerged" }
  /** Its finer groups are shown in its place. */
  | { readonly kind: "split"; readonly by: "code" | "data" }
  | { readonly kind: "unsplit" };

export interface IssueOverlay {
  /** How many acts there have been. */
  readonly revision: number;
  readonly muted: (MutedUntil & { readonly sinceMs: number }) | null;
  readonly resolved: { readonly inVersion: string; readonly atMs: number } | null;
  readonly mergedInto: string | null;
  readonly splitBy: "code" | "data" | null;
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
  /** Id of the last command; null for one that came another way. */
  readonly command: string | null;
}

export const NO_OVERLAY: IssueOverlay = {
  revision: 0,
  muted: null,
  resolved: null,
  mergedInto: null,
  splitBy: null,
  by: "",
  reason: "",
  atMs: 0,
  command: null,
};

interface ActOfIssue {
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
  readonly command: string | null;
}

export function overlayAfter(
  overlay: IssueOverlay,
  act: IssueAct,
  { by, reason, atMs, command }: ActOfIssue,
): IssueOverlay {
  const next = { ...overlay, revision: overlay.revision + 1, by, reason, atMs, command };
  switch (act.kind) {
    case "muted":
      return { ...next, muted: { ...act.until, sinceMs: atMs } };
    case "unmuted":
      return { ...next, muted: null };
    case "resolved":
      return { ...next, resolved: { inVersion: act.inVersion, atMs }, muted: null };
    case "reopened":
      return { ...next, resolved: null };
    case "merged":
      return { ...next, mergedInto: act.into };
    case "unmerged":
      return { ...next, mergedInto: null };
    case "split":
      return { ...next, splitBy: act.by };
    case "unsplit":
      return { ...next, splitBy: null };
    default:
      return assertNever(act);
  }
}

/**
 * @param into - the overlay of the group that it is merged into, where it is.
 * @throws {HoldfastError} HF6003 for an act that changes nothing or cannot be shown.
 */
export function refuseIssueAct(
  fingerprint: string,
  overlay: IssueOverlay,
  act: IssueAct,
  into: IssueOverlay | null,
): void {
  const why = whyNot(fingerprint, overlay, act, into);
  if (why === null) return;
  throw new HoldfastError(
    "HF6003",
    `${fingerprint}: ${why} Nothing was changed.`,
    "See how it stands with: holdfast issues --all",
  );
}

function whyNot(
  fingerprint: string,
  { muted, resolved, mergedInto, splitBy }: IssueOverlay,
  act: IssueAct,
  into: IssueOverlay | null,
): string | null {
  const level = levelOf(fingerprint);
  switch (act.kind) {
    case "muted":
      return act.until.kind === "count" && act.until.count < 1 ? "It must be at least one." : null;
    case "resolved":
      return null;
    case "unmuted":
      return muted === null ? "It is not muted." : null;
    case "reopened":
      return resolved === null ? "It is not resolved." : null;
    case "merged":
      if (act.into === fingerprint) return "A group is not merged into itself.";
      if (mergedInto !== null) return `It is part of ${mergedInto} already.`;
      if (levelOf(act.into) !== level) return `${act.into} is a group of another level.`;
      // One step is all that a list follows.
      return into?.mergedInto == null ? null : `${act.into} is part of ${into.mergedInto} itself.`;
    case "unmerged":
      return mergedInto === null ? "It is part of no other." : null;
    case "split":
      if (level !== "place") return "Only a group by place (f2...) has finer ones.";
      return splitBy === null ? null : `It is split by ${splitBy} already.`;
    case "unsplit":
      return splitBy === null ? "It is not split." : null;
    default:
      return assertNever(act);
  }
}

const ISSUE_STATUSES = ["new", "ongoing", "escalating", "regressed", "muted", "resolved"] as const;
export type IssueStatus = (typeof ISSUE_STATUSES)[number];

/** One exception of the group. */
export interface Occurrence {
  readonly openedAtMs: number;
  readonly codeVersion: string;
  readonly amount: string | null;
  readonly currency: string | null;
}

export interface IssueFacts {
  readonly overlay: IssueOverlay | null;
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
  /** The newest of them, newest first; those that have left the store are not among them. */
  readonly occurrences: readonly Occurrence[];
  /** Versions in the order in which they were deployed first. */
  readonly versions: readonly string[];
  readonly nowMs: number;
}

const DAY_MS = 86_400_000;
/** In the last day at least so many, and so many times as many as in the day before. */
const ESCALATING = { count: 10, times: 3 };

/** A state that is worked out when it is asked for: time and deployments change it without an act. */
export function issueStatus(facts: IssueFacts): IssueStatus {
  const { overlay, firstSeenAtMs, occurrences, nowMs } = facts;
  if (overlay?.resolved != null) return isRegressed(facts) ? "regressed" : "resolved";
  if (overlay?.muted != null && isQuiet(overlay.muted, facts)) return "muted";
  const age = ({ openedAtMs }: Occurrence) => nowMs - openedAtMs;
  const lastDay = occurrences.filter((one) => age(one) < DAY_MS).length;
  const dayBefore = occurrences.filter((one) => age(one) >= DAY_MS && age(one) < 2 * DAY_MS).length;
  const isOld = nowMs - firstSeenAtMs >= DAY_MS;
  if (!isOld) return "new";
  const isMore = lastDay >= ESCALATING.count && lastDay >= ESCALATING.times * dayBefore;
  return isMore ? "escalating" : "ongoing";
}

/** It came again in the version that should have mended it, or in a newer one. */
function isRegressed({ overlay, occurrences, lastSeenAtMs, versions }: IssueFacts): boolean {
  const resolved = overlay?.resolved;
  if (resolved == null || lastSeenAtMs <= resolved.atMs) return false;
  const since = occurrences.filter(({ openedAtMs }) => openedAtMs > resolved.atMs);
  // It came again, and what could say in which version has left the store: not taken for mended.
  if (since.length === 0) return true;
  return since.some(({ codeVersion }) => isSameOrNewer(codeVersion, resolved.inVersion, versions));
}

/** What was never deployed yet is newer than all that was. */
function isSameOrNewer(version: string, than: string, versions: readonly string[]): boolean {
  if (version === than) return true;
  const at = versions.indexOf(version);
  const thanAt = versions.indexOf(than);
  if (at === -1) return true;
  return thanAt !== -1 && at > thanAt;
}

/** What decides whether its time, its deployment, its number or its amount has come. */
export type QuietFacts = Pick<IssueFacts, "occurrences" | "versions" | "nowMs">;

function isQuiet(
  muted: NonNullable<IssueOverlay["muted"]>,
  { occurrences, versions, nowMs }: QuietFacts,
): boolean {
  const since = occurrences.filter(({ openedAtMs }) => openedAtMs > muted.sinceMs);
  switch (muted.kind) {
    case "time":
      return nowMs < muted.atMs;
    case "deploy":
      return !since.some(({ codeVersion }) => isNewer(codeVersion, muted.version, versions));
    case "count":
      return since.length < muted.count;
    case "value": {
      const amounts = since.flatMap(({ amount, currency }) =>
        amount === null || currency !== muted.currency ? [] : [amount],
      );
      return !isAtLeast(sumOf(amounts), muted.amount);
    }
    default:
      return assertNever(muted);
  }
}

/**
 * Whether one exception of a group stays quiet. As for the group, but that a newer version is enough:
 * one exception does not come again.
 *
 * @param facts - occurrences of its group.
 */
export function isAsleep(
  { sinceMs, until }: { readonly sinceMs: number; readonly until: MutedUntil },
  facts: QuietFacts,
): boolean {
  if (until.kind !== "deploy") return isQuiet({ ...until, sinceMs }, facts);
  const newest = facts.versions.at(-1);
  return newest === undefined || !isNewer(newest, until.version, facts.versions);
}

function isNewer(version: string, than: string, versions: readonly string[]): boolean {
  return version !== than && isSameOrNewer(version, than, versions);
}

/** What is shown of a level: its groups without those that are part of another, or split. */
export function isShown(overlay: IssueOverlay | null, level: IssueLevel): boolean {
  if (overlay === null) return true;
  return overlay.mergedInto === null && (level !== "place" || overlay.splitBy === null);
}
