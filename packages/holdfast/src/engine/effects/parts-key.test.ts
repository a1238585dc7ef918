/** What is left of a batch is another request than the whole: R15 and R37 of the failure model. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { Part } from "../../core/parts.ts";
import { effect } from "../../workflow/effect.ts";
import { testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const LINES = ["line 1", "line 2", "line 3"];

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

class LinesFailed extends Error {
  readonly parts: readonly Part[];
  constructor(parts: readonly Part[]) {
    super("some lines were not posted");
    this.parts = parts;
  }
}

/** As a system that drops repeats of a key: it answers them as before, whatever they ask for. */
function ledgerWithKeys() {
  const answers = new Map<string, readonly string[]>();
  const posted: string[] = [];
  const keys: string[] = [];
  let closed = true;
  return {
    posted,
    keys,
    reopen: () => {
      closed = false;
    },
    post(key: string, lines: readonly string[]): readonly string[] {
      keys.push(key);
      const before = answers.get(key);
      if (before !== undefined) return before;
      const refused: readonly string[] = closed ? lines.filter((line) => line === "line 2") : [];
      posted.push(...lines.filter((line) => !refused.includes(line)));
      answers.set(key, refused);
      return refused;
    },
  };
}

test("goes under a key of its own, which stays over a crash and further attempts", async () => {
  const ledger = ledgerWithKeys();
  const ofLine2 = new Set<string>();
  let isLost = false;
  let dies = false;
  const lines = effect("post-lines", {
    on: testIntegration("ledger"),
    input: z.object({ id: z.string() }),
    output: z.object({ posted: z.number() }),
    byParts: true,
    repeat: "keyed",
    keyWindow: "24h",
    classify: (error: unknown) => {
      if (!(error instanceof LinesFailed)) return undefined;
      // Without parts: the answer was lost.
      if (error.parts.length === 0) return { class: "transient", effect: "maybe" };
      return { class: "data", reasonCode: "LEDGER:LINES", parts: error.parts };
    },
    run: async (_input, attempt) => {
      const rest = LINES.filter((line) => !attempt.partsDone.includes(line));
      const refused = ledger.post(attempt.key, rest);
      ofLine2.add(attempt.keyOf("line 2"));
      if (dies) {
        world.life.watched.isDead = true;
        await new Promise<never>(() => undefined);
      }
      if (isLost) throw new LinesFailed([]);
      if (refused.length === 0) return { posted: rest.length };
      throw new LinesFailed(
        rest.map((name) => ({ name, effect: refused.includes(name) ? "never" : "surely" })),
      );
    },
  });
  const flow = testWorkflow("flow", (input, run) => run.do(lines, input));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.untilState(run, "exception");
  ledger.reopen();
  isLost = true;
  dies = true;
  void world.engine.commands.resume(run, null, "ann", "it is open again").catch(() => undefined);
  await world.advance(1_000);
  await world.crash();
  dies = false;
  await world.begin([flow]);
  await world.advance(1_000);
  isLost = false;
  await world.advance(600_000);
  expect(await world.stateOf(run)).toBe("completed");
  expect(ledger.posted).toEqual(["line 1", "line 3", "line 2"]);
  expect(new Set(ledger.keys).size).toBe(2);
  expect([...ofLine2]).toEqual([`${ledger.keys[0] ?? ""}/line 2`]);
  expect(ledger.keys.lastIndexOf(ledger.keys[0] ?? "")).toBe(0);
  expect(ledger.keys.length).toBeGreaterThan(2);
});
