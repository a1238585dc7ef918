/**
 * Items of replay plans: each is resumed by a command that is recognised when it is given again, and
 * followed until its run has shown what came of it. A crash in between loses nothing: the item's step
 * is not on record yet, so it begins anew, finds its command taken, and goes on following.
 */
import { HoldfastError } from "../../core/error.ts";
import { integrationOfGate } from "../../core/parking.ts";
import { isSamePerson } from "../../core/person.ts";
import { emptyBucket, fullBucket, takeToken, type Rate, type RateState } from "../../core/rate.ts";
import { judge, takenBy, type JudgedItem } from "../../core/replay/replay-judge.ts";
import type { ReplayChecked } from "../../core/replay/replay-control.ts";
import { moneyAtStake, type AtStake } from "../../core/replay/replay-money.ts";
import {
  REPLAY_WORKFLOW,
  repairBy,
  replayCommandId,
  secondPersonFor,
  type ReplayPlan,
} from "../../core/replay/replay-plan.ts";
import type { ReplayResult } from "../../core/replay/replay-tally.ts";
import { formatRunId, parseRunId } from "../../core/run-number.ts";
import { isFinal } from "../../core/run-state.ts";
import type { DependencyRow, ExceptionRow, StoredRun } from "../../store/rows.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import type { Engine } from "../engine.ts";
import { EngineEnds } from "../journal/store-reads.ts";
import type { LiveRun } from "../run/live-run.ts";
import { RunLeft } from "../run/run-left.ts";
import { Elsewhere } from "../workers/places.ts";
import { Naps } from "./naps.ts";
import { replayWorkflow } from "./replay-workflow.ts";
import { TurnLine } from "./turn-line.ts";

/** Looks at an item's run that says nothing of itself: at first, and at most, milliseconds apart. */
const LOOK_MS_FIRST = 50;
const LOOK_MS_MAX = 2_000;
/** How often a plan that is paused, or whose turn has not come, looks up, milliseconds. */
const WAIT_MS = 1_000;
/** What is known of dependencies is that old at most, milliseconds. */
const DEPENDENCIES_MS = 250;
/** Items that begin together begin within so many milliseconds (R36). */
const JITTER_MS = 100;
/** How long a plan that was stopped waits for what its last items come to, milliseconds. */
const STOPPED_MS_MAX = 60_000;

/** One item at its turn, and what its plan says meanwhile. */
export interface ItemTurn {
  readonly plan: ReplayPlan;
  /** Number of the item, from 0. */
  readonly index: number;
  /** Id of the plan's own run. */
  readonly run: string;
  /** Who has started the plan: it is on record as resuming. */
  readonly by: string;
  /** Null while the plan goes on. */
  readonly held: () => "paused" | "stopped" | null;
}

const NOT_JUDGED: ReplayResult = {
  end: "not-judged",
  because: "it went on, and nothing had come of it when the plan was stopped",
};
const NOT_REACHED: ReplayResult = { end: "not-reached", because: "the plan ended before its turn" };

export class Replays {
  readonly workflow: AnyWorkflow;
  readonly #engine: Engine;
  readonly #naps: Naps;
  readonly #line: TurnLine;
  /** Of plans that were started while their run was in memory. */
  readonly #rates = new WeakMap<LiveRun, RateState>();
  #parked: { readonly names: ReadonlySet<string>; readonly atMs: number } | null = null;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#naps = new Naps(engine.clock);
    this.#line = new TurnLine(engine.limits.replayAtOnceMax);
    this.workflow = replayWorkflow(engine.owner, {
      carryOut: (turn) => this.#item(turn).catch(left),
      check: (plan, run) => this.#check(plan, run).catch(left),
    });
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#naps.keptCount + this.#line.keptCount;
  }

  /** Before the first plan is on record: it names runs and says why, and may correct their inputs. */
  declare(): void {
    const { declarations } = this.#engine;
    declarations.declare(
      "workflow",
      REPLAY_WORKFLOW,
      { sensitive: ["/how/changes", "/how/value"] },
      this.workflow,
    );
  }

  departed(run: number): void {
    this.#naps.departed(run);
  }

  close(): void {
    this.#naps.close();
  }

  async #item(turn: ItemTurn): Promise<ReplayResult> {
    const own = this.#engine.live.get(parseRunId(turn.run));
    if (own === undefined) throw new RunLeft(turn.run);
    const item = { ...turn, own };
    if (!(await this.#mayGo(item))) return NOT_REACHED;
    const place = this.#line.ask();
    try {
      while (!place.isTaken()) {
        if (!(await this.#goesOn(item))) return NOT_REACHED;
        await Promise.race([place.turn, this.#wait(item, WAIT_MS)]);
      }
      // It may have waited long for its place.
      if (!(await this.#goesOn(item))) return NOT_REACHED;
      const resumed = await this.#resumed(item);
      return "end" in resumed ? resumed : await this.#followed(item, resumed);
    } finally {
      place.leave();
    }
  }

  /**
   * Looks at a plan that is started, and begins its rate full. Reads of the items only where nobody
   * else has to approve them anyway: those are few.
   */
  async #check(plan: ReplayPlan, id: string): Promise<ReplayChecked> {
    const own = this.#engine.live.get(parseRunId(id));
    if (own === undefined) throw new RunLeft(id);
    if (plan.rate !== null) this.#rates.set(own, fullBucket(this.#engine.clock.nowMs(), plan.rate));
    const { startedBy } = own.row;
    if (!isSamePerson(startedBy, plan.by)) {
      const forged = `it says that ${plan.by} has made it, and ${startedBy} has handed it in`;
      return { needs: null, forged };
    }
    const needs = secondPersonFor(plan);
    if (needs !== null) return { needs, forged: null };
    const items: AtStake[] = [];
    for (const [run, seq] of plan.items) {
      const exception = await this.#read(() => this.#engine.store.exception(parseRunId(run), seq));
      const stored = await this.#load(parseRunId(run));
      // What has left the store is skipped.
      if (exception !== null && stored !== null) items.push({ exception, run: stored.row });
    }
    return { needs: secondPersonFor({ ...plan, money: moneyAtStake(items) }), forged: null };
  }

  /** Waits for the system that it needs, and for its time. False if the plan has ended before. */
  async #mayGo(item: Item): Promise<boolean> {
    const { plan, own, index } = item;
    const [id = "", seq = 0] = plan.items[index] ?? [];
    const row = await this.#read(() => this.#engine.store.exception(parseRunId(id), seq));
    while (await this.#isParked(row?.integration ?? null)) {
      if (!(await this.#goesOn(item))) return false;
      await this.#wait(item, WAIT_MS);
    }
    await this.#wait(item, this.#waitMs(own, plan.rate));
    return await this.#goesOn(item);
  }

  /** Until its place in time, and a little more: those that begin together do not knock together. */
  #waitMs(own: LiveRun, rate: Rate | null): number {
    const { clock, random } = this.#engine;
    if (rate === null) return Math.floor(JITTER_MS * random.next());
    const nowMs = clock.nowMs();
    // Started in an earlier life of its run, if it is not known.
    const { state, waitMs } = takeToken(this.#rates.get(own) ?? emptyBucket(nowMs), nowMs, rate);
    this.#rates.set(own, state);
    return waitMs + Math.floor(Math.min(JITTER_MS, rate.periodMs / rate.count) * random.next());
  }

  /** Ends early if the plan is stopped. */
  async #wait(item: Item, ms: number): Promise<void> {
    for (let leftMs = ms; leftMs > 0 && item.held() !== "stopped"; leftMs -= WAIT_MS) {
      await this.#naps.nap(Math.min(leftMs, WAIT_MS));
      this.#requireHere(item);
    }
  }

  /** Waits while the plan is paused. False if it has stopped. */
  async #goesOn(item: Item): Promise<boolean> {
    while (item.held() === "paused") {
      await this.#naps.nap(WAIT_MS);
      this.#requireHere(item);
    }
    return item.held() === null;
  }

  /** The plan's run may be another worker's by now, which does this item as well. */
  #requireHere({ own }: Item): void {
    if (own.isGone) throw new RunLeft(own.id);
  }

  /** Also if only a part of it is: an exception names the integration alone. */
  async #isParked(integration: string | null): Promise<boolean> {
    if (integration === null) return false;
    const nowMs = this.#engine.clock.nowMs();
    if (this.#parked === null || nowMs - this.#parked.atMs >= DEPENDENCIES_MS) {
      const rows = await this.#read(() => this.#engine.store.dependencies());
      // Once its time has come somebody has to try it, and nobody else may want anything of it.
      const down = rows.filter(({ state, probeAtMs }) => isDown(state) && !isDue(probeAtMs, nowMs));
      this.#parked = {
        names: new Set(down.map((row) => integrationOfGate(row.integration))),
        atMs: nowMs,
      };
    }
    return this.#parked.names.has(integration);
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    return await this.#engine.reads.surely("what is replayed", read);
  }

  async #load(run: number): Promise<StoredRun | null> {
    await this.#engine.committer.durable();
    const [stored] = await this.#read(() => this.#engine.store.load([run]));
    return stored ?? null;
  }

  /** The item as it is followed; or what became of it, where it was not resumed. */
  async #resumed(item: Item): Promise<JudgedItem | ReplayResult> {
    const { plan, index } = item;
    const [id = "", seq = 0, print = 0] = plan.items[index] ?? [];
    const run = parseRunId(id);
    const command = replayCommandId(plan.id, index);
    for (let failures = 1; ; failures += 1) {
      this.#requireHere(item);
      const stored = await this.#load(run);
      const row = await this.#read(() => this.#engine.store.exception(run, seq));
      if (stored === null || row === null) return skipped("its run has left the store");
      const followed = { command, step: row.step, fingerprint: plan.fingerprints[print] ?? "" };
      const taken = takenBy(stored.records, command);
      if (taken !== null) return isProposal(stored, taken) ? skipped(PROPOSED) : followed;
      const why = noLonger(stored, row) ?? this.#sameVersion(plan, row);
      if (why !== null) {
        if (await this.#isTaken(run, command)) continue;
        return skipped(why);
      }
      try {
        await this.#goOn(item, row, command);
      } catch (error) {
        if (error instanceof EngineEnds) throw error;
        if (isRefusal(error)) {
          if (await this.#isTaken(run, command)) continue;
          return skipped(error.message);
        }
        if (!(await this.#engine.reads.pause("what is replayed", error, failures)))
          throw new EngineEnds();
      }
    }
  }

  /**
   * Whether it was this item's own command that changed what was seen: the worker that had the plan
   * before may have left it in the inbox, and the run's owner has taken it just now.
   */
  async #isTaken(run: number, command: string): Promise<boolean> {
    const stored = await this.#load(run);
    return stored !== null && takenBy(stored.records, command) !== null;
  }

  async #goOn({ plan, by: startedBy, index, own }: Item, row: ExceptionRow, command: string) {
    const { how, to } = plan;
    // What was shown is of that version; no run stands at 0.
    const version = plan.items[index]?.[3] ?? 0;
    const { run, seq } = row;
    const step = row.step === "" ? null : row.step;
    const reason = `${plan.id}: ${plan.reason}`;
    if (how === undefined) {
      const decided = { seen: seq, exception: seq, command, ...(to === undefined ? {} : { to }) };
      await this.#engine.commands.resume(run, step, startedBy, reason, decided);
      return;
    }
    // What two people do, its maker and who has approved it do: also where a third has started it.
    const isForTwo = how.act === "supply" || how.act === "skip";
    const by = isForTwo ? plan.by : startedBy;
    const planned = isForTwo ? { plan: own.id, item: index } : {};
    const order = { act: how.act, ...repairBy(how, row.step), version, reason, ...planned };
    const { commands, routes } = this.#engine;
    const act = async () => {
      await commands.repairs.repair({ ...order, run, by, command });
    };
    const data = { ...order, run: formatRunId(run) };
    // Under an id of its own at another worker, as a resume.
    const routed = { topic: "repair", data, by, id: `${command}~` } as const;
    await (routes === null ? act() : routes.at(run, routed, act));
  }

  /** The code that has the defect is the one that would run again (R36). */
  #sameVersion(plan: ReplayPlan, row: ExceptionRow): string | null {
    if (row.class !== "defect" || plan.evenSameVersion === true) return null;
    const { codeVersion } = row.record;
    if (codeVersion !== (plan.to ?? this.#engine.version)) return null;
    return `it is a defect of version ${codeVersion}, which still runs`;
  }

  async #followed(item: Item, judged: JudgedItem): Promise<ReplayResult> {
    const run = parseRunId(item.plan.items[item.index]?.[0] ?? "");
    let stoppedMs = 0;
    for (let lookMs = LOOK_MS_FIRST; ; lookMs = Math.min(2 * lookMs, LOOK_MS_MAX)) {
      const stored = await this.#load(run);
      this.#requireHere(item);
      if (stored === null)
        return { end: "failed-anew", because: "its run has left the store before it was judged" };
      const result = judge(stored.records, stored.row.state, judged);
      if (result !== null) return result;
      // It may wait for ever, and whoever has stopped the plan does not.
      if (stoppedMs >= STOPPED_MS_MAX) return NOT_JUDGED;
      await this.#naps.nap(lookMs, run);
      if (item.held() === "stopped") stoppedMs += lookMs;
    }
  }
}

/** Whoever brings the plan's run back begins the item anew: nothing of it may be on record. */
function left(error: unknown): Promise<never> {
  if (error instanceof EngineEnds || error instanceof RunLeft) return new Promise(() => undefined);
  throw error;
}

interface Item extends ItemTurn {
  readonly own: LiveRun;
}

const PROPOSED = "a second person has to approve it: holdfast proposals";

/** What is done to it needs somebody else, whatever was approved of the plan. */
function isProposal({ records }: StoredRun, taken: number): boolean {
  return records.some(({ seq, kind }) => seq === taken && kind === "proposed");
}

function isDown(state: DependencyRow["state"]): boolean {
  return state === "open" || state === "parked";
}

function isDue(probeAtMs: number | null, nowMs: number): boolean {
  return probeAtMs !== null && probeAtMs <= nowMs;
}

function skipped(because: string): ReplayResult {
  return { end: "skipped", because };
}

/** Why it is no longer what was frozen; null if it is. */
function noLonger({ row }: StoredRun, exception: ExceptionRow): string | null {
  if (isFinal(row.state)) return `its run is ${row.state} already`;
  const { closedAtMs, resolution, closedBy } = exception;
  if (closedAtMs === null) return null;
  return `its exception was closed (${resolution ?? "closed"}) by ${closedBy ?? "somebody"}`;
}

/** What the run's own rules say; all else may be otherwise at the next try. */
function isRefusal(error: unknown): error is HoldfastError {
  if (!(error instanceof HoldfastError)) return false;
  return !(error instanceof RunLeft) && !(error instanceof Elsewhere) && error.code !== "HF4201";
}
