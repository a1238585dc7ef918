import fc from "fast-check";
import { expect, test } from "vitest";
import type { Run } from "../../workflow/run.ts";
import { endsStep } from "../run/recovery.ts";
import {
  MEMORY_OF,
  testEffect,
  testWorkflow,
  type TestEffect,
} from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";
import type { FlushFate } from "../../testing/bed/watched-store.ts";

/** A workflow as data: what it asks for, and in which order. `ms` is how long a thing takes. */
type Shape =
  | { readonly kind: "step" | "slowStep" | "effect" | "sleep" | "throws"; readonly ms: number }
  | { readonly kind: "hop"; readonly count: number }
  | { readonly kind: "now" | "random" | "uuid" }
  | { readonly kind: "seq" | "all" | "race"; readonly parts: readonly Shape[] }
  | { readonly kind: "loop"; readonly times: number; readonly part: Shape };

const leaf: fc.Arbitrary<Shape> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("step", "slowStep", "effect", "sleep", "throws" as const),
    ms: fc.integer({ min: 0, max: 40 }).map((n) => n * 100),
  }),
  // Code of its own that is not recorded, but always takes the same number of turns.
  fc.record({ kind: fc.constant("hop" as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constantFrom("now", "random", "uuid" as const) }),
);
const { someShape } = fc.letrec<{ someShape: Shape }>((tie) => ({
  someShape: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.record({
      kind: fc.constantFrom("seq", "all", "race" as const),
      parts: fc.array(tie("someShape"), { minLength: 1, maxLength: 4 }),
    }),
    fc.record({
      kind: fc.constant("loop" as const),
      times: fc.integer({ min: 1, max: 3 }),
      part: tie("someShape"),
    }),
  ),
}));

/** Enough in it to be worth a crash. */
const someBody: fc.Arbitrary<Shape> = fc.record({
  kind: fc.constantFrom("seq", "all" as const),
  parts: fc.array(someShape, { minLength: 3, maxLength: 6 }),
});

const someDeaths = fc.array(
  fc.record({
    atFlush: fc.integer({ min: 2, max: 7 }),
    fate: fc.constantFrom("diesBefore", "diesAfter" as const),
  }),
  { minLength: 1, maxLength: 3 },
);

/** Carries a shape out, and notes what it asks for and what it sees, in order. */
class Walker {
  readonly trace: string[] = [];
  readonly #world: TestWorld;
  readonly #run: Run;
  readonly #act: TestEffect;

  constructor(world: TestWorld, run: Run, act: TestEffect) {
    this.#world = world;
    this.#run = run;
    this.#act = act;
  }

  async walk(shape: Shape, path: string): Promise<string> {
    switch (shape.kind) {
      case "step":
        return this.#note(path, () => this.#run.step("s", () => path, { as: path }));
      case "slowStep":
        return this.#note(path, () =>
          this.#run.step("s", () => this.#after(shape.ms, path), { as: path }),
        );
      case "throws":
        return this.#note(path, () =>
          this.#run
            .step(
              "s",
              () => this.#after(shape.ms, path).then(() => Promise.reject(new Error(path))),
              { as: path },
            )
            .catch((error: unknown) => String(error)),
        );
      case "effect":
        return this.#note(
          path,
          async () => (await this.#run.do(this.#act, { id: path }, { as: path })).ref,
        );
      case "sleep":
        return this.#note(path, async () => {
          await this.#run.sleep(`${shape.ms}ms`, { as: path });
          return "slept";
        });
      case "hop":
        for (let n = 0; n < shape.count; n += 1) await Promise.resolve();
        return "hopped";
      case "now":
        return this.#note(path, async () => String(this.#run.now(path).getTime()));
      case "random":
        return this.#note(path, async () => String(this.#run.random(path)));
      case "uuid":
        return this.#note(path, async () => this.#run.uuid(path));
      case "seq": {
        let last = "";
        for (const [n, part] of shape.parts.entries())
          last = await this.walk(part, `${path}.${String(n)}`);
        return last;
      }
      case "all":
        return (await Promise.all(this.#parts(shape.parts, path))).join("|");
      case "race":
        return Promise.race(this.#parts(shape.parts, path));
      case "loop": {
        let last = "";
        for (let n = 0; n < shape.times; n += 1)
          last = await this.walk(shape.part, `${path}#${String(n)}`);
        return last;
      }
    }
  }

  #parts(parts: readonly Shape[], path: string): Promise<string>[] {
    return parts.map((part, n) => this.walk(part, `${path}.${String(n)}`));
  }

  #after(ms: number, value: string): Promise<string> {
    return new Promise((resolve) => this.#world.clock.after(ms, () => resolve(value)));
  }

  async #note(path: string, verb: () => Promise<string>): Promise<string> {
    this.trace.push(`ask ${path}`);
    const value = await verb();
    this.trace.push(`got ${path} = ${value}`);
    return value;
  }
}

/** What the code saw up to and with its n-th recorded answer. */
function upToAnswer(trace: readonly string[], count: number): readonly string[] {
  let seen = 0;
  for (const [index, line] of trace.entries()) {
    // What `now`, `random` and `uuid` answer has no place in the order of answers.
    if (line.startsWith("got ") && !/ = (\d+|0\.\d+.*|[0-9a-f-]{36})$/.test(line)) seen += 1;
    if (seen === count) return trace.slice(0, index + 1);
  }
  return trace;
}

/** One try of the property: lives that end by the given deaths, and one that ends well. */
class Trial {
  readonly #world = new TestWorld();
  readonly #body: Shape;
  /** One for each time that the code was run in this life: also when a sleeping run came back. */
  #walkers: Walker[] = [];
  /** What the code must see again, at least. */
  #kept: readonly string[] = [];
  #run = 0;
  /** What was seen on the way, and what had been seen there before. */
  readonly pairs: { readonly seen: readonly string[]; readonly before: readonly string[] }[] = [];
  /** Work that was done more than once. */
  doubled: readonly string[] = [];

  constructor(body: Shape) {
    this.#body = body;
  }

  async go(
    deaths: readonly { readonly atFlush: number; readonly fate: FlushFate }[],
  ): Promise<void> {
    const world = this.#world;
    const system = world.counterpart("sys", MEMORY_OF.keyed);
    const act = testEffect("keyed", system, "act");
    const call = system.call.bind(system);
    system.call = async (action, id, attempt) => {
      await new Promise<void>((resolve) => world.clock.after((id.length % 5) * 300, resolve));
      return call(action, id, attempt);
    };
    const flow = testWorkflow("flow", async (_input, run) => {
      const walker = new Walker(world, run, act);
      this.#walkers.push(walker);
      return walker.walk(this.#body, "r");
    });
    for (const death of deaths) await this.#live(flow, death);
    await this.#live(flow, null);
    this.doubled = system.ledger.map((row) => row.id).filter((id) => system.count("act", id) !== 1);
  }

  async #live(
    flow: ReturnType<typeof testWorkflow>,
    death: { readonly atFlush: number; readonly fate: FlushFate } | null,
  ): Promise<void> {
    const world = this.#world;
    this.#walkers = [];
    await world.begin([flow], {
      // Its one run is at work whenever it dies, and is not to be put away for that.
      limits: { crashesMax: 1_000 },
      fateOf: (flush) => (flush.number === death?.atFlush ? death.fate : "applied"),
    });
    if (this.#run === 0 && !world.life.watched.isDead) {
      void world.engine.startRun(flow, { id: "1" }).catch(() => undefined);
      await world.settle();
      this.#run = (await world.allRuns())[0]?.run ?? 0;
    }
    if (death === null) await world.untilState(this.#run, "completed");
    else await this.#untilDead(flow.name);
    this.#compare();
    if (death === null) return;
    await world.crash();
    const last = this.#walkers.at(-1);
    if (last === undefined) return;
    const answers = this.#run === 0 ? 0 : await durableAnswers(world, this.#run);
    this.#kept = upToAnswer(last.trace, answers);
  }

  /** Or until nothing is left to be done: then the process dies in its sleep. */
  async #untilDead(workflow: string): Promise<void> {
    const world = this.#world;
    const ended = () =>
      world.life.events.some((e) => e.type === "run.finished" && e.workflow === workflow);
    for (let n = 0; n < 100 && !world.life.watched.isDead && !ended(); n += 1) {
      await world.settle();
      world.clock.fireNext();
    }
  }

  #compare(): void {
    for (const { trace } of this.#walkers) {
      const shared = Math.min(this.#kept.length, trace.length);
      this.pairs.push({ seen: trace.slice(0, shared), before: this.#kept.slice(0, shared) });
      // What is left in memory when a run goes to sleep is on record, all of it.
      this.#kept = trace;
    }
  }

  async remove(): Promise<void> {
    await this.#world.remove();
  }
}

async function durableAnswers(world: TestWorld, run: number): Promise<number> {
  const records = await world.records(run);
  return records.filter(endsStep).length;
}

test("recovery takes the same path again as far as the journal goes, whatever the code's shape", async () => {
  let linesCompared = 0;
  const property = fc.asyncProperty(someBody, someDeaths, async (body, deaths) => {
    const trial = new Trial(body);
    try {
      await trial.go(deaths);
      for (const { seen, before } of trial.pairs) expect(seen).toEqual(before);
      expect(trial.doubled).toEqual([]);
      for (const { seen } of trial.pairs) linesCompared += seen.length;
    } finally {
      await trial.remove();
    }
  });
  await fc.assert(property, { numRuns: 100 });
  // Shapes that never sleep and never crash would prove nothing.
  expect(linesCompared).toBeGreaterThan(500);
});
