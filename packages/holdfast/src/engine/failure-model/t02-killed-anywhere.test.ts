/**
 * T2 of the failure model: the process dies at each flush of the journal in turn, before it is durable
 * and after. The other system counts what was really done. With a process and SIGKILL the same is
 * tests/kill.test.ts.
 */
import { expect, test } from "vitest";
import type { RepeatKind } from "../../core/contract.ts";
import { MEMORY_OF, testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

/** Flushes of one story at most. */
const FLUSHES_MAX = 20;

interface Ending {
  /** False: the story had fewer flushes than that. */
  readonly died: boolean;
  readonly doneCount: number;
  readonly state: string;
  readonly openCount: number;
}

async function story(
  kind: RepeatKind,
  dieAt: number,
  fate: "diesBefore" | "diesAfter",
): Promise<Ending> {
  const world = new TestWorld();
  try {
    const system = world.counterpart("erp", MEMORY_OF[kind]);
    const act = testEffect(kind, system, "act", kind === "probeable" ? {} : { undo: "none" });
    const flow = testWorkflow("flow", async (input, run) => {
      await run.step("before", () => 1);
      const { ref } = await run.do(act, input);
      await run.sleep("10m");
      return ref;
    });
    await world.begin([flow], { fateOf: ({ number }) => (number === dieAt ? fate : "applied") });
    void world.engine.startRun(flow, { id: "1" }).catch(() => undefined);
    await world.advance(900_000);
    const died = world.life.watched.isDead;
    await world.crash();
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await world.untilState(run, "completed", "exception");
    const open = (await world.exceptions(run)).filter((one) => one.closedAtMs === null);
    return {
      died,
      doneCount: system.count("act"),
      state: await world.stateOf(run),
      openCount: open.length,
    };
  } finally {
    await world.remove();
  }
}

async function everywhere(kind: RepeatKind, look: (ending: Ending) => void): Promise<number> {
  let deaths = 0;
  for (const fate of ["diesBefore", "diesAfter"] as const) {
    for (let dieAt = 2; dieAt < FLUSHES_MAX; dieAt += 1) {
      const ending = await story(kind, dieAt, fate);
      look(ending);
      if (!ending.died) break;
      deaths += 1;
    }
  }
  return deaths;
}

test.each(["idempotent", "keyed", "probeable"] as const)(
  "%s: it is done one time, wherever the process died, and the run completes",
  async (kind) => {
    const deaths = await everywhere(kind, ({ doneCount, state, openCount }) => {
      expect({ doneCount, state, openCount }).toEqual({
        doneCount: 1,
        state: "completed",
        openCount: 0,
      });
    });
    // The start, the intent, its end and the end of the run, each before and after.
    expect(deaths).toBeGreaterThanOrEqual(6);
  },
);

test("once: it is done one time at most, and where that is unknown a person is asked", async () => {
  const ends = new Map<string, number>();
  await everywhere("once", ({ doneCount, state, openCount }) => {
    expect(doneCount).toBeLessThanOrEqual(1);
    // Completed, or one question that is open; nothing in between.
    expect(openCount).toBe(state === "exception" ? 1 : 0);
    ends.set(state, (ends.get(state) ?? 0) + 1);
  });
  expect([...ends.keys()].toSorted()).toEqual(["completed", "exception"]);
});
