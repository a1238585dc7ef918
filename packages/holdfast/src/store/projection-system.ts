/**
 * What the records of the store itself (run 0) change: chains, recovery groups, dependencies,
 * definitions, and what came before anybody asked for it. Part of projection.ts.
 */
import { assertNever } from "../core/assert.ts";
import type { ArchivedHead, ImportedHead } from "../core/archived.ts";
import type * as journal from "../core/journal.ts";
import type { ReceivedHead } from "../core/received.ts";
import type { Change } from "./change.ts";
import type { DependencyRow, KeptEventRow, ReceivedRow } from "./rows.ts";

type JournalRecord = journal.JournalRecord;

function incarnation(head: journal.IncarnationHead): readonly Change[] {
  return head.closes.map((chain) => ({
    kind: "chain-closed",
    incarnation: chain.incarnation,
    by: head.incarnation,
    flush: chain.flush,
    seal: chain.seal,
    clean: chain.clean,
  }));
}

function group(head: journal.GroupHead): readonly Change[] {
  return head.event === "started"
    ? [{ kind: "group-started", group: head.group, runs: head.runs, crashes: head.crashes }]
    : [{ kind: "group-passed", group: head.group }];
}

function dependency(record: JournalRecord, head: journal.DependencyHead): readonly Change[] {
  const row: DependencyRow = {
    integration: head.integration,
    state: head.to,
    reason: head.reason,
    class: head.class ?? null,
    sinceMs: head.sinceMs ?? head.atMs ?? record.atMs,
    probeAtMs: head.probeAtMs,
    byHand: head.byHand === true ? 1 : 0,
    incident: head.incident ?? null,
    retryTokens: head.retryTokens ?? null,
  };
  return [{ kind: "dependency-moved", row, saidAtMs: head.atMs ?? null }];
}

function declared(record: JournalRecord, head: journal.DeclaredHead): readonly Change[] {
  return [{ kind: "definition-declared", row: { ...head, atMs: record.atMs } }];
}

function kept(record: JournalRecord, head: journal.KeptHead): readonly Change[] {
  const { namespace, event: eventName, key, id } = head;
  const { seq, atMs, data } = record;
  const row: KeptEventRow = { seq, namespace, event: eventName, key, id, atMs, data };
  return [
    { kind: "event-kept", row },
    { kind: "event-accepted", row: { ...head, run: null, kept: seq }, atMs },
  ];
}

export function received(record: JournalRecord, head: ReceivedHead): readonly Change[] {
  const { order, held, cameAtMs, ...named } = head;
  const row: ReceivedRow = {
    ...named,
    orderKey: order?.key ?? null,
    orderName: order?.name ?? null,
    orderNumber: order?.number ?? null,
    seq: record.seq,
    atMs: cameAtMs ?? record.atMs,
    held: held === null ? null : JSON.stringify(held),
    data: record.data,
  };
  return [{ kind: "message-received", row }];
}

function archived(record: JournalRecord, head: ArchivedHead): readonly Change[] {
  const { seq, atMs } = record;
  const { keysUntilMs, runs } = head;
  return [{ kind: "runs-archived", seq, atMs, keysUntilMs, runs }];
}

function imported(record: JournalRecord, head: ImportedHead): readonly Change[] {
  const { archive, sha256, runs, records, event } = head;
  const row = { archive, sha256, runs, records, atMs: record.atMs, done: event === "done" };
  return [{ kind: "archive-imported", row }];
}

function early(record: JournalRecord, head: journal.EarlyHead): readonly Change[] {
  const { integration, ref, owner, dueAtMs } = head;
  const { seq, atMs, data } = record;
  switch (head.event) {
    case "kept": {
      const row = { seq, integration, ref, state: "kept" as const, owner, atMs, dueAtMs, data };
      return [{ kind: "early-kept", row }];
    }
    // What nobody asked for has its exception by now.
    case "taken":
    case "unasked":
      return [{ kind: "early-over", seq: head.kept }];
    default:
      return assertNever(head.event);
  }
}

function grouped({ fingerprint, overlay }: journal.GroupedHead): readonly Change[] {
  return [{ kind: "issue-overlaid", row: { fingerprint, overlay } }];
}

function ruled({ rule }: journal.RuledHead): readonly Change[] {
  return [{ kind: "rule-set", row: rule }];
}

function routed(record: JournalRecord, head: journal.RoutedHead): readonly Change[] {
  const { version, rules, by, reason, proposed, approved } = head;
  const next = proposed === undefined ? {} : { proposed };
  const second = approved === undefined ? {} : { approved };
  const row = { version, rules, by, reason, atMs: record.atMs, ...next, ...second };
  return [{ kind: "routing-set", row }];
}

/** Of the store's own journal, but for what comes from outside. */
export function ofStore(
  record: JournalRecord,
  kind:
    | "incarnation"
    | "group"
    | "dependency"
    | "declared"
    | "archived"
    | "imported"
    | "early"
    | "grouped"
    | "ruled"
    | "routed"
    | "kept",
  headOf: <Head>(record: JournalRecord) => Head,
): readonly Change[] {
  switch (kind) {
    case "incarnation":
      return incarnation(headOf<journal.IncarnationHead>(record));
    case "group":
      return group(headOf<journal.GroupHead>(record));
    case "dependency":
      return dependency(record, headOf<journal.DependencyHead>(record));
    case "declared":
      return declared(record, headOf<journal.DeclaredHead>(record));
    case "archived":
      return archived(record, headOf<ArchivedHead>(record));
    case "imported":
      return imported(record, headOf<ImportedHead>(record));
    case "early":
      return early(record, headOf<journal.EarlyHead>(record));
    case "grouped":
      return grouped(headOf<journal.GroupedHead>(record));
    case "ruled":
      return ruled(headOf<journal.RuledHead>(record));
    case "routed":
      return routed(record, headOf<journal.RoutedHead>(record));
    case "kept":
      return kept(record, headOf<journal.KeptHead>(record));
    default:
      return assertNever(kind);
  }
}
