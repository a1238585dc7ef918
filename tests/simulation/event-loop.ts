/**
 * The event loop as a seed has it. What code puts off with `setImmediate` is kept here, so that it is known
 * when nothing is left to do; and turns of the machine's own loop, in each of which it looks for events
 * of which there are none here, are not taken one by one.
 */

/** Turns that are asked for at once: they come one by one, each when no microtask is left. */
const TURNS_AT_ONCE = 256;
/** Callbacks after which the code is said to run for ever. */
const CALLBACKS_MAX = 20_000;

const machineSetImmediate = globalThis.setImmediate;

export class EventLoop {
  #putOff: (() => void)[] = [];
  #turnsAsked = 0;
  #onTurn: () => void = () => undefined;

  /** Until what it returns is called, `setImmediate` is ours. */
  begin(): () => void {
    const putOff = (callback: () => void) => {
      // By a promise, which keeps the asynchronous context of who asked.
      const itsTurn = new Promise<void>((resolve) => {
        this.#putOff.push(resolve);
      });
      void itsTurn.then(callback);
    };
    Object.assign(globalThis, { setImmediate: putOff });
    return () => {
      Object.assign(globalThis, { setImmediate: machineSetImmediate });
    };
  }

  /** Lets everything happen that needs no time to pass. */
  async settle(): Promise<void> {
    let left = CALLBACKS_MAX;
    await this.#turn();
    while (this.#putOff.length > 0) {
      const callbacks = this.#putOff;
      this.#putOff = [];
      for (const callback of callbacks) {
        left -= 1;
        if (left < 0) throw new Error("the code does not come to rest");
        callback();
        await this.#turn();
      }
    }
  }

  /** Resolves once no microtask is left, and what was rejected and is handled by nobody has been told. */
  #turn(): Promise<void> {
    if (this.#turnsAsked === 0) this.#askForTurns();
    return new Promise((resolve) => {
      this.#onTurn = resolve;
    });
  }

  #askForTurns(): void {
    this.#turnsAsked = TURNS_AT_ONCE;
    for (let turn = 0; turn < TURNS_AT_ONCE; turn += 1)
      machineSetImmediate(() => {
        this.#turnsAsked -= 1;
        this.#onTurn();
      });
  }
}
