import { afterEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { effect } from "../../workflow/effect.ts";
import { integration } from "../../workflow/integration.ts";
import { review } from "../../workflow/review.ts";
import { workflow } from "../../workflow/workflow.ts";
import { cannotTell } from "../../workflow/seen.ts";
import { fault, testbed, type Testbed } from "./index.ts";

const payments = integration("payments", { owner: "team-payments" });
const erp = integration("erp", { owner: "team-erp" });
const never = () => Promise.reject(new Error("the real system is not to be called"));

const charge = effect("charge", {
  on: payments,
  repeat: "keyed",
  keyWindow: "24h",
  input: z.object({ order: z.string() }),
  output: z.object({ chargeId: z.string() }),
  run: never,
  compensate: never,
});
const invoice = effect("invoice", {
  on: erp,
  repeat: "probeable",
  settle: "20s",
  timeout: "5s",
  input: z.object({ order: z.string() }),
  output: z.object({ invoiceId: z.string() }),
  run: never,
  probe: never,
});
const mail = effect("mail", {
  on: integration("mail", { owner: "team-crm" }),
  repeat: "once",
  input: z.object({ order: z.string() }),
  output: z.object({}),
  run: never,
});
const big = review("big", {
  subject: z.object({ order: z.string() }),
  decision: z.object({ approve: z.boolean() }),
  by: "finance",
});

const order = workflow(
  "order",
  {
    input: z.object({ order: z.string(), isBig: z.boolean().default(false) }),
    output: z.object({ invoiceId: z.string() }),
    owner: "team-orders",
    key: (input) => input.order,
    onFailure: "compensate",
  },
  async (input, run) => {
    if (input.isBig && !(await run.ask(big, { order: input.order })).approve) run.stop("rejected");
    await run.do(charge, { order: input.order });
    const { invoiceId } = await run.do(invoice, { order: input.order });
    await run.step("note", async () => await Promise.resolve("noted"));
    await run.try(mail, { order: input.order });
    return { invoiceId };
  },
);

let bed: Testbed;
function makeBed(seed = 1): Testbed {
  bed = testbed({ workflows: [order], seed });
  bed.on(charge).answer({ chargeId: "ch_1" });
  bed.on(invoice).answer(({ order: id }) => ({ invoiceId: `INV-${id}` }));
  bed.on(mail).answer({});
  return bed;
}
afterEach(() => bed.close());

describe("a test bed", () => {
  test("runs a workflow against the fake world", async () => {
    makeBed();
    const run = await bed.start(order, { order: "1" });
    expect(run).toMatchObject({ state: "completed", result: { invoiceId: "INV-1" }, key: "1" });
    expect(bed.on(charge).happened).toBe(1);
    expect(bed.on(invoice).calls).toMatchObject([{ input: { order: "1" }, attempt: 1 }]);
    expect(run.journal).toContain("intent charge");
  });

  test("gives the same journal for the same seed", async () => {
    const journals: string[] = [];
    for (let time = 0; time < 2; time += 1) {
      makeBed(7);
      bed.on(charge).fail(fault.refused(), { times: 2 });
      await bed.start(order, { order: "1" });
      await bed.rest();
      journals.push(JSON.stringify(await bed.runs()), String(bed.now()));
      await bed.close();
    }
    expect(journals.slice(0, 2)).toEqual(journals.slice(2));
  });

  test("counts what was done over there, and not the calls", async () => {
    makeBed();
    bed.on(charge).fail(fault.lostAnswer({ happened: true }));
    bed.on(invoice).fail(fault.late("3s"));
    await bed.start(order, { order: "1" });
    await bed.advance("2h");
    expect(await bed.runs()).toMatchObject([{ state: "completed" }]);
    expect(bed.on(charge).calls).toHaveLength(2);
    expect(bed.on(charge).happened).toBe(1);
    expect(bed.on(invoice).calls).toHaveLength(1);
    expect(bed.on(invoice).happened).toBe(1);
  });

  test("gives what nobody can know to a person, with the owner and the reason", async () => {
    makeBed();
    bed.on(invoice).fail(fault.lostAnswer({ happened: false }));
    bed.on(invoice).lookUp(() => cannotTell("no access"));
    await bed.start(order, { order: "1" });
    const [run] = await bed.rest();
    expect(run?.state).toBe("exception");
    expect(run?.exceptions).toMatchObject([{ step: "invoice", owner: "team-erp" }]);
  });

  test("dies and recovers: what is on record is not done again", async () => {
    makeBed();
    bed.on(invoice).fail(fault.slow("3s"));
    await bed.start(order, { order: "1" });
    await bed.crash();
    await bed.rest();
    expect(await bed.runs()).toMatchObject([{ state: "completed" }]);
    expect(bed.on(charge).calls).toHaveLength(1);
    expect(bed.on(invoice).happened).toBe(1);
  });

  test("has people answer, once or whenever they are asked", async () => {
    makeBed();
    expect((await bed.start(order, { order: "1", isBig: true })).state).toBe("review");
    expect((await bed.answer(big, { approve: true }, { user: "bo" })).state).toBe("completed");
    await expect(bed.answer(big, { approve: true }, { user: "bo" })).rejects.toThrow(/No review/u);
    bed.decide(big, { approve: false }, { user: "bo" });
    expect((await bed.start(order, { order: "2", isBig: true })).state).toBe("stopped");
  });

  test("undoes what was done", async () => {
    makeBed();
    bed.on(invoice).fail(fault.status(422), { times: 1 });
    await bed.start(order, { order: "1" });
    const [run] = await bed.rest();
    await bed.cancel(run?.id ?? "", { by: "ana", reason: "no invoice" });
    expect(await bed.rest()).toMatchObject([{ state: "cancelled" }]);
    expect(bed.on(charge)).toMatchObject({ happened: 1, undone: 1 });
  });

  test("says what the test has forgotten", async () => {
    bed = testbed({ workflows: [order] });
    await expect(bed.start(order, { order: "1" })).rejects.toThrow(
      'Effect "charge" was called, and the test does not say what its system answers.',
    );
  });

  test("lets a month pass at once", async () => {
    const daily = workflow(
      "daily",
      {
        owner: "team-orders",
        input: z.object({ id: z.string() }),
        output: z.number(),
        key: ({ id }) => id,
      },
      async (_input, run) => {
        for (let day = 0; day < 100; day += 1) await run.sleep("432m", { as: String(day) });
        return 100;
      },
    );
    bed = testbed({ workflows: [daily] });
    await bed.start(daily, { id: "1" });
    await bed.advance("30d");
    expect(await bed.runs()).toMatchObject([{ state: "completed", result: 100 }]);
  });

  test("fails the call that undoes, and takes options that there are and no others", async () => {
    makeBed();
    bed.on(invoice).fail(fault.status(422));
    bed.on(charge).failUndo(fault.refused());
    await bed.start(order, { order: "1" });
    const [run] = await bed.rest();
    await bed.cancel(run?.id ?? "", { by: "ana", reason: "no invoice" });
    expect(bed.on(charge).undone).toBe(0);
    expect(await bed.rest()).toMatchObject([{ state: "cancelled" }]);
    expect(bed.on(charge).undone).toBe(1);
    expect(() => testbed({ workflows: [], seeds: 7 } as never)).toThrow('has no option "seeds"');
    expect(() => testbed({} as never)).toThrow("testbed needs `workflows`");
  });

  test("is one engine, whoever asks first", async () => {
    makeBed();
    await Promise.all([bed.start(order, { order: "1" }), bed.start(order, { order: "2" })]);
    expect(await bed.runs()).toMatchObject([{ state: "completed" }, { state: "completed" }]);
  });

  test("sees that whoever waits for a child waits for its person", async () => {
    const child = workflow(
      "child",
      {
        owner: "team-orders",
        input: z.object({ order: z.string() }),
        output: z.object({ chargeId: z.string() }),
        key: (input) => input.order,
      },
      async (input, run) => await run.do(charge, input),
    );
    const parent = workflow(
      "parent",
      {
        owner: "team-orders",
        input: z.object({ order: z.string() }),
        output: z.object({ chargeId: z.string() }),
        key: (input) => input.order,
      },
      async (input, run) => await run.call(child, input),
    );
    bed = testbed({ workflows: [parent, child] });
    bed.on(charge).fail(fault.status(422)).answer({ chargeId: "ch_1" });
    await bed.start(parent, { order: "1" });
    const beganAt = bed.now();
    const runs = await bed.rest();
    expect(runs.map(({ state }) => state)).toContain("exception");
    expect(bed.now().getTime() - beganAt.getTime()).toBeLessThan(3_600_000);
  });
});

describe("code of a later version", () => {
  const priced = workflow(
    "priced",
    { input: z.string(), output: z.string(), key: (id) => id, owner: "team" },
    async (_id, run) => ((await run.since("v45")) ? "new" : "old"),
  );

  test("takes the new path where nothing is said of versions", async () => {
    bed = testbed({ workflows: [priced] });
    expect((await bed.start(priced, "1")).result).toBe("new");
  });

  test("takes the old path in a run that began with an earlier one", async () => {
    bed = testbed({ workflows: [priced], version: "v47", earlierVersions: ["v44", "v45"] });
    expect((await bed.start(priced, "1")).result).toBe("new");
    expect((await bed.start(priced, "2", { began: "v44" })).result).toBe("old");
    expect((await bed.start(priced, "3", { began: "v45" })).result).toBe("new");
    await expect(bed.start(priced, "4", { began: "v43" })).rejects.toMatchObject({
      code: "HF1001",
    });
  });
});
