/** What the open steps of a run come to when its code is at rest. */
import type { RunState } from "../../core/run-state.ts";
import type { RunRow } from "../../store/rows.ts";
import type { StepSlot, StepVerb, Wait } from "../steps/step-slot.ts";

/** Which of several waits the run is said to be in: the one that needs somebody most. */
const WAIT_RANK: readonly RunState[] = ["exception", "held", "review", "parked", "waiting"];

export interface RestOfSteps {
  readonly waits: readonly Wait[];
  /** When the first of them is to be woken, as it is put on record; null if none has a time. */
  readonly wakeAtMs: number | null;
  /** When this engine wakes the first of them. */
  readonly lookAtMs: number | null;
  /** Something of a step is under way. */
  readonly isBusy: boolean;
}

/** Whether that is what the run is on record as waiting for. */
export function waitsSo(row: RunRow, { state, reason, wakeAtMs, dependency }: Wait): boolean {
  const isSame = row.state === state && row.reason === reason;
  return isSame && row.wakeAtMs === wakeAtMs && row.dependency === (dependency ?? null);
}

/** @param runWait - what the run as a whole waits for, apart from its steps. */
export function restOf(open: Iterable<StepSlot>, runWait: Wait | null): RestOfSteps {
  const waits = runWait === null ? [] : [runWait];
  let wakeAtMs: number | null = null;
  let lookAtMs: number | null = null;
  let isBusy = false;
  for (const { wait } of open) {
    if (wait === null) {
      isBusy = true;
    } else {
      waits.push(wait);
      wakeAtMs = soonest(wakeAtMs, wait.wakeAtMs);
      lookAtMs = soonest(lookAtMs, lookOf(wait));
    }
  }
  return { waits, wakeAtMs, lookAtMs, isBusy };
}

/** What a run that has come to rest is put on record with, and when it is woken. */
export interface Sleep {
  readonly first: Wait;
  readonly wakeAtMs: number | null;
  readonly lookAtMs: number | null;
}

/** Null if it waits for nothing. */
export function sleepOf(rest: RestOfSteps, deadlineAtMs: number | null): Sleep | null {
  const first = mostPressing(rest.waits);
  if (first === null) return null;
  const wakeAtMs = soonest(rest.wakeAtMs, deadlineAtMs);
  return { first, wakeAtMs, lookAtMs: soonest(rest.lookAtMs, deadlineAtMs) };
}

function lookOf({ lookAtMs, wakeAtMs }: Wait): number | null {
  return lookAtMs ?? wakeAtMs;
}

function mostPressing(waits: readonly Wait[]): Wait | null {
  return waits.toSorted((a, b) => rank(a) - rank(b))[0] ?? null;
}

function rank({ state }: Wait): number {
  return WAIT_RANK.indexOf(state);
}

/** The earlier of two times, of which either may be missing. */
function soonest(left: number | null, right: number | null): number | null {
  return left === null || right === null ? (left ?? right) : Math.min(left, right);
}

/** Path of the first step of which this is so; null if it is so of none. */
export function pathOf(
  slots: Iterable<StepSlot>,
  isSo: (verb: StepVerb) => boolean,
): string | null {
  for (const slot of slots) if (isSo(slot.verb)) return slot.path;
  return null;
}

/** What of a run is woken when a time has come. */
interface Sleeping {
  readonly open: Iterable<StepSlot>;
  guarded(slot: StepSlot, act: () => void): void;
}

/** Steps whose time has come go on. */
export function wakeDue(run: Sleeping, nowMs: number): void {
  for (const { slot, wait } of dueBy(run.open, nowMs)) {
    slot.wait = null;
    run.guarded(slot, () => wait.onWake?.());
  }
}

/** Steps whose time has come, with what they waited for. A snapshot: waking one changes the set. */
function dueBy(
  open: Iterable<StepSlot>,
  nowMs: number,
): readonly { readonly slot: StepSlot; readonly wait: Wait }[] {
  return [...open].flatMap((slot) => {
    const { wait } = slot;
    const atMs = wait === null ? null : lookOf(wait);
    return wait === null || atMs === null || atMs > nowMs ? [] : [{ slot, wait }];
  });
}
