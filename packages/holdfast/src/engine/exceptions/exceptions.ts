/** Builds the record of an exception: who owns it, until when, and which groups it belongs to. */
import {
  isAboutUndoing,
  type Confidence,
  type ExceptionRecord,
} from "../../core/exception-record.ts";
import { dueOf, ownerOf, severityBy } from "../../core/exception-policy.ts";
import {
  fieldPathOf,
  fingerprintsOf,
  framesOf,
  groupsOf,
  issueTitle,
  type Symptoms,
} from "../../core/fingerprint.ts";
import { familyOf, type FailureClass } from "../../core/failure.ts";
import { parseJson } from "../../core/json-text.ts";
import type { Beside, Described, Meters, OpenedHead } from "../../core/journal.ts";
import type { Unknown } from "../../core/move.ts";
import type { Hmac } from "../../core/operation-key.ts";
import type { RunRow } from "../../store/rows.ts";
import type { ClassOwners } from "../../workflow/class-owners.ts";
import type { LiveRun } from "../run/live-run.ts";
import type { ExceptionRules } from "./exception-rules.ts";
import { clipped } from "./thrown-text.ts";

/** What is known of the operation that it is about. */
export interface OperationFacts {
  readonly attempts: number;
  readonly meters: Meters;
  readonly operationKey: string | null;
  readonly keyWindowEndsAtMs: number | null;
}

export interface ExceptionCase {
  readonly class: FailureClass;
  readonly effect: OpenedHead["effect"];
  readonly scope: OpenedHead["scope"];
  readonly origin: OpenedHead["origin"];
  readonly reasonCode: string;
  readonly rule: string;
  /** Default "known": a rule of the engine says so. */
  readonly confidence?: Confidence;
  readonly message: string;
  readonly because: string;
  /** Who has it unless a class of the code or a routing rule says otherwise. */
  readonly owner: string;
  /** Who has it by the classification rule that `rule` names. */
  readonly ruleOwner?: string;
  /** Who has which class, by the effect. */
  readonly owners?: ClassOwners;
  readonly step: string;
  readonly effectName?: string;
  readonly integration?: string;
  readonly operation?: number;
  readonly facts?: OperationFacts;
  /** JSON text of the stack as it is kept; null or absent for none. */
  readonly stack?: string | null;
  readonly unknown?: Unknown;
  readonly described?: Described;
  readonly beside?: Beside;
  /** Stands for the step in the title of the group, where there is none. */
  readonly at?: string;
}

/** What an exception is opened at. */
export interface ExceptionPlace {
  /** Empty for the store itself. */
  readonly workflow: string;
  /** Who has which class, by the workflow. */
  readonly owners?: ClassOwners | undefined;
  /** Who has what nobody else has. */
  readonly fallbackOwner: string;
  readonly run: Pick<RunRow, "namespace" | "version" | "correlationId"> | null;
  readonly described: Described;
  readonly nowMs: number;
  readonly hmac: Hmac;
  readonly rules: ExceptionRules;
}

/** Characters of a message that are kept. */
const MESSAGE_CHARS_MAX = 500;

export function exceptionHead(run: LiveRun, c: ExceptionCase): OpenedHead {
  const { clock, digests, exceptions } = run.host;
  const head = openedHead(
    {
      workflow: run.workflow.name,
      owners: run.workflow.definition.owners,
      fallbackOwner: run.row.owner,
      run: run.row,
      described: describedOf(run.row),
      nowMs: clock.nowMs(),
      hmac: (text) => digests.hex(text),
      rules: exceptions.rules,
    },
    c,
  );
  if (c.beside !== undefined) return head;
  const assignee = run.assignees.of(c.step, head.record.fingerprints.place, head.owner);
  return assignee === null ? head : { ...head, assignee };
}

export function openedHead(at: ExceptionPlace, c: ExceptionCase): OpenedHead {
  const described = describedAt(at.described, c.described);
  const symptoms = symptomsOf(at, c);
  const fingerprints = fingerprintsOf(symptoms, at.hmac);
  const ownership = ownedBy(at, c, described);
  const { owner } = ownership;
  const isUndoing = isAboutUndoing(c);
  const subject = { class: c.class, scope: c.scope, isUndoing, described };
  const { policy } = at.rules;
  const severity = severityBy(policy, subject);
  const due = dueOf(policy, { ...subject, severity, owner }, at.nowMs);
  const record: ExceptionRecord = {
    namespace: at.run?.namespace ?? at.rules.namespace,
    codeVersion: at.rules.version,
    runVersion: at.run?.version ?? null,
    correlationId: at.run?.correlationId ?? null,
    operationKey: c.facts?.operationKey ?? null,
    fingerprints,
    confidence: c.confidence ?? "known",
    scope: c.scope,
    origin: c.origin,
    severity,
    attempts: c.facts?.attempts ?? null,
    meters: c.facts?.meters ?? null,
    keyWindowEndsAtMs: c.facts?.keyWindowEndsAtMs ?? null,
    keys: described.keys ?? null,
    frames: symptoms.frames,
    fieldPath: symptoms.fieldPath,
    ownership,
    duePolicy: due.policy,
    calendar: due.calendar,
    withinMs: due.withinMs,
    crossings: due.crossings,
  };
  return {
    ...described,
    workflow: at.workflow,
    ...(c.effectName === undefined ? {} : { effectName: c.effectName }),
    ...(c.integration === undefined ? {} : { integration: c.integration }),
    class: c.class,
    family: familyOf(c.class),
    effect: c.effect,
    scope: c.scope,
    origin: c.origin,
    reasonCode: c.reasonCode,
    rule: c.rule,
    message: clipped(c.message, MESSAGE_CHARS_MAX),
    because: c.because,
    owner,
    dueAtMs: due.dueAtMs,
    record,
    titles: groupsOf(fingerprints).map(({ level }) => issueTitle(symptoms, level)),
    ...(c.unknown === undefined ? {} : { unknown: c.unknown }),
    ...(c.operation === undefined ? {} : { operation: c.operation }),
    ...(c.beside === undefined ? {} : { beside: c.beside }),
  };
}

/** What an effect does not say of itself its run does: a value that is shown nowhere is decided by nobody. */
function describedAt(ofRun: Described, own: Described = {}): Described {
  if (own.amount !== undefined) return own;
  return { ...ofRun, ...(own.keys === undefined ? {} : { keys: own.keys }) };
}

function symptomsOf({ workflow, rules }: ExceptionPlace, c: ExceptionCase): Symptoms {
  const { stack = null } = c;
  return {
    class: c.class,
    reasonCode: c.reasonCode,
    integration: c.integration ?? null,
    message: c.message,
    workflow,
    step: c.step === "" ? (c.at ?? "(workflow code)") : c.step,
    // JSON text of a text, as `stackJson` makes it.
    frames: stack === null ? [] : framesOf(String(parseJson(stack))),
    codeVersion: rules.version,
    fieldPath: fieldPathOf(c.message),
    rule: c.rule,
  };
}

function ownedBy(at: ExceptionPlace, c: ExceptionCase, described: Described) {
  const { policy, routing, namespace } = at.rules;
  const claims = {
    byRule: c.ruleOwner === undefined ? null : { owner: c.ruleOwner, rule: c.rule },
    byClass: c.owners?.[c.class] ?? at.owners?.[c.class] ?? null,
    declared: c.owner,
    fallback: at.fallbackOwner,
  };
  return ownerOf(policy, routing, claims, {
    namespace: at.run?.namespace ?? namespace,
    workflow: at.workflow,
    effect: c.effectName ?? null,
    class: c.class,
    reasonCode: c.reasonCode,
    amount: described.amount ?? null,
    currency: described.currency ?? null,
  });
}

/** Fingerprints of all groups that an exception is counted in, for the record that closes it. */
export function groupNamesOf({ record }: Pick<OpenedHead, "record">): readonly string[] {
  return groupsOf(record.fingerprints).map(({ fingerprint }) => fingerprint);
}

export function describedOf({ amount, currency, keys }: RunRow): Described {
  return {
    ...(amount === null ? {} : { amount }),
    ...(currency === null ? {} : { currency }),
    // Written by the projection from a record of texts.
    ...(keys === null ? {} : { keys: parseJson(keys) as Readonly<Record<string, string>> }),
  };
}
