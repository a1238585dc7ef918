import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { formatItemId } from "../../core/run-number.ts";
import type { Run } from "../../workflow/run.ts";
import { review, type ReviewOptions } from "../../workflow/review.ts";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;
const SUBJECT = z.object({ id: z.string() });
const DECISION = z.object({ ok: z.boolean() });

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

function asking(options: Partial<ReviewOptions<typeof SUBJECT, typeof DECISION>> = {}) {
  const big = review("big", { subject: SUBJECT, decision: DECISION, by: "finance", ...options });
  return testWorkflow("asks", (input, run) => run.ask(big, { id: input.id }));
}

async function askedIn(run: number): Promise<number> {
  const [row] = await world.reviews(run);
  if (row === undefined) throw new Error("nothing was asked");
  return row.seq;
}

async function waiting(flow: ReturnType<typeof asking>, by?: string): Promise<number> {
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" }, by === undefined ? {} : { by });
  await world.untilState(run, "review");
  return run;
}

describe("run.ask", () => {
  test("waits for a person's answer, over a restart, and gives it to the code", async () => {
    const flow = asking();
    const run = await waiting(flow);
    await world.crash();
    await world.begin([flow]);
    expect(await world.stateOf(run)).toBe("review");
    await world.engine.commands.answer(run, await askedIn(run), { ok: true }, "bo");
    expect(await world.resultOf(run)).toEqual({ ok: true });
    expect((await world.reviews(run))[0]).toMatchObject({
      state: "answered",
      answeredBy: "bo",
      by: "finance",
    });
  });

  test("gives the same answer on recovery", async () => {
    const big = review("big", { subject: SUBJECT, decision: DECISION, by: "finance" });
    const flow = testWorkflow("asks", async (input, run) => {
      const decision = await run.ask(big, { id: input.id });
      await run.sleep("1h");
      return decision;
    });
    const run = await waiting(flow);
    await world.engine.commands.answer(run, await askedIn(run), { ok: false }, "bo");
    await world.untilState(run, "waiting");
    await world.crash();
    await world.begin([flow]);
    expect(await world.resultOf(run)).toEqual({ ok: false });
  });

  test("takes the first of two answers and refuses the second", async () => {
    const run = await waiting(asking());
    const seq = await askedIn(run);
    const ends = await Promise.allSettled([
      world.engine.commands.answer(run, seq, { ok: true }, "bo"),
      world.engine.commands.answer(run, seq, { ok: false }, "cy"),
    ]);
    expect(ends.filter((end) => end.status === "fulfilled")).toHaveLength(1);
    const [refusal] = ends.filter((end) => end.status === "rejected");
    expect(refusal?.reason).toMatchObject({ code: expect.stringMatching(/^HF600[13]$/) });
    await world.settle();
    const answered = (await world.records(run)).filter((record) => record.kind === "answered");
    expect(answered).toHaveLength(1);
  });

  test("refuses an answer that does not fit, and goes on waiting", async () => {
    const run = await waiting(asking());
    const seq = await askedIn(run);
    await expect(world.engine.commands.answer(run, seq, { ok: "yes" }, "bo")).rejects.toMatchObject(
      { code: "HF4102" },
    );
    expect(await world.stateOf(run)).toBe("review");
    await world.engine.commands.answer(run, seq, { ok: true }, "bo");
    expect(await world.resultOf(run)).toEqual({ ok: true });
  });

  test("refuses the starter's own answer where the review excludes the starter", async () => {
    const run = await waiting(asking({ notBy: "starter" }), "ana");
    const seq = await askedIn(run);
    await expect(world.engine.commands.answer(run, seq, { ok: true }, "ana")).rejects.toMatchObject(
      { code: "HF6002" },
    );
    await world.engine.commands.answer(run, seq, { ok: true }, "bo");
    expect(await world.stateOf(run)).toBe("completed");
  });

  test("refuses the starter's answer under the same name written another way", async () => {
    const run = await waiting(asking({ notBy: "starter" }), "ana");
    const seq = await askedIn(run);
    await expect(
      world.engine.commands.answer(run, seq, { ok: true }, " Ana"),
    ).rejects.toMatchObject({ code: "HF6002" });
  });

  test("is not asked where it excludes the starter and nobody is on record as that", async () => {
    const flow = asking({ notBy: "starter" });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "held");
    expect(await world.reviews(run)).toEqual([]);
    expect((await world.exceptions(run))[0]).toMatchObject({
      reasonCode: "HF1108",
      because: expect.stringMatching(/cancelled and started anew\.$/u) as string,
    });
    await world.engine.commands.cancel(run, "ana", "start it anew, with a name");
    await world.untilState(run, "cancelled");
  });

  test("refuses the start without a name of a workflow that lists such a review", async () => {
    const big = review("big", {
      subject: SUBJECT,
      decision: DECISION,
      by: "finance",
      notBy: "starter",
    });
    const ask = (input: { id: string }, run: Run) => run.ask(big, { id: input.id });
    const flow = testWorkflow("asks", ask, { reviews: [big] });
    await world.begin([flow]);
    await expect(world.start(flow, { id: "1" })).rejects.toMatchObject({
      code: "HF1108",
      message: expect.stringMatching(/ Nothing was started\.$/) as string,
    });
    const run = await world.start(flow, { id: "1" }, { by: "ana" });
    await world.untilState(run, "review");
    // A second start joins what is there, whoever it is.
    expect(await world.start(flow, { id: "1" })).toBe(run);
  });

  test("in a child run excludes who started the parent", async () => {
    const child = asking({ notBy: "starter" });
    const parent = testWorkflow("calls", (input, run) => run.call(child, input));
    await world.begin([parent, child]);
    await world.start(parent, { id: "1" }, { by: "ana" });
    await world.settle();
    const row = (await world.allRuns()).find((one) => one.workflow === "asks");
    if (row === undefined) throw new Error("no child was started");
    const [asked] = await world.reviews(row.run);
    expect(asked).toMatchObject({ notBy: "ana", state: "open" });
  });

  test("keeps the reason of an answer on record", async () => {
    const run = await waiting(asking());
    const seq = await askedIn(run);
    await world.engine.commands.answer(run, seq, { ok: true }, "bo", "as agreed by phone");
    await world.settle();
    const answered = (await world.records(run)).find((record) => record.kind === "answered");
    expect(answered?.head).toContain('"reason":"as agreed by phone"');
  });

  test("refuses a person whom the review excludes by name", async () => {
    const run = await waiting(asking({ notBy: "eve" }), "ana");
    await expect(
      world.engine.commands.answer(run, await askedIn(run), { ok: true }, "eve"),
    ).rejects.toMatchObject({ code: "HF6002" });
    await world.engine.commands.answer(run, await askedIn(run), { ok: true }, "ana");
    expect(await world.stateOf(run)).toBe("completed");
  });

  test("is not resumed, and says how it is answered", async () => {
    const run = await waiting(asking());
    const id = formatItemId("rev", { run, seq: await askedIn(run) });
    for (const step of [null, (await world.reviews(run))[0]?.step ?? ""]) {
      const resuming = world.engine.commands.resume(run, step, "bo", "go on");
      await expect(resuming).rejects.toMatchObject({
        code: "HF6003",
        message: expect.stringContaining(`Answer it: holdfast answer ${id}`) as string,
      });
    }
  });

  test("takes the declared default when nobody answers in time", async () => {
    const run = await waiting(asking({ within: "4h", onTimeout: { default: { ok: false } } }));
    await world.advance(4 * HOUR_MS - 10_000);
    expect(await world.stateOf(run)).toBe("review");
    await world.advance(20_000);
    expect(await world.resultOf(run)).toEqual({ ok: false });
    expect((await world.reviews(run))[0]).toMatchObject({ answeredBy: "(timeout)" });
  });

  test("decides by no default that its schema does not take, also where that answers later", async () => {
    const later = DECISION.refine(async ({ ok }) => ok, "expected yes");
    const flow = asking({ within: "4h", onTimeout: { default: { ok: false } }, decision: later });
    const run = await waiting(flow);
    await world.advance(5 * HOUR_MS);
    const row = await world.row(run);
    expect(row.reason).toContain("HF1001");
    expect(row.reason).toContain("expected yes");
    expect((await world.records(run)).some(({ kind }) => kind === "answered")).toBe(false);
  });

  test("goes up when nobody answers in time, stays open, and takes a late answer", async () => {
    const run = await waiting(asking({ within: "4h", onTimeout: { escalateTo: "lead" } }));
    await world.advance(4 * HOUR_MS + 1_000);
    const row = await world.row(run);
    expect(row.state).toBe("review");
    expect(row.reason).toContain("lead");
    expect((await world.reviews(run))[0]).toMatchObject({ state: "open", escalatedTo: "lead" });
    await world.crash();
    await world.begin([asking({ within: "4h", onTimeout: { escalateTo: "lead" } })]);
    await world.advance(48 * HOUR_MS);
    const escalations = (await world.records(run)).filter((record) => record.kind === "escalated");
    expect(escalations).toHaveLength(1);
    await world.engine.commands.answer(run, await askedIn(run), { ok: true }, "bo");
    expect(await world.resultOf(run)).toEqual({ ok: true });
  });

  test("goes up to the workflow's owner where nothing is declared", async () => {
    const run = await waiting(asking({ within: "1h" }));
    await world.advance(2 * HOUR_MS);
    expect((await world.reviews(run))[0]).toMatchObject({
      state: "open",
      escalatedTo: "team-flow",
    });
  });

  test("times out over a crash as it would have without", async () => {
    const flow = asking({ within: "4h", onTimeout: { default: { ok: false } } });
    const run = await waiting(flow);
    await world.crash();
    world.clock.setMs(world.clock.nowMs() + 5 * HOUR_MS);
    await world.begin([flow]);
    await world.advance(1_000);
    expect(await world.resultOf(run)).toEqual({ ok: false });
  });

  test("withdraws the question when the run is cancelled", async () => {
    const run = await waiting(asking());
    const seq = await askedIn(run);
    await world.engine.commands.cancel(run, "ana", "not wanted");
    await world.untilState(run, "cancelled");
    expect((await world.reviews(run))[0]).toMatchObject({ state: "withdrawn" });
    await expect(world.engine.commands.answer(run, seq, { ok: true }, "bo")).rejects.toMatchObject({
      code: "HF6003",
    });
  });

  test("tells the code of a subject that does not fit, and asks nobody", async () => {
    const big = review("big", { subject: SUBJECT, decision: DECISION, by: "finance" });
    const flow = testWorkflow("asks", async (_input, run) => {
      // The cast makes what an untyped caller could pass.
      const bad = { id: 7 } as unknown as { id: string };
      return run.ask(big, bad).then(
        () => "asked",
        (error: { code?: string }) => error.code,
      );
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    expect(await world.resultOf(run)).toBe("HF4102");
    expect(await world.reviews(run)).toHaveLength(0);
  });
});
