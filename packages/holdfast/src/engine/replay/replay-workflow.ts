/**
 * The engine's own workflow that carries out a replay plan: it waits to be started, goes through the
 * waves, and ends with a count of what became of every item. Being a run, it is on record step by step,
 * survives crashes, and is taken over with its shard; one worker at a time carries it out.
 */
import { hash } from "node:crypto";
import {
  afterCheck,
  decide,
  expired,
  heardEnough,
  PLANNED,
  REPLAY_ACTS,
  stoppedItself,
  type ReplayChecked,
  type ReplayControl,
  type ReplayDecision,
} from "../../core/replay/replay-control.ts";
import {
  planProblem,
  REPLAY_CHECK_STEP,
  REPLAY_DECISIONS_MAX,
  REPLAY_EVENT,
  REPLAY_EXPIRES_MS,
  REPLAY_ITEM_STEP,
  REPLAY_WORKFLOW,
  replayIdOf,
  wavesOf,
  type ReplayPlan,
} from "../../core/replay/replay-plan.ts";
import {
  counted,
  EMPTY_TALLY,
  stopsBecause,
  type ReplayOutcome,
  type ReplayResult,
  type ReplayTally,
} from "../../core/replay/replay-tally.ts";
import type { Run } from "../../workflow/run.ts";
import type { Schema } from "../../workflow/schema.ts";
import { workflow, type AnyWorkflow } from "../../workflow/workflow.ts";
import { ANYTHING } from "../effects/stand-in-effect.ts";
import { Deferred } from "../run/deferred.ts";
import type { ItemTurn } from "./replays.ts";

export interface ReplayWork {
  readonly carryOut: (turn: ItemTurn) => Promise<ReplayResult>;
  readonly check: (plan: ReplayPlan, run: string) => Promise<ReplayChecked>;
}

/** @param owner - of plans that need somebody because the engine cannot go on with them. */
export function replayWorkflow(owner: string, work: ReplayWork): AnyWorkflow {
  return workflow(
    REPLAY_WORKFLOW,
    // The schema has looked at what comes in.
    {
      input: PLAN,
      output: ANYTHING,
      owner,
      key: (plan) => (plan as ReplayPlan).id,
      // It waits for its items, each of which says for itself what it waits for.
      stillAfter: "never",
    },
    (plan, run) => new ReplayCourse(plan as ReplayPlan, run, work).take(),
  );
}

const PLAN: Schema = {
  "~standard": {
    version: 1,
    vendor: "holdfast",
    validate: (value) => {
      const problem = planProblem(value) ?? idProblem(value as ReplayPlan);
      return problem === null ? { value } : { issues: [{ message: problem }] };
    },
  },
};

/** What is carried out is what was shown: the id is made of it. */
function idProblem({ id, ...rest }: ReplayPlan): string | null {
  return id === replayIdOf(rest, sha256) ? null : "the plan is not the one that its id was made of";
}

const DECISION: { readonly name: string; readonly schema: Schema } = {
  name: REPLAY_EVENT,
  schema: {
    "~standard": {
      version: 1,
      vendor: "holdfast",
      validate: (value) =>
        isDecision(value) ? { value } : { issues: [{ message: "expected an act, who and why" }] },
    },
  },
};

function sha256(text: string): string {
  return hash("sha256", text, "hex");
}

function isDecision(value: unknown): value is ReplayDecision {
  if (typeof value !== "object" || value === null) return false;
  const field = (name: string): unknown => Reflect.get(value, name);
  return (
    REPLAY_ACTS.some((act) => act === field("act")) &&
    typeof field("by") === "string" &&
    typeof field("reason") === "string"
  );
}

/** Never settles: what it stands for has no end of its own. */
const NEVER = new Promise<never>(() => undefined);

class ReplayCourse {
  readonly #plan: ReplayPlan;
  readonly #run: Run;
  readonly #work: ReplayWork;
  #control: ReplayControl = PLANNED;
  #decisions = 0;
  #tally: ReplayTally = EMPTY_TALLY;
  #wave: ReplayTally = EMPTY_TALLY;
  #inFlight = 0;
  readonly #broken = new Deferred<never>();
  /** Called once when something has changed. */
  #changed: (() => void) | null = null;

  constructor(plan: ReplayPlan, run: Run, work: ReplayWork) {
    this.#plan = plan;
    this.#run = run;
    this.#work = work;
  }

  async take(): Promise<ReplayOutcome> {
    while (this.#control.phase === "planned") await this.#beforeStart();
    // Decisions are heard all the while; they end nothing by themselves.
    if (this.#control.phase === "running")
      await Promise.race([this.#waves(), this.#listen(), this.#broken.promise]);
    const { items, refused } = this.#plan;
    const { phase, because } = this.#control;
    const judged = Object.values(this.#tally).reduce((sum, count) => sum + count, 0);
    const unreached = items.length - judged;
    const tally = counted(
      counted(this.#tally, "not-reached", unreached),
      "skipped",
      refused.length,
    );
    const end = phase === "stopped" || phase === "expired" ? phase : "completed";
    return { end, because: end === "completed" ? null : because, tally };
  }

  /** One decision, or the end of the time in which it may be started. */
  async #beforeStart(): Promise<void> {
    const nowMs = this.#run.now(`decision ${String(this.#decisions)} awaited`).getTime();
    const leftMs = this.#plan.madeAtMs + REPLAY_EXPIRES_MS - nowMs;
    if (this.#decisions >= REPLAY_DECISIONS_MAX) this.#control = heardEnough(this.#control);
    else if (leftMs <= 0 || !(await this.#decision(leftMs))) this.#control = expired(this.#control);
  }

  /** False if nobody has decided anything in that time. */
  async #decision(withinMs?: number): Promise<boolean> {
    const as = String(this.#decisions);
    this.#decisions += 1;
    const within = withinMs === undefined ? {} : { within: `${withinMs}ms` as const };
    const said = await this.#run.wait(DECISION, { as, key: this.#plan.id, ...within });
    if (!isDecision(said)) return false;
    // Refused here, it has no effect: whoever gave it was told by the command line, which asks the same.
    const decided = decide(this.#control, this.#plan, said);
    if (decided.kind === "accepted") {
      this.#control = decided.control;
      if (said.act === "start") await this.#check(as);
    }
    this.#tell();
    return true;
  }

  /** What the plan says of itself is no evidence: the store has the sums, and who has handed it in. */
  async #check(as: string): Promise<void> {
    const check = async () => await this.#work.check(this.#plan, this.#run.id);
    const found = await this.#run.step(REPLAY_CHECK_STEP, check, { as, sensitive: [] });
    this.#control = afterCheck(this.#control, found);
  }

  async #listen(): Promise<never> {
    while (this.#decisions < REPLAY_DECISIONS_MAX) await this.#decision();
    if (!this.#hasStopped) this.#control = heardEnough(this.#control);
    this.#tell();
    return await NEVER;
  }

  #tell(): void {
    this.#changed?.();
    this.#changed = null;
  }

  async #change(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#changed = resolve;
    });
  }

  get #hasStopped(): boolean {
    return this.#control.phase === "stopped";
  }

  async #waves(): Promise<void> {
    let from = 0;
    for (const size of wavesOf(this.#plan.items.length, this.#plan.canary)) {
      this.#wave = EMPTY_TALLY;
      for (let index = from; index < from + size; index += 1) {
        await this.#room();
        if (this.#hasStopped) break;
        this.#item(index, size).catch((error: unknown) => {
          this.#broken.reject(error);
        });
      }
      // Judged is what has been verified: the next wave waits for the last item of this one.
      while (this.#inFlight > 0) await this.#change();
      if (this.#hasStopped) return;
      from += size;
    }
  }

  async #room(): Promise<void> {
    const mustWait = () => this.#control.phase === "paused" || this.#inFlight >= this.#plan.atOnce;
    while (!this.#hasStopped && mustWait()) await this.#change();
  }

  async #item(index: number, waveSize: number): Promise<void> {
    this.#inFlight += 1;
    const result = await this.#run.step(
      REPLAY_ITEM_STEP,
      () =>
        this.#work.carryOut({
          plan: this.#plan,
          index,
          run: this.#run.id,
          by: this.#control.startedBy ?? this.#plan.by,
          held: () => this.#held,
        }),
      { as: String(index), sensitive: [] },
    );
    this.#inFlight -= 1;
    this.#tally = counted(this.#tally, result.end);
    this.#wave = counted(this.#wave, result.end);
    const because = stopsBecause(this.#wave, waveSize, result, this.#plan.fingerprints);
    if (because !== null && !this.#hasStopped)
      this.#control = stoppedItself(this.#control, because);
    this.#tell();
  }

  get #held(): "paused" | "stopped" | null {
    const { phase } = this.#control;
    return phase === "paused" || phase === "stopped" ? phase : null;
  }
}
