/** What the records of exceptions change. Part of projection.ts. */
import { assertNever } from "../core/assert.ts";
import { handlingOf, nextCrossingAtMs } from "../core/exception-handling.ts";
import { groupsOf } from "../core/fingerprint.ts";
import type * as journal from "../core/journal.ts";
import type { Change } from "./change.ts";
import type { ExceptionRow } from "./rows.ts";

type JournalRecord = journal.JournalRecord;

function opened(record: JournalRecord, head: journal.OpenedHead): readonly Change[] {
  const handling = handlingOf(head.record, record.atMs, head.assignee);
  const row: ExceptionRow = {
    run: record.run,
    seq: record.seq,
    workflow: head.workflow,
    step: record.name,
    effectName: head.effectName ?? null,
    integration: head.integration ?? null,
    operation: head.operation ?? null,
    class: head.class,
    family: head.family,
    effect: head.effect,
    reasonCode: head.reasonCode,
    rule: head.rule,
    message: head.message,
    because: head.because,
    owner: head.owner,
    fingerprint: head.record.fingerprints.place,
    subject: head.beside?.subject ?? null,
    openedAtMs: record.atMs,
    dueAtMs: head.dueAtMs,
    closedAtMs: null,
    resolution: null,
    closedBy: null,
    amount: head.amount ?? null,
    currency: head.currency ?? null,
    record: head.record,
    handling,
    nextAtMs: nextCrossingAtMs(handling),
  };
  const { class: failureClass, family, workflow, owner, titles } = head;
  const dealtWith = head.beside?.kept;
  return [
    { kind: "exception-opened", row },
    ...(dealtWith === undefined
      ? []
      : [{ kind: "event-taken", seq: dealtWith, run: record.run } as const]),
    ...groupsOf(head.record.fingerprints).map(({ level, fingerprint }, at): Change => ({
      kind: "issue-seen",
      fingerprint,
      level,
      title: titles[at] ?? "",
      class: failureClass,
      family,
      workflow,
      step: record.name,
      owner,
      atMs: record.atMs,
    })),
    { kind: "counted", name: `exceptions/${failureClass}`, delta: 1 },
    // Never taken back: how often nobody was there whom code or a rule had named.
    ...(head.record.ownership.isFallback
      ? [{ kind: "counted", name: `exceptions-fallback/${workflow}`, delta: 1 } as const]
      : []),
  ];
}

function closed(record: JournalRecord, head: journal.ClosedHead): readonly Change[] {
  return [
    {
      kind: "exception-closed",
      run: record.run,
      seq: head.opened,
      resolution: head.resolution,
      by: head.by,
      reason: head.reason,
      atMs: record.atMs,
    },
    ...head.groups.map((fingerprint): Change => ({ kind: "issue-eased", fingerprint })),
    { kind: "counted", name: `exceptions/${head.class}`, delta: -1 },
  ];
}

function handled(record: JournalRecord, head: journal.HandledHead): readonly Change[] {
  const { opened: seq, act, by, reason, command = null } = head;
  const { run, atMs } = record;
  const counted =
    act.kind === "crossed"
      ? [{ kind: "counted", name: `exceptions-${act.crossing.kind}`, delta: 1 } as const]
      : [];
  return [{ kind: "exception-handled", run, seq, act, by, reason, command, atMs }, ...counted];
}

export function ofException(
  record: JournalRecord,
  kind: "opened" | "closed" | "handled",
  headOf: <Head>(record: JournalRecord) => Head,
): readonly Change[] {
  switch (kind) {
    case "opened":
      return opened(record, headOf<journal.OpenedHead>(record));
    case "closed":
      return closed(record, headOf<journal.ClosedHead>(record));
    case "handled":
      return handled(record, headOf<journal.HandledHead>(record));
    default:
      return assertNever(kind);
  }
}
