/** `holdfast issues`: exceptions by cause, with what operators have decided about each group. */
import { sumOf } from "../core/amount.ts";
import { versionsInOrder } from "../core/code-version.ts";
import { HoldfastError } from "../core/error.ts";
import { levelOf, type IssueLevel } from "../core/fingerprint.ts";
import type { FailureClass, FailureFamily } from "../core/failure.ts";
import {
  isShown,
  issueStatus,
  type IssueOverlay,
  type IssueStatus,
} from "../core/issue-overlay.ts";
import type { ExceptionRow, IssueRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { isoOrNull, isoText } from "./views.ts";

export interface IssueFilter {
  readonly level: IssueLevel;
  readonly limit: number;
  /** Also those that need nobody now: muted, resolved, or with nothing open. */
  readonly all?: boolean;
}

export interface IssueView {
  readonly id: string;
  readonly level: IssueLevel;
  readonly title: string;
  readonly class: FailureClass;
  readonly family: FailureFamily;
  readonly workflow: string | null;
  readonly step: string | null;
  readonly owner: string;
  readonly status: IssueStatus;
  readonly openCount: number;
  readonly totalCount: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** When the first of those that are open, and whose time runs, is due; null if there is none. */
  readonly dueAt: string | null;
  /** What is open, one sum for each currency. */
  readonly value: readonly string[];
  /** Groups that are shown with it. */
  readonly merged: readonly string[];
  readonly decided: IssueOverlay | null;
}

export interface IssuePage {
  readonly issues: readonly IssueView[];
  /** True if more groups have been seen than were looked at. */
  readonly hasMore: boolean;
}

/** Exceptions of one group that its status and its sums are worked out from, the newest first. */
const OCCURRENCES_MAX = 1_000;
/** Finer groups that are shown in the place of one. */
const PARTS_MAX = 50;
/** Groups that are looked through for those that are shown. */
const LOOKED_AT_MAX = 1_000;

interface Known {
  readonly overlays: ReadonlyMap<string, IssueOverlay>;
  readonly versions: readonly string[];
  readonly nowMs: number;
}

export async function listIssues(
  reader: StoreReader,
  { level, limit, all = false }: IssueFilter,
  nowMs: number,
): Promise<IssuePage> {
  const rows = await reader.issues(level, LOOKED_AT_MAX);
  const overlays = new Map(
    (await reader.issueOverlays()).map(({ fingerprint, overlay }) => [fingerprint, overlay]),
  );
  const known = { overlays, versions: await deployedVersions(reader), nowMs };
  const issues: IssueView[] = [];
  for (const row of rows) {
    if (issues.length >= limit) return { issues, hasMore: true };
    const overlay = overlays.get(row.fingerprint) ?? null;
    const shown = isShown(overlay, level)
      ? [await issueView(reader, row, known)]
      : await partsOf(reader, row, known);
    issues.push(...shown.filter((issue) => all || needsSomebody(issue)));
  }
  return { issues, hasMore: rows.length === LOOKED_AT_MAX };
}

/** Versions of the code in the order in which they were deployed first. */
export async function deployedVersions(reader: StoreReader): Promise<readonly string[]> {
  return versionsInOrder(await reader.declarations()).map(({ name }) => name);
}

function needsSomebody({ status, openCount }: IssueView): boolean {
  if (status === "muted" || status === "resolved") return false;
  return openCount > 0 || status === "regressed";
}

/**
 * Of one that is split: its finer groups, and the group itself with what is in none of them. Of one that
 * is part of another: nothing.
 */
async function partsOf(
  reader: StoreReader,
  row: IssueRow,
  known: Known,
): Promise<readonly IssueView[]> {
  const { mergedInto = null, splitBy = null } = known.overlays.get(row.fingerprint) ?? {};
  if (mergedInto !== null || splitBy === null) return [];
  const seen = await occurrencesOf(reader, row.fingerprint);
  const finer = new Set(seen.flatMap(({ record }) => record.fingerprints[splitBy] ?? []));
  const parts: IssueRow[] = [];
  for (const fingerprint of [...finer].slice(0, PARTS_MAX)) {
    const part = await reader.issue(fingerprint);
    if (part !== null) parts.push(part);
  }
  const views: IssueView[] = [];
  for (const part of parts) views.push(await issueView(reader, part, known));
  const rest = restOf(row, parts);
  if (rest.totalCount === 0) return views;
  const shown = new Set(parts.map(({ fingerprint }) => fingerprint));
  const isElsewhere = ({ record }: ExceptionRow) => shown.has(record.fingerprints[splitBy] ?? "");
  return [...views, await issueView(reader, rest, known, isElsewhere)];
}

/** What of a group none of its parts counts: an exception about no field has no finer group by data. */
function restOf(row: IssueRow, parts: readonly IssueRow[]): IssueRow {
  const less = (count: number, of: (part: IssueRow) => number) =>
    Math.max(
      0,
      parts.reduce((left, part) => left - of(part), count),
    );
  return {
    ...row,
    openCount: less(row.openCount, (part) => part.openCount),
    totalCount: less(row.totalCount, (part) => part.totalCount),
  };
}

/** @throws {HoldfastError} HF6003 if no exception of the group is in a finer one: it would not be seen. */
export async function requireFiner(
  reader: StoreReader,
  fingerprint: string,
  by: "code" | "data",
): Promise<void> {
  // A group of another level is refused for that, by the engine.
  if (levelOf(fingerprint) !== "place") return;
  const seen = await occurrencesOf(reader, fingerprint);
  if (seen.some(({ record }) => record.fingerprints[by] !== null)) return;
  const why =
    by === "data"
      ? "none of its exceptions is about a field, so there are no groups by data"
      : "none of its exceptions is in the store any more";
  throw new HoldfastError(
    "HF6003",
    `${fingerprint} has nothing finer to be split by: ${why}. Nothing was changed.`,
    by === "data"
      ? `Split it by code: holdfast split ${fingerprint} code --reason TEXT. Or see which groups there are by data with: holdfast issues --level data`
      : "See which groups there are with: holdfast issues --all",
  );
}

async function issueView(
  reader: StoreReader,
  row: IssueRow,
  { overlays, versions, nowMs }: Known,
  isElsewhere: (occurrence: ExceptionRow) => boolean = () => false,
): Promise<IssueView> {
  const merged = [...overlays].flatMap(([fingerprint, overlay]) =>
    overlay.mergedInto === row.fingerprint ? [fingerprint] : [],
  );
  const rows = [row];
  for (const fingerprint of merged) {
    const part = await reader.issue(fingerprint);
    if (part !== null) rows.push(part);
  }
  const occurrences: ExceptionRow[] = [];
  for (const { fingerprint } of rows) {
    const seen = await occurrencesOf(reader, fingerprint);
    occurrences.push(...seen.filter((one) => !isElsewhere(one)));
  }
  const open = occurrences.filter(({ closedAtMs }) => closedAtMs === null);
  const firstSeenAtMs = Math.min(...rows.map((one) => one.firstSeenAtMs));
  const lastSeenAtMs = Math.max(...rows.map((one) => one.lastSeenAtMs));
  const overlay = overlays.get(row.fingerprint) ?? null;
  const status = issueStatus({
    overlay,
    firstSeenAtMs,
    lastSeenAtMs,
    occurrences: occurrences.map(({ openedAtMs, record, amount, currency }) => ({
      openedAtMs,
      codeVersion: record.codeVersion,
      amount,
      currency,
    })),
    versions,
    nowMs,
  });
  const running = open.filter(({ handling }) => handling.stoppedAtMs === null);
  const dueAtMs = running.length === 0 ? null : Math.min(...running.map((one) => one.dueAtMs));
  return {
    id: row.fingerprint,
    level: row.level,
    title: row.title,
    class: row.class,
    family: row.family,
    workflow: row.workflow === "" ? null : row.workflow,
    step: row.step === "" ? null : row.step,
    owner: row.owner,
    status,
    openCount: rows.reduce((sum, one) => sum + one.openCount, 0),
    totalCount: rows.reduce((sum, one) => sum + one.totalCount, 0),
    firstSeen: isoText(firstSeenAtMs),
    lastSeen: isoText(lastSeenAtMs),
    dueAt: isoOrNull(dueAtMs),
    value: valuesOf(open),
    merged,
    decided: overlay,
  };
}

async function occurrencesOf(
  reader: StoreReader,
  fingerprint: string,
): Promise<readonly ExceptionRow[]> {
  const level = levelOf(fingerprint) ?? "place";
  return await reader.occurrences({ level, fingerprint }, 0, OCCURRENCES_MAX);
}

/** One sum for each currency, as people read it. */
export function valuesOf(
  rows: readonly Pick<ExceptionRow, "amount" | "currency">[],
): readonly string[] {
  const amounts = new Map<string, string[]>();
  for (const { amount, currency } of rows) {
    if (amount === null) continue;
    const of = currency ?? "";
    amounts.set(of, [...(amounts.get(of) ?? []), amount]);
  }
  return [...amounts].map(([currency, list]) => `${sumOf(list)} ${currency}`.trim());
}
