/**
 * Two hundred runs at once, other systems that fail at random, and an engine that dies at random
 * moments of virtual time. Then the faults stop, and the books are counted.
 */
import { describe, expect, test } from "vitest";
import { REPEAT_KINDS, type RepeatKind } from "../../core/contract.ts";
import { seededRandom, type SeededRandom } from "../../testing/seeded-random.ts";
import { Counterpart, type Plan } from "../counterpart.test-support.ts";
import { endsStep } from "./recovery.ts";
import { MEMORY_OF, testEffect, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const RUNS = 200;
const LIVES = 8;
const byNumber = (a: number, b: number) => a - b;

function randomPlan(random: SeededRandom): Plan {
  const happened = random.next() < 0.5;
  return random.pick<Plan>([
    { kind: "lostAnswer", happened },
    { kind: "silent", happened },
    { kind: "late", afterMs: 1_000 + random.integer(10_000) },
    { kind: "slow", takesMs: random.integer(4_000) },
    { kind: "throttled", afterMs: 1_000 + random.integer(20_000) },
    { kind: "no", class: "transient" },
    { kind: "no", class: "contention" },
    { kind: "refused" },
  ]);
}

/** Fails about every third request while `isCalm` is false; keeps its declared settle time. */
class StormySystem {
  readonly system: Counterpart;
  /** A read changes nothing, so there is nothing to count. */
  readonly changes: boolean;
  isCalm = false;
  fired = 0;

  constructor(world: TestWorld, kind: RepeatKind, random: SeededRandom) {
    this.system = world.counterpart(kind, MEMORY_OF[kind]);
    this.changes = kind !== "read";
    const call = this.system.call.bind(this.system);
    this.system.call = (action, id, attempt) => {
      if (!this.isCalm && random.next() < 0.35) {
        this.fired += 1;
        this.system.plan(action, randomPlan(random));
      }
      return call(action, id, attempt);
    };
  }
}

describe.each([1, 2, 3])("a storm (seed %s)", (seed) => {
  test("doubles and loses nothing, and leaves nothing without an owner", async () => {
    const random = seededRandom(seed, "storm");
    const world = new TestWorld(seed);
    try {
      const systems = REPEAT_KINDS.map((kind) => new StormySystem(world, kind, random));
      const effects = systems.map(({ system }, index) =>
        testEffect(REPEAT_KINDS[index] ?? "read", system, "act", {
          settle: "15s",
          retry: { attempts: 50, within: "6h" },
        }),
      );
      for (const [index, effect] of effects.entries())
        Object.assign(effect, { name: `act-${REPEAT_KINDS[index] ?? ""}` });
      const flow = testWorkflow("flow", async (input, run) => {
        const order = seededRandom(input.id, "order").shuffle(effects);
        const [a, b, ...rest] = order;
        if (a === undefined || b === undefined) return null;
        await Promise.all([
          run.do(a, input),
          run.step("think", () => input.id).then(() => run.do(b, input)),
        ]);
        if (Number(input.id) % 3 === 0) await run.sleep("20s");
        for (const effect of rest) await run.do(effect, input);
        return input.id;
      });
      for (let life = 0; life < LIVES; life += 1) {
        await world.begin([flow]);
        for (let n = 0; n < RUNS / LIVES; n += 1)
          void world.engine
            .startRun(flow, { id: String(life * (RUNS / LIVES) + n) })
            .catch(() => undefined);
        await world.settle();
        const timers = 20 + random.integer(120);
        for (let fired = 0; fired < timers && world.clock.fireNext(); fired += 1)
          await world.settle();
        await world.crash();
        world.clock.setMs(world.clock.nowMs() + random.integer(5_000));
      }
      for (const stormy of systems) stormy.isCalm = true;
      await world.begin([flow]);
      await world.advance(6 * 3_600_000);

      const rows = await world.allRuns();
      expect(rows).toHaveLength(RUNS);
      const open = (await world.exceptions()).filter((exception) => exception.closedAtMs === null);
      const completed = rows.filter((row) => row.state === "completed");
      const left = rows.filter((row) => row.state !== "completed");
      // Only what nobody can look up may be left, with somebody who is told.
      expect(left.map((row) => row.state)).toEqual(left.map(() => "exception"));
      expect(open.map((one) => one.run).toSorted(byNumber)).toEqual(
        left.map((row) => row.run).toSorted(byNumber),
      );
      for (const one of open)
        expect(one).toMatchObject({
          effectName: "act-once",
          owner: "team-once",
          class: "ambiguous",
        });
      // Not vacuous.
      for (const { fired } of systems) expect(fired).toBeGreaterThan(20);
      expect(completed.length).toBeGreaterThan(RUNS / 3);
      for (const { system } of systems.filter((one) => one.changes)) {
        for (const row of rows)
          expect(system.count("act", row.key), `${system.name} of ${row.key}`).toBeLessThanOrEqual(
            1,
          );
        for (const row of completed)
          expect(system.count("act", row.key), `${system.name} of ${row.key}`).toBe(1);
      }
      // Each step has one end.
      for (const row of rows.slice(0, 40)) {
        const ends = (await world.records(row.run)).filter(endsStep).map((record) => record.name);
        expect(new Set(ends).size).toBe(ends.length);
      }
    } finally {
      await world.remove();
    }
  });
});
