/** What this process itself has no more of slows what is new, and nothing else. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { CallFailed } from "../../workflow/attempt.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
let erp: Counterpart;
beforeEach(() => {
  world = new TestWorld();
  erp = world.counterpart("erp", "keys");
});
afterEach(() => world.remove());

/** Nothing was sent, because there was no socket left; or because nobody listens. */
function unsent(code: string, scope: "system" | "item", origin: "local" | "network"): CallFailed {
  return new CallFailed({
    message: code,
    evidence: { phase: "none", code, callCount: 1 },
    table: {
      says: { class: "transient", effect: "never", scope, origin },
      rule: { source: "table", id: `node/${code}`, version: 1 },
    },
  });
}

async function afterFailures(count: number, error: CallFailed) {
  const act = testEffect("keyed", erp, "act", { retry: { attempts: 1 } });
  const flow = testWorkflow("flow", (input, run) => run.do(act, input));
  await world.begin([flow]);
  for (let n = 0; n < count; n += 1) {
    erp.plan("act", { kind: "throws", error });
    await world.start(flow, { id: String(n) });
    await world.settle();
  }
  return () => world.start(flow, { id: "new" });
}

test("three failed calls for want of sockets refuse what is new, for half a minute", async () => {
  const startsNew = await afterFailures(3, unsent("EMFILE", "system", "local"));
  await expect(startsNew()).rejects.toMatchObject({
    code: "HF4201",
    message: expect.stringMatching(/want of sockets, files or memory of our own/u) as unknown,
  });
  // What was accepted goes on, and so do people.
  const [{ run } = { run: 0 }] = await world.allRuns();
  await world.untilState(run, "exception", "completed");
  await world.engine.commands.cancel(run, "ana", "not needed").catch(() => undefined);
  await world.advance(30_000);
  await startsNew();
  expect(await world.allRuns()).toHaveLength(4);
});

test.each([
  ["two of them", 2, unsent("EMFILE", "system", "local")],
  ["what another system is at fault for", 3, unsent("ECONNRESET", "item", "network")],
])("%s refuses nothing", async (_name, count, error) => {
  const startsNew = await afterFailures(count, error);
  await startsNew();
  expect(await world.allRuns()).toHaveLength(count + 1);
});
