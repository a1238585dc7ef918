/** R37 of the failure model: of one operation some parts are done, and others are not. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Classified } from "../../core/failure.ts";
import type { Part } from "../../core/parts.ts";
import type { SaidParts } from "../../core/said-parts.ts";
import { parseJson } from "../../core/json-text.ts";
import { CallFailed } from "../../workflow/attempt.ts";
import { effect } from "../../workflow/effect.ts";
import { done, notDone } from "../../workflow/seen.ts";
import { testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const LINES = ["line 1", "line 2", "line 3"] as const;

/** What the ledger answers of one line: posted, refused, or nothing. */
type Line = "posted" | "refused" | "lost";

class LinesFailed extends Error {
  readonly says: Classified;

  constructor(says: Classified) {
    super("207 Multi-Status");
    this.says = says;
  }
}

let world: TestWorld;
/** Lines that were posted, in their order; each once, if all is well. */
let posted: string[];
/** How each line ends from now on; those not named are posted. */
let fate: Record<string, Line>;
/** Why the lines that are refused are refused. */
let refusal: Classified["class"];
beforeEach(() => {
  world = new TestWorld();
  posted = [];
  fate = {};
  refusal = "data";
});
afterEach(() => world.remove());

function post(names: readonly string[]): { posted: number } {
  const parts = names.map((name): Part => {
    const line = fate[name] ?? "posted";
    if (line !== "refused") posted.push(name);
    if (line === "posted") return { name, effect: "surely" };
    return line === "lost"
      ? { name, effect: "maybe" }
      : { name, effect: "never", reason: "closed account" };
  });
  if (parts.every((part) => part.effect === "surely")) return { posted: names.length };
  throw new LinesFailed({ class: refusal, reasonCode: "LEDGER:LINES", parts });
}

function flowOf(byParts: boolean, repeat: "once" | "probeable" = "once") {
  const common = {
    on: testIntegration("ledger"),
    input: z.object({ id: z.string() }),
    output: z.object({ posted: z.number() }),
    byParts,
    classify: (error: unknown) => (error instanceof LinesFailed ? error.says : undefined),
    run: (_input: unknown, attempt: { readonly partsDone: readonly string[] }) =>
      Promise.resolve(post(LINES.filter((name) => !byParts || !attempt.partsDone.includes(name)))),
  };
  const lines =
    repeat === "once"
      ? effect("post-lines", { ...common, repeat: "once" })
      : effect("post-lines", {
          ...common,
          repeat: "probeable",
          settle: "20s",
          probe: () => Promise.resolve({ seen: "notDone", final: true } as const),
        });
  return testWorkflow("flow", (input, run) => run.do(lines, input));
}

async function begun(...of: Parameters<typeof flowOf>): Promise<number> {
  const flow = flowOf(...of);
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.settle();
  return run;
}

async function settled(run: number, happened: boolean) {
  const [row] = await world.effects(run);
  return await world.engine.commands.settle({
    run,
    operation: row?.operation ?? 0,
    happened,
    value: happened ? { posted: 3 } : null,
    ref: null,
    by: "ann",
    reason: "looked at the ledger",
  });
}

const resume = (run: number) => world.engine.commands.resume(run, null, "ann", "mended");

describe("an operation that was done in part", () => {
  test("says which parts were not done and why, and waits for a person", async () => {
    fate = { "line 2": "refused" };
    const run = await begun(false);
    const [exception] = await world.exceptions(run);
    expect(exception).toMatchObject({ effect: "partial", class: "ambiguous" });
    expect(exception?.because).toContain(
      "2 of the 3 parts that were named were done; not done: line 2 (closed account)",
    );
    expect((await world.effects(run))[0]).toMatchObject({ proof: "partial", ended: false });
  });

  test("is not sent again by what somebody says, and ends when the rest was done by hand", async () => {
    fate = { "line 2": "refused" };
    const run = await begun(false);
    await expect(settled(run, false)).rejects.toMatchObject({
      code: "HF6003",
      message: expect.stringContaining("done in part (line 1, line 3)") as unknown,
    });
    await expect(resume(run)).rejects.toMatchObject({
      code: "HF6004",
    });
    await settled(run, true);
    expect(await world.resultOf(run)).toEqual({ posted: 3 });
    expect(posted).toEqual(["line 1", "line 3"]);
  });

  test("goes on with the rest alone, when a person lets it", async () => {
    fate = { "line 2": "refused" };
    const run = await begun(true);
    const [exception] = await world.exceptions(run);
    expect(exception).toMatchObject({ effect: "partial", class: "data" });
    fate = {};
    await resume(run);
    expect(await world.resultOf(run)).toEqual({ posted: 1 });
    expect(posted).toEqual(["line 1", "line 3", "line 2"]);
  });

  test("is finished by hand, where it could also have gone on", async () => {
    fate = { "line 2": "refused" };
    const run = await begun(true);
    await settled(run, true);
    expect(await world.resultOf(run)).toEqual({ posted: 3 });
    expect(posted).toEqual(["line 1", "line 3"]);
  });

  test("is repeated by itself for the rest alone, also by the next process", async () => {
    refusal = "throttled";
    fate = { "line 2": "refused" };
    const run = await begun(true);
    await world.crash();
    fate = {};
    await world.begin([flowOf(true)]);
    expect(await world.resultOf(run)).toEqual({ posted: 1 });
    expect(posted).toEqual(["line 1", "line 3", "line 2"]);
  });

  test("is not sent again over a part of which nobody knows", async () => {
    fate = { "line 2": "refused", "line 3": "lost" };
    const run = await begun(true);
    const [exception] = await world.exceptions(run);
    expect(exception?.because).toContain("nobody knows of: line 3");
    await expect(resume(run)).rejects.toMatchObject({
      code: "HF6004",
    });
    expect(posted).toEqual(["line 1", "line 3"]);
  });

  test("is looked up no more as a whole, but asked about, when its rest gets no answer", async () => {
    fate = { "line 2": "refused" };
    const run = await begun(true);
    fate = { "line 2": "lost" };
    await resume(run);
    await world.untilState(run, "exception");
    expect((await world.effects(run))[0]).toMatchObject({ proof: "partial" });
    await expect(resume(run)).rejects.toMatchObject({
      code: "HF6004",
    });
    expect(posted).toEqual(["line 1", "line 3", "line 2"]);
  });

  test("keeps what was done when a look-up finds nothing of the rest", async () => {
    fate = { "line 2": "refused" };
    const run = await begun(true, "probeable");
    fate = { "line 2": "lost" };
    refusal = "transient";
    await resume(run);
    await world.settle();
    posted = posted.filter((name) => name !== "line 2");
    fate = {};
    expect(await world.resultOf(run)).toEqual({ posted: 1 });
    expect(posted).toEqual(["line 1", "line 3", "line 2"]);
  });

  test("is not given up with what was done, but asked about", async () => {
    refusal = "permanent";
    fate = { "line 2": "refused" };
    const run = await begun(true);
    expect(await world.stateOf(run)).toBe("exception");
    const [exception] = await world.exceptions(run);
    expect(exception?.because).toContain("refused for good");
    await settled(run, true);
    expect(await world.resultOf(run)).toEqual({ posted: 3 });
  });

  test("that is called off waits for somebody to say what became of the rest", async () => {
    fate = { "line 2": "refused" };
    const run = await begun(true);
    await world.engine.commands.cancel(run, "ann", "not wanted");
    await world.settle();
    const open = (await world.exceptions(run)).filter((one) => one.closedAtMs === null);
    expect(open).toMatchObject([{ effect: "partial", class: "ambiguous" }]);
    await settled(run, true);
    await world.untilState(run, "cancelled");
    // It stays outside, and its owner is told: nobody has declared how to undo it.
    expect((await world.exceptions(run)).at(-1)).toMatchObject({ reasonCode: "HF3004" });
  });
});

async function said(run: number, parts: SaidParts) {
  const [row] = await world.effects(run);
  await world.engine.commands.settle({
    run,
    operation: row?.operation ?? 0,
    happened: false,
    parts,
    value: null,
    ref: null,
    by: "ann",
    reason: "looked at the ledger",
  });
}

describe("what somebody says of each part", () => {
  test("has the rest sent alone, also by the next process", async () => {
    fate = { "line 2": "refused", "line 3": "lost" };
    const run = await begun(true);
    fate = { "line 2": "refused" };
    refusal = "throttled";
    await said(run, { "line 3": "happened" });
    await world.settle();
    await world.crash();
    fate = {};
    await world.begin([flowOf(true)]);
    expect(await world.resultOf(run)).toEqual({ posted: 1 });
    expect(posted).toEqual(["line 1", "line 3", "line 2"]);
    expect((await world.effects(run))[0]).toMatchObject({ proof: "surely", attempts: 3 });
  });

  test("has sent again what did not happen", async () => {
    fate = { "line 2": "lost", "line 3": "lost" };
    const run = await begun(true);
    posted = posted.filter((name) => name !== "line 3");
    fate = {};
    await said(run, { "line 2": "happened", "line 3": "not" });
    expect(await world.resultOf(run)).toEqual({ posted: 1 });
    expect(posted).toEqual(["line 1", "line 2", "line 3"]);
  });

  test("is looked up once more before the rest is sent, where there is a look-up", async () => {
    fate = { "line 2": "refused", "line 3": "lost" };
    const run = await begun(true, "probeable");
    await world.untilState(run, "exception");
    fate = {};
    await said(run, { "line 3": "happened" });
    expect(await world.resultOf(run)).toEqual({ posted: 1 });
    expect((await world.records(run)).filter(({ kind }) => kind === "probe")).toHaveLength(1);
    expect(posted).toEqual(["line 1", "line 3", "line 2"]);
  });

  test("leaves its step open until the rest has ended", async () => {
    fate = { "line 2": "refused", "line 3": "lost" };
    const run = await begun(true);
    refusal = "throttled";
    await said(run, { "line 3": "happened" });
    await world.settle();
    expect((await world.effects(run))[0]).toMatchObject({ proof: "partial", ended: false });
    const open = (await world.exceptions(run)).filter(({ closedAtMs }) => closedAtMs === null);
    expect(open).toEqual([]);
  });

  test.each<[string, boolean, SaidParts, RegExp]>([
    ["an effect that sends the whole", false, { "line 3": "happened" }, /leaves out no parts/u],
    ["a part of another name", true, { "line 33": "happened" }, /Did you mean "line 3"/u],
  ])("is refused of %s", async (_what, byParts, parts, message) => {
    fate = { "line 2": "refused", "line 3": "lost" };
    const run = await begun(byParts);
    await expect(said(run, parts)).rejects.toMatchObject({
      code: "HF6003",
      message: expect.stringMatching(message) as unknown,
    });
    expect(posted).toEqual(["line 1", "line 3"]);
  });

  test("is refused where nothing more is sent: its run is taken back, or has ended", async () => {
    fate = { "line 2": "refused", "line 3": "lost" };
    const run = await begun(true);
    await world.engine.commands.cancel(run, "ann", "not wanted");
    await world.settle();
    await expect(said(run, { "line 3": "happened" })).rejects.toMatchObject({
      code: "HF6003",
      message: expect.stringContaining("Nothing more") as unknown,
    });
  });

  test("is refused where its name is not on record as the effect knows it", async () => {
    fate = { "line 2": "refused", "line 3": "lost" };
    const lines = effect("post-lines", {
      on: testIntegration("ledger"),
      repeat: "once",
      input: z.object({ id: z.string() }),
      output: z.object({ posted: z.number() }),
      sensitive: ["/id"],
      byParts: true,
      classify: (error: unknown) => (error instanceof LinesFailed ? error.says : undefined),
      run: () => Promise.resolve(post(LINES)),
    });
    const flow = testWorkflow("flow", (input, run) => run.do(lines, input));
    await world.begin([flow]);
    const run = await world.start(flow, { id: "line 3" });
    await world.settle();
    await expect(said(run, { "[masked]": "happened" })).rejects.toMatchObject({
      code: "HF6003",
      message: expect.stringContaining("is masked") as unknown,
    });
  });

  test("takes two people, where it may be done only once", async () => {
    fate = { "line 2": "refused", "line 3": "lost" };
    const run = await begun(true);
    const [row] = await world.effects(run);
    const { repairs } = world.engine.commands;
    const order = { run, operation: row?.operation ?? 0, happened: false, value: null, ref: null };
    const made = await repairs.settle({
      ...order,
      parts: { "line 3": "happened" },
      by: "ann",
      reason: "looked",
    });
    expect(made.proposal).not.toBeNull();
    expect(posted).toEqual(["line 1", "line 3"]);
    const other = await repairs.settle({
      ...order,
      parts: { "line 3": "happened", "line 2": "not" },
      by: "ann",
      reason: "looked",
    });
    expect(other.proposal).not.toBe(made.proposal);
    fate = {};
    await repairs.decide({
      run,
      seq: made.proposal ?? 0,
      approve: true,
      by: "bob",
      reason: "seen",
      command: null,
    });
    expect(await world.resultOf(run)).toEqual({ posted: 1 });
    const settledRecord = (await world.records(run)).find(({ kind }) => kind === "settled");
    expect(parseJson(settledRecord?.head ?? "")).toMatchObject({
      proof: "partial",
      partsDone: ["line 1", "line 3"],
      approvedBy: "bob",
    });
  });
});

test("the rest is looked up once more before it is sent after an outage", async () => {
  const seen: string[] = [];
  let sent = 0;
  let isDown = false;
  let hasLanded = false;
  const down = new CallFailed({
    message: "refused",
    evidence: { phase: "none", code: "ECONNREFUSED", callCount: 1 },
    table: {
      says: { class: "unavailable", effect: "never", scope: "dependency", origin: "network" },
      rule: { source: "table", id: "t/1", version: 1 },
    },
  });
  const lines = effect("post-lines", {
    on: testIntegration("ledger"),
    input: z.object({ id: z.string() }),
    output: z.object({ posted: z.number() }),
    byParts: true,
    repeat: "probeable",
    settle: "20s",
    classify: (error: unknown) => (error instanceof LinesFailed ? error.says : undefined),
    probe: () => Promise.resolve(hasLanded ? done({ posted: 2 }) : notDone()),
    run: () => {
      sent += 1;
      if (isDown) return Promise.reject(down);
      const rest = { name: "line 2", effect: "never" } as const;
      const parts: Part[] = [{ name: "line 1", effect: "surely" }, rest];
      if (sent === 1) return Promise.reject(new LinesFailed({ class: "transient", parts }));
      if (sent === 2) {
        isDown = true;
        return Promise.reject(new LinesFailed({ class: "transient", effect: "maybe" }));
      }
      seen.push(hasLanded ? "twice" : "once");
      return Promise.resolve({ posted: 2 });
    },
  });
  const flow = testWorkflow("flow", (input, run) => run.do(lines, input));
  await world.begin([flow]);
  const run = await world.start(flow, { id: "1" });
  await world.until("the rest meets the outage", () => sent > 2);
  hasLanded = true;
  await world.advance(3_600_000);
  isDown = false;
  await world.advance(3_600_000);
  expect(seen).toEqual([]);
  expect(await world.stateOf(run)).toBe("completed");
});
