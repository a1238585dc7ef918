/**
 * What people decide about a plan, and what follows. The command line asks it before anything is left
 * for the engine, and the engine asks it again: both refuse the same for the same reason.
 */
import type { ErrorCode } from "../error.ts";
import { isSamePerson } from "../person.ts";
import {
  REPLAY_DECISIONS_MAX,
  REPLAY_EXPIRES_MS,
  nothingRuns,
  secondPersonFor,
  type ReplayPlan,
} from "./replay-plan.ts";

export const REPLAY_ACTS = ["approve", "start", "pause", "resume", "stop"] as const;
export type ReplayAct = (typeof REPLAY_ACTS)[number];

type ReplayPhase = "planned" | "running" | "paused" | "stopped" | "expired";

export interface ReplayDecision {
  readonly act: ReplayAct;
  readonly by: string;
  readonly reason: string;
}

export interface ReplayControl {
  readonly phase: ReplayPhase;
  readonly approvedBy: string | null;
  readonly startedBy: string | null;
  /** Why a second person has to approve it, whatever the plan says of itself; null if nothing is known of that. */
  readonly needs: string | null;
  /** Why it was paused or stopped, or has expired, as a sentence; null while it goes on. */
  readonly because: string | null;
}

export const PLANNED: ReplayControl = {
  phase: "planned",
  approvedBy: null,
  startedBy: null,
  needs: null,
  because: null,
};

/** The plan was not started in time. */
export function expired(control: ReplayControl): ReplayControl {
  return { ...control, phase: "expired", because: "it was not started within 24 hours" };
}

/** What the store says of a plan, whatever it says of itself. */
export interface ReplayChecked {
  /** Why a second person has to approve it; null if one may start it alone. */
  readonly needs: string | null;
  /** Why it is no plan at all; null if it is one. */
  readonly forged: string | null;
}

/** Where a plan stands that was started, once it was looked at. */
export function afterCheck(
  control: ReplayControl,
  { needs, forged }: ReplayChecked,
): ReplayControl {
  if (forged !== null) return stoppedItself(control, forged);
  if (needs === null || control.approvedBy !== null) return control;
  const because = `by what the store says ${needs}: a second person has to approve it`;
  return { ...control, phase: "planned", startedBy: null, needs, because };
}

/** Nothing more is heard about it, so it may not go on: nobody could stop it. */
export function heardEnough(control: ReplayControl): ReplayControl {
  const because = `${String(REPLAY_DECISIONS_MAX)} decisions about it are on record, the limit`;
  return { ...control, phase: "stopped", because };
}

/** The plan has stopped itself. */
export function stoppedItself(control: ReplayControl, because: string): ReplayControl {
  return { ...control, phase: "stopped", because };
}

interface ReplayRefused {
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string;
}

export type Decided =
  | { readonly kind: "accepted"; readonly control: ReplayControl }
  | { readonly kind: "refused"; readonly refusal: ReplayRefused };

/** Applies a decision to where the plan stands, or says why it may not be. */
export function decide(
  control: ReplayControl,
  plan: ReplayPlan,
  { act, by, reason }: ReplayDecision,
): Decided {
  const accepted = (change: Partial<ReplayControl>): Decided => ({
    kind: "accepted",
    control: { ...control, ...change },
  });
  const said = `${by}: ${reason}`;
  const { phase } = control;
  if (!MAY[act].includes(phase)) return misplaced(plan, act, phase);
  if (act === "approve" || act === "start") {
    const nothing = nothingRuns(plan);
    if (nothing !== null) return refuse("HF6003", empty(plan, act, nothing));
  }
  switch (act) {
    case "approve":
      return isSamePerson(by, plan.by)
        ? refuse("HF6002", ownPlan(plan, by))
        : accepted({ approvedBy: by });
    case "start": {
      const needs = secondPersonFor(plan) ?? control.needs;
      if (needs !== null && control.approvedBy === null)
        return refuse("HF6002", notApproved(plan, needs));
      return accepted({ phase: "running", startedBy: by, because: null });
    }
    case "pause":
      return accepted({ phase: "paused", because: said });
    case "resume":
      return accepted({ phase: "running", because: null });
    case "stop":
      return accepted({ phase: "stopped", because: said });
  }
}

/** In which phases each is taken. */
const MAY: Readonly<Record<ReplayAct, readonly ReplayPhase[]>> = {
  approve: ["planned"],
  start: ["planned"],
  pause: ["running"],
  resume: ["paused"],
  stop: ["planned", "running", "paused"],
};

/** True once its time is over, unless it was started. */
export function isOverdue({ madeAtMs }: ReplayPlan, nowMs: number): boolean {
  return nowMs >= madeAtMs + REPLAY_EXPIRES_MS;
}

type Words = Omit<ReplayRefused, "code">;

function refuse(code: ErrorCode, words: Words): Decided {
  return { kind: "refused", refusal: { code, ...words } };
}

function ownPlan({ id }: ReplayPlan, by: string): Words {
  return {
    message: `${by} has made ${id} and may not approve it.`,
    remedy: `Somebody else does: holdfast approve ${id} --by NAME --reason "..."`,
  };
}

function notApproved({ id }: ReplayPlan, needs: string): Words {
  return {
    message: `${id} was not started: ${needs}, so a second person has to approve it.`,
    remedy: `Somebody else does: holdfast approve ${id} --by NAME --reason "..."`,
  };
}

function empty({ id }: ReplayPlan, act: "approve" | "start", nothing: string): Words {
  return {
    message: `${id} was not ${act === "start" ? "started" : "approved"}: ${nothing}.`,
    remedy: `See what stands against each: holdfast replay ${id}; do that first, then plan again.`,
  };
}

function misplaced({ id }: ReplayPlan, act: ReplayAct, phase: ReplayPhase): Decided {
  return refuse("HF6003", {
    message: `${id} is ${phase} and takes no ${act}.`,
    remedy: `Look at it with: holdfast replay ${id}`,
  });
}
