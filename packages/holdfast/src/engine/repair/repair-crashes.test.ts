import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { RepairAct } from "../../core/repaired.ts";
import type { RepairOrder } from "../../core/repair-order.ts";
import { HoldfastError } from "../../core/error.ts";
import type { RunRow } from "../../store/rows.ts";
import { verifyStore } from "../../store-sqlite/index.ts";
import { effect } from "../../workflow/effect.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { ANSWER, integrationOf, testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";
import type { FlushFate } from "../../testing/bed/watched-store.ts";
import { Repairing } from "./repair-world.test-support.ts";

const STREET = z.object({ id: z.string(), street: z.string() });

/** Two people who repair a run in every way, and start it anew, whatever the engine does meanwhile. */
class Story {
  readonly world = new TestWorld();
  readonly people = new Repairing(this.world);
  readonly shop: Counterpart = this.world.counterpart("shop", "keys");
  readonly erp: Counterpart = this.world.counterpart("erp");
  readonly mail: Counterpart = this.world.counterpart("mail");
  readonly flow = this.#flow();

  #flow() {
    const { shop, erp, mail } = this;
    const charge = testEffect("keyed", shop, "charge", { undo: "none" });
    const invoice = testEffect("probeable", erp, "invoice", { settle: "5s", undo: "none" });
    const notify = testEffect("once", mail, "notify", { undo: "none" });
    const fax = testEffect("once", mail, "fax", { undo: "none" });
    mail.always("fax", { kind: "no", class: "data" });
    const book = effect("book", {
      on: integrationOf(shop),
      repeat: "keyed",
      keyWindow: "24h",
      compensate: "none",
      input: STREET,
      output: ANSWER,
      editable: ["/street"],
      classify: () => ({ class: "data", effect: "never" }),
      run: ({ id, street }, attempt) =>
        street === "right" ? shop.call("book", id, attempt) : Promise.reject(new Error("no")),
    });
    return testWorkflow("story", async ({ id }, run) => {
      await run.do(charge, { id });
      await run.do(invoice, { id });
      await run.do(notify, { id });
      await run.do(book, { id, street: "wrong" });
      return (await run.do(fax, { id })).ref;
    });
  }

  async begin(fateOf: (n: number) => FlushFate = () => "applied"): Promise<void> {
    try {
      await this.world.begin([this.flow], { fateOf: (flush) => fateOf(flush.number) });
    } catch (error) {
      // A store that fails at its very first flush fails the start.
      if (!(error instanceof HoldfastError) || error.code !== "HF5008") throw error;
    }
  }

  async start(): Promise<void> {
    await this.world.engine.startRun(this.flow, { id: "1" }).catch(() => undefined);
  }

  get isOver(): boolean {
    const { watched, events } = this.world.life;
    return watched.isDead || events.some((event) => event.type === "engine.fatal");
  }

  /** Until both runs have ended, or the engine has. */
  async live(): Promise<void> {
    for (let n = 0; n < 300 && !this.isOver; n += 1) {
      await this.world.settle();
      const rows = await this.world.allRuns();
      const last = rows.at(-1);
      if (last === undefined || (last.state === "completed" && last.generation === 2)) return;
      if (!this.isOver && (await this.#helped(last))) continue;
      if (!this.isOver) this.world.clock.fireNext();
    }
  }

  /** What is missing on record is what they do next. */
  async #helped({ run, state, generation }: RunRow): Promise<boolean> {
    if (state !== "exception" && state !== "completed") return false;
    const open = (await this.world.reviews(run)).find((row) => row.state === "open");
    if (open !== undefined) return await this.#raced(this.people.decide(run, open.seq));
    if (state === "completed") return generation === 1 && (await this.#give(run, "anew"));
    const records = await this.world.records(run);
    const has = (kind: string) => records.some((record) => record.kind === kind);
    const [exception] = (await this.world.exceptions(run)).filter((e) => e.closedAtMs === null);
    if (exception?.class === "ambiguous")
      return await this.#settled(run, exception.effectName ?? "", exception.operation ?? 0);
    if (exception?.effectName === "book") {
      if (!has("again")) return await this.#give(run, "again", { step: "charge" });
      return await this.#give(run, "edit", {
        step: "book",
        value: [{ at: "/street", value: "right" }],
      });
    }
    return await this.#give(run, "skip", { step: "fax", value: { ref: "none" } });
  }

  #give(run: number, act: RepairAct, over: Partial<RepairOrder> = {}): Promise<boolean> {
    return this.#raced(this.people.repair(run, act, over));
  }

  /** The mail may have left when the engine died: its owner looks into the sent box. */
  async #settled(run: number, action: string, operation: number): Promise<boolean> {
    const generation = (await this.world.row(run)).generation;
    const happened = this.mail.count(action) === generation;
    const value = happened ? { ref: "notify:1" } : null;
    const said = { happened, value, ref: null, by: "cy", reason: "sent box" };
    return await this.#raced(this.world.engine.commands.settle({ run, operation, ...said }));
  }

  /** The engine may die under it, or may have done it before. */
  async #raced(work: Promise<unknown>): Promise<boolean> {
    await Promise.race([work.catch(() => undefined), this.world.settle()]);
    return true;
  }
}

function expectDoneOnce({ shop, erp, mail, world }: Story): void {
  // Once for each generation, and the fax, which was skipped, never.
  expect(shop.count("charge")).toBe(2);
  // A look-up after a crash finds by the business reference: also what the first generation has done.
  expect([1, 2]).toContain(erp.count("invoice"));
  expect(mail.count("notify")).toBe(2);
  expect(shop.count("book")).toBe(2);
  expect(mail.count("fax")).toBe(0);
  expect(world.life.watched.appliedAfterFailure).toBe(0);
}

describe("a run that is repaired in every way", () => {
  test.each(["diesBefore", "diesAfter"] as const)(
    "is repaired once, whatever flush the store fails at (%s)",
    { timeout: 300_000 },
    async (fate) => {
      const whole = new Story();
      await whole.begin();
      await whole.start();
      await whole.live();
      expectDoneOnce(whole);
      const count = whole.world.life.watched.flushes.length;
      await whole.world.close();
      expect((await verifyStore({ path: whole.world.path })).damage).toEqual([]);
      await whole.world.remove();
      expect(count).toBeGreaterThan(20);
      let fired = 0;
      for (let at = 1; at <= count; at += 1) {
        const story = new Story();
        try {
          await story.begin((n) => (n === at ? fate : "applied"));
          if (!story.isOver) void story.start();
          await story.live();
          if (story.isOver) fired += 1;
          await story.world.crash();
          await story.begin();
          if ((await story.world.allRuns()).length === 0) await story.start();
          await story.live();
          const ends = (await story.world.allRuns()).map((row) => [row.state, row.generation]);
          expect(ends, `flush ${String(at)}`).toEqual([
            ["completed", 1],
            ["completed", 2],
          ]);
          expectDoneOnce(story);
        } finally {
          await story.world.remove();
        }
      }
      expect(fired).toBe(count);
    },
  );
});
