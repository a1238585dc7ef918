/** The tables of exceptions, of what was decided about their groups, and of the routing rules. */
import type { ClassificationRule } from "../core/classification-rule.ts";
import { routingContent, type RoutingVersion } from "../core/routing.ts";
import type { ExceptionRow, IssueOverlayRow } from "../store/rows.ts";
import { type Table, columns } from "./table.ts";

export type ExceptionAt = ExceptionRow & { readonly shard: number };

export const EXCEPTION: Table<ExceptionAt> = {
  name: "exception",
  columns: [
    ...columns<ExceptionAt>("key", "int8", { run: (row) => row.run }),
    ...columns<ExceptionAt>("key", "int4", { seq: (row) => row.seq }),
    ...columns<ExceptionAt>("key", "int2", { shard: (row) => row.shard }),
    ...columns<ExceptionAt>("fixed", "text", {
      workflow: (row) => row.workflow,
      step: (row) => row.step,
      effect_name: (row) => row.effectName,
      integration: (row) => row.integration,
      class: (row) => row.class,
      family: (row) => row.family,
      effect: (row) => row.effect,
      reason_code: (row) => row.reasonCode,
      rule: (row) => row.rule,
      message: (row) => row.message,
      because: (row) => row.because,
      fingerprint: (row) => row.fingerprint,
      subject: (row) => row.subject,
      amount: (row) => row.amount,
      currency: (row) => row.currency,
      record: (row) => JSON.stringify(row.record),
      cause_group: (row) => row.record.fingerprints.cause,
      code_group: (row) => row.record.fingerprints.code,
      data_group: (row) => row.record.fingerprints.data,
    }),
    ...columns<ExceptionAt>("fixed", "int4", { operation: (row) => row.operation }),
    ...columns<ExceptionAt>("fixed", "int8", { opened_at_ms: (row) => row.openedAtMs }),
    ...columns<ExceptionAt>("free", "int8", {
      due_at_ms: (row) => row.dueAtMs,
      closed_at_ms: (row) => row.closedAtMs,
      next_at_ms: (row) => row.nextAtMs,
    }),
    ...columns<ExceptionAt>("free", "text", {
      owner: (row) => row.owner,
      resolution: (row) => row.resolution,
      closed_by: (row) => row.closedBy,
      handling: (row) => JSON.stringify(row.handling),
    }),
  ],
};

export type OverlayAt = IssueOverlayRow & { readonly shard: number };

export const ISSUE_OVERLAY: Table<OverlayAt> = {
  name: "issue_overlay",
  columns: [
    ...columns<OverlayAt>("key", "int2", { shard: (row) => row.shard }),
    ...columns<OverlayAt>("key", "text", { fingerprint: (row) => row.fingerprint }),
    ...columns<OverlayAt>("free", "int4", { revision: (row) => row.overlay.revision }),
    ...columns<OverlayAt>("free", "text", { overlay: (row) => JSON.stringify(row.overlay) }),
  ],
};

export interface RuleAt {
  readonly shard: number;
  readonly rule: ClassificationRule;
}

export const CLASSIFICATION_RULE: Table<RuleAt> = {
  name: "classification_rule",
  columns: [
    ...columns<RuleAt>("key", "int2", { shard: ({ shard }) => shard }),
    ...columns<RuleAt>("key", "text", { id: ({ rule }) => rule.id }),
    ...columns<RuleAt>("key", "int4", { version: ({ rule }) => rule.version }),
    ...columns<RuleAt>("free", "text", { state: ({ rule }) => rule.state }),
    ...columns<RuleAt>("free", "int4", { change: ({ rule }) => rule.change }),
    ...columns<RuleAt>("free", "text", { rule: ({ rule }) => JSON.stringify(rule) }),
  ],
};

type RoutingAt = RoutingVersion & { readonly shard: number };

export const ROUTING: Table<RoutingAt> = {
  name: "routing",
  columns: [
    ...columns<RoutingAt>("key", "int2", { shard: (row) => row.shard }),
    ...columns<RoutingAt>("key", "int4", { version: (row) => row.version }),
    ...columns<RoutingAt>("fixed", "text", {
      rules: routingContent,
      set_by: (row) => row.by,
      reason: (row) => row.reason,
    }),
    ...columns<RoutingAt>("fixed", "int8", { at_ms: (row) => row.atMs }),
  ],
};
