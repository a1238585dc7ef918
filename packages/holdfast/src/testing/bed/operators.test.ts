import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { effect } from "../../workflow/effect.ts";
import { integration } from "../../workflow/integration.ts";
import { workflow } from "../../workflow/workflow.ts";
import { fault, testbed, type Testbed } from "./index.ts";

const never = () => Promise.reject(new Error("the real system is not to be called"));
const post = integration("post", { owner: "team-post" });
const INPUT = z.object({ id: z.string(), street: z.string() });
const once = effect("letter", {
  on: post,
  repeat: "once",
  timeout: "5s",
  input: INPUT,
  output: z.object({ stamp: z.string() }),
  editable: ["/street"],
  run: never,
});
const pay = effect("pay", {
  on: post,
  repeat: "keyed",
  keyWindow: "24h",
  input: INPUT,
  output: z.object({ ref: z.string() }),
  editable: ["/street"],
  fourEyes: ["/street"],
  describe: () => ({ amount: "120.00", currency: "EUR" }),
  run: never,
});
const flow = workflow(
  "flow",
  { owner: "team", input: z.object({ id: z.string() }), output: z.string(), key: ({ id }) => id },
  async ({ id }, run) => {
    const { ref } = await run.do(pay, { id, street: "Hihg Street" });
    const { stamp } = await run.do(once, { id, street: "Hihg Street" });
    return `${ref} ${stamp}`;
  },
);
const ana = { by: "ana", reason: "seen" };

let bed: Testbed;
async function stands(at: "pay" | "letter", failure = fault.status(422)): Promise<string> {
  bed = testbed({ workflows: [flow] });
  bed.on(pay).answer({ ref: "r" });
  bed.on(once).answer({ stamp: "s" });
  if (at === "pay") bed.on(pay).fail(failure);
  else bed.on(once).fail(failure);
  await bed.start(flow, { id: "1" });
  const [run] = await bed.rest();
  expect(run).toMatchObject({ state: "exception", exceptions: [{ step: at }] });
  return run?.id ?? "";
}
afterEach(() => bed.close());

test("an unknown outcome is settled, and the run goes on with what was said", async () => {
  const run = await stands("letter", fault.lostAnswer({ happened: true }));
  const said = { happened: true, value: { stamp: "by phone" } } as const;
  await expect(bed.settle(run, once, said, ana)).rejects.toMatchObject({ code: "HF6002" });
  expect(await bed.run(run)).toMatchObject({ state: "exception" });
  const settled = await bed.settle(run, once, said, { ...ana, approvedBy: "bo" });
  expect(settled).toMatchObject({ state: "completed", result: "r by phone" });
  expect(bed.on(once).calls).toHaveLength(1);
});

test("what did not happen is settled so, and is done once more", async () => {
  const run = await stands("letter", fault.lostAnswer({ happened: false }));
  await bed.settle(run, once, { happened: false }, { ...ana, approvedBy: "bo" });
  expect(await bed.rest()).toMatchObject([{ state: "completed", result: "r s" }]);
  expect(bed.on(once)).toMatchObject({ happened: 1 });
});

test("a step is tried again as it was, or with a corrected input", async () => {
  const run = await stands("letter");
  bed.on(once).fail(fault.status(422));
  await bed.retry(run, once, {}, ana);
  expect(await bed.rest()).toMatchObject([{ state: "exception" }]);
  await bed.retry(run, once, { set: [{ at: "/street", value: "High Street" }] }, ana);
  expect(await bed.rest()).toMatchObject([{ state: "completed" }]);
  expect(bed.on(once).calls.map(({ input }) => input.street)).toEqual([
    "Hihg Street",
    "Hihg Street",
    "High Street",
  ]);
});

test("a correction of a place with four eyes needs two people, and a new key is another intent", async () => {
  const run = await stands("pay");
  const set = [{ at: "/street", value: "High Street" }];
  await expect(bed.retry(run, pay, { set }, ana)).rejects.toMatchObject({ code: "HF6002" });
  await bed.retry(run, pay, { set, newKey: true }, { ...ana, approvedBy: "bo" });
  await bed.rest();
  const keys = new Set(bed.on(pay).calls.map(({ key }) => key));
  expect(keys.size).toBe(2);
  expect(await bed.run(run)).toMatchObject({ state: "completed" });
});

test("a result is given by hand, and the system is asked no more", async () => {
  const run = await stands("pay");
  const said = { value: { ref: "cash" }, ref: "receipt 7" };
  expect(await bed.supply(run, pay, said, { ...ana, approvedBy: "bo" })).toMatchObject({
    state: "completed",
    result: "cash s",
  });
  expect(bed.on(pay)).toMatchObject({ happened: 0 });
});

test("an effect is skipped, with what stands in for its result", async () => {
  const run = await stands("letter");
  const said = { value: { stamp: "none" }, skipped: true } as const;
  const after = await bed.supply(run, once, said, { ...ana, approvedBy: "bo" });
  expect(after).toMatchObject({ state: "completed", result: "r none" });
});

test("a run goes on as a whole, and what cannot be done is refused", async () => {
  const run = await stands("letter");
  await bed.resume(run, ana);
  expect(await bed.rest()).toMatchObject([{ state: "completed" }]);
  const settled = bed.settle(run, once, { happened: false }, ana);
  await expect(settled).rejects.toMatchObject({ code: "HF6003" });
  const other = effect("other", {
    on: post,
    repeat: "read",
    input: INPUT,
    output: z.any(),
    run: never,
  });
  await expect(bed.retry(run, other, {}, ana)).rejects.toMatchObject({ code: "HF6001" });
});

test("where an effect is asked for in several steps, one has to be named", async () => {
  const twice = workflow(
    "twice",
    { owner: "team", input: z.object({ id: z.string() }), output: z.any(), key: ({ id }) => id },
    async ({ id }, run) => {
      await run.do(once, { id, street: "a" }, { as: "a" });
      await run.do(once, { id, street: "b" }, { as: "b" });
    },
  );
  bed = testbed({ workflows: [twice] });
  bed.on(once).answer({ stamp: "s" });
  await bed.start(twice, { id: "1" });
  const [run] = await bed.rest();
  const settled = bed.settle(run?.id ?? "", once, { happened: false }, ana);
  await expect(settled).rejects.toThrow('several steps of effect "letter": letter#a, letter#b');
});
