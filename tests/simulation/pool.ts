/** Runs many seeds in several processes: a seed that brings its process down takes no other with it. */
import { fork, type ChildProcess } from "node:child_process";
import type { SeedResult } from "./run-seed.ts";
import type { Order } from "./worker.ts";

export interface PoolOptions {
  /** The program that runs seeds: see bundle.ts. */
  readonly program: string;
  readonly processes: number;
  readonly orders: Iterable<Order>;
  /** False: no more seeds are begun. */
  readonly onResult: (result: SeedResult) => boolean;
  /** A seed has brought its process down. */
  readonly onCrash: (order: Order, how: string) => boolean;
}

export async function runAll(options: PoolOptions): Promise<void> {
  const orders = options.orders[Symbol.iterator]();
  const state = { goesOn: true };
  const next = (): Order | null => {
    const { done, value } = state.goesOn ? orders.next() : { done: true, value: undefined };
    return done === true ? null : (value as Order);
  };
  const lanes = Array.from({ length: options.processes }, async () => {
    let order = next();
    while (order !== null) order = await oneProcess(options, order, next, state);
  });
  await Promise.all(lanes);
}

/** Until there is no order left (null), or the process has died: then the next order. */
function oneProcess(
  { program, onResult, onCrash }: PoolOptions,
  first: Order,
  next: () => Order | null,
  state: { goesOn: boolean },
): Promise<Order | null> {
  const child: ChildProcess = fork(program, { execArgv: [] });
  let order: Order | null = first;
  child.send(first);
  return new Promise((resolve) => {
    child.on("message", (result: SeedResult) => {
      state.goesOn = onResult(result) && state.goesOn;
      order = next();
      if (order === null) child.disconnect();
      else child.send(order);
    });
    child.on("exit", (code, signal) => {
      if (order === null) {
        resolve(null);
        return;
      }
      state.goesOn = onCrash(order, signal ?? `exit code ${String(code)}`) && state.goesOn;
      resolve(next());
    });
  });
}
