/**
 * The one door for other processes: takes commands from the inbox, applies them, and records the
 * answer in the flush that holds what they changed (or a later one: a command may be applied twice
 * after a crash, and each of them says so instead of doing it again).
 */
import type { InboxAnswer } from "./inbox-bodies.ts";
import { HoldfastError } from "../../core/error.ts";
import { formatRunId, parseRunId } from "../../core/run-number.ts";
import { isPromised } from "../../store/promised.ts";
import { isOfWorker, type WaitingCommand } from "../../store/rows.ts";
import { repairFrom } from "../repair/repair-commands.ts";
import { requireName } from "../journal/checked-values.ts";
import type { Engine } from "../engine.ts";
import { removeWhereTheyAre } from "../workers/shared-removals.ts";
import { CommandForgetting } from "./forgetting.ts";
import { commandOf, requireTopic, runOf } from "./inbox-command.ts";
import { recordKeptStop } from "./kept-stops.ts";
import { parkOrUnpark } from "./parking.ts";
import { noteRefusal } from "./kept-refusals.ts";
import { leaveLane } from "../starts/leaving-lanes.ts";
import { AGAIN } from "../starts/placed-starts.ts";
import { Elsewhere } from "../workers/places.ts";
import { Promises } from "./promises.ts";
import type { ReceivedStart, StartingParent, StartOptions } from "../starts/starts.ts";
import { thrownText } from "../exceptions/thrown-text.ts";
import { fromWorker } from "../workers/worker-commands.ts";

export class InboxDoor {
  readonly #engine: Engine;
  #cancelPoll: (() => void) | null = null;
  #closed = false;
  #busyPolls = 0;
  #isPolling = false;
  /** Whether the store tells of most commands by itself. */
  #tellsPosts = () => false;
  /** A command was posted while a look was under way. */
  #isHinted = false;
  /** Taken and not yet answered for good: the store still lists them. */
  readonly #underWay = new Set<string>();
  /** Answered for good while the inbox was being read: what was read may still list them. */
  readonly #answered = new Set<string>();
  readonly #promises: Promises;
  readonly #forgetting: CommandForgetting;
  /** What was posted until then was left while this engine did not run. */
  readonly #sinceMs: number;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#sinceMs = engine.clock.nowMs();
    this.#promises = new Promises(engine, () => this.lookSoon());
    this.#forgetting = new CommandForgetting(engine);
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#underWay.size + this.#promises.keptCount;
  }

  open(): void {
    this.#tellsPosts = this.#engine.store.onPosted(() => {
      // A look that is under way may have been too early for it.
      this.#isHinted = !this.lookSoon();
    });
    void this.#poll(true);
  }

  close(): void {
    this.#closed = true;
    this.#cancelPoll?.();
    this.#promises.close();
    this.#forgetting.close();
  }

  /**
   * Before runs that have come are brought back: those of them that were cancelled or paused meanwhile.
   *
   * @param came - the shards that have come; not given where the store is whole.
   */
  async takeStops(came?: readonly number[]): Promise<void> {
    const { store, limits, places, reads } = this.#engine;
    for (let limit = limits.inboxBatchMax; ; limit *= 2) {
      const rows = await reads.patiently("commands", () => store.inbox(limit, places.list));
      if (rows === null) return;
      for (const row of rows) if (this.#isFresh(row)) await this.#takeStop(row, came);
      // What is beyond that is taken when there is room for it, like all other commands.
      if (rows.length < limit || limit >= limits.inboxUnderWayMax) return;
    }
  }

  async #takeStop(row: WaitingCommand, came?: readonly number[]): Promise<void> {
    const { topic } = row;
    if (topic !== "cancel" && topic !== "pause") return;
    const { reads, committer } = this.#engine;
    this.#underWay.add(row.id);
    const isRecorded = await reads.patiently("a run that is stopped", () =>
      recordKeptStop(this.#engine, { ...row, topic }, came).catch(leftToOthers),
    );
    if (isRecorded === true) {
      const answer: InboxAnswer = { ok: true };
      committer.take(row.id, JSON.stringify(answer));
      await committer.durable();
      this.#answered.add(row.id);
    }
    this.#underWay.delete(row.id);
  }

  #isFresh({ id }: WaitingCommand): boolean {
    return !this.#underWay.has(id) && !this.#answered.has(id) && !this.#promises.holds(id);
  }

  /** Commands wait, as somebody has seen who looked anyway. False while a look is under way. */
  lookSoon(): boolean {
    if (this.#closed || this.#isPolling) return this.#closed;
    this.#cancelPoll?.();
    void this.#poll(true);
    return true;
  }

  async #poll(force: boolean): Promise<void> {
    this.#isPolling = true;
    await this.#pollOnce(force);
    this.#isPolling = false;
    if (!this.#isHinted) return;
    this.#isHinted = false;
    this.lookSoon();
  }

  async #pollOnce(force: boolean): Promise<void> {
    const { store, limits, clock, reads } = this.#engine;
    const isShared = !store.shards.isWhole;
    let mustLook = force;
    let took: number | null = 0;
    const looked = await reads.patiently("commands", async () => {
      const isForced = mustLook;
      // Whether something had changed is told once, also to a look that fails.
      mustLook = true;
      // Of a shared store the looks of the membership tell, while nothing comes.
      if (isForced || isShared || (await store.changed())) took = await this.#takeAll();
      return true;
    });
    if (looked === null || this.#closed) return;
    this.#busyPolls = took !== 0 ? BUSY_POLLS : Math.max(0, this.#busyPolls - 1);
    if (isShared && this.#busyPolls === 0 && took !== null) return;
    const idleMs = this.#tellsPosts() ? limits.inboxToldMs : limits.inboxIdleMs;
    const delayMs = this.#busyPolls > 0 ? limits.inboxBusyMs : idleMs;
    const more = took === null || took === limits.inboxBatchMax;
    this.#cancelPoll = clock.after(delayMs, () => void this.#poll(more));
  }

  /** How many were taken; null if they have to wait where they are. */
  async #takeAll(): Promise<number | null> {
    const { store, limits, committer, places } = this.#engine;
    // What waits in the store is durable: it need not come in while there is no room for it.
    if (!committer.backlog.takesIntake || this.#underWay.size >= limits.inboxUnderWayMax)
      return null;
    if (this.#promises.isFull) return null;
    this.#answered.clear();
    const limit = limits.inboxBatchMax + this.keptCount;
    const rows = await store.inbox(limit, places.list);
    const fresh = rows.filter((row) => this.#isFresh(row));
    // Side by side: one that must wait for its run holds up no other, nor the next that come.
    for (const row of fresh) {
      this.#underWay.add(row.id);
      this.#engine.background(this.#answer(row));
    }
    return fresh.length;
  }

  async #answer(row: WaitingCommand): Promise<void> {
    const { committer, places } = this.#engine;
    const answer = await this.#apply(row);
    if (answer?.ok === false && row.atMs <= this.#sinceMs)
      await noteRefusal(this.#engine, row, answer);
    const isFinal = answer !== null && !this.#closed && (await this.#isTold(row, answer));
    // The engine has ended meanwhile: the next one finds the command again.
    if (this.#closed) return;
    // So does whoever has its shard by now.
    if (isFinal && places.owns(row.shard)) {
      committer.take(row.id, JSON.stringify(answer));
      await committer.durable();
      this.#answered.add(row.id);
      this.#forgetting.tookOne();
    }
    this.#underWay.delete(row.id);
  }

  /** Whether this may be the command's answer: nobody waits for that of one from a transaction. */
  async #isTold(row: WaitingCommand, answer: InboxAnswer): Promise<boolean> {
    return !isPromised(row.id) || (await this.#promises.isTold(row, answer));
  }

  /** Null if it is to be looked at again. */
  async #apply(row: WaitingCommand): Promise<InboxAnswer | null> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.#command(row);
      } catch (error) {
        if (error instanceof Elsewhere) return null;
        if (error instanceof HoldfastError) {
          return { ok: false, code: error.code, message: error.message, remedy: error.remedy };
        }
        if (isOfWorker(row.topic)) {
          if (await this.#isTriedAgain(row, error, failures)) continue;
          return null;
        }
        const { message } = thrownText(error);
        return {
          ok: false,
          code: "HF6003",
          message,
          remedy: "This is a defect of Holdfast: report it.",
        };
      }
    }
  }

  /**
   * Nobody hears of a command between workers that fails, and a run would wait for ever: so what
   * cannot be read now is read again, for as long as its shard is here.
   */
  async #isTriedAgain({ shard }: WaitingCommand, error: unknown, failures: number) {
    const { reads, places } = this.#engine;
    const isTried = await reads.pause("what a command of another worker is about", error, failures);
    return isTried && places.owns(shard);
  }

  async #command(row: WaitingCommand): Promise<InboxAnswer> {
    const { by } = row;
    requireTopic(row.topic);
    requireName(by, "sends a command");
    if (!row.isAsPosted) throw tampered(row);
    if (row.unreadable !== undefined) throw row.unreadable;
    const elsewhere = await this.#elsewhere(row);
    // One id for each owner that it is given to: what an earlier life has sent on is not sent twice.
    if (elsewhere !== null) return await elsewhere.forward({ ...row, id: `${row.id}~` });
    return await this.#here(row);
  }

  async #here(row: WaitingCommand): Promise<InboxAnswer> {
    requireTopic(row.topic);
    if (row.topic === "archive") return await this.#remove(row);
    if (row.topic === "repair" || row.topic === "decide" || row.topic === "settle")
      return await repairFrom(this.#engine, row);
    if (row.topic === "park" || row.topic === "unpark")
      return await parkOrUnpark(this.#engine, { ...row, topic: row.topic });
    if (row.topic === "start") return await this.#start(row);
    const { commands } = this.#engine;
    const { by } = row;
    switch (row.topic) {
      case "send": {
        const { event, key, id, payload } = commandOf<"send">({ ...row, topic: "send" });
        await commands.send(event, key, id ?? row.id, payload);
        return { ok: true };
      }
      case "answer": {
        const { run, seq, decision, reason } = commandOf<"answer">({ ...row, topic: "answer" });
        await commands.answer(parseRunId(run), seq, decision, by, reason);
        return { ok: true };
      }
      case "resume":
        return await this.#resume(row);
      case "handUp": {
        const { run, exception, reason } = commandOf<"handUp">({ ...row, topic: "handUp" });
        const said = { run: parseRunId(run), exception, by, reason, command: row.id };
        await commands.cannotTell(said);
        return { ok: true };
      }
      case "cancel": {
        const { run, reason, child } = commandOf<"cancel">({ ...row, topic: "cancel" });
        await commands.cancel(parseRunId(run), by, reason, child === true ? { child } : {});
        return { ok: true };
      }
      case "pause": {
        const { run, reason } = commandOf<"pause">({ ...row, topic: "pause" });
        await commands.pause(parseRunId(run), by, reason, row.id);
        return { ok: true };
      }
      case "close": {
        const { run, seq, reason } = commandOf<"close">({ ...row, topic: "close" });
        await this.#engine.exceptions.beside.close({ run: parseRunId(run), seq }, by, reason);
        return { ok: true };
      }
      case "skipHead":
        return await this.#skipHead(row);
      case "handle":
      case "group":
      case "route":
        return await this.#engine.exceptions.acts.command({ ...row, topic: row.topic });
      case "rule":
        return await this.#engine.rules.command({ ...row, topic: row.topic });
      case "complete": {
        const { integration, ref, outcome } = commandOf<"complete">({ ...row, topic: "complete" });
        await commands.complete(integration, ref, outcome);
        return { ok: true };
      }
      case "returned":
      case "deliver":
      case "offer":
      case "outcome":
      case "asked":
      case "beside":
      case "receive":
        return await fromWorker(this.#engine, { ...row, topic: row.topic });
    }
  }

  /** Where the run is that a command is about, if that is another worker's. */
  async #elsewhere({ topic, data }: WaitingCommand) {
    const { routes, places } = this.#engine;
    if (routes === null || OF_NO_RUN.includes(topic)) return null;
    const run = runOf(data);
    const shard = run === null ? null : await routes.shardOf(run);
    if (shard === null || places.owns(shard)) return null;
    const forward = ({ id, by, data: text }: WaitingCommand) =>
      routes.forward(shard, { topic, data: text, by, id });
    return { forward };
  }

  async #remove({ by, ...row }: WaitingCommand): Promise<InboxAnswer> {
    const data = commandOf<"archive">({ ...row, by, topic: "archive" });
    const { archive, file, runs, here } = data;
    const ordered = runs.map(([run, records]) => ({ run: parseRunId(run), records }));
    const order = { archive, file, by, runs: ordered };
    const { removals, routes, places } = this.#engine;
    const { shared } = places;
    const isWhole = routes === null || shared === null || here === true;
    const { removed, stays } = await (isWhole
      ? removals.remove(order)
      : removeWhereTheyAre(this.#engine, { routes, shared }, order, row.id));
    const named = stays.map(({ run, because }) => ({ run: formatRunId(run), because }));
    return { ok: true, removed, stays: named };
  }

  async #skipHead(row: WaitingCommand): Promise<InboxAnswer> {
    const { run, reason } = commandOf<"skipHead">({ ...row, topic: "skipHead" });
    const said = { by: row.by, reason, cause: "operator", command: row.id } as const;
    await leaveLane(this.#engine, parseRunId(run), said);
    return { ok: true };
  }

  async #resume(row: WaitingCommand): Promise<InboxAnswer> {
    const { run, step, seen, exception, to, insteadOf, reason } = commandOf<"resume">({
      ...row,
      topic: "resume",
    });
    const decided = {
      ...(seen === undefined ? { atMs: row.atMs } : { seen }),
      ...(exception === undefined ? {} : { exception }),
      ...(to === undefined ? {} : { to }),
      ...(insteadOf === undefined ? {} : { insteadOf }),
      command: row.id,
    };
    await this.#engine.commands.resume(parseRunId(run), step, row.by, reason, decided);
    return { ok: true };
  }

  async #start({ by, restoredFromMs, ...row }: WaitingCommand): Promise<InboxAnswer> {
    const start = commandOf<"start">({ ...row, by, topic: "start" });
    const workflow = this.#engine.workflow(start.workflow);
    if (workflow === null) {
      throw new HoldfastError(
        "HF1003",
        `The engine does not know workflow "${start.workflow}".`,
        "Check the name, or deploy the app that has it.",
      );
    }
    if (workflow === this.#engine.replays.workflow) this.#engine.replays.declare();
    const { correlationId, parent, claimed, received } = start;
    const options: StartOptions = {
      by,
      ...(correlationId === undefined ? {} : { correlationId }),
      // Written by a worker, in this form.
      ...(parent === undefined ? {} : { parent: parent as StartingParent }),
      ...(claimed === undefined ? {} : { claimed }),
      ...(received === undefined ? {} : { received: received as ReceivedStart }),
      ...(restoredFromMs === undefined ? {} : { restoredFromMs }),
    };
    const { run, ...how } = await this.#engine.startRun(workflow, start.input, options);
    return run === AGAIN.run ? { ok: true } : { ok: true, run: formatRunId(run), ...how };
  }
}

/** Whoever takes them knows what to do. */
const OF_NO_RUN: readonly string[] = ["start", "send", "complete", "park", "unpark"];

/** Polls at the busy pace after the last command. */
const BUSY_POLLS = 40;

/** What is wrong with it is said when it is taken with all other commands. */
function leftToOthers(error: unknown): false {
  if (error instanceof HoldfastError || error instanceof Elsewhere) return false;
  throw error;
}

function tampered({ topic }: WaitingCommand): HoldfastError {
  return new HoldfastError(
    "HF5006",
    `The command "${topic}" in the inbox is not what was posted: the file was changed by something else. Nothing was done.`,
    "Run `holdfast store verify`, and send the command again.",
  );
}
