/** Builds the record of an exception: who owns it, until when, and which group it belongs to. */
import { fingerprintsOf, issueTitle } from "../../core/fingerprint.ts";
import { familyOf, type FailureClass } from "../../core/failure.ts";
import type { Beside, Described, OpenedHead } from "../../core/journal.ts";
import type { Unknown } from "../../core/move.ts";
import type { Hmac } from "../../core/operation-key.ts";
import type { RunRow } from "../../store/rows.ts";
import type { LiveRun } from "../run/live-run.ts";
import { clipped } from "./thrown-text.ts";

const HOUR_MS = 3_600_000;

/**
 * Time until somebody has to have looked, by class, in milliseconds: money that may have moved and
 * our own defects first, business questions within half a day. Business calendars come later.
 */
const DUE_MS: Readonly<Record<FailureClass, number>> = {
  ambiguous: HOUR_MS,
  poison: HOUR_MS,
  defect: 4 * HOUR_MS,
  misconfigured: HOUR_MS,
  exhausted: 4 * HOUR_MS,
  unavailable: 4 * HOUR_MS,
  transient: 4 * HOUR_MS,
  throttled: 4 * HOUR_MS,
  contention: 4 * HOUR_MS,
  permanent: 8 * HOUR_MS,
  data: 12 * HOUR_MS,
  policy: 12 * HOUR_MS,
  expired: 4 * HOUR_MS,
  cancelled: 8 * HOUR_MS,
  interrupted: 4 * HOUR_MS,
};

export interface ExceptionCase {
  readonly class: FailureClass;
  readonly effect: OpenedHead["effect"];
  readonly scope: OpenedHead["scope"];
  readonly origin: OpenedHead["origin"];
  readonly reasonCode: string;
  readonly rule: string;
  readonly message: string;
  readonly because: string;
  readonly owner: string;
  readonly step: string;
  readonly effectName?: string;
  readonly integration?: string;
  readonly operation?: number;
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
  readonly described: Described;
  readonly nowMs: number;
  readonly hmac: Hmac;
}

/** Characters of a message that are kept. */
const MESSAGE_CHARS_MAX = 500;

export function exceptionHead(run: LiveRun, c: ExceptionCase): OpenedHead {
  const { clock, digests } = run.host;
  return openedHead(
    {
      workflow: run.workflow.name,
      described: describedOf(run.row),
      nowMs: clock.nowMs(),
      hmac: (text) => digests.hex(text),
    },
    c,
  );
}

export function openedHead(at: ExceptionPlace, c: ExceptionCase): OpenedHead {
  const { workflow, hmac } = at;
  const described = c.described ?? at.described;
  const step = c.step === "" ? (c.at ?? "(workflow code)") : c.step;
  const place = { workflow, step };
  const symptoms = {
    class: c.class,
    reasonCode: c.reasonCode,
    integration: c.integration ?? null,
    message: c.message,
    ...place,
  };
  return {
    ...described,
    workflow,
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
    owner: c.owner,
    dueAtMs: at.nowMs + DUE_MS[c.class],
    fingerprint: fingerprintsOf(symptoms, hmac).place,
    title: issueTitle(symptoms),
    ...(c.unknown === undefined ? {} : { unknown: c.unknown }),
    ...(c.operation === undefined ? {} : { operation: c.operation }),
    ...(c.beside === undefined ? {} : { beside: c.beside }),
  };
}

export function describedOf({ amount, currency }: RunRow): Described {
  return {
    ...(amount === null ? {} : { amount }),
    ...(currency === null ? {} : { currency }),
  };
}
