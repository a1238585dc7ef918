/**
 * The one door by which people repair a run: each act is looked at, then done, or laid before a second
 * person. What is written for one act is written in one turn, so a crash leaves all of it or nothing.
 * Source: decision 0023.
 */
import { Turns } from "../turns.ts";
import { HoldfastError } from "../../core/error.ts";
import { isSamePerson } from "../../core/person.ts";
import type { ByHand, ProposedHead, RepairAct } from "../../core/repaired.ts";
import type { DecisionBody, RepairOrder } from "../../core/repair-order.ts";
import { formatRunId, parseItemId, parseRunId } from "../../core/run-number.ts";
import { isFinal } from "../../core/run-state.ts";
import { versionOf } from "../../core/run-version.ts";
import { unknownEffects, unknownText } from "../../core/unknown-effects.ts";
import { sentCountOf, wasApplied } from "../../core/seen.ts";
import type { StoredRun } from "../../store/rows.ts";
import { isoText } from "../clock.ts";
import type { SettleCommand } from "../commands/settle-command.ts";
import type { Engine } from "../engine.ts";
import {
  requireName,
  requireReason,
  requireText,
  requireTruth,
} from "../journal/checked-values.ts";
import { withStored } from "../journal/stored-runs.ts";
import type { LiveRun } from "../run/live-run.ts";
import { headOf } from "../run/recovery.ts";
import { requireReadable } from "../run/unreadable-run.ts";
import type { Routed } from "../workers/routes.ts";
import { approverOfPlan } from "./planned-item.ts";
import { prepareRun } from "./prepare-run.ts";
import type { Prepared, Write } from "./prepared.ts";
import {
  decidedHead,
  frozenDigest,
  orderOf,
  proposalOf,
  proposedHead,
  startedBy,
  refuseMoreProposals,
  verdictOf,
} from "./proposals.ts";
import { misfit, moved, noProposal, samePerson, unknownFirst } from "./repair-refusals.ts";
import { settleOrPropose, settleTogether } from "./settling.ts";
import { prepareEdit, prepareSupply } from "./step-repairs.ts";

export interface Decision extends Omit<DecisionBody, "run"> {
  readonly run: number;
  readonly by: string;
  readonly command: string | null;
}

export interface Repaired {
  /** Number of the proposal that a second person has to approve; null if it was done. */
  readonly proposal: number | null;
  /** The run that was started anew; null for other acts. */
  readonly run: number | null;
}

/** A second person's word: about a proposal, or about the replay plan that it is an item of. */
interface Approval {
  readonly by: string;
  readonly proposal: ApprovedProposal | null;
}

interface ApprovedProposal {
  readonly decision: Decision;
  /** What was frozen, as JSON. */
  readonly data: string | null;
}

const DONE: Repaired = { proposal: null, run: null };

export class Repairs {
  readonly #engine: Engine;
  /** What two people decide about one run at once is decided one after the other. */
  readonly #turns = new Turns();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * @throws {HoldfastError} HF6001, HF6003, HF6004 (an outcome is unknown), HF6007 (it has moved
   *   since), HF4102 (the value does not fit). Nothing was done then.
   */
  async repair(order: RepairOrder): Promise<Repaired> {
    return await this.#turns.in(String(order.run), () => this.#repair(order));
  }

  /**
   * Whether it could be done now. Nothing is done or written.
   *
   * @returns why a second person would have to approve it; null if one is enough.
   * @throws {HoldfastError} as `repair`.
   */
  async look(order: RepairOrder): Promise<string | null> {
    return await this.#turns.in(String(order.run), async () => {
      const found: { needs: string | null } = { needs: null };
      if (isOfStep(order.act)) {
        await this.#preparedAtStep(order, null, async ({ needs }) => {
          found.needs = needs;
        });
        return found.needs;
      }
      const seen = await this.#seenRun(order);
      const prepare = await prepareRun(this.#engine, seen, order, null);
      return prepare(seen, neverWritten).needs;
    });
  }

  async #repair(order: RepairOrder): Promise<Repaired> {
    const { records } = await this.#stored(order.run);
    if (order.command !== null && wasApplied(records, order.command))
      return { ...DONE, proposal: proposalOf(records, order.command) };
    const { plan } = order;
    const by = plan === undefined ? null : await approverOfPlan(this.#engine, order, plan);
    return await this.#carryOut(order, by === null ? null : { by, proposal: null });
  }

  /**
   * Says what happened outside, where the run is. What is done only once, and what is about money, a
   * second person has to approve.
   *
   * @throws {HoldfastError} HF6001, HF6003 (it is known, or was sent again since), HF4102.
   */
  async settle(said: SettleCommand): Promise<Repaired> {
    const { run, operation, happened, parts, value, ref, by, reason, exception } = said;
    requireName(by, "says whether an effect happened");
    requireReason(reason, "says whether an effect happened");
    requireTruth(happened, 'word "happened" about an effect');
    if (ref !== null) requireText(ref, "reference of what has happened");
    const attempts = said.attempts ?? sentCountOf((await this.#stored(run)).records, operation);
    const data = {
      run: formatRunId(run),
      operation,
      attempts,
      happened,
      ...(parts === undefined ? {} : { parts }),
      value,
      ref,
      reason,
      ...(exception === undefined ? {} : { exception }),
    };
    return await this.#at(run, { topic: "settle", data, by }, () =>
      this.#turns.in(String(run), async () => {
        const stored = await this.#stored(run);
        const proposal = await settleOrPropose(this.#engine, stored, { ...said, attempts });
        return { proposal, run: null };
      }),
    );
  }

  /** Approves a proposal, which is done then; or rejects it. */
  async decide(decision: Decision): Promise<Repaired> {
    const { run, seq, approve, reason, by } = decision;
    requireName(by, "decides about a proposal");
    requireReason(reason, "decides about a proposal");
    requireTruth(approve, "decision about a proposal");
    const data = { run: formatRunId(run), seq, approve, reason };
    return await this.#at(run, { topic: "decide", data, by }, () =>
      this.#turns.in(String(run), () => this.#decide(decision)),
    );
  }

  /** Here, or by a command to the worker that has the run. */
  async #at<T extends "settle" | "decide">(
    run: number,
    routed: Routed<T>,
    act: () => Promise<Repaired>,
  ): Promise<Repaired> {
    const { routes } = this.#engine;
    if (routes === null) return await act();
    const reached = { here: DONE };
    const answer = await routes.at(run, routed, async () => {
      reached.here = await act();
    });
    if (answer === null) return reached.here;
    const { proposal, run: started } = answer;
    return {
      proposal: proposal === undefined ? null : parseItemId("prp", proposal).seq,
      run: started === undefined ? null : parseRunId(started),
    };
  }

  async #decide(decision: Decision): Promise<Repaired> {
    const { run, seq, by, command, approve } = decision;
    const { records, row } = await this.#stored(run);
    if (command !== null && wasApplied(records, command))
      return { ...DONE, run: startedBy(records, command) };
    const record = records.find((one) => one.seq === seq && one.kind === "proposed");
    if (record === undefined) throw noProposal(run, seq);
    const head = headOf<ProposedHead>(record);
    const before = verdictOf(records, seq);
    if (before !== null)
      throw misfit(run, `The proposal was ${before.verdict} already, by ${before.by}.`);
    if (!approve) return await this.#close(decision, "rejected");
    if (isSamePerson(by, head.by)) throw samePerson(run, by);
    const { clock, digests } = this.#engine;
    if (clock.nowMs() >= head.expiresAtMs) {
      await this.#close(decision, "expired");
      throw misfit(run, `The proposal could be approved until ${isoText(head.expiresAtMs)}.`, ANEW);
    }
    const isFrozen = head.digest === frozenDigest(run, head, record.data, digests);
    if (!isFrozen || versionOf(records) !== head.version) {
      await this.#close(decision, "void");
      throw moved({ run: row.run, version: head.version }, versionOf(records));
    }
    const { act, said } = head;
    if (act !== "settle")
      return await this.#carryOut(orderOf(run, { ...head, act }), {
        by,
        proposal: { decision, data: record.data },
      });
    if (said === undefined) throw noProposal(run, seq);
    try {
      await settleTogether(this.#engine, decision, head, said, record.data);
    } catch (error) {
      if (error instanceof HoldfastError && error.code === "HF6007")
        await this.#close(decision, "void");
      throw error;
    }
    return DONE;
  }

  async #stored(run: number): Promise<StoredRun> {
    const { committer, store } = this.#engine;
    await committer.durable();
    const [stored] = await store.load([run]);
    if (stored !== undefined) {
      requireReadable(stored);
      return stored;
    }
    throw new HoldfastError(
      "HF6001",
      `There is no run ${formatRunId(run)} that this engine can work on.`,
      "List runs with: holdfast runs",
    );
  }

  async #carryOut(order: RepairOrder, approval: Approval | null): Promise<Repaired> {
    if (isOfStep(order.act)) return await this.#atStep(order, approval);
    return await this.#atRun(order, approval);
  }

  /** With its code at hand: the schemas of the effect say what fits. */
  async #atStep(order: RepairOrder, approval: Approval | null): Promise<Repaired> {
    const done = { value: DONE };
    await this.#preparedAtStep(
      order,
      approval?.proposal?.data ?? null,
      async (prepared, live, stored) => {
        done.value = this.#doOrPropose(order, approval, prepared, stored, writeTo(live));
        await this.#engine.committer.durable();
      },
    );
    return done.value;
  }

  async #preparedAtStep(
    order: RepairOrder,
    frozen: string | null,
    act: (prepared: Prepared, live: LiveRun, stored: StoredRun) => Promise<void>,
  ): Promise<void> {
    await this.#engine.commands.withRun(order.run, async (live) => {
      refuseMoved(order, live.version);
      const stored = await this.#known(order.run);
      const prepare = order.act === "edit" ? prepareEdit : prepareSupply;
      const prepared = await prepare(live, order, frozen);
      // A schema may have taken its time.
      refuseMoved(order, live.version);
      await act(prepared, live, stored);
    });
  }

  /** A run of which every outcome is known. */
  async #known(run: number): Promise<StoredRun> {
    const stored = await this.#stored(run);
    const { records } = stored;
    const [unknown] = unknownEffects(records);
    if (unknown !== undefined) throw unknownFirst(run, unknown, unknownText(records, unknown));
    return stored;
  }

  async #atRun(order: RepairOrder, approval: Approval | null): Promise<Repaired> {
    const seen = await this.#seenRun(order);
    const prepare = await prepareRun(this.#engine, seen, order, approval?.proposal?.data ?? null);
    const reached = await this.#withWhole(order, (stored, write) =>
      this.#doOrPropose(order, approval, prepare(stored, write), stored, write),
    );
    await this.#engine.committer.durable();
    return reached;
  }

  async #seenRun(order: RepairOrder): Promise<StoredRun> {
    refuseMoved(order, versionOf((await this.#stored(order.run)).records));
    return await this.#known(order.run);
  }

  /** The run as it is, in memory or not; after `act` it comes back from its journal. */
  async #withWhole(
    order: RepairOrder,
    act: (stored: StoredRun, write: Write) => Repaired,
  ): Promise<Repaired> {
    const { run } = order;
    for (;;) {
      const reached = await withStored(this.#engine, run, (stored, append) => {
        refuseMoved(order, versionOf(stored.records));
        // An approval and the run that it has started just before: both or neither.
        const write: Write = (kind, name, head, data = null) =>
          append(kind, name, head, { data, joins: kind === "decided" });
        const done = act(stored, write);
        return { done, isOver: isFinal(stored.row.state) };
      });
      if (reached.kind === "unknown") await this.#stored(run);
      if (reached.kind === "stored") {
        await this.#engine.committer.durable();
        const { done, isOver } = reached.value;
        if (done.proposal === null && !isOver) this.#engine.wakes.add([run]);
        return done;
      }
      if (reached.kind === "live") {
        const done = await this.#withLive(order, reached.live, act);
        if (done !== null) return done;
      }
    }
  }

  /** Null if it has left memory meanwhile. */
  async #withLive(
    order: RepairOrder,
    live: LiveRun,
    act: (stored: StoredRun, write: Write) => Repaired,
  ): Promise<Repaired | null> {
    const unpin = live.pin();
    try {
      await live.settledDown;
      const stored = await this.#stored(order.run);
      if (live.isGone) return null;
      refuseMoved(order, live.version);
      if (live.isUnderWay) throw misfit(order.run, "A call of the run is under way.");
      const done = act({ ...stored, row: { ...stored.row, state: live.state } }, writeTo(live));
      if (done.proposal === null) live.leave({ kind: "reload" });
      return done;
    } finally {
      unpin();
    }
  }

  #doOrPropose(
    order: RepairOrder,
    approval: Approval | null,
    prepared: Prepared,
    stored: StoredRun,
    write: Write,
  ): Repaired {
    const { clock, digests } = this.#engine;
    const { by, reason } = order;
    const decision = approval?.proposal?.decision ?? null;
    const command = decision?.command ?? order.command;
    if (prepared.needs !== null && approval === null) {
      const at = { nowMs: clock.nowMs(), digests };
      refuseMoreProposals(stored, this.#engine);
      const head = proposedHead(order, prepared, stored.row, at);
      return { proposal: write("proposed", "", head, prepared.data), run: null };
    }
    const hand: ByHand = {
      by,
      reason,
      ...(approval === null ? {} : { approvedBy: approval.by }),
      ...(command === null ? {} : { command }),
    };
    // First what may be refused for now, by a full intake: the approval is not used up then.
    const run = prepared.start?.(hand) ?? null;
    if (decision !== null) {
      const head = decidedHead(decision.seq, "approved", decision);
      write("decided", "", run === null ? head : { ...head, started: run });
    }
    prepared.apply(hand);
    return { proposal: null, run };
  }

  async #close(decision: Decision, verdict: "rejected" | "expired" | "void"): Promise<Repaired> {
    const head = decidedHead(decision.seq, verdict, decision);
    const reached = await withStored(this.#engine, decision.run, (_stored, append) => {
      append("decided", "", head);
    });
    if (reached.kind === "live") reached.live.append("decided", "", head);
    await this.#engine.committer.durable();
    return DONE;
  }
}

const ANEW = "Propose it anew, with the plan as it is now.";

/** What is prepared is not carried out. */
const neverWritten: Write = () => {
  throw new Error("a repair that is looked at writes nothing");
};

/** Whether it is about one step; else it is about the run as a whole. */
function isOfStep(act: RepairAct): boolean {
  switch (act) {
    case "supply":
    case "skip":
    case "edit":
      return true;
    case "again":
    case "correct":
    case "anew":
      return false;
  }
}

function refuseMoved(order: RepairOrder, version: number): void {
  if (version !== order.version) throw moved(order, version);
}

function writeTo(live: LiveRun): Write {
  return (kind, name, head, data = null) => live.append(kind, name, head, data).seq;
}
