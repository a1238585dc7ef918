/** Systems of a test bed that keep more or less than the contract that an effect declares. */
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { effect } from "../../workflow/effect.ts";
import { integration } from "../../workflow/integration.ts";
import { workflow } from "../../workflow/workflow.ts";
import { fault, testbed, type Testbed } from "./index.ts";

const never = () => Promise.reject(new Error("the real system is not to be called"));
const common = {
  on: integration("erp", { owner: "team-erp" }),
  timeout: "5s",
  input: z.object({ id: z.string() }),
  output: z.object({}),
  run: never,
} as const;
const keyed = effect("keyed", { ...common, repeat: "keyed", keyWindow: "24h" });
const found = effect("found", { ...common, repeat: "probeable", settle: "20s", probe: never });
const options = {
  owner: "team",
  input: z.object({ id: z.string() }),
  output: z.any(),
  key: ({ id }: { readonly id: string }) => id,
};
const byKey = workflow("by-key", options, async (input, run) => run.do(keyed, input));
const byLookUp = workflow("by-look-up", options, async (input, run) => run.do(found, input));

let bed: Testbed;
function makeBed(seed = 1): Testbed {
  bed = testbed({ workflows: [byKey, byLookUp], seed });
  for (const one of [keyed, found])
    bed
      .on(one)
      .answer({})
      .fail(fault.lostAnswer({ happened: true }));
  return bed;
}
afterEach(() => bed.close());

test.each([
  ["as it is declared", "24h", 1],
  ["for longer than the next attempt takes to come", "10m", 1],
  ["not at all, although that is declared", "0ms", 2],
] as const)("a system drops repeats %s", async (_how, window, happened) => {
  makeBed().on(keyed).windowed(window);
  await bed.start(byKey, { id: "1" });
  await bed.rest();
  expect(bed.on(keyed)).toMatchObject({ happened });
});

test.each([
  ["less than the settle time does no harm", "19s", 1],
  ["more than that is found out", "10m", 2],
] as const)("a search that lags by %s", async (_how, lag, happened) => {
  makeBed().on(found).lagging(lag);
  await bed.start(byLookUp, { id: "1" });
  await bed.rest();
  expect(bed.on(found)).toMatchObject({ happened });
});

test("a system that keeps keys does a thing once, although the search for it lags", async () => {
  makeBed().on(found).lagging("10m").keyed();
  await bed.start(byLookUp, { id: "1" });
  await bed.rest();
  expect(bed.on(found)).toMatchObject({ happened: 1, calls: { length: 2 } });
});

test("an unreliable system fails by the seed of the bed, and what was planned comes first", async () => {
  const attempts: number[][] = [];
  for (const seed of [1, 1, 2]) {
    makeBed(seed)
      .on(keyed)
      .unreliable(2, [fault.refused(), fault.status(503)]);
    for (const id of ["1", "2", "3", "4", "5", "6"]) await bed.start(byKey, { id });
    await bed.rest();
    expect((await bed.runs()).map(({ state }) => state)).toEqual(Array(6).fill("completed"));
    const { calls } = bed.on(keyed);
    attempts.push(calls.map(({ attempt }) => attempt));
    await bed.close();
  }
  expect(attempts[0]).toEqual(attempts[1]);
  expect(attempts[0]).not.toEqual(attempts[2]);
  expect(attempts[0]?.length).toBeGreaterThan(7);
  makeBed();
  for (const oneIn of [0, 1.5, 10_001])
    expect(() => bed.on(keyed).unreliable(oneIn, [fault.refused()])).toThrow(
      "unreliable of effect",
    );
  expect(() => bed.on(keyed).unreliable(2, [])).toThrow("0 faults");
});
