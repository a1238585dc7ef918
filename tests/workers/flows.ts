/** What the workers of the tests do. Each effect writes one line a call to a ledger outside the store. */
import { effect, integration, pending, workflow, type EventType } from "holdfast";
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { orders } from "./shop.ts";

export const paid: EventType<typeof paidSchema> = {
  name: "paid",
  schema: z.object({ cents: z.number() }),
};
const paidSchema = z.object({ cents: z.number() });

const input = z.object({ key: z.string(), lane: z.string() });
const keyed = z.object({ key: z.string() });

/** How often a call that is held looks whether it may go on, milliseconds. */
const HELD_LOOK_MS = 20;

function ledger(line: object): void {
  appendFileSync(process.env["LEDGER"] ?? "", `${JSON.stringify({ ...line, pid: process.pid })}\n`);
}

/** Calls outside wait for this file, if one is named. */
async function gateOpens(file: string): Promise<void> {
  if (file === "" || existsSync(file)) return;
  await delay(HELD_LOOK_MS);
  await gateOpens(file);
}

const bank = integration("bank", { owner: "treasury" });

/** One call that may last: until the file that GATE names is there. */
const book = effect("book", {
  on: bank,
  timeout: "1m",
  repeat: "idempotent",
  why: "upsert",
  input: keyed,
  output: z.string(),
  run: async ({ key }) => {
    ledger({ book: key, at: "begin" });
    await gateOpens(process.env["GATE"] ?? "");
    ledger({ book: key, at: "end" });
    return key;
  },
});

/** Accepted now, answered later. */
const transfer = effect("transfer", {
  on: bank,
  repeat: "idempotent",
  why: "upsert",
  input: keyed,
  output: z.object({ ref: z.string() }),
  run: async ({ key }) => {
    ledger({ transfer: key });
    return pending({ ref: key, within: "1h" });
  },
});

const common = { input, output: z.unknown(), owner: "tests" } as const;

const quick = workflow("quick", { ...common, key: ({ key }) => key }, ({ key }, run) =>
  run.step("say", () => `did ${key}`),
);

const outside = workflow("outside", { ...common, key: ({ key }) => key }, ({ key }, run) =>
  run.do(book, { key }),
);

const family = workflow(
  "family",
  { ...common, key: ({ key }) => key },
  async ({ key, lane }, run) => {
    const children = ["a", "b", "c"].map((name) =>
      run.call(outside, { key: `${key}/${name}`, lane }, { as: name }),
    );
    return (await Promise.all(children)).join(" ");
  },
);

const waits = workflow("waits", { ...common, key: ({ key }) => key }, ({ key }, run) =>
  run.wait(paid, { key }),
);

const later = workflow("later", { ...common, key: ({ key }) => key }, ({ key }, run) =>
  run.do(transfer, { key }),
);

const inLane = workflow(
  "in-lane",
  { ...common, key: ({ key }) => key, lane: ({ lane }) => lane },
  ({ key }, run) => run.do(book, { key }),
);

const waitsInLane = workflow(
  "waits-in-lane",
  { ...common, key: ({ key }) => key, lane: ({ lane }) => lane },
  ({ key }, run) => run.wait(paid, { key }),
);

export const flows = { quick, outside, family, waits, later, inLane, waitsInLane, orders };
