/** What an attempt costs its integration's budget of retries. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EffectRecord } from "../../core/effect-record.ts";
import { foldEffect, FRESH_EFFECT } from "../../core/effect-state.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let erp: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  erp = world.counterpart("erp", "keys");
});
afterEach(() => world.remove());

test("only the attempt that a person has let go is free", () => {
  const resumed = { kind: "resumed", seq: 5, attempt: 0, atMs: 0, data: null, head: { by: "ana" } };
  const waiting = { ...FRESH_EFFECT, next: { kind: "person", move: "repair", opened: 4 } as const };
  const state = foldEffect(waiting, resumed as EffectRecord);
  expect(state).toMatchObject({ isReplayed: true, isAskedFor: true });
  const intent = {
    kind: "intent",
    seq: 6,
    attempt: 2,
    atMs: 0,
    data: null,
    head: { operation: 2, effect: "act", contract: "keyed", generation: 1 },
  };
  const sent = foldEffect({ ...state, operation: 2 }, intent as EffectRecord);
  expect(sent).toMatchObject({ isReplayed: true, isAskedFor: false });
});

test("the owner of a part of an integration is that of the whole", async () => {
  const on = testIntegration("erp", { owner: "team-erp" });
  const act = testEffect("keyed", erp, "act", { on, group: "invoices" });
  const flow = testWorkflow("flow", (input, run) => run.do(act, input));
  erp.always("act", { kind: "no", class: "misconfigured" });
  await world.begin([flow]);
  for (const id of ["1", "2", "3"]) await world.start(flow, { id });
  await world.advance(60_000);
  const parked = (await world.exceptions()).find(({ reasonCode }) => reasonCode === "HF3006");
  expect(parked).toMatchObject({ owner: "team-erp", integration: "erp/invoices" });
});
