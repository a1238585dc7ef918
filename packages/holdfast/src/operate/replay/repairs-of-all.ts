/** What a replay that repairs each of its items would do outside, by the plan that each would have alone. */
import { HoldfastError } from "../../core/error.ts";
import { CHANGED_FIELDS_MAX, ChangedFields } from "../../core/replay/changed-fields.ts";
import {
  changesOfMode,
  repairBy,
  type ReplayMode,
  type ReplayShown,
} from "../../core/replay/replay-plan.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { StoreReader } from "../../store/store.ts";
import type { Patience } from "../command.ts";
import { lookAtRepair } from "../repair/look-at-repair.ts";
import type { Masking } from "../masking.ts";
import { repairWithInput, type RepairPlan, type RepairRequest } from "../repair/plan-repair.ts";
import { changedOwner } from "./shown-changes.ts";
import type { Candidate } from "./select-items.ts";

/** Items of one step that an engine is asked about, and steps of which any are: each costs a command. */
const ASKED_OF_STEP_MAX = 3;
const STEPS_ASKED_MAX = 10;

export class RepairsOfAll {
  readonly #reader: StoreReader;
  readonly #how: ReplayMode | null;
  readonly #asking: { readonly by: string; readonly patience: Patience };
  readonly #masking: Masking;
  readonly #fields: ChangedFields;
  /** By workflow and step: how many an engine was asked about, and why it would refuse some of them. */
  readonly #asked = new Map<
    string,
    { readonly count: number; readonly refusals: readonly HoldfastError[] }
  >();
  readonly #again = new Map<string, [count: number, sent: number]>();
  #duplicateCount = 0;

  constructor(
    reader: StoreReader,
    how: ReplayMode | null,
    asking: { readonly by: string; readonly patience: Patience },
    masking: Masking,
  ) {
    this.#reader = reader;
    this.#how = how;
    this.#asking = asking;
    this.#masking = masking;
    this.#fields = new ChangedFields(changesOfMode(how));
  }

  /** Counts what would follow for one item. The answer is where its run stands; or why it cannot be repaired so. */
  async look({ run, exception }: Candidate, how: ReplayMode): Promise<number | HoldfastError> {
    try {
      const request = {
        run: formatRunId(run.run),
        act: how.act,
        ...repairBy(how, exception.step),
      };
      const { plan, input } = await repairWithInput(this.#reader, request);
      const of = `${run.workflow} ${exception.effectName ?? ""}`;
      const refusal = await this.#refusalOf(plan, request, of);
      if (refusal !== null) return refusal;
      const { effects, version } = plan;
      for (const { effect, what, proof } of effects) {
        const name = `${effect} (${what})`;
        const [count, sent] = this.#again.get(name) ?? [0, 0];
        this.#again.set(name, [count + 1, sent + (proof === null ? 0 : 1)]);
      }
      if (effects.some(({ what }) => what === "duplicate")) this.#duplicateCount += 1;
      const owner = changedOwner(
        how.act,
        how.act === "correct" ? run.workflow : (effects[0]?.effect ?? ""),
      );
      this.#fields.note(owner.name, input, this.#masking.pointersOf(owner));
      return version;
    } catch (error) {
      // The reason why this one cannot is an answer here.
      if (error instanceof HoldfastError) return error;
      throw error;
    }
  }

  /**
   * What the deployed code declares is the same for all items of one step: a few of each are asked about,
   * and where all of those are refused, so are the others.
   */
  async #refusalOf(
    plan: RepairPlan,
    request: RepairRequest,
    of: string,
  ): Promise<HoldfastError | null> {
    const { count, refusals } = this.#asked.get(of) ?? { count: 0, refusals: [] };
    const isKnown = this.#asked.has(of) || this.#asked.size < STEPS_ASKED_MAX;
    if (count >= ASKED_OF_STEP_MAX || !isKnown)
      return refusals.length === count ? (refusals[0] ?? null) : null;
    const { by, patience } = this.#asking;
    try {
      const looked = await lookAtRepair(this.#reader, plan, request, by, patience);
      if (looked !== null) this.#asked.set(of, { count: count + 1, refusals });
      return null;
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      this.#asked.set(of, { count: count + 1, refusals: [...refusals, error] });
      return error;
    }
  }

  /**
   * In the place of what a resume would do; nothing for a resume.
   *
   * @throws {HoldfastError} HF4104 if more fields are changed than anybody would look at.
   */
  get shown(): Partial<Pick<ReplayShown, "again" | "duplicateCount" | "changes">> {
    if (this.#how === null) return {};
    const { fields } = this.#fields;
    if (fields.length > CHANGED_FIELDS_MAX) throw tooManyFields(fields.length);
    const again = [...this.#again].map(([name, [count, sent]]) => [name, count, sent] as const);
    const changes = fields.length === 0 ? {} : { changes: fields };
    return { again, duplicateCount: this.#duplicateCount, ...changes };
  }
}

function tooManyFields(count: number): HoldfastError {
  return new HoldfastError(
    "HF4104",
    `That changes ${String(count)} fields of different workflows or effects, more than the ${String(CHANGED_FIELDS_MAX)} of one plan. Nothing was planned.`,
    "Plan for fewer workflows at a time: add workflow:NAME to the query.",
  );
}
