import { describe, expect, test } from "vitest";
import { z } from "zod";
import { HoldfastError } from "../../core/error.ts";
import { review } from "../../workflow/review.ts";
import type { Counterpart, Plan } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";
import type { FlushFate } from "../../testing/bed/watched-store.ts";

const DECISION = z.object({ ok: z.boolean() });

/** A workflow of ten steps with each contract, a review and a sleep, and a person who looks after it. */
class Story {
  readonly world = new TestWorld();
  readonly shop: Counterpart = this.world.counterpart("shop", "keys");
  readonly crm: Counterpart = this.world.counterpart("crm", "upsert");
  readonly erp: Counterpart = this.world.counterpart("erp");
  readonly mail: Counterpart = this.world.counterpart("mail");
  readonly flow = this.#flow();
  run = 0;
  asked = 0;

  #flow() {
    const look = testEffect("read", this.crm, "look");
    const customer = testEffect("idempotent", this.crm, "customer");
    const charge = testEffect("keyed", this.shop, "charge");
    const invoice = testEffect("probeable", this.erp, "invoice", { settle: "5s" });
    const notify = testEffect("once", this.mail, "notify");
    const approve = review("approve", { subject: z.any(), decision: DECISION, by: "boss" });
    return testWorkflow("story", async (input, run) => {
      const cents = await run.step("price", () => 12);
      await run.do(look, input);
      await run.do(customer, input);
      const { ok } = await run.ask(approve, { cents });
      if (!ok) run.stop("not approved");
      const { ref } = await run.do(charge, input);
      await run.sleep("1h");
      await run.do(invoice, input);
      await run.step("audit", () => ref, { durable: true });
      const told = await run.do(notify, input);
      return { ref, told: told.ref, at: run.now("end").getTime() > 0 };
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

  /** Does what people do, and lets time pass, until the run has ended or the engine has. */
  async live(): Promise<void> {
    for (let n = 0; n < 400 && !this.isOver; n += 1) {
      await this.world.settle();
      const [row] = await this.world.allRuns();
      if (row === undefined || row.state === "completed") return;
      this.run = row.run;
      if (!this.isOver && (await this.#helped())) continue;
      if (!this.isOver) this.world.clock.fireNext();
    }
  }

  async #helped(): Promise<boolean> {
    const { commands } = this.world.engine;
    const [open] = (await this.world.reviews(this.run)).filter((row) => row.state === "open");
    if (open !== undefined) {
      await Promise.race([
        commands.answer(this.run, open.seq, { ok: true }, "bo").catch(() => undefined),
        this.world.settle(),
      ]);
      return true;
    }
    const [exception] = (await this.world.exceptions(this.run)).filter(
      (e) => e.closedAtMs === null,
    );
    if (exception === undefined) return false;
    // Only the mail may ever need somebody, and its owner looks into the sent box.
    if (exception.effectName !== "notify" || exception.owner !== "team-mail")
      throw new Error(`a person was asked: ${exception.because}`);
    this.asked += 1;
    const happened = this.mail.count("notify") > 0;
    const said = { happened, value: happened ? { ref: "notify:1" } : null, ref: null };
    const operation = exception.operation ?? 0;
    const settled = commands.settle({
      run: this.run,
      operation,
      ...said,
      by: "cy",
      reason: "sent box",
    });
    await Promise.race([settled.catch(() => undefined), this.world.settle()]);
    return true;
  }
}

function expectDoneOnce({ crm, shop, erp, mail }: Story): void {
  expect(crm.count("customer")).toBe(1);
  expect(shop.count("charge")).toBe(1);
  expect(erp.count("invoice")).toBe(1);
  // Once: at most once, and one time here since somebody has said what happened.
  expect(mail.count("notify")).toBe(1);
}

/** How many flushes the story takes when nothing goes wrong. */
async function flushCount(plans: (story: Story) => void): Promise<number> {
  const story = new Story();
  plans(story);
  await story.begin();
  await story.start();
  await story.live();
  expectDoneOnce(story);
  const count = story.world.life.watched.flushes.length;
  await story.world.remove();
  return count;
}

const lost = (happened: boolean): Plan => ({ kind: "lostAnswer", happened });
const VARIANTS: readonly (readonly [string, readonly FlushFate[], (story: Story) => void])[] = [
  ["nothing else goes wrong", ["refused", "unsaid", "diesBefore", "diesAfter"], () => undefined],
  [
    "each answer was lost once after the work was done",
    ["unsaid", "diesAfter"],
    (story) => {
      story.crm.plan("customer", lost(true));
      story.shop.plan("charge", lost(true));
      story.erp.plan("invoice", lost(true));
    },
  ],
  [
    "each request was lost once before the work was done",
    ["unsaid", "diesAfter"],
    (story) => {
      story.crm.plan("customer", lost(false));
      story.shop.plan("charge", lost(false));
      story.erp.plan("invoice", lost(false));
    },
  ],
];

describe.each(VARIANTS)("where %s", (_what, fates, plans) => {
  test.each(fates)(
    "a store that fails at any flush (%s) costs no effect and doubles none",
    async (fate) => {
      const count = await flushCount(plans);
      expect(count).toBeGreaterThan(8);
      let fired = 0;
      for (let at = 1; at <= count; at += 1) {
        const story = new Story();
        plans(story);
        try {
          await story.begin((n) => (n === at ? fate : "applied"));
          if (!story.isOver) void story.start();
          await story.live();
          if (story.isOver) fired += 1;
          expect(story.world.life.watched.appliedAfterFailure).toBe(0);
          await story.world.crash();
          await story.begin();
          if ((await story.world.allRuns()).length === 0) await story.start();
          await story.live();
          expect(await story.world.resultOf(story.run), `flush ${String(at)}`).toEqual({
            ref: "charge:1",
            told: "notify:1",
            at: true,
          });
          expectDoneOnce(story);
          expect(story.world.life.watched.flushes.length).toBeGreaterThan(0);
        } finally {
          await story.world.remove();
        }
      }
      // Not vacuous: each of the flushes was really one at which it failed.
      expect(fired).toBe(count);
    },
  );
});

describe("a call that is under way when the process dies", () => {
  test.each(["customer", "charge", "invoice", "notify"] as const)(
    "%s: whether it was done or not, it is done once in the end",
    async (action) => {
      for (const happened of [true, false]) {
        const story = new Story();
        const systems = {
          customer: story.crm,
          charge: story.shop,
          invoice: story.erp,
          notify: story.mail,
        };
        systems[action].plan(action, { kind: "silent", happened });
        await story.begin();
        await story.start();
        for (let n = 0; n < 300 && systems[action].requestsOf(action).length === 0; n += 1) {
          await story.world.settle();
          const [row] = await story.world.allRuns();
          story.run = row?.run ?? 0;
          const [open] = (await story.world.reviews(story.run)).filter((r) => r.state === "open");
          if (open === undefined) story.world.clock.fireNext();
          else await story.world.engine.commands.answer(story.run, open.seq, { ok: true }, "bo");
        }
        expect(systems[action].requestsOf(action)).toHaveLength(1);
        await story.world.crash();
        await story.begin();
        await story.live();
        await story.world.resultOf(story.run);
        expectDoneOnce(story);
        expect(story.asked).toBe(action === "notify" ? 1 : 0);
        await story.world.remove();
      }
    },
  );
});
