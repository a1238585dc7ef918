/**
 * What people and other systems may do to runs: the same verbs for this process and, by way of the
 * inbox, for others. Each answers after it is durable.
 */
import { HoldfastError } from "../core/error.ts";
import type { AcceptedEvent, JournalRecord } from "../core/journal.ts";
import { parseJson } from "../core/json-text.ts";
import { inputDigest } from "../core/operation-key.ts";
import { formatRunId } from "../core/run-number.ts";
import { isFinal } from "../core/run-state.ts";
import { lastSeqAt, openedSince, otherThanSeen, sentCountOf, wasApplied } from "../core/seen.ts";
import type { KeptEventRow } from "../store/rows.ts";
import type { EventAddress } from "../store/store.ts";
import { AcceptedEvents, checkEventNames } from "./accepted-events.ts";
import { intakeIsFull } from "./backlog.ts";
import { requireText } from "./checked-values.ts";
import { CountedList } from "./counted-list.ts";
import {
  cameSince,
  ended,
  keepsNoMore,
  noOutcome,
  refusal,
  underWay,
  unfit,
  waitsForNobody,
} from "./command-refusals.ts";
import { settleEnded } from "./ended-runs.ts";
import type { Engine } from "./engine.ts";
import { openEventConflict } from "./event-conflict.ts";
import { isOutcome } from "./inbox-command.ts";
import type { LiveRun } from "./live-run.ts";
import { toJson } from "./payload.ts";
import { requireReadable } from "./unreadable-run.ts";
import type { RunEnd } from "./waiters.ts";
import { withStored } from "./stored-runs.ts";
import { refused, type CommandAnswer, type LateOutcome, type StepCommand } from "./step-slot.ts";

/** Early events under one name and key that are kept. */
const KEPT_EVENTS_MAX = 1_000;

export interface SettleCommand {
  readonly run: number;
  /** Sequence number of the operation's first intent. */
  readonly operation: number;
  readonly happened: boolean;
  readonly value: unknown;
  readonly ref: string | null;
  readonly by: string;
  readonly reason: string;
  /** Attempts that the ledger showed to who says this; not given: those that it shows at the call. */
  readonly attempts?: number;
  /** Number of the exception that was seen; not given: whichever is open. */
  readonly exception?: number;
  /** Id of the command in the inbox. */
  readonly command?: string;
}

/** Where a decision about a run comes from. Not given: from this process, which sees it as it is. */
export interface Decided {
  /** Number up to which the run's journal was seen. */
  readonly seen?: number;
  /** When it was decided: stands in for `seen`, where that is not known. */
  readonly atMs?: number;
  /** Number of the exception that was seen; not given: whichever is open. */
  readonly exception?: number;
  /** Id of the command in the inbox. */
  readonly command?: string;
}

export class Commands {
  readonly #engine: Engine;
  /** Early events that a run is taking; the store has them until that is durable. */
  readonly #claimed = new Set<number>();
  readonly #accepted: AcceptedEvents;
  /** Events that nobody has waited for yet. */
  readonly #early: CountedList;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#accepted = new AcceptedEvents(engine);
    const { clock, limits, store } = engine;
    this.#early = new CountedList(clock, limits.keptEventsMax, () => store.keptCount());
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#claimed.size + this.#accepted.keptCount;
  }

  /** Answers a review. `seq` is that of its `asked` record. */
  async answer(
    run: number,
    seq: number,
    decision: unknown,
    by: string,
    reason = "",
  ): Promise<void> {
    await this.#withRun(run, async (live) => {
      const path = this.#pathOf(live, (record) => record.kind === "asked" && record.seq === seq);
      await this.#step(live, path, { kind: "answer", seq, decision, by, reason });
    });
  }

  /** Says what happened outside. Also for a run that has ended: it changes ledger and exception only. */
  async settle(said: SettleCommand): Promise<void> {
    const { run, operation, happened, value, ref, by, reason } = said;
    const records = await this.#recordsOf(run);
    const command = said.command ?? null;
    if (command !== null && wasApplied(records, command)) return;
    const attempts = said.attempts ?? sentCountOf(records, operation);
    if (await this.#settleEnded({ ...said, attempts })) return;
    const { exception = null } = said;
    const settle = {
      kind: "settle",
      attempts,
      exception,
      happened,
      value,
      ref,
      by,
      reason,
      command,
    } as const;
    await this.#withRun(run, async (live) => {
      await this.#step(live, this.#pathOf(live, isIntent(operation)), settle);
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
    const records = await this.#recordsOf(run);
    const command = decided.command ?? null;
    if (command !== null && wasApplied(records, command)) return;
    const seen = decided.seen ?? lastSeqAt(records, decided.atMs ?? Number.POSITIVE_INFINITY);
    await this.#withRun(run, async (live) => {
      const { exception } = live.ending;
      const { exception: meant = null } = decided;
      if (step === null && exception !== null) {
        const since =
          otherThanSeen(exception.seq, meant) ??
          openedSince(exception.seq, seen, exception.wait.reason);
        if (since !== null) throw cameSince(since, live.id);
        if (live.isUnderWay) throw underWay(live);
        live.ending.resume({ by, reason, command });
        await this.#engine.committer.durable();
        return;
      }
      const paths = step === null ? this.#waitingSteps(live) : [step];
      if (paths.length === 0) throw waitsForNobody(live);
      const resume = { kind: "resume", by, reason, seen, exception: meant, command } as const;
      // At once: a crash between two would leave a command that is half applied.
      await Promise.all(paths.map((path) => this.#step(live, path, resume)));
    });
  }

  /** As they are durable now; none if there is no such run. */
  async #recordsOf(run: number): Promise<readonly JournalRecord[]> {
    await this.#engine.committer.durable();
    const [stored] = await this.#engine.store.load([run]);
    return stored?.records ?? [];
  }

  #waitingSteps(live: LiveRun): string[] {
    return [...live.open]
      .filter((slot) => ["exception", "held", "parked"].includes(slot.wait?.state ?? ""))
      .map((slot) => slot.path);
  }

  async cancel(run: number, by: string, reason: string): Promise<void> {
    await this.#withRun(run, async (live) => {
      if (isFinal(live.state)) throw ended(run, live.state);
      live.ending.cancel(by, reason);
      await this.#engine.committer.durable();
    });
  }

  /**
   * Delivers an event: to the oldest run that waits for it, else it is kept for the next. The same
   * event again is accepted and changes nothing.
   *
   * @throws {HoldfastError} HF4102 if it does not fit who waits for it (its id is free then), HF4106
   *   if its id belongs to another event, HF4202 if no more ids can be remembered,
   *   HF4204 if nobody waits for it and no more can be kept.
   */
  async send(event: string, key: string, id: string, payload: unknown): Promise<void> {
    const { clock, committer, digests, limits, namespace } = this.#engine;
    checkEventNames({ name: event, key, id });
    const data = toJson(payload, limits, `event ${event}`);
    const digest = inputDigest(parseJson(data), (text) => digests.hex(text));
    const untilMs = clock.nowMs() + limits.eventIdsMs;
    const sent: AcceptedEvent = { namespace, event, id, key, digest, untilMs };
    await this.#accepted.inTurn(sent, async (repeat, known) => {
      switch (repeat.kind) {
        case "same":
          return;
        case "conflict":
          throw await openEventConflict(this.#engine, { sent, known, data, ...repeat });
        case "new":
          if (!committer.backlog.takesIntake)
            throw intakeIsFull(committer.backlog, "", "the event was not taken");
          await this.#accepted.refuseIfFull();
          await this.#accept(sent, data);
      }
    });
  }

  async #accept(sent: AcceptedEvent, data: string): Promise<void> {
    const { committer, journal } = this.#engine;
    if (await this.#deliver(sent, data, null)) return;
    if (!(await this.#early.takesOne())) throw keepsNoMore(sent, this.#engine.limits.keptEventsMax);
    const kept = journal.append("kept", sent, data);
    // Who began to wait meanwhile has looked before it was kept, and would never hear of it.
    await this.#deliver(sent, data, kept);
    await committer.durable();
  }

  /** Offers an event to those who wait for it, oldest first. True if one has taken it. */
  async #deliver(sent: AcceptedEvent, data: string, kept: number | null): Promise<boolean> {
    const { committer, store, wakes } = this.#engine;
    const { namespace, event, key } = sent;
    await committer.durable();
    for (const run of await store.awaiting({ namespace, event, key }, KEPT_EVENTS_MAX)) {
      const live = await wakes.reach(run);
      if (live === null) continue;
      const unpin = live.pin();
      try {
        await live.settledDown;
        if (kept !== null && !this.#claim(kept)) return true;
        const taken = await this.#offer(live, sent, data, kept);
        if (kept !== null) this.keptEventOffered(kept, taken);
        if (!taken) continue;
        await committer.durable();
        return true;
      } finally {
        unpin();
      }
    }
    return false;
  }

  async #offer(
    live: LiveRun,
    sent: AcceptedEvent,
    data: string,
    kept: number | null,
  ): Promise<boolean> {
    for (const slot of live.open) {
      if (slot.verb.awaits?.(sent.event, sent.key) !== true) continue;
      const { id } = sent;
      const origin = kept === null ? ({ accepted: sent } as const) : { kept, id };
      const answer = await slot.verb.command?.({ kind: "event", data, origin });
      if (answer?.kind === "applied") return true;
      // Refused for any other reason, it waits for the next.
      if (answer?.kind !== "refused" || answer.code !== "HF4102") continue;
      // One that was kept has become an exception of the run.
      if (kept !== null) return true;
      throw refusal(answer, live.id);
    }
    return false;
  }

  /** Oldest early event with this key that nobody is taking, or null. Say what became of the offer. */
  async keptEvent(of: EventAddress): Promise<KeptEventRow | null> {
    await this.#engine.committer.durable();
    for (let limit = 1; limit <= KEPT_EVENTS_MAX; limit += this.#claimed.size + 1) {
      const rows = await this.#engine.store.keptEvents(of, limit);
      const free = rows.find((row) => this.#claim(row.seq));
      if (free !== undefined) return free;
      if (rows.length < limit) break;
    }
    return null;
  }

  #claim(kept: number): boolean {
    if (this.#claimed.has(kept)) return false;
    this.#claimed.add(kept);
    return true;
  }

  /** The run has taken it, or has not. */
  keptEventOffered(kept: number, taken: boolean): void {
    const release = () => {
      this.#claimed.delete(kept);
    };
    if (taken) void this.#engine.committer.durable().then(release, release);
    else release();
  }

  /**
   * The late answer to a request that was accepted under `ref`. One that comes before its request
   * is on record is kept for it.
   */
  async complete(integration: string, ref: string, outcome: LateOutcome): Promise<void> {
    requireText(integration, "integration of an answer");
    requireText(ref, `reference of an answer of "${integration}"`);
    if (!isOutcome(outcome)) throw noOutcome(integration, ref);
    if (await this.answerPending(integration, ref, outcome)) return;
    await this.#engine.early.keep(integration, ref, outcome);
  }

  /** False if nothing waits for an answer under this reference. */
  async answerPending(integration: string, ref: string, outcome: LateOutcome): Promise<boolean> {
    await this.#engine.committer.durable();
    const pending = await this.#engine.store.pendingByRef(integration, ref);
    if (pending === null) return false;
    await this.#withRun(pending.run, async (live) => {
      const path = this.#pathOf(live, isIntent(pending.operation));
      await this.#step(live, path, { kind: "complete", ref, outcome });
    });
    return true;
  }

  /** A child has ended: its parent hears of it. */
  childEnded(
    parent: { readonly run: number; readonly step: string },
    child: number,
    end: RunEnd,
  ): void {
    this.#engine.background(this.#tellParent(parent, child, end));
  }

  async #tellParent(
    parent: { readonly run: number; readonly step: string },
    child: number,
    end: RunEnd,
  ): Promise<void> {
    const live = await this.#engine.reads.patiently("a run whose child has ended", () =>
      this.#engine.wakes.reach(parent.run),
    );
    if (live === null) return;
    const unpin = live.pin();
    try {
      await live.settledDown;
      const slot = live.slots.get(parent.step);
      // Refused means that the parent has learned it already, by asking.
      if (slot?.ended === false) await slot.verb.command?.({ kind: "returned", child, ...end });
    } finally {
      unpin();
    }
  }

  /** Has the run in memory, recovered, for as long as `act` takes. */
  async #withRun(run: number, act: (live: LiveRun) => Promise<void>): Promise<void> {
    const live = await this.#engine.wakes.reach(run, true);
    if (live === null) {
      await this.#requireWorkable(run);
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
        throw unfit(live);
      }
      await act(live);
    } finally {
      unpin();
    }
  }

  async #requireWorkable(run: number): Promise<void> {
    const [stored] = await this.#engine.store.load([run]);
    if (stored === undefined) return;
    if (isFinal(stored.row.state)) throw ended(run, stored.row.state);
    requireReadable(stored);
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
    const answer: CommandAnswer =
      (await slot?.verb.command?.(command)) ??
      refused("HF6001", `Run ${live.id} has no step "${path}" at work.`);
    if (answer.kind === "refused") throw refusal(answer, live.id);
    await this.#engine.committer.durable();
  }
}

function isIntent(operation: number): (record: JournalRecord) => boolean {
  return (record) => record.kind === "intent" && record.seq === operation;
}
