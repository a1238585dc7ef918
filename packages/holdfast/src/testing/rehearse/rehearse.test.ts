import { describe, expect, test } from "vitest";
import { z } from "zod";
import { effect } from "../../workflow/effect.ts";
import { integration } from "../../workflow/integration.ts";
import { review } from "../../workflow/review.ts";
import { pending } from "../../workflow/seen.ts";
import { workflow } from "../../workflow/workflow.ts";
import type { Run } from "../../workflow/run.ts";
import type { Testbed } from "../bed/index.ts";
import type { RehearsalOptions } from "./rehearsal-options.ts";
import { rehearse } from "./rehearse.ts";

const payments = integration("payments", { owner: "team-payments" });
const erp = integration("erp", { owner: "team-erp" });
const post = integration("mail", { owner: "team-crm" });
const ORDER = z.object({ order: z.string() });
const never = () => Promise.reject(new Error("the real system is not to be called"));

const charge = effect("charge", {
  on: payments,
  repeat: "keyed",
  keyWindow: "24h",
  timeout: "5s",
  input: ORDER,
  output: z.object({ chargeId: z.string() }),
  run: never,
  compensate: never,
});
const invoiceWith = (settle: "0s" | "60s") =>
  effect("invoice", {
    on: erp,
    repeat: "probeable",
    timeout: "5s",
    settle,
    input: ORDER,
    output: z.object({ invoiceId: z.string() }),
    run: never,
    probe: never,
    compensate: "none",
  });
const invoice = invoiceWith("60s");
const mail = effect("mail", {
  on: post,
  repeat: "once",
  timeout: "5s",
  input: ORDER,
  output: z.object({}),
  run: never,
  compensate: "none",
});

const BASE = {
  input: ORDER,
  output: z.object({ invoiceId: z.string() }),
  key: (input: z.output<typeof ORDER>) => input.order,
  owner: "team-orders",
  onFailure: "compensate",
} as const;

const good = workflow("order", BASE, async (input, run) => {
  await run.do(charge, input);
  const { invoiceId } = await run.do(invoice, input);
  await run.try(mail, input);
  return { invoiceId };
});

function world(bed: Testbed, invoicing = invoice) {
  bed.on(charge).answer({ chargeId: "ch_1" });
  bed.on(invoicing).answer(({ order }) => ({ invoiceId: `INV-${order}` }));
  bed.on(mail).answer({});
}

const OPTIONS: RehearsalOptions<typeof ORDER> = { input: { order: "1" }, world };
const FAULTS_ALONE = { crash: "none", duplicates: false, cancels: false } as const;
const CRASHES_ALONE = { faults: "none", duplicates: false, cancels: false } as const;
const TWICE_ALONE = { crash: "none", faults: "none", cancels: false } as const;

describe("a rehearsal", () => {
  test("of a sound workflow finds nothing, whatever goes wrong", async () => {
    const report = await rehearse(good, {
      ...OPTIONS,
      always: {
        "charged at most once": (bed) => bed.on(charge).happened <= 1,
        "no mail without a charge": (bed) =>
          bed.on(mail).happened === 0 || bed.on(charge).happened === 1,
      },
      atEnd: {
        "no charge without an invoice, or it is taken back": (bed) =>
          bed.on(charge).happened - bed.on(charge).undone <= bed.on(invoice).happened,
      },
    });
    expect(report.failed).toEqual([]);
    expect(report.scenarios.length).toBeGreaterThan(80);
    expect(report.withPerson.map(({ scenario }) => scenario)).toContain("mail.lost-done");
    expect(report.scenarios.filter((id) => id.includes("undo-charge.refused"))).toHaveLength(1);
  });

  test("is the same each time, byte for byte", async () => {
    const odd = {
      ...OPTIONS,
      ...FAULTS_ALONE,
      always: { "never charged": (bed: Testbed) => !bed.on(charge).happened },
    };
    const [one, other] = [await rehearse(good, odd), await rehearse(good, odd)];
    expect(JSON.stringify(one)).toBe(JSON.stringify(other));
    expect(one.failed.length).toBeGreaterThan(10);
  });

  test("plays one scenario alone by its id", async () => {
    const always = { "never charged twice": (bed: Testbed) => bed.on(charge).calls.length < 2 };
    const all = await rehearse(good, { ...OPTIONS, ...FAULTS_ALONE, always });
    const first = all.failed.find(({ scenario }) => scenario === "charge.refused");
    expect(first?.story).toBe("charge could not be reached");
    const again = await rehearse(good, {
      ...OPTIONS,
      ...FAULTS_ALONE,
      always,
      only: first?.scenario ?? "",
    });
    expect(again).toMatchObject({ scenarios: [first?.scenario], failed: [first] });
    const none = rehearse(good, { ...OPTIONS, only: "no.such" });
    await expect(none).rejects.toThrow('There is no scenario "no.such"');
  });

  test("says what its world does not answer", async () => {
    const { failed } = await rehearse(good, { input: { order: "1" }, world: () => undefined });
    expect(failed).toHaveLength(1);
    expect(failed[0]?.what).toContain('Effect "charge" was called');
  });
});

async function lawsOf(
  code: (input: z.output<typeof ORDER>, run: Run) => Promise<{ invoiceId: string }>,
  options: Partial<RehearsalOptions<typeof ORDER>> & { readonly base?: Partial<typeof BASE> } = {},
) {
  const { base, ...rest } = options;
  const flow = workflow("order", { ...BASE, ...base }, code);
  const { failed } = await rehearse(flow, { ...OPTIONS, ...rest });
  return failed;
}

describe("a rehearsal catches", () => {
  test("a mail that is sent before the charge is known", async () => {
    const failed = await lawsOf(
      async (input, run) => {
        const [, sent] = await Promise.all([run.do(charge, input), run.do(mail, input)]);
        return { invoiceId: JSON.stringify(sent) };
      },
      {
        ...FAULTS_ALONE,
        always: {
          "no mail without a charge": (bed) => bed.on(mail).happened <= bed.on(charge).happened,
        },
      },
    );
    expect(failed.map(({ law }) => law)).toContain("no mail without a charge");
  });

  test("a key that is made of the time", async () => {
    let time = 0;
    const failed = await lawsOf(
      async (input, run) => ({ invoiceId: (await run.do(invoice, input)).invoiceId }),
      {
        ...TWICE_ALONE,
        base: { key: ({ order }: z.output<typeof ORDER>) => `${order} ${String((time += 1))}` },
      },
    );
    const laws = new Set(failed.map(({ law }) => law));
    expect([...laws]).toEqual(
      expect.arrayContaining(["one input is one run", "nothing is done twice"]),
    );
  });

  test("an input that is not the same when the code runs again", async () => {
    let time = 0;
    const failed = await lawsOf(async (_input, run) => {
      await run.do(charge, { order: `at ${String((time += 1))}` });
      return { invoiceId: "none" };
    }, CRASHES_ALONE);
    expect(failed.map(({ law }) => law)).toContain("the code does the same when it runs again");
  });

  test("a result that is not the same after a crash", async () => {
    let time = 0;
    const failed = await lawsOf(async (input, run) => {
      await run.do(charge, input);
      return { invoiceId: String((time += 1)) };
    }, CRASHES_ALONE);
    expect(failed.map(({ law }) => law)).toContain("a crash changes nothing");
  });

  test("a look-up that is trusted before a request can no longer land", async () => {
    const hasty = invoiceWith("0s");
    const failed = await lawsOf(async (input, run) => await run.do(hasty, input), {
      ...FAULTS_ALONE,
      world: (bed) => {
        world(bed, hasty);
      },
    });
    const twice = failed.find(({ law }) => law === "nothing is done twice");
    expect(twice).toMatchObject({
      scenario: expect.stringContaining("invoice.done-late") as string,
    });
    expect(twice?.hint).toContain("settle");
  });

  test("a classification that says for sure what nobody can know", async () => {
    const sure = effect("mail", {
      on: post,
      repeat: "once",
      timeout: "5s",
      input: ORDER,
      output: z.object({}),
      classify: () => ({ class: "permanent", effect: "never" }),
      run: never,
      compensate: "none",
    });
    const failed = await lawsOf(
      async (input, run) => {
        await run.try(sure, input);
        return { invoiceId: "none" };
      },
      {
        ...FAULTS_ALONE,
        world: (bed) => {
          bed.on(sure).answer({});
        },
      },
    );
    expect(failed.map(({ law }) => law)).toContain("what is on record is true");
  });

  test("an undoing that does not name what it undoes", async () => {
    const refund = effect("refund", {
      on: payments,
      repeat: "idempotent",
      why: "put",
      input: z.object({ all: z.literal(true) }),
      output: z.object({}),
      run: never,
    });
    const pay = effect("pay", {
      on: payments,
      repeat: "keyed",
      keyWindow: "24h",
      input: ORDER,
      output: z.object({}),
      run: never,
      compensate: { effect: refund, input: () => ({ all: true }) },
    });
    const failed = await lawsOf(
      async (input, run) => {
        await run.do(pay, { order: `${input.order} goods` }, { as: "goods" });
        await run.do(pay, { order: `${input.order} freight` }, { as: "freight" });
        await run.do(invoice, input);
        return { invoiceId: "none" };
      },
      {
        ...FAULTS_ALONE,
        cancels: true,
        effects: [refund],
        world: (bed) => {
          world(bed);
          bed.on(pay).answer({});
          bed.on(refund).answer({});
        },
      },
    );
    expect(failed.map(({ law }) => law)).toContain("what was taken back is undone");
  });

  test("a loop that never ends, before anything is played", async () => {
    const failed = await lawsOf(async (_input, run) => {
      for (let time = 0; ; time += 1) await run.sleep("10ms", { as: String(time) });
    });
    expect(failed).toMatchObject([{ law: "it comes to rest", scenario: "0" }]);
  });

  test("a law that throws, as an assertion does", async () => {
    const failed = await lawsOf(async (input, run) => await run.do(invoice, input), {
      ...FAULTS_ALONE,
      faults: "none",
      always: {
        odd: (bed) => {
          expect(bed.on(invoice).happened).toBe(2);
          return true;
        },
      },
    });
    expect(failed).toMatchObject([
      { law: "odd", what: expect.stringContaining("it threw") as string },
    ]);
  });

  test("a law that never answers, and one that answers nothing", async () => {
    const failed = await lawsOf(async (input, run) => await run.do(invoice, input), {
      ...FAULTS_ALONE,
      faults: "none",
      // Without a compiler.
      always: { silent: (() => undefined) as unknown as () => boolean },
    });
    expect(failed).toMatchObject([{ law: "silent", what: "it answered undefined, and not true" }]);
  });

  test("a run that does not work when nothing goes wrong", async () => {
    const asks = review("big", { subject: ORDER, decision: z.object({}), by: "finance" });
    const failed = await lawsOf(async (input, run) => {
      await run.ask(asks, input);
      return { invoiceId: "none" };
    }, TWICE_ALONE);
    expect(failed).toMatchObject([{ law: "it works when nothing goes wrong", scenario: "0" }]);
    expect(failed[0]?.hint).toContain("bed.decide");
  });

  test("options that there are not, and a world that comes later", async () => {
    const flow = workflow("order", BASE, async () => ({ invoiceId: "none" }));
    const misspelt = { ...OPTIONS, allways: {} };
    await expect(rehearse(flow, misspelt)).rejects.toThrow('has no option "allways"');
    const late = { ...OPTIONS, world: async () => await Promise.resolve() };
    expect((await rehearse(flow, late)).failed[0]?.what).toContain("asynchronous");
  });
});

test("a rehearsal lets events and late answers come", async () => {
  const paid = { name: "paid", schema: ORDER };
  const flow = workflow("order", BASE, async (input, run) => {
    await run.wait(paid, { key: input.order });
    return await run.do(invoice, input);
  });
  const report = await rehearse(flow, {
    ...OPTIONS,
    world: (bed) => {
      bed.on(invoice).answer(pending({ ref: "r-1", within: "1h" }));
      bed.sends(paid, { key: "1", id: "e-1", payload: { order: "1" } });
      bed.completes("erp", "r-1", { ok: true, value: { invoiceId: "INV-1" } });
    },
    faults: "none",
    cancels: false,
  });
  expect(report.failed).toEqual([]);
  // Where the acceptance is lost with the process, nobody knows by which reference it is answered.
  expect(report.withPerson.map(({ step }) => step)).toEqual(["invoice"]);
  expect(report.scenarios.length).toBeGreaterThan(10);
});

test("a rehearsal says what the write holds that its story is about", async () => {
  const always = { "never at work": (bed: Testbed) => bed.on(charge).calls.length === 0 };
  const { failed } = await rehearse(good, { ...OPTIONS, always, faults: "none" });
  const storyOf = (id: string) => failed.find(({ scenario }) => scenario === id)?.story;
  const cut = failed.map(({ story }) => story).filter((story) => story.includes("dies before"));
  expect(cut.join("; ")).toMatch(/dies before write 2 \(.*the request of charge\) is on disk/);
  expect(storyOf("cancel.1")).toMatch(
    /^a person cancels the run after write 1 \(the start of the process/,
  );
  expect(storyOf("0")).toBe("nothing goes wrong");
});

test("a rehearsal plays the run without faults once", async () => {
  let beds = 0;
  await rehearse(good, {
    ...FAULTS_ALONE,
    input: { order: "1" },
    faults: "none",
    world: (bed) => {
      beds += 1;
      world(bed);
    },
  });
  expect(beds).toBe(1);
});

test("a rehearsal that may lack a scenario plays none", async () => {
  const how = { ...OPTIONS, ...FAULTS_ALONE, only: "no.such", mayLack: true };
  expect(await rehearse(good, how)).toMatchObject({ scenarios: [], failed: [] });
});

describe("a known limit of a rehearsal", () => {
  const hasty = invoiceWith("0s");
  const flow = workflow("order", BASE, async (input, run) => await run.do(hasty, input));
  const options = {
    input: { order: "1" },
    world: (bed: Testbed) => {
      world(bed, hasty);
    },
    ...FAULTS_ALONE,
  };
  const TWICE = { law: "nothing is done twice", reason: "the ERP drops doubles" };

  test("is told with its reason, and is no failure", async () => {
    const known = [
      { ...TWICE, scenario: "invoice.slow" },
      { ...TWICE, scenario: "invoice.done*" },
    ];
    const report = await rehearse(flow, { ...options, known });
    expect(report.failed).toEqual([]);
    expect(report.known.map(({ scenario, reason }) => [scenario, reason])).toEqual([
      ["invoice.done-late", "the ERP drops doubles"],
      ["invoice.slow", "the ERP drops doubles"],
    ]);
  });

  test("covers no other scenario and no other law", async () => {
    const known = [{ ...TWICE, scenario: "invoice.slow" }];
    const always = { "done once": (bed: Testbed) => bed.on(hasty).happened <= 1 };
    const { failed } = await rehearse(flow, { ...options, known, always });
    expect(failed.map(({ law, scenario }) => `${scenario}: ${law}`)).toEqual([
      "invoice.done-late: nothing is done twice",
      "invoice.done-late: done once",
      "invoice.slow: done once",
    ]);
  });

  test("that no scenario needs any more is a failure itself, but not where one is played alone", async () => {
    const known = [
      { ...TWICE, scenario: "invoice.*" },
      { ...TWICE, scenario: "invoice.refused" },
    ];
    const { failed } = await rehearse(flow, { ...options, known });
    expect(failed).toMatchObject([{ law: "each known limit is met", scenario: "invoice.refused" }]);
    expect((await rehearse(flow, { ...options, known, only: "invoice.slow" })).failed).toEqual([]);
  });

  test.each([
    [{ law: "x", scenario: "invoice.slow" }, /has no reason/],
    [{ ...TWICE, scenario: "invoice.sloow" }, /none of that id/],
    [{ ...TWICE, scenario: "invoice.slow", since: "v1" }, /has no option "since"/],
    [{ ...TWICE, scenario: "" }, /"scenario" is not valid/],
  ])("that says too little or too much is refused: %j", async (limit, message) => {
    const known = [limit as typeof TWICE & { scenario: string }];
    await expect(rehearse(flow, { ...options, known })).rejects.toThrow(message);
  });
});
