/** What a replay that repairs each of its items would do outside, by the plan that each would have alone. */
import { HoldfastError } from "../../core/error.ts";
import { repairBy, type ReplayMode, type ReplayShown } from "../../core/replay/replay-plan.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { StoreReader } from "../../store/store.ts";
import { planRepair } from "../repair/plan-repair.ts";
import type { Candidate } from "./select-items.ts";

export class RepairsOfAll {
  readonly #reader: StoreReader;
  readonly #how: ReplayMode | null;
  readonly #again = new Map<string, [count: number, sent: number]>();
  #duplicateCount = 0;

  constructor(reader: StoreReader, how: ReplayMode | null) {
    this.#reader = reader;
    this.#how = how;
  }

  /** Counts what would follow for one item. The answer is where its run stands; or why it cannot be repaired so. */
  async look({ run, exception }: Candidate, how: ReplayMode): Promise<number | HoldfastError> {
    try {
      const { effects, version } = await planRepair(this.#reader, {
        run: formatRunId(run.run),
        act: how.act,
        ...repairBy(how, exception.step),
      });
      for (const { effect, what, proof } of effects) {
        const name = `${effect} (${what})`;
        const [count, sent] = this.#again.get(name) ?? [0, 0];
        this.#again.set(name, [count + 1, sent + (proof === null ? 0 : 1)]);
      }
      if (effects.some(({ what }) => what === "duplicate")) this.#duplicateCount += 1;
      return version;
    } catch (error) {
      // The reason why this one cannot is an answer here.
      if (error instanceof HoldfastError) return error;
      throw error;
    }
  }

  /** In the place of what a resume would do; nothing for a resume. */
  get shown(): Partial<Pick<ReplayShown, "again" | "duplicateCount">> {
    if (this.#how === null) return {};
    const again = [...this.#again].map(([name, [count, sent]]) => [name, count, sent] as const);
    return { again, duplicateCount: this.#duplicateCount };
  }
}
