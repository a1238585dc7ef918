/**
 * Runs seeds that its parent names, one after the other. Whatever would make a seed depend on the
 * machine is out of reach here: its clock, its timers, its chance.
 */
import { runSeed } from "./run-seed.ts";

export interface Order {
  readonly seed: number;
  readonly workers: number | null;
  readonly linesMax: number;
}

const refuse = (what: string) => () => {
  throw new Error(`${what} was reached in a simulation`);
};

Object.assign(globalThis, {
  setTimeout: refuse("a timer of the machine"),
  setInterval: refuse("a timer of the machine"),
});
Object.assign(Math, { random: refuse("chance of the machine") });
Object.assign(Date, { now: refuse("the clock of the machine") });

process.on("message", (order: Order) => {
  void runSeed(order.seed, order.workers, order.linesMax).then((result) => {
    process.send?.(result);
  });
});
