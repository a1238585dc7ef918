import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { effect } from "../../workflow/effect.ts";
import type { KeyReplays } from "../../core/contract.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { ANSWER, integrationOf, REFERENCE, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let psp: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  psp = world.counterpart("psp", "keys");
});
afterEach(() => world.remove());

function charging(replays: KeyReplays, keyWindow: "24h" | "20s" = "24h") {
  const charge = effect("charge", {
    on: integrationOf(psp),
    timeout: "5s",
    settle: "20s",
    repeat: "keyed",
    keyWindow,
    replays,
    input: REFERENCE,
    output: ANSWER,
    run: (input, attempt) => psp.call("charge", input.id, attempt),
  });
  return testWorkflow("flow", async (input, run) => {
    const outcome = await run.try(charge, input, { handOver: true });
    return outcome.ok ? "charged" : [outcome.failure.class, outcome.failure.effect];
  });
}

/** The first answer is lost, the second is a definite no. */
async function declined(replays: KeyReplays, failureClass: "policy" | "permanent" | "data") {
  const flow = charging(replays);
  psp.plan("charge", { kind: "lostAnswer", happened: false }, { kind: "no", class: failureClass });
  await world.begin([flow]);
  return { run: await world.start(flow, { id: "1" }), flow };
}

describe("a definite no to a repeat under the same key, after a lost answer", () => {
  test.each([
    ["non5xx", "policy"],
    ["non5xx", "permanent"],
    ["non5xx", "data"],
    ["all", "policy"],
  ] as const)(
    "proves that nothing happened where the key keeps it (%s, %s)",
    async (replays, cls) => {
      const { run } = await declined(replays, cls);
      expect(await world.resultOf(run)).toEqual([cls, "never"]);
      const [row] = await world.effects(run);
      expect(row).toMatchObject({ proof: "never", ended: true, attempts: 2 });
      expect(await world.exceptions(run)).toEqual([]);
    },
  );

  test.each(["2xx", "redrives"] as const)(
    "leaves open whether the lost attempt did it where the key does not (%s)",
    async (replays) => {
      const { run } = await declined(replays, "permanent");
      expect(await world.resultOf(run)).toEqual(["ambiguous", "maybe"]);
      expect((await world.effects(run))[0]).toMatchObject({ proof: "maybe", ended: false });
      expect(await world.exceptions(run)).toMatchObject([{ class: "ambiguous" }]);
    },
  );

  test.each([404, 405, 413])(
    "says nothing of the lost attempt, which did it, if it comes from a router (%s)",
    async (status) => {
      const flow = charging("all");
      const no = { kind: "no", class: "permanent", status } as const;
      psp.plan("charge", { kind: "lostAnswer", happened: true }, no);
      await world.begin([flow]);
      const run = await world.start(flow, { id: "1" });
      expect(await world.resultOf(run)).toEqual(["ambiguous", "maybe"]);
      expect((await world.effects(run))[0]).toMatchObject({ proof: "maybe", ended: false });
      expect(await world.exceptions(run)).toMatchObject([{ class: "ambiguous" }]);
      expect(psp.ledger).toHaveLength(1);
    },
  );

  test("still says so after a crash: it is in the journal, and the fold reads it", async () => {
    const flow = charging("non5xx");
    const after = testWorkflow("after", async (input, run) => {
      await run.call(flow, input);
      await run.sleep("1h");
      return null;
    });
    psp.plan("charge", { kind: "lostAnswer", happened: false }, { kind: "no", class: "policy" });
    await world.begin([flow, after]);
    const run = await world.start(after, { id: "1" });
    await world.advance(60_000);
    await world.crash();
    await world.begin([flow, after]);
    await world.untilState(run, "completed");
    const [child] = (await world.allRuns()).filter((row) => row.workflow === "flow");
    expect((await world.effects(child?.run ?? 0))[0]).toMatchObject({ proof: "never" });
  });
});
