/** A system that refuses some orders, runs that stand because of it, and plans that replay them. */
import { hash } from "node:crypto";
import { parseJson } from "../../core/json-text.ts";
import type { ReplayAct } from "../../core/replay/replay-control.ts";
import {
  REPLAY_AT_ONCE_DEFAULT,
  REPLAY_EVENT,
  replayIdOf,
  type ReplayPlan,
} from "../../core/replay/replay-plan.ts";
import type { ReplayOutcome, ReplayResult } from "../../core/replay/replay-tally.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { Counterpart } from "../counterpart.test-support.ts";
import { testEffect, testWorkflow } from "../test-effects.test-support.ts";
import type { LifeOptions, TestWorld } from "../test-world.test-support.ts";

const NOTHING_SHOWN = {
  keyCount: 0,
  ages: [],
  contracts: [],
  again: [],
  duplicateCount: 0,
  needs: [],
  parked: [],
} as const;

export class ReplayWorld {
  readonly world: TestWorld;
  readonly bank: Counterpart;
  /** Whether an order is refused, and with which reason; null: it is booked. */
  refuses: (id: string) => "data" | "policy" | null = () => "data";
  readonly flow;
  #said = 0;

  constructor(world: TestWorld) {
    this.world = world;
    this.bank = world.counterpart("bank", "keys");
    const call = this.bank.call.bind(this.bank);
    this.bank.call = (action, id, attempt) => {
      const refusal = this.refuses(id);
      if (refusal !== null) this.bank.plan(action, { kind: "no", class: refusal });
      return call(action, id, attempt);
    };
    const book = testEffect("keyed", this.bank, "book", { keyWindow: "7d" });
    this.flow = testWorkflow("flow", (input, run) => run.do(book, input));
  }

  async begin(options: LifeOptions = {}): Promise<void> {
    await this.world.begin([this.flow], options);
  }

  /** So many runs that stand with an exception. */
  async stand(count: number): Promise<readonly number[]> {
    const runs: number[] = [];
    for (let n = 0; n < count; n += 1)
      runs.push(await this.world.start(this.flow, { id: String(n) }));
    await this.world.settle();
    return runs;
  }

  /** A plan over all that is open. */
  async planned(change: Partial<Omit<ReplayPlan, "id">> = {}): Promise<ReplayPlan> {
    const rows = (await this.world.exceptions()).filter(({ closedAtMs }) => closedAtMs === null);
    const fingerprints = [...new Set(rows.map((row) => row.fingerprint))];
    const plan = {
      query: "state:exception",
      by: "kim",
      reason: "fixed",
      madeAtMs: this.world.clock.nowMs(),
      canary: [1, 2, 5, 20, 50],
      rate: null,
      atOnce: REPLAY_AT_ONCE_DEFAULT,
      items: rows.map(
        (row) => [formatRunId(row.run), row.seq, fingerprints.indexOf(row.fingerprint)] as const,
      ),
      refused: [],
      fingerprints,
      money: [],
      shown: NOTHING_SHOWN,
      ...change,
    };
    return { id: replayIdOf(plan, (text) => hash("sha256", text, "hex")), ...plan };
  }

  /** The plan as a run, which waits to be started. */
  async laid(plan: ReplayPlan, by = plan.by): Promise<number> {
    const run = await this.world.start(this.world.engine.replays.workflow, plan, { by });
    await this.world.settle();
    return run;
  }

  async say(plan: ReplayPlan, act: ReplayAct, by = plan.by): Promise<void> {
    this.#said += 1;
    const payload = { act, by, reason: "because" };
    const { commands } = this.world.engine;
    await commands.send(REPLAY_EVENT, plan.id, `said ${String(this.#said)}`, payload);
    await this.world.settle();
  }

  async outcome(run: number): Promise<ReplayOutcome> {
    return (await this.world.resultOf(run)) as ReplayOutcome;
  }

  /** What became of each item that was reached, by its number. */
  async results(run: number): Promise<ReadonlyMap<number, ReplayResult>> {
    const results = new Map<number, ReplayResult>();
    for (const { kind, name, data } of await this.world.records(run)) {
      const index = /^item#(\d+)$/.exec(name)?.[1];
      if (kind === "result" && index !== undefined)
        results.set(Number(index), parseJson(data ?? "null") as ReplayResult);
    }
    return results;
  }
}
