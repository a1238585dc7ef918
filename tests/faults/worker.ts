/**
 * A worker of the fault scripts: takes starts on standard input, one line of JSON each, and says on
 * standard output what comes of them. Ends with its input, so that none outlives its script.
 *
 * `node worker.ts SETTINGS`, in JSON.
 */
import { createInterface } from "node:readline";
import { holdfast, type Duration } from "holdfast";
import { placeOrderOn } from "../kill/orders.ts";

export interface WorkerSettings {
  readonly store: `sqlite:${string}` | `postgres://${string}`;
  /** Of the counterpart. */
  readonly port: number;
  /** Several workers share the store. */
  readonly shared?: boolean;
  readonly leaseMs?: number;
  readonly settle?: Duration;
  /** Crashes of a run that was alone at work before it is held; the app's default if not given. */
  readonly crashesMax?: number;
}

export type Said =
  | { readonly ready: true }
  | { readonly attempt: string }
  | { readonly accepted: string; readonly isNew: boolean }
  | { readonly refused: string; readonly because: string }
  | { readonly finished: string }
  | { readonly fatal: string };

/** What is given to it on its input. */
export interface Told {
  readonly start: string;
}

const INPUT_ENDED = 3;

// Written by our own scripts.
const settings = JSON.parse(process.argv[2] ?? "{}") as WorkerSettings;
const { store, port, shared, leaseMs, settle, crashesMax } = settings;
const placeOrder = placeOrderOn(port, settle);

function say(what: Said): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

const postgres = {
  ...(shared === undefined ? {} : { shared }),
  ...(leaseMs === undefined ? {} : { leaseMs }),
};
const app = holdfast({
  store,
  ...(store.startsWith("postgres") ? { postgres } : {}),
  workflows: [placeOrder],
  // Sleeps beyond this leave memory: the short one of an order has to come back from the store.
  limits: { keepLiveMs: 20, ...(crashesMax === undefined ? {} : { crashesMax }) },
  log: () => undefined,
});
app.on((event) => {
  if (event.type === "engine.fatal") say({ fatal: event.message });
  if (event.type === "run.finished") say({ finished: event.key });
  if (event.type === "attempt.started") say({ attempt: event.step });
});

await app.listen();
say({ ready: true });
createInterface(process.stdin)
  .on("line", (line) => {
    // Written by our own scripts.
    const { start: id } = JSON.parse(line) as Told;
    app.start(placeOrder, { id }).then(
      ({ isNew }) => {
        say({ accepted: id, isNew });
      },
      (error: unknown) => {
        say({ refused: id, because: String(error) });
      },
    );
  })
  .on("close", () => {
    process.exit(INPUT_ENDED);
  });
