/** What tests of repairs have in common: orders as a person gives them, seen as the run is now. */
import type { RepairAct } from "../../core/repaired.ts";
import type { RepairOrder } from "../../core/repair-order.ts";
import { versionOf } from "../../core/run-version.ts";
import type { TestWorld } from "../test-world.test-support.ts";
import { verdictOf } from "./proposals.ts";
import type { Repaired } from "./repairs.ts";

export class Repairing {
  readonly #world: TestWorld;

  constructor(world: TestWorld) {
    this.#world = world;
  }

  async order(run: number, act: RepairAct, over: Partial<RepairOrder> = {}): Promise<RepairOrder> {
    const version = versionOf(await this.#world.records(run));
    const said = { by: "ana", reason: "seen", command: null };
    return { run, act, step: null, version, value: null, ...said, ...over };
  }

  async repair(run: number, act: RepairAct, over: Partial<RepairOrder> = {}): Promise<Repaired> {
    const order = await this.order(run, act, over);
    const repaired = await this.#world.engine.commands.repairs.repair(order);
    await this.#world.settle();
    return repaired;
  }

  async decide(run: number, seq: number | null, by = "bo", approve = true): Promise<Repaired> {
    const said = { by, reason: "looked at it", command: null };
    const decision = { run, seq: seq ?? 0, approve, ...said };
    const repaired = await this.#world.engine.commands.repairs.decide(decision);
    await this.#world.settle();
    return repaired;
  }

  /** Proposed by one, approved by another. */
  async both(run: number, act: RepairAct, over: Partial<RepairOrder> = {}): Promise<Repaired> {
    return await this.decide(run, (await this.repair(run, act, over)).proposal);
  }
}

/** Bo approves what somebody else has proposed for the run. */
export async function approveOpen(world: TestWorld, run: number): Promise<void> {
  // By the engine itself: no reader of the file stays open.
  const [stored] = await world.engine.store.load([run]);
  const { records = [] } = stored ?? {};
  const proposed = records.filter(({ kind }) => kind === "proposed");
  for (const { seq } of proposed.filter((one) => verdictOf(records, one.seq) === null))
    await new Repairing(world).decide(run, seq);
}
