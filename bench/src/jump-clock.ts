/** A clock that can be put forward: a bench need not wait until its sleepers are due. */
import { systemClock, type Clock } from "holdfast/testing";

interface Alarm {
  readonly atMs: number;
  readonly callback: () => void;
  cancel: () => void;
}

export class JumpClock implements Clock {
  #offsetMs = 0;
  readonly #alarms = new Set<Alarm>();

  nowMs(): number {
    return systemClock.nowMs() + this.#offsetMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const alarm: Alarm = { atMs: this.nowMs() + delayMs, callback, cancel: () => undefined };
    this.#alarms.add(alarm);
    this.#arm(alarm);
    return () => {
      alarm.cancel();
      this.#alarms.delete(alarm);
    };
  }

  /** Everything that becomes due by this is called back, in its own turn of the event loop. */
  jumpTo(atMs: number): void {
    this.#offsetMs += Math.max(0, atMs - this.nowMs());
    for (const alarm of this.#alarms) {
      alarm.cancel();
      this.#arm(alarm);
    }
  }

  #arm(alarm: Alarm): void {
    alarm.cancel = systemClock.after(alarm.atMs - this.nowMs(), () => {
      this.#alarms.delete(alarm);
      alarm.callback();
    });
  }
}
