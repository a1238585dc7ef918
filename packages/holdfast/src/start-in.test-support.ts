/** Orders that are paid later, for tests of starts in transactions: what each run was given is kept. */
import { z } from "zod";
import { holdfast, workflow } from "./index.ts";
import type { App, HoldfastOptions } from "./index.ts";

export const paid = {
  name: "paid",
  schema: z.object({ iban: z.string() }),
  sensitive: ["/iban"],
};

const input = z.object({ id: z.string(), cents: z.number(), note: z.string().default("") });

const common = { input, output: z.unknown(), key: ({ id }: { id: string }) => id, owner: "shop" };

/** Runs that have ended, as `workflow id cents`; filled by their last steps. */
export class Ended {
  readonly names: string[] = [];
  #heard: (() => void)[] = [];

  add(name: string): void {
    this.names.push(name);
    for (const resolve of this.#heard.splice(0)) resolve();
  }

  /** Resolves when so many have. */
  async are(count: number): Promise<readonly string[]> {
    while (this.names.length < count) {
      await new Promise<void>((resolve) => {
        this.#heard.push(resolve);
      });
    }
    return this.names.toSorted();
  }
}

/** @param sensitive - of the input of `ship`. */
export function shopOf(ended: Ended, sensitive: readonly string[] = ["/note"]) {
  const ship = workflow("ship", { ...common, sensitive }, async ({ id, cents, note }, run) => {
    await run.step("ship", () => {
      ended.add(`ship ${id} ${String(cents)} ${note}`.trimEnd());
    });
    return null;
  });
  const bill = workflow("bill", common, async ({ id, cents }, run) => {
    const payment = await run.wait(paid, { key: id });
    await run.step("book", () => {
      ended.add(`bill ${id} ${String(cents)} ${payment === "timeout" ? payment : payment.iban}`);
    });
    return null;
  });
  return { ship, bill };
}

export type Shop = ReturnType<typeof shopOf>;

export function open(
  { ship, bill }: Shop,
  options: Omit<HoldfastOptions, "workflows" | "log">,
): App {
  return holdfast({ ...options, workflows: [ship, bill], log: () => undefined });
}
