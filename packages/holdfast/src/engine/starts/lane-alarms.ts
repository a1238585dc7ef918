/**
 * Says that a lane is deep, or that who is next in it has waited for long: once, until that is over.
 * By what is in memory alone: since when a run waits is in its number, to the second.
 */
import { acceptedAtMs } from "../../core/run-number.ts";
import type { Clock } from "../clock.ts";
import type { EngineEvent } from "../events.ts";
import type { EngineLimits } from "../limits.ts";
import type { Lanes, WaitingLane } from "./lanes.ts";

interface AlarmsNeeds {
  readonly lanes: Lanes;
  readonly clock: Clock;
  readonly limits: EngineLimits;
  emit(event: EngineEvent): void;
}

export class LaneAlarms {
  readonly #needs: AlarmsNeeds;
  /** Lanes that were told of, and for which it has not been over since. */
  readonly #deep = new Set<string>();
  readonly #old = new Set<string>();
  #cancelTimer: (() => void) | null = null;
  #isClosed = false;

  constructor(needs: AlarmsNeeds) {
    this.#needs = needs;
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#deep.size + this.#old.size;
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /** A run has come into a lane behind another one. */
  entered(lane: WaitingLane): void {
    if (lane.depth >= this.#needs.limits.laneDepthAlarm && !this.#deep.has(lane.id)) {
      this.#deep.add(lane.id);
      this.#tell(lane, "laneDepthAlarm");
    }
    if (this.#cancelTimer === null) this.#lookAfter(this.#needs.limits.laneAgeAlarmMs);
  }

  /** Looks at all lanes in which runs wait; also after a start. */
  look(): void {
    const { lanes, clock, limits } = this.#needs;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const waiting = new Map<string, WaitingLane>();
    for (const lane of lanes.waiting()) waiting.set(lane.id, lane);
    for (const id of this.#deep) {
      if ((waiting.get(id)?.depth ?? 0) < limits.laneDepthAlarm) this.#deep.delete(id);
    }
    for (const id of this.#old) if (!waiting.has(id)) this.#old.delete(id);
    let nextMs = limits.laneAgeAlarmMs;
    for (const lane of waiting.values()) {
      const leftMs = limits.laneAgeAlarmMs - (clock.nowMs() - acceptedAtMs(lane.next));
      if (leftMs > 0) {
        this.#old.delete(lane.id);
        nextMs = Math.min(nextMs, leftMs);
      } else if (!this.#old.has(lane.id)) {
        this.#old.add(lane.id);
        this.#tell(lane, "laneAgeAlarmMs");
      }
    }
    if (waiting.size > 0) this.#lookAfter(nextMs);
  }

  #lookAfter(delayMs: number): void {
    if (this.#isClosed) return;
    this.#cancelTimer = this.#needs.clock.after(delayMs, () => this.look());
  }

  #tell({ namespace, lane, depth, head, next }: WaitingLane, limit: LaneLimit): void {
    const { clock } = this.#needs;
    const waitedMs = Math.max(0, clock.nowMs() - acceptedAtMs(next));
    this.#needs.emit({ type: "lane.alarm", namespace, lane, depth, head, waitedMs, limit });
  }
}

type LaneLimit = Extract<EngineEvent, { type: "lane.alarm" }>["limit"];
