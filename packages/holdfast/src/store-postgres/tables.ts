/** Every table that a flush writes, column by column. */
import { hash } from "node:crypto";
import { RUN_STATES } from "../core/run-state.ts";
import type { EffectProof } from "../core/failure.ts";
import type {
  AcceptedEventRow,
  DeclarationRow,
  DependencyRow,
  EarlyAnswerRow,
  KeptEventRow,
  ReceivedRow,
  ReviewRow,
  RunRow,
} from "../store/rows.ts";
import { eventName, keyShard } from "./shard.ts";
import type { EffectState } from "../store/row-changes.ts";
import { type Column, type Table, columns } from "./table.ts";

type InShard<Row> = Row & { readonly shard: number };

const shard = <Row>(): Column<InShard<Row>>[] =>
  columns<InShard<Row>>("key", "int2", { shard: (row) => row.shard });

export type RunAt = InShard<RunRow>;

export const RUN: Table<RunAt> = {
  name: "run",
  columns: [
    ...columns<RunAt>("key", "int8", { run: (row) => row.run }),
    ...shard<RunRow>(),
    ...columns<RunAt>("fixed", "text", {
      namespace: (row) => row.namespace,
      workflow: (row) => row.workflow,
      key: (row) => row.key,
      version: (row) => row.version,
      owner: (row) => row.owner,
      correlation_id: (row) => row.correlationId,
      started_by: (row) => row.startedBy,
      parent_step: (row) => row.parentStep,
      amount: (row) => row.amount,
      currency: (row) => row.currency,
      keys: (row) => row.keys,
    }),
    ...columns<RunAt>("fixed", "int4", { generation: (row) => row.generation }),
    ...columns<RunAt>("fixed", "int8", {
      parent_run: (row) => row.parentRun,
      started_at_ms: (row) => row.startedAtMs,
      deadline_at_ms: (row) => row.deadlineAtMs,
    }),
    ...columns<RunAt>("free", "int2", { state: (row) => RUN_STATES.indexOf(row.state) }),
    ...columns<RunAt>("free", "text", {
      // Null once it was taken out of its lane.
      lane: (row) => row.lane,
      compensated: (row) => row.compensated,
      code_version: (row) => row.codeVersion,
      reason: (row) => row.reason,
      dependency: (row) => row.dependency,
    }),
    ...columns<RunAt>("free", "int8", {
      wake_at_ms: (row) => row.wakeAtMs,
      updated_at_ms: (row) => row.updatedAtMs,
      ended_at_ms: (row) => row.endedAtMs,
    }),
  ],
};

export interface RunKeyAt {
  readonly shard: number;
  readonly keyHash: string;
  readonly run: number;
  readonly runShard: number;
  readonly generation: number;
  /** Hex. */
  readonly inputDigest: string;
  /** Null while its run is here, and where it is kept for ever. */
  readonly untilMs: number | null;
}

export const RUN_KEY: Table<RunKeyAt> = {
  name: "run_key",
  columns: [
    ...columns<RunKeyAt>("key", "int2", { shard: (row) => row.shard }),
    ...columns<RunKeyAt>("key", "bytea", { key_hash: (row) => Buffer.from(row.keyHash, "hex") }),
    ...columns<RunKeyAt>("free", "int8", { run: (row) => row.run }),
    ...columns<RunKeyAt>("free", "int2", { run_shard: (row) => row.runShard }),
    ...columns<RunKeyAt>("free", "int4", { generation: (row) => row.generation }),
    ...columns<RunKeyAt>("free", "bytea", {
      input_digest: (row) => Buffer.from(row.inputDigest, "hex"),
    }),
    ...columns<RunKeyAt>("free", "int8", { until_ms: (row) => row.untilMs }),
  ],
};

export type EffectAt = InShard<EffectState>;

export const EFFECT: Table<EffectAt> = {
  name: "effect",
  columns: [
    ...columns<EffectAt>("key", "int8", { run: (row) => row.run }),
    ...columns<EffectAt>("key", "int4", { operation: (row) => row.operation }),
    ...shard<EffectState>(),
    ...columns<EffectAt>("fixed", "text", {
      effect: (row) => row.effect,
      integration: (row) => row.integration,
    }),
    ...columns<EffectAt>("free", "text", {
      proof: (row): EffectProof => row.proof,
      ref: (row) => row.ref,
      settled_by: (row) => row.settledBy,
    }),
    ...columns<EffectAt>("free", "int2", { ended: (row) => (row.endedAtMs === null ? 0 : 1) }),
    ...columns<EffectAt>("free", "int4", { attempts: (row) => row.attempts }),
    ...columns<EffectAt>("free", "int8", {
      last_sent_at_ms: (row) => row.lastSentAtMs,
      ended_at_ms: (row) => row.endedAtMs,
    }),
  ],
};

export type ReviewAt = InShard<ReviewRow>;

export const REVIEW: Table<ReviewAt> = {
  name: "review",
  columns: [
    ...columns<ReviewAt>("key", "int8", { run: (row) => row.run }),
    ...columns<ReviewAt>("key", "int4", { seq: (row) => row.seq }),
    ...shard<ReviewRow>(),
    ...columns<ReviewAt>("fixed", "text", {
      step: (row) => row.step,
      review: (row) => row.review,
      answer_by: (row) => row.by,
      not_by: (row) => row.notBy,
      digest: (row) => row.digest,
      amount: (row) => row.amount,
      currency: (row) => row.currency,
    }),
    ...columns<ReviewAt>("fixed", "int8", {
      asked_at_ms: (row) => row.askedAtMs,
      due_at_ms: (row) => row.dueAtMs,
    }),
    ...columns<ReviewAt>("free", "text", {
      state: (row) => row.state,
      escalated_to: (row) => row.escalatedTo,
      answered_by: (row) => row.answeredBy,
    }),
    ...columns<ReviewAt>("free", "int8", { answered_at_ms: (row) => row.answeredAtMs }),
  ],
};

export interface AwaitingAt {
  readonly shard: number;
  readonly run: number;
  readonly seq: number;
  readonly event: string;
  readonly key: string;
  readonly step: string;
  readonly sinceMs: number;
  readonly dueAtMs: number | null;
}

export const AWAITING: Table<AwaitingAt> = {
  name: "awaiting",
  columns: [
    ...columns<AwaitingAt>("key", "int8", { run: (row) => row.run }),
    ...columns<AwaitingAt>("key", "int4", { seq: (row) => row.seq }),
    ...columns<AwaitingAt>("key", "int2", { shard: (row) => row.shard }),
    ...columns<AwaitingAt>("fixed", "text", {
      event: (row) => row.event,
      key: (row) => row.key,
      step: (row) => row.step,
    }),
    ...columns<AwaitingAt>("fixed", "int8", {
      since_ms: (row) => row.sinceMs,
      due_at_ms: (row) => row.dueAtMs,
    }),
  ],
};

export interface PendingAt {
  readonly shard: number;
  readonly run: number;
  readonly seq: number;
  readonly operation: number;
  readonly integration: string;
  readonly ref: string;
  readonly dueAtMs: number;
}

export const PENDING: Table<PendingAt> = {
  name: "pending",
  columns: [
    ...columns<PendingAt>("key", "int8", { run: (row) => row.run }),
    ...columns<PendingAt>("key", "int4", { seq: (row) => row.seq }),
    ...columns<PendingAt>("key", "int2", { shard: (row) => row.shard }),
    ...columns<PendingAt>("fixed", "int4", { operation: (row) => row.operation }),
    ...columns<PendingAt>("fixed", "text", {
      integration: (row) => row.integration,
      ref: (row) => row.ref,
    }),
    ...columns<PendingAt>("free", "int8", { due_at_ms: (row) => row.dueAtMs }),
  ],
};

export type DependencyAt = InShard<DependencyRow> & {
  readonly said: { readonly atMs: number; readonly by: number };
};

export const DEPENDENCY: Table<DependencyAt> = {
  name: "dependency",
  columns: [
    ...columns<DependencyAt>("key", "int2", { shard: (row) => row.shard }),
    ...columns<DependencyAt>("key", "text", { integration: (row) => row.integration }),
    ...columns<DependencyAt>("free", "text", {
      state: (row) => row.state,
      reason: (row) => row.reason,
      class: (row) => row.class,
    }),
    ...columns<DependencyAt>("free", "int8", {
      since_ms: (row) => row.sinceMs,
      probe_at_ms: (row) => row.probeAtMs,
      incident_at_ms: ({ incident }) => incident?.startedAtMs ?? null,
      incident_ended_at_ms: ({ incident }) => incident?.endedAtMs ?? null,
      incident_parked: ({ incident }) => incident?.parkedCount ?? null,
      incident_drained_at_ms: ({ incident }) => incident?.drainedAtMs ?? null,
      retry_tokens: (row) => row.retryTokens,
      by_hand: (row) => row.byHand,
      said_at_ms: ({ said }) => said.atMs,
      said_by: ({ said }) => said.by,
    }),
  ],
};

export type DeclarationAt = InShard<DeclarationRow>;

export const DECLARATION: Table<DeclarationAt> = {
  name: "declaration",
  columns: [
    ...shard<DeclarationRow>(),
    ...columns<DeclarationAt>("key", "text", {
      definition: (row) => row.definition,
      name: (row) => row.name,
    }),
    ...columns<DeclarationAt>("key", "bytea", {
      list: (row) => hash("sha256", JSON.stringify(row.sensitive), "buffer"),
    }),
    ...columns<DeclarationAt>("fixed", "text", {
      sensitive: (row) => JSON.stringify(row.sensitive),
    }),
    ...columns<DeclarationAt>("free", "text", {
      decision: (row) => (row.decision === null ? null : JSON.stringify(row.decision)),
    }),
    ...columns<DeclarationAt>("free", "int8", { at_ms: (row) => row.atMs }),
  ],
};

export const ACCEPTED_EVENT: Table<AcceptedEventRow> = {
  name: "accepted_event",
  columns: [
    ...columns<AcceptedEventRow>("key", "int2", { shard: (row) => keyShard(eventName(row)) }),
    ...columns<AcceptedEventRow>("key", "bytea", {
      name: (row) => Buffer.from(eventName(row), "hex"),
    }),
    ...columns<AcceptedEventRow>("fixed", "text", {
      namespace: (row) => row.namespace,
      event: (row) => row.event,
      id: (row) => row.id,
    }),
    ...columns<AcceptedEventRow>("free", "text", {
      key: (row) => row.key,
      digest: (row) => row.digest,
    }),
    ...columns<AcceptedEventRow>("free", "int8", {
      until_ms: (row) => row.untilMs,
      run: (row) => row.run,
    }),
    ...columns<AcceptedEventRow>("free", "int4", { kept: (row) => row.kept }),
  ],
};

export const RECEIVED: Table<ReceivedRow> = {
  name: "received",
  columns: [
    ...columns<ReceivedRow>("key", "int2", { shard: (row) => keyShard(row.name) }),
    ...columns<ReceivedRow>("key", "bytea", { name: (row) => Buffer.from(row.name, "hex") }),
    ...columns<ReceivedRow>("free", "text", {
      namespace: (row) => row.namespace,
      workflow: (row) => row.workflow,
      ingress: (row) => row.ingress,
      source: (row) => row.source,
      id: (row) => row.id,
      digest: (row) => row.digest,
      state: (row) => row.state,
      order_key: (row) => row.orderKey,
      held: (row) => row.held,
      data: (row) => row.data,
    }),
    ...columns<ReceivedRow>("free", "bytea", {
      order_name: ({ orderName }) => (orderName === null ? null : Buffer.from(orderName, "hex")),
    }),
    ...columns<ReceivedRow>("free", "int8", {
      run: (row) => row.run,
      duplicate_of: (row) => row.duplicateOf,
      order_number: (row) => row.orderNumber,
      at_ms: (row) => row.atMs,
      until_ms: (row) => row.untilMs,
    }),
    ...columns<ReceivedRow>("free", "int4", { seq: (row) => row.seq }),
  ],
};

export type EarlyAt = InShard<EarlyAnswerRow>;

export const EARLY_ANSWER: Table<EarlyAt> = {
  name: "early_answer",
  columns: [
    ...shard<EarlyAnswerRow>(),
    ...columns<EarlyAt>("key", "int4", { seq: (row) => row.seq }),
    ...columns<EarlyAt>("fixed", "text", {
      integration: (row) => row.integration,
      ref: (row) => row.ref,
      data: (row) => row.data,
    }),
    ...columns<EarlyAt>("fixed", "int8", {
      at_ms: (row) => row.atMs,
      due_at_ms: (row) => row.dueAtMs,
    }),
    ...columns<EarlyAt>("free", "text", { state: (row) => row.state, owner: (row) => row.owner }),
  ],
};

export type KeptAt = InShard<KeptEventRow>;

export const KEPT_EVENT: Table<KeptAt> = {
  name: "kept_event",
  columns: [
    ...shard<KeptEventRow>(),
    ...columns<KeptAt>("key", "int4", { seq: (row) => row.seq }),
    ...columns<KeptAt>("fixed", "text", {
      namespace: (row) => row.namespace,
      event: (row) => row.event,
      key: (row) => row.key,
      id: (row) => row.id,
      data: (row) => row.data,
    }),
    ...columns<KeptAt>("fixed", "int8", { at_ms: (row) => row.atMs }),
  ],
};

export interface GroupAt {
  readonly shard: number;
  readonly number: number;
  /** JSON list of run numbers. */
  readonly runs: string;
  readonly crashes: number;
}

export const RECOVERY_GROUP: Table<GroupAt> = {
  name: "recovery_group",
  columns: [
    ...columns<GroupAt>("key", "int2", { shard: (row) => row.shard }),
    ...columns<GroupAt>("key", "int4", { number: (row) => row.number }),
    ...columns<GroupAt>("free", "text", { runs: (row) => row.runs }),
    ...columns<GroupAt>("free", "int4", { crashes: (row) => row.crashes }),
  ],
};

export interface ChainAt {
  readonly shard: number;
  readonly incarnation: number;
  readonly closedBy: number | null;
  readonly closedFlush: number | null;
  readonly closedSeal: string | null;
  readonly clean: boolean | null;
}

export const INCARNATION: Table<ChainAt> = {
  name: "incarnation",
  columns: [
    ...columns<ChainAt>("key", "int2", { shard: (row) => row.shard }),
    ...columns<ChainAt>("key", "int8", { incarnation: (row) => row.incarnation }),
    ...columns<ChainAt>("free", "int8", { closed_by: (row) => row.closedBy }),
    ...columns<ChainAt>("free", "int4", { closed_flush: (row) => row.closedFlush }),
    ...columns<ChainAt>("free", "text", { closed_seal: (row) => row.closedSeal }),
    ...columns<ChainAt>("free", "int2", {
      clean: (row) => (row.clean === null ? null : row.clean ? 1 : 0),
    }),
  ],
};
