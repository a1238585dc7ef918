/**
 * What people and other systems may do to runs: the same verbs for this process and, by way of the
 * inbox, for others. Each answers after it is durable.
 */
import type { ErrorCode } from "../core/error.ts";
import { HoldfastError } from "../core/error.ts";
import type { JournalRecord, KeptHead } from "../core/journal.ts";
import { formatRunId } from "../core/run-number.ts";
import { isFinal, type FinalRunState } from "../core/run-state.ts";
import type { KeptEventRow } from "../store/rows.ts";
import { intakeIsFull } from "./backlog.ts";
import { requireText } from "./checked-values.ts";
import { settleEnded } from "./ended-runs.ts";
import type { Engine } from "./engine.ts";
import type { LiveRun } from "./live-run.ts";
import { toJson } from "./payload.ts";
import { requireReadable } from "./unreadable-run.ts";
import type { RunEnd } from "./waiters.ts";
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
}

export class Commands {
  readonly #engine: Engine;
  /** Early events that a run is taking; the store has them until that is durable. */
  readonly #claimed = new Set<number>();

  #lastSettled: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#claimed.size;
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
  async settle(command: SettleCommand): Promise<void> {
    const { run, operation, happened, value, ref, by, reason } = command;
    if (await this.#settleEnded(command)) return;
    await this.#withRun(run, async (live) => {
      const path = this.#pathOf(live, isIntent(operation));
      await this.#step(live, path, { kind: "settle", happened, value, ref, by, reason });
    });
  }

  /** False if the run has not ended. One at a time: each has to see what the one before wrote. */
  #settleEnded(command: SettleCommand): Promise<boolean> {
    const { committer, store, live } = this.#engine;
    const settle = async () => {
      if (live.has(command.run)) return false;
      await committer.durable();
      const [stored] = await store.load([command.run]);
      if (stored === undefined || !isFinal(stored.row.state)) return false;
      settleEnded(committer, stored, command);
      await committer.durable();
      return true;
    };
    const turn = this.#lastSettled.then(settle, settle);
    this.#lastSettled = turn;
    // Its caller hears of a failure; the next in line only waits for it.
    turn.catch(() => undefined);
    return turn;
  }

  /** Lets a run go on that waits for a person; `step` null: all of it that may. */
  async resume(run: number, step: string | null, by: string, reason: string): Promise<void> {
    await this.#withRun(run, async (live) => {
      const { exception } = live.ending;
      if (step === null && exception !== null) {
        live.ending.resume(by, reason);
        await this.#engine.committer.durable();
        return;
      }
      const paths = step === null ? this.#waitingSteps(live) : [step];
      if (paths.length === 0) {
        throw new HoldfastError(
          "HF6003",
          `Run ${live.id} does not wait for a person (it is ${live.state}).`,
          `Look at it with: holdfast why ${live.id}`,
        );
      }
      for (const path of paths) await this.#step(live, path, { kind: "resume", by, reason });
    });
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

  /** Delivers an event: to the oldest run that waits for it, else it is kept for the next. */
  async send(event: string, key: string, id: string, payload: unknown): Promise<void> {
    const { committer, journal, limits } = this.#engine;
    requireText(event, "name of an event");
    requireText(key, `key of event ${event}`);
    const data = toJson(payload, limits, `event ${event}`);
    if (!committer.backlog.takesIntake)
      throw intakeIsFull(committer.backlog, "", "the event was not taken");
    if (await this.#deliver(event, key, data, null)) return;
    const head: KeptHead = { event, key, id };
    const kept = journal.append("kept", head, data);
    // Who began to wait meanwhile has looked before it was kept, and would never hear of it.
    await this.#deliver(event, key, data, kept);
    await committer.durable();
  }

  /** Offers an event to those who wait for it, oldest first. True if one has taken it. */
  async #deliver(event: string, key: string, data: string, kept: number | null): Promise<boolean> {
    const { committer, store, wakes } = this.#engine;
    await committer.durable();
    for (const run of await store.awaiting(event, key, KEPT_EVENTS_MAX)) {
      const live = await wakes.reach(run);
      if (live === null) continue;
      const unpin = live.pin();
      try {
        await live.settledDown;
        if (kept !== null && !this.#claim(kept)) return true;
        const taken = await this.#offer(live, event, key, data, kept);
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
    event: string,
    key: string,
    data: string,
    kept: number | null,
  ): Promise<boolean> {
    for (const slot of live.open) {
      if (slot.verb.awaits?.(event, key) !== true) continue;
      const answer = await slot.verb.command?.({ kind: "event", data, kept });
      if (answer?.kind === "applied") return true;
      // Refused for any other reason, it waits for the next; and one that is kept stays kept.
      if (answer?.kind === "refused" && answer.code === "HF4102" && kept === null)
        throw refusal(answer, live.id);
    }
    return false;
  }

  /** Oldest early event with this key that nobody is taking, or null. Say what became of the offer. */
  async keptEvent(event: string, key: string): Promise<KeptEventRow | null> {
    await this.#engine.committer.durable();
    for (let limit = 1; limit <= KEPT_EVENTS_MAX; limit += this.#claimed.size + 1) {
      const rows = await this.#engine.store.keptEvents(event, key, limit);
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

  /** The late answer to a request that was accepted under `ref`. */
  async complete(integration: string, ref: string, outcome: LateOutcome): Promise<void> {
    await this.#engine.committer.durable();
    const pending = await this.#engine.store.pendingByRef(integration, ref);
    if (pending === null) {
      throw new HoldfastError(
        "HF6001",
        `No effect of "${integration}" waits for an answer under "${ref}".`,
        "Check the reference; a second answer to the same request is ignored.",
      );
    }
    await this.#withRun(pending.run, async (live) => {
      const path = this.#pathOf(live, isIntent(pending.operation));
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

function ended(run: number, state: FinalRunState): HoldfastError {
  return new HoldfastError(
    "HF6003",
    `Run ${formatRunId(run)} is ${state} already.`,
    "What it did can be undone by a workflow of its own; what it left open can be settled.",
  );
}

/** Its code does not fit its journal: it is held again before anything can be done with it. */
function unfit(live: LiveRun): HoldfastError {
  return new HoldfastError(
    "HF2104",
    `Nothing can be done with run ${live.id} now: ${live.ending.runWait?.reason ?? "its code does not fit"}`,
    "Deploy code that fits the run, then try again.",
    { where: `workflow ${live.workflow.name}` },
  );
}

const REMEDIES: Partial<Record<ErrorCode, string>> = {
  HF6002: "Ask somebody who may.",
  HF6004: "Find out what happened and say so with: holdfast settle",
  HF4102: "Mend the value and try again; nothing was changed.",
};

function isIntent(operation: number): (record: JournalRecord) => boolean {
  return (record) => record.kind === "intent" && record.seq === operation;
}

function refusal(answer: Extract<CommandAnswer, { kind: "refused" }>, run: string): HoldfastError {
  const remedy = REMEDIES[answer.code] ?? `Look at it with: holdfast why ${run}`;
  return new HoldfastError(answer.code, answer.why, remedy, { where: run });
}
