/** An order in three versions of its code, for workers as processes of their own. */
import { effect, integration, workflow, type Run } from "holdfast";
import { z } from "zod";

export const go = { name: "go", schema: z.object({}) };
export const end = { name: "end", schema: z.object({}) };

const books = integration("books", { owner: "finance" });
const order = z.object({ id: z.string() });

/** Books once for each key, whoever asks how often. */
function booking(name: string) {
  return effect(name, {
    on: books,
    input: order,
    output: z.object({}),
    repeat: "keyed",
    keyWindow: "24h",
    run: async ({ id }, attempt) => {
      const url = `${process.env["BOOKS_URL"] ?? ""}/${name}/${id}`;
      const answer = await fetch(url, { method: "POST", headers: { key: attempt.key } });
      if (!answer.ok) throw new Error(`the books answered ${String(answer.status)}`);
      return {};
    },
  });
}

const charge = booking("charge");
const deposit = booking("deposit");
const tax = booking("tax");
const vat = booking("vat");

type Input = z.output<typeof order>;

export const VERSIONS = {
  v44: async (input: Input, run: Run) => {
    await run.do(charge, input);
    await run.wait(go, { key: input.id });
    await run.do(tax, input);
    await run.wait(end, { key: input.id });
    return "tax";
  },
  /** VAT in the place of a tax, for orders that begin with it. */
  v45: async (input: Input, run: Run) => {
    await run.do(charge, input);
    await run.wait(go, { key: input.id });
    const isNew = await run.since("v45");
    await run.do(isNew ? vat : tax, input);
    await run.wait(end, { key: input.id });
    return isNew ? "vat" : "tax";
  },
  /** A mistake: what was done already has another name. */
  v46: async (input: Input, run: Run) => {
    await run.do(deposit, input);
    return "deposit";
  },
} as const;

export function placeOrder(version: keyof typeof VERSIONS) {
  return workflow(
    "place-order",
    { input: order, output: z.string(), key: ({ id }) => id, owner: "shop" },
    VERSIONS[version],
  );
}
