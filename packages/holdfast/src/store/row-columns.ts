/**
 * The columns of each projection, in one order for writing, reading and mapping, the same in every
 * driver. A row comes from the database as an array, which is faster than an object per row, and is
 * mapped here by position.
 */
import { parseJson } from "../core/json-text.ts";
import type { IssueLevel } from "../core/fingerprint.ts";
import { RECORD_KINDS } from "../core/record-kinds.ts";
import { RUN_STATES } from "../core/run-state.ts";
import type { IssueOverlay } from "../core/issue-overlay.ts";
import type { IntentHead, JournalRecord } from "../core/journal.ts";
import type { ClassificationRule } from "../core/classification-rule.ts";
import { contentOfRouting, type RoutingVersion } from "../core/routing.ts";
import type {
  AcceptedEventRow,
  DeclarationRow,
  DependencyRow,
  EarlyAnswerRow,
  EffectRow,
  ExceptionRow,
  InboxRow,
  IssueOverlayRow,
  IssueRow,
  KeptEventRow,
  LaneRow,
  ReceivedRow,
  ReviewRow,
  RunRow,
  VersionCount,
} from "./rows.ts";

/**
 * A row as the database hands it out. `any` would be the honest type of a cell; instead each mapping
 * says by a cast what the schema and its CHECKs guarantee for the column.
 */
export type Cells = readonly unknown[];

/** Of runs that have not ended, grouped by lane. */
export const LANE_COLUMNS = "namespace, lane, count(*), min(run)";

export function toLane(c: Cells): LaneRow {
  const [namespace, lane, depth, run] = c as readonly [string, string, number, number];
  return { namespace, lane, depth, run };
}

/** Of runs that have not ended, grouped by version and state. */
export const VERSION_COLUMNS = "code_version, state, count(*)";

export function toVersionCount(c: Cells): VersionCount {
  const [codeVersion, state, count] = c as readonly [string, number, number];
  return { codeVersion, state: RUN_STATES[state] as VersionCount["state"], count };
}

export const RUN_COLUMNS = `run, namespace, workflow, key, generation, version, owner, lane,
  correlation_id, started_by, state, reason, wake_at_ms, dependency, parent_run, parent_step,
  started_at_ms, updated_at_ms, ended_at_ms, deadline_at_ms, compensated, amount, currency, keys,
  code_version`;

/** Number of RUN_COLUMNS. */
export const RUN_WIDTH = 25;

export const RECORD_COLUMNS = "run, seq, kind, attempt, name, at_ms, head, data";

/** Number of RECORD_COLUMNS. */
export const RECORD_WIDTH = 8;

/** Of an operation's row `e` and the record `j` of its first intent. */
export const EFFECT_COLUMNS = `j.run, j.seq, j.name, j.at_ms, j.head, e.proof, e.ended, e.attempts,
  e.last_sent_at_ms, e.ended_at_ms, e.ref, e.settled_by`;

export const EXCEPTION_COLUMNS = `run, seq, workflow, step, effect_name, integration, operation,
  class, family, effect, reason_code, rule, message, because, owner, fingerprint, subject,
  opened_at_ms, due_at_ms, closed_at_ms, resolution, closed_by, amount, currency, record, handling,
  next_at_ms`;

/** The groups of the other levels, which are also in `record`: written beside them to be found by. */
export const EXCEPTION_GROUPS = "cause_group, code_group, data_group";

/** Where an exception says which group of a level it is in. */
export const GROUP_COLUMN: Readonly<Record<IssueLevel, string>> = {
  cause: "cause_group",
  place: "fingerprint",
  code: "code_group",
  data: "data_group",
};

export const ISSUE_COLUMNS = `fingerprint, level, title, class, family, workflow, step, owner,
  first_seen_at_ms, last_seen_at_ms, open_count, total_count`;

export const OVERLAY_COLUMNS = "fingerprint, overlay";

/** `rule` is the whole of it; the others are what it is looked up by. */
export const RULE_COLUMNS = "id, version, state, change, rule";

export const ROUTING_COLUMNS = "version, rules, set_by, reason, at_ms";

export const REVIEW_COLUMNS = `run, seq, step, review, answer_by, not_by, state, asked_at_ms,
  due_at_ms, escalated_to, answered_by, answered_at_ms, digest, amount, currency`;

export const DEPENDENCY_COLUMNS = `integration, state, reason, class, since_ms, probe_at_ms,
  incident_at_ms, incident_ended_at_ms, incident_parked, incident_drained_at_ms, retry_tokens,
  by_hand`;

export const DECLARATION_COLUMNS = "definition, name, sensitive, decision, at_ms";

export const ACCEPTED_COLUMNS = "namespace, event, id, key, digest, until_ms, run, kept";

export const KEPT_COLUMNS = "seq, namespace, event, key, id, at_ms, data";

export const EARLY_COLUMNS = "seq, integration, ref, state, owner, at_ms, due_at_ms, data";

export const RECEIVED_COLUMNS = `name, namespace, workflow, ingress, source, id, digest, state, run,
  duplicate_of, order_key, order_name, order_number, seq, at_ms, until_ms, held, data`;

/** As a list shows them: without payloads. */
export const RECEIVED_SHOWN = RECEIVED_COLUMNS.replace(/\bdata$/u, "null");

export const INBOX_COLUMNS = "id, topic, at_ms, sent_by, data, answer";

export function toRun(cells: Cells): RunRow {
  return toRunAt(cells, 0);
}

/** The row whose cells begin at `at`. */
export function toRunAt(c: Cells, at: number): RunRow {
  return {
    run: c[at] as number,
    namespace: c[at + 1] as string,
    workflow: c[at + 2] as string,
    key: c[at + 3] as string,
    generation: c[at + 4] as number,
    version: c[at + 5] as string,
    owner: c[at + 6] as string,
    lane: c[at + 7] as string | null,
    correlationId: c[at + 8] as string,
    startedBy: c[at + 9] as string,
    state: RUN_STATES[c[at + 10] as number] as RunRow["state"],
    reason: c[at + 11] as string,
    wakeAtMs: c[at + 12] as number | null,
    dependency: c[at + 13] as string | null,
    parentRun: c[at + 14] as number | null,
    parentStep: c[at + 15] as string | null,
    startedAtMs: c[at + 16] as number,
    updatedAtMs: c[at + 17] as number,
    endedAtMs: c[at + 18] as number | null,
    deadlineAtMs: c[at + 19] as number | null,
    compensated: c[at + 20] as RunRow["compensated"],
    amount: c[at + 21] as string | null,
    currency: c[at + 22] as string | null,
    keys: c[at + 23] as string | null,
    codeVersion: c[at + 24] as string,
  };
}

export function toRecord(cells: Cells): JournalRecord {
  return toRecordAt(cells, 0);
}

/** The record whose cells begin at `at`. */
export function toRecordAt(c: Cells, at: number): JournalRecord {
  return {
    run: c[at] as number,
    seq: c[at + 1] as number,
    kind: RECORD_KINDS[c[at + 2] as number] as JournalRecord["kind"],
    attempt: c[at + 3] as number,
    name: c[at + 4] as string,
    atMs: c[at + 5] as number,
    head: c[at + 6] as string | null,
    data: c[at + 7] as string | null,
  };
}

export function toEffect(c: Cells): EffectRow {
  // The engine wrote this head; the seal says that it is still the same.
  const intent = parseJson(c[4] as string) as IntentHead;
  return {
    run: c[0] as number,
    operation: c[1] as number,
    step: c[2] as string,
    effect: intent.effect,
    integration: intent.integration,
    contract: intent.contract,
    key: intent.key,
    generation: intent.generation,
    digest: intent.digest,
    proof: c[5] as EffectRow["proof"],
    ended: c[6] === 1,
    attempts: c[7] as number,
    firstSentAtMs: c[3] as number,
    lastSentAtMs: c[8] as number,
    endedAtMs: c[9] as number | null,
    ref: c[10] as string | null,
    undoes: intent.undoes ?? null,
    settledBy: c[11] as string | null,
    amount: intent.amount ?? null,
    currency: intent.currency ?? null,
  };
}

export function toException(c: Cells): ExceptionRow {
  return {
    run: c[0] as number,
    seq: c[1] as number,
    workflow: c[2] as string,
    step: c[3] as string,
    effectName: c[4] as string | null,
    integration: c[5] as string | null,
    operation: c[6] as number | null,
    class: c[7] as ExceptionRow["class"],
    family: c[8] as ExceptionRow["family"],
    effect: c[9] as ExceptionRow["effect"],
    reasonCode: c[10] as string,
    rule: c[11] as string,
    message: c[12] as string,
    because: c[13] as string,
    owner: c[14] as string,
    fingerprint: c[15] as string,
    subject: c[16] as string | null,
    openedAtMs: c[17] as number,
    dueAtMs: c[18] as number,
    closedAtMs: c[19] as number | null,
    resolution: c[20] as string | null,
    closedBy: c[21] as string | null,
    amount: c[22] as string | null,
    currency: c[23] as string | null,
    // Both were written by the projection from such values.
    record: parseJson(c[24] as string) as ExceptionRow["record"],
    handling: parseJson(c[25] as string) as ExceptionRow["handling"],
    nextAtMs: c[26] as number | null,
  };
}

export function toIssueOverlay(c: Cells): IssueOverlayRow {
  // Written by the projection from such a value.
  return { fingerprint: c[0] as string, overlay: parseJson(c[1] as string) as IssueOverlay };
}

export function toRule(c: Cells): ClassificationRule {
  // Written by the projection from such a value.
  return parseJson(c[4] as string) as ClassificationRule;
}

export function toRouting(c: Cells): RoutingVersion {
  return {
    version: c[0] as number,
    ...contentOfRouting(parseJson(c[1] as string)),
    by: c[2] as string,
    reason: c[3] as string,
    atMs: c[4] as number,
  };
}

export function toIssue(c: Cells): IssueRow {
  return {
    fingerprint: c[0] as string,
    level: c[1] as IssueRow["level"],
    title: c[2] as string,
    class: c[3] as IssueRow["class"],
    family: c[4] as IssueRow["family"],
    workflow: c[5] as string,
    step: c[6] as string,
    owner: c[7] as string,
    firstSeenAtMs: c[8] as number,
    lastSeenAtMs: c[9] as number,
    openCount: c[10] as number,
    totalCount: c[11] as number,
  };
}

export function toReview(c: Cells): ReviewRow {
  return {
    run: c[0] as number,
    seq: c[1] as number,
    step: c[2] as string,
    review: c[3] as string,
    by: c[4] as string,
    notBy: c[5] as string | null,
    state: c[6] as ReviewRow["state"],
    askedAtMs: c[7] as number,
    dueAtMs: c[8] as number | null,
    escalatedTo: c[9] as string | null,
    answeredBy: c[10] as string | null,
    answeredAtMs: c[11] as number | null,
    digest: c[12] as string,
    amount: c[13] as string | null,
    currency: c[14] as string | null,
  };
}

export function toDependency(c: Cells): DependencyRow {
  return {
    integration: c[0] as string,
    state: c[1] as DependencyRow["state"],
    reason: c[2] as string,
    class: c[3] as DependencyRow["class"],
    sinceMs: c[4] as number,
    probeAtMs: c[5] as number | null,
    incident: incidentOf(c),
    retryTokens: c[10] as number | null,
    byHand: c[11] as DependencyRow["byHand"],
  };
}

function incidentOf(c: Cells): DependencyRow["incident"] {
  if (c[6] === null) return null;
  return {
    startedAtMs: c[6] as number,
    endedAtMs: c[7] as number | null,
    parkedCount: c[8] as number | null,
    drainedAtMs: c[9] as number | null,
  };
}

export function toDeclaration(c: Cells): DeclarationRow {
  return {
    definition: c[0] as DeclarationRow["definition"],
    name: c[1] as string,
    // Both were written by the projection from such lists.
    sensitive: parseJson(c[2] as string) as DeclarationRow["sensitive"],
    decision: parseJson((c[3] as string | null) ?? "null") as DeclarationRow["decision"],
    atMs: c[4] as number,
  };
}

export function toKeptEvent(c: Cells): KeptEventRow {
  return {
    seq: c[0] as number,
    namespace: c[1] as string,
    event: c[2] as string,
    key: c[3] as string,
    id: c[4] as string,
    atMs: c[5] as number,
    data: c[6] as string | null,
  };
}

export function toAcceptedEvent(c: Cells): AcceptedEventRow {
  return {
    namespace: c[0] as string,
    event: c[1] as string,
    id: c[2] as string,
    key: c[3] as string,
    digest: c[4] as string,
    untilMs: c[5] as number,
    run: c[6] as number | null,
    kept: c[7] as number | null,
  };
}

export function toEarlyAnswer(c: Cells): EarlyAnswerRow {
  return {
    seq: c[0] as number,
    integration: c[1] as string,
    ref: c[2] as string,
    state: c[3] as EarlyAnswerRow["state"],
    owner: c[4] as string,
    atMs: c[5] as number,
    dueAtMs: c[6] as number,
    data: c[7] as string | null,
  };
}

export function toReceived(c: Cells): ReceivedRow {
  return {
    name: hexOf(c[0]) ?? "",
    namespace: c[1] as string,
    workflow: c[2] as string,
    ingress: c[3] as string,
    source: c[4] as string,
    id: c[5] as string,
    digest: c[6] as string,
    state: c[7] as ReceivedRow["state"],
    run: c[8] as number | null,
    duplicateOf: c[9] as number | null,
    orderKey: c[10] as string | null,
    orderName: hexOf(c[11]),
    orderNumber: c[12] as number | null,
    seq: c[13] as number,
    atMs: c[14] as number,
    untilMs: c[15] as number | null,
    held: c[16] as string | null,
    data: c[17] as string | null,
  };
}

/** Of a column of bytes. */
function hexOf(cell: unknown): string | null {
  return cell === null ? null : Buffer.from(cell as Uint8Array).toString("hex");
}

export function toInbox(c: Cells): InboxRow {
  return {
    id: c[0] as string,
    topic: c[1] as InboxRow["topic"],
    atMs: c[2] as number,
    by: c[3] as string,
    data: c[4] as string,
    answer: c[5] as string | null,
  };
}
