/** A workflow whose payloads hold canaries everywhere that a payload can be, for tests of sealing. */
import { z } from "zod";
import { effect, holdfast, integration, pending, review, workflow } from "./index.ts";
import type { App, HoldfastOptions } from "./index.ts";

/** Never to be seen outside the process. As they are, and as a base64 or an address would hold them. */
export const CANARIES = ["DE89canary0532013000", "canary-note-7731", "canary-pin-4242"] as const;
const [IBAN, NOTE, PIN] = CANARIES;

export const CANARY_FORMS: readonly string[] = CANARIES.flatMap((canary) => [
  canary,
  ...[0, 1, 2].map((skipped) => base64Inside(canary, skipped)),
]);

/** What base64 of a longer text that holds the canary has in it, wherever it begins. */
function base64Inside(canary: string, skipped: number): string {
  const text = Buffer.from(canary.slice(skipped));
  return text.subarray(0, text.length - (text.length % 3)).toString("base64");
}

const bank = integration("bank", { owner: "team-bank" });

const charge = effect("charge", {
  on: bank,
  repeat: "keyed",
  keyWindow: "24h",
  input: z.object({ iban: z.string(), cents: z.number() }),
  output: z.object({ ref: z.string(), pin: z.string() }),
  sensitive: ["/iban", "/pin"],
  compensate: "none",
  run: async () => ({ ref: "ch_1", pin: PIN }),
});

/** Accepted now, done later: its answer comes before or after. */
const transfer = effect("transfer", {
  on: bank,
  repeat: "keyed",
  keyWindow: "24h",
  input: z.object({ iban: z.string() }),
  output: z.object({ pin: z.string() }),
  sensitive: ["/iban", "/pin"],
  compensate: "none",
  run: async () => pending({ ref: "tr_1", within: "1h" }),
});

const refuses = effect("refuses", {
  on: bank,
  repeat: "once",
  input: z.object({ iban: z.string() }),
  output: z.object({}),
  sensitive: ["/iban"],
  compensate: "none",
  classify: () => ({ class: "data", effect: "never" }),
  run: ({ iban }) => Promise.reject(new Error(`no account ${iban}`)),
});

const approve = review("approve", {
  subject: z.object({ iban: z.string() }),
  decision: z.object({ ok: z.boolean(), note: z.string() }),
  by: "finance",
  sensitive: ["/iban", "/note"],
});

export const paid = {
  name: "paid",
  schema: z.object({ iban: z.string() }),
  sensitive: ["/iban"],
};

const input = z.object({ id: z.string(), iban: z.string(), text: z.string() });

const child = workflow(
  "child",
  {
    input,
    output: z.object({ iban: z.string() }),
    key: ({ id }) => id,
    owner: "team",
    sensitive: ["/iban"],
  },
  async ({ iban }) => ({ iban }),
);

export const pays = workflow(
  "pays",
  {
    input,
    output: z.object({ iban: z.string(), open: z.string() }),
    key: ({ id }) => id,
    owner: "team",
    sensitive: ["/iban"],
  },
  async ({ id, iban, text }, run) => {
    await run.step("undeclared", () => ({ copy: iban }));
    await run.step("declared", () => ({ open: "to see", copy: iban }), { sensitive: ["/copy"] });
    const { pin } = await run.do(charge, { iban, cents: 5 });
    const { note } = await run.ask(approve, { iban });
    await run.wait(paid, { key: id });
    const late = await run.do(transfer, { iban });
    const called = await run.call(child, { id, iban, text });
    const tried = await run.try(refuses, { iban }, { handOver: true });
    if (pin !== PIN || late.pin !== PIN || note !== NOTE || called.iban !== IBAN || tried.ok)
      throw new Error("a value came back as another one");
    return { iban, open: "done" };
  },
);

/** Answers at once with something long. */
export const copies = workflow(
  "copies",
  { input, output: z.object({ text: z.string() }), key: ({ id }) => id, owner: "team" },
  async ({ text }) => ({ text }),
);

export const orderOf = (text = "short") => ({ id: "1", iban: IBAN, text });

export function openShop(options: Omit<HoldfastOptions, "workflows">): App {
  return holdfast({ ...options, workflows: [pays, child, copies] });
}

/** Brings a run to its review, with an event and an answer that came early. */
export async function untilReview(app: App, text?: string): Promise<string> {
  await app.send(paid, { key: "1", id: "e1", payload: { iban: IBAN } });
  await app.complete("bank", "tr_1", { ok: true, value: { pin: PIN } });
  const { id } = await app.start(pays, orderOf(text));
  // Another input under the same key: an exception that keeps it.
  await app.start(pays, { ...orderOf(text), text: "another" });
  await untilState(app, id, "review");
  return id;
}

export const DECISION = { ok: true, note: NOTE };

export function untilState(app: App, run: string, state: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => {
      app.get(run).then((row) => {
        if (row?.state !== state) return;
        off();
        resolve();
      }, reject);
    };
    // Listened to before the first look: what happens between the two is not missed.
    const off = app.on(look);
    look();
  });
}
