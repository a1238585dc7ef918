/**
 * What people and other systems may do to runs: the same verbs for this process and, by way of the
 * inbox, for others. Each answers after it is durable.
 */
import { HoldfastError } from "../../core/error.ts";
import type { JournalRecord } from "../../core/journal.ts";
import { formatRunId } from "../../core/run-number.ts";
import { isFinal, type RunState } from "../../core/run-state.ts";
import { lastSeqAt, openedSince, otherThanSeen, sentCountOf, wasApplied } from "../../core/seen.ts";
import { KEEPER_SHARD } from "../../store/shards.ts";
import { requireName, requireReason, requireText } from "../journal/checked-values.ts";
import {
  cameSince,
  ended,
  noOutcome,
  notAtWork,
  refuseLifting,
  refusePause,
  refusal,
  requireVersion,
  standsStill,
  underWay,
  unfit,
  waitsForNobody,
} from "./command-refusals.ts";
import { settleEnded } from "../run/ended-runs.ts";
import type { Engine } from "../engine.ts";
import { Receiving } from "../receiving/receiving.ts";
import { contradicts } from "../deliveries/late-answers.ts";
import { EventDelivery } from "../deliveries/event-delivery.ts";
import { Repairs } from "../repair/repairs.ts";
import { isOutcome } from "./inbox-command.ts";
import { handUp, type CannotTell } from "./handing-up.ts";
import type { LiveRun } from "../run/live-run.ts";
import { cancelUnfit } from "../run/unfit-runs.ts";
import { requireReadable } from "../run/unreadable-run.ts";
import { resumeTogether } from "./resuming.ts";
import { settleAtStep, type SettleCommand } from "./settle-command.ts";
import type { RunEnd } from "../run/waiters.ts";
import { withoutCode } from "../run/without-code.ts";
import type { InboxRow, StoredRun } from "../../store/rows.ts";
import type { Routed } from "../workers/routes.ts";
import { withStored } from "../journal/stored-runs.ts";
import { type CommandAnswer, type LateOutcome, type StepCommand } from "../steps/step-slot.ts";

interface ResumeHow {
  readonly step: string | null;
  readonly by: string;
  /** Whose pause is lifted, where that is not their own. */
  readonly insteadOf: string | null;
  readonly reason: string;
  readonly seen: number;
  /** Number of the exception that was seen; null: whichever is open. */
  readonly meant: number | null;
  readonly command: string | null;
}

/** Who takes a run back: nobody is named where a person does. */
interface Cancelled {
  readonly child?: true;
}

/** Where a decision about a run comes from. Not given: from this process, which sees it as it is. */
export interface Decided {
  /** Number up to which the run's journal was seen. */
  readonly seen?: number;
  /** When it was decided: stands in for `seen`, where that is not known. */
  readonly atMs?: number;
  /** Number of the exception that was seen; not given: whichever is open. */
  readonly exception?: number;
  /** Only if code of this version goes on with it; not given: whichever its worker has. */
  readonly to?: string;
  /** Of a run that somebody else has paused: who that is. */
  readonly insteadOf?: string;
  /** Id of the command in the inbox. */
  readonly command?: string;
}

export class Commands {
  readonly events: EventDelivery;
  readonly receiving: Receiving;
  /** What people may do to a run by hand. */
  readonly repairs: Repairs;
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.events = new EventDelivery(engine);
    this.receiving = new Receiving(engine);
    this.repairs = new Repairs(engine);
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.events.keptCount + this.receiving.keptCount;
  }

  /** Answers a review. `seq` is that of its `asked` record. */
  async answer(
    run: number,
    seq: number,
    decision: unknown,
    by: string,
    reason = "",
  ): Promise<void> {
    requireName(by, "answers a review");
    requireReason(reason, "answers a review");
    const data = { run: formatRunId(run), seq, decision, reason };
    await this.#at(run, { topic: "answer", data, by }, () =>
      this.withRun(run, async (live) => {
        const path = this.#pathOf(live, (record) => record.kind === "asked" && record.seq === seq);
        await this.#step(live, path, { kind: "answer", seq, decision, by, reason });
      }),
    );
  }

  /** Acts where the run is: here, or by a command to its owner. */
  async #at<T extends InboxRow["topic"]>(
    run: number,
    routed: Routed<T>,
    act: () => Promise<void>,
  ): Promise<void> {
    const { routes } = this.#engine;
    await (routes === null ? act() : routes.at(run, routed, act));
  }

  /**
   * Says what happened outside, by whoever may: see `Repairs.settle`. Also for a run that has ended:
   * it changes ledger and exception only.
   */
  async settle(said: SettleCommand): Promise<void> {
    const { run, operation } = said;
    const records = await this.#recordsOf(run);
    if (said.command !== undefined && wasApplied(records, said.command)) return;
    const attempts = said.attempts ?? sentCountOf(records, operation);
    if (await this.#settleEnded({ ...said, attempts })) return;
    await this.withRun(run, async (live) => {
      await this.#step(live, this.pathOf(live, operation), settleAtStep(said, attempts));
    });
  }

  /** False if the run has not ended. */
  async #settleEnded(command: SettleCommand): Promise<boolean> {
    const reached = await withStored(this.#engine, command.run, (stored, append) => {
      if (!isFinal(stored.row.state)) return false;
      settleEnded(stored, append, command);
      return true;
    });
    if (reached.kind !== "stored" || !reached.value) return false;
    await this.#engine.committer.durable();
    return true;
  }

  /** Lets a run go on that waits for a person; `step` null: all of it that may. */
  async resume(
    run: number,
    step: string | null,
    by: string,
    reason: string,
    decided: Decided = {},
  ): Promise<void> {
    requireName(by, "resumes a run");
    requireReason(reason, "resumes a run");
    if (step !== null) requireText(step, "step of a run that is resumed");
    const records = await this.#recordsOf(run);
    const command = decided.command ?? null;
    if (command !== null && wasApplied(records, command)) return;
    const seen = decided.seen ?? lastSeqAt(records, decided.atMs ?? Number.POSITIVE_INFINITY);
    const { exception: meant = null, to, insteadOf } = decided;
    const only = {
      ...(meant === null ? {} : { exception: meant }),
      ...(to === undefined ? {} : { to }),
      ...(insteadOf === undefined ? {} : { insteadOf }),
    };
    const data = { run: formatRunId(run), step, seen, reason, ...only };
    // Under an id of its own at another worker, too: taken twice, it is recognised there.
    const id = command === null ? {} : { id: `${command}~` };
    await this.#at(run, { topic: "resume", data, by, ...id }, () => {
      requireVersion(this.#engine.version, to, run);
      const who = { by, insteadOf: insteadOf ?? null };
      return this.#resume(run, { step, ...who, reason, seen, meant, command });
    });
  }

  async #resume(run: number, how: ResumeHow): Promise<void> {
    const { step, by, insteadOf, reason, seen, meant, command } = how;
    await this.withRun(run, async (live) => {
      const { exception } = live.ending;
      if (step === null && exception !== null) {
        const since =
          otherThanSeen(exception.seq, meant) ??
          openedSince(exception.seq, seen, exception.wait.reason);
        if (since !== null) throw cameSince(since, live.id);
        refuseLifting(live, exception.pausedBy, { by, insteadOf });
        if (live.isUnderWay) throw underWay(live);
        live.ending.resume({ by, reason, command });
        await this.#engine.committer.durable();
        return;
      }
      if (exception !== null && live.ending.isFrozen)
        throw standsStill(live.id, exception.wait.reason);
      const paths = step === null ? stepsIn(live, ["exception", "held", "parked"]) : [step];
      // A review alone waits: it says itself how it goes on.
      if (paths.length === 0) paths.push(...stepsIn(live, ["review"]));
      if (paths.length === 0) throw waitsForNobody(live);
      const resume = { kind: "resume", by, reason, seen, exception: meant, command } as const;
      await resumeTogether(live, paths, resume);
      await this.#engine.committer.durable();
    });
  }

  /** As they are durable now; none if there is no such run. */
  async #recordsOf(run: number): Promise<readonly JournalRecord[]> {
    await this.#engine.committer.durable();
    const [stored] = await this.#engine.store.load([run]);
    return stored?.records ?? [];
  }

  /** Stops a run until the same person lets it go on, see `pauseRun`. */
  async pause(run: number, by: string, reason: string, command: string | null = null) {
    requireName(by, "pauses a run");
    requireReason(reason, "pauses a run");
    if (command !== null && wasApplied(await this.#recordsOf(run), command)) return;
    const id = command === null ? {} : { id: `${command}~` };
    const data = { run: formatRunId(run), reason };
    await this.#at(run, { topic: "pause", data, by, ...id }, () =>
      this.withRun(run, async (live) => {
        refusePause(live);
        live.ending.pause({ by, reason, command });
        await this.#engine.committer.durable();
      }),
    );
  }

  /** @param how - `child`: with its parent. Without its code it is not taken back then: it waits for it. */
  async cancel(run: number, by: string, reason: string, how: Cancelled = {}): Promise<void> {
    requireName(by, "cancels a run");
    // That of a parent comes with words of ours before it.
    if (how.child !== true) requireReason(reason, "cancels a run");
    const data = { run: formatRunId(run), reason, ...how };
    await this.#at(run, { topic: "cancel", data, by }, () => this.#cancel(run, by, reason, how));
  }

  async #cancel(run: number, by: string, reason: string, how: Cancelled): Promise<void> {
    const act = async (live: LiveRun) => {
      if (isFinal(live.state)) throw ended(run, live.state);
      live.ending.cancel(by, reason);
      await this.#engine.committer.durable();
    };
    await this.withRun(run, act, async () => {
      const isTaken = await cancelUnfit(this.#engine, run, { by, reason, ...how });
      if (!isTaken) await this.#cancel(run, by, reason, how);
    });
  }

  /** Gives up an undoing that has failed, by the exception that it waits with. */
  async leaveUndone(
    { run, step, seq }: { readonly run: number; readonly step: string; readonly seq: number },
    by: string,
    reason: string,
  ): Promise<void> {
    await this.withRun(run, (live) =>
      this.#step(live, step, { kind: "stays", exception: seq, by, reason }),
    );
  }

  /** Whoever is asked what happened cannot tell: somebody above is asked, see `handUp`. */
  async cannotTell(said: CannotTell): Promise<void> {
    const { run, exception, by, reason } = said;
    if (said.command !== undefined && wasApplied(await this.#recordsOf(run), said.command)) return;
    const data = { run: formatRunId(run), exception, reason };
    await this.#at(run, { topic: "handUp", data, by }, async () => {
      await handUp(this.#engine, said);
    });
  }

  /** Delivers an event, see `EventDelivery`. */
  send(event: string, key: string, id: string, payload: unknown): Promise<void> {
    return this.events.send(event, key, id, payload);
  }

  /**
   * The late answer to a request that was accepted under `ref`. One that comes before its request
   * is on record is kept for it.
   */
  async complete(integration: string, ref: string, outcome: LateOutcome): Promise<void> {
    requireText(integration, "integration of an answer");
    requireText(ref, `reference of an answer of "${integration}"`);
    if (!isOutcome(outcome)) throw noOutcome(integration, ref);
    const act = async () => {
      if (await contradicts(this.#engine, integration, ref, outcome)) return;
      if (await this.answerPending(integration, ref, outcome)) return;
      await this.#engine.early.keep(integration, ref, outcome);
    };
    const { routes } = this.#engine;
    if (routes === null) await act();
    else {
      const data = { integration, ref, outcome };
      await routes.in(KEEPER_SHARD, { topic: "complete", data, by: integration }, act);
    }
  }

  /** False if nothing waits for an answer under this reference. */
  async answerPending(integration: string, ref: string, outcome: LateOutcome): Promise<boolean> {
    await this.#engine.committer.durable();
    const pending = await this.#engine.store.pendingByRef(integration, ref);
    if (pending === null) return false;
    const { run, operation } = pending;
    const data = { run: formatRunId(run), operation, ref, outcome };
    await this.#at(run, { topic: "outcome", data, by: integration }, () =>
      this.completeAt(run, operation, ref, outcome),
    );
    return true;
  }

  /** The late answer to an operation of a run that is here. */
  async completeAt(run: number, operation: number, ref: string, outcome: LateOutcome) {
    await this.withRun(run, async (live) => {
      const path = this.pathOf(live, operation);
      await this.#step(live, path, { kind: "complete", ref, outcome });
    });
  }

  /** A child has ended: its parent hears of it. */
  childEnded(
    parent: { readonly run: number; readonly step: string },
    child: number,
    end: RunEnd,
  ): void {
    this.#engine.background(this.#tellParent(parent, child, end));
  }

  /** A child needs a person: its parent, which waits for it, is to say so. */
  childStands(run: number, step: string, child: number): void {
    const told = async () => {
      if (!(await this.#tellOwner({ run, step }, child))) this.#engine.wakes.add([run]);
    };
    if (this.#engine.routes === null) this.#engine.wakes.add([run]);
    else this.#engine.background(told());
  }

  /** The owner of a run elsewhere looks at its child again. */
  async #tellOwner(parent: { readonly run: number; readonly step: string }, child: number) {
    const { routes, places, reads } = this.#engine;
    if (routes === null) return false;
    const told = await reads.patiently("the worker of a run whose child has ended", async () => {
      const shard = await routes.shardOf(parent.run);
      if (shard === null || places.owns(shard)) return false;
      const { run, step } = parent;
      const data = { run: formatRunId(run), step, child: formatRunId(child) };
      await routes.tell(shard, { topic: "returned", data });
      return true;
    });
    return told !== false;
  }

  async #tellParent(
    parent: { readonly run: number; readonly step: string },
    child: number,
    end: RunEnd,
  ): Promise<void> {
    if (await this.#tellOwner(parent, child)) return;
    const live = await this.#engine.reads.patiently("a run whose child has ended", () =>
      this.#engine.wakes.reach(parent.run),
    );
    if (live === null) return;
    const unpin = live.pin();
    try {
      await live.settledDown;
      const slot = live.slots.get(parent.step);
      // Refused means that the parent has learned it already, by asking.
      if (slot?.ended !== false) return;
      const { state, reason, data } = end;
      await slot.verb.command?.({ kind: "returned", child, state, reason, data });
    } finally {
      unpin();
    }
  }

  /**
   * Has the run in memory, recovered, for as long as `act` takes.
   *
   * @param actUnfit - instead, where its code does not fit its journal; not given: that is refused.
   */
  async withRun(
    run: number,
    act: (live: LiveRun) => Promise<void>,
    actUnfit?: () => Promise<void>,
  ): Promise<void> {
    const live = await this.#engine.wakes.reach(run, true);
    if (live === null) {
      const missing = await this.#missingCode(run);
      if (missing !== null && actUnfit === undefined) throw missing;
      if (missing !== null) return await actUnfit?.();
      throw new HoldfastError(
        "HF6001",
        `There is no run ${formatRunId(run)} that this engine can work on.`,
        "List runs with: holdfast runs. A run whose workflow this app does not have needs its own app.",
      );
    }
    const unpin = live.pin();
    try {
      await live.settledDown;
      if (live.isGone) {
        if (isFinal(live.state)) throw ended(run, live.state);
        await this.#requireWorkable(run);
        if (actUnfit === undefined || !live.ending.isUnfit) throw unfit(live);
        await actUnfit();
        return;
      }
      await act(live);
    } finally {
      unpin();
    }
  }

  async #requireWorkable(run: number): Promise<StoredRun | null> {
    const [stored] = await this.#engine.store.load([run]);
    if (stored === undefined) return null;
    if (isFinal(stored.row.state)) throw ended(run, stored.row.state);
    requireReadable(stored);
    return stored;
  }

  /** Null if there is no such run, or this app has its code. */
  async #missingCode(run: number): Promise<HoldfastError | null> {
    const stored = await this.#requireWorkable(run);
    if (stored === null || this.#engine.workflow(stored.row.workflow) !== null) return null;
    return withoutCode(stored.row);
  }

  /** The step of an operation. */
  pathOf(live: LiveRun, operation: number): string {
    return this.#pathOf(live, isIntent(operation));
  }

  #pathOf(live: LiveRun, matches: (record: JournalRecord) => boolean): string {
    const path = live.findPath(matches);
    if (path !== null) return path;
    throw new HoldfastError(
      "HF6001",
      `Run ${live.id} has nothing with that number.`,
      `Look at it with: holdfast show ${live.id}`,
    );
  }

  async #step(live: LiveRun, path: string, command: StepCommand): Promise<void> {
    const slot = live.slots.get(path);
    const answer: CommandAnswer = (await slot?.verb.command?.(command)) ?? notAtWork(live.id, path);
    if (answer.kind === "refused") throw refusal(answer, live.id);
    await this.#engine.committer.durable();
  }
}

/** Paths of the steps that wait in one of these states. */
function stepsIn(live: LiveRun, states: readonly RunState[]): string[] {
  return [...live.open]
    .filter(({ wait }) => wait !== null && states.includes(wait.state))
    .map(({ path }) => path);
}

function isIntent(operation: number): (record: JournalRecord) => boolean {
  return (record) => record.kind === "intent" && record.seq === operation;
}
