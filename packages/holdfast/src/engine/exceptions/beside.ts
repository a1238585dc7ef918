/**
 * Exceptions beside a run: somebody has to look at something, and the run does not wait for it. They
 * hang at the run that they are about, also when it waits or has ended, and else at the store itself
 * (run 0), because an exception that no list of open work shows is lost.
 */
import { closesAsStaying } from "../../core/acts.ts";
import { refuseClosing } from "../../core/closing.ts";
import { HoldfastError, type ErrorCode } from "../../core/error.ts";
import type { EffectProof, FailureClass } from "../../core/failure.ts";
import type { ClosedHead, OpenedHead } from "../../core/journal.ts";
import { formatItemId, formatRunId } from "../../core/run-number.ts";
import type { ExceptionRow, RunRow, StoredRun } from "../../store/rows.ts";
import { requireName, requireReason } from "../journal/checked-values.ts";
import type { Engine } from "../engine.ts";
import { describedOf, groupNamesOf, openedHead, type ExceptionCase } from "./exceptions.ts";
import { announceOpened } from "./announce.ts";
import { STORE, writeAt } from "./write-at.ts";

export interface BesideCase {
  /** Null if it is about no run. */
  readonly run: number | null;
  /** Of which a run would have begun, where there is none. */
  readonly workflow?: string;
  /** The same subject at the same run is one exception. */
  readonly subject: string;
  /** What stands for the step in the title of the group. */
  readonly at: string;
  readonly reasonCode: ErrorCode;
  readonly rule: string;
  readonly message: string;
  /** `stored`: the run as it is now; null for the store itself. */
  readonly because: (stored: StoredRun | null) => string;
  /** Who has to look if there is no run, or at an answer of an effect. */
  readonly owner: string;
  /** What came, as JSON: kept in the journal, shown in no list. */
  readonly data: string;
  /** Name of the event that it is the payload of; absent: it is an input of the workflow. */
  readonly event?: string;
  /** Default `data`: what came is not as it should be. */
  readonly class?: FailureClass;
  /** The other system that it is about. */
  readonly integration?: string;
  /** Name of the effect that it is an answer of. */
  readonly effect?: string;
  /** What is known to have happened outside; not given: nothing, it was not even begun. */
  readonly proof?: EffectProof;
}

/** Where it stands, for whoever brought it. */
export interface BesidePlace {
  /** Null for the store itself. */
  readonly run: number | null;
  readonly owner: string;
}

/** What is written at the run. */
interface Opening {
  readonly subject: string;
  readonly head: OpenedHead;
  /** JSON. */
  readonly data: string;
}

export class BesideExceptions {
  readonly #engine: Engine;
  /** One at a time: each has to see what the one before it has opened. They are rare. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * Opens it unless there was one about the same before, open or closed. Durable when it resolves.
   *
   * @throws {HoldfastError} HF4203 if too many are open there.
   */
  async open(given: BesideCase): Promise<BesidePlace> {
    const { committer, routes } = this.#engine;
    await committer.durable();
    const stored = given.run === null ? null : await this.#storedOf(given.run);
    const row = stored?.row ?? null;
    const run = row?.run ?? STORE;
    // An answer of an effect is for whoever knows that system.
    const owner = given.effect === undefined ? (row?.owner ?? given.owner) : given.owner;
    const head = this.#headOf(given, stored, owner);
    const opening = { subject: given.subject, head, data: given.data };
    const data = { run: formatRunId(run), ...opening };
    const act = () => this.openAt(run, opening);
    // No turn is held meanwhile: the other worker may be waiting for this one.
    await (routes === null ? act() : routes.at(run, { topic: "beside", data, by: owner }, act));
    return { run: row === null ? null : run, owner };
  }

  /**
   * A person has done what there was to do.
   *
   * @throws {HoldfastError} HF6001 (no such exception), HF6003 (it is closed, or the run waits for
   *   it), HF6004 (an outcome is unknown).
   */
  close(
    id: { readonly run: number; readonly seq: number },
    by: string,
    reason: string,
  ): Promise<void> {
    requireName(by, "closes an exception");
    if (requireReason(reason, "closes an exception").trim() === "") {
      throw new HoldfastError(
        "HF4102",
        "An exception is closed by somebody, for a reason. Nothing was closed.",
        "Say who closes it and why; both go on record.",
      );
    }
    const act = async () => {
      const undoing = await this.#inTurn(() => this.#close(id, by, reason));
      if (undoing !== null) await this.#engine.commands.leaveUndone(undoing, by, reason);
    };
    const { routes } = this.#engine;
    const data = { run: formatRunId(id.run), seq: id.seq, reason };
    if (routes === null) return act();
    return routes.at(id.run, { topic: "close", data, by }, act).then(() => undefined);
  }

  /** Opens one at a run that is here. */
  openAt(run: number, opening: Opening): Promise<void> {
    return this.#inTurn(() => this.#openAt(run, opening));
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(act, act);
    this.#last = turn;
    // Its caller hears of a failure; the next in line only waits for it.
    turn.catch(() => undefined);
    return turn;
  }

  async #openAt(run: number, { subject, head, data }: Opening): Promise<void> {
    const { committer, store, limits } = this.#engine;
    await committer.durable();
    const row = run === STORE ? null : await this.#rowOf(run);
    const { owner } = head;
    const { openCount, seq } = await store.besideExceptions(run, subject);
    if (seq !== null) return;
    if (openCount >= limits.besideOpenMax) {
      throw tooMany({ run: run === STORE ? null : run, owner }, openCount);
    }
    if (!(await writeAt(this.#engine, run, "opened", "", head, data))) {
      await this.#openAtStore({ subject, head, data });
      return;
    }
    await committer.durable();
    const { workflow = "", key = "" } = row ?? {};
    announceOpened(this.#engine, { run, workflow, key, step: "", beside: true }, head);
  }

  /** Its run has left the store since it was looked at: what somebody has to see stands beside the store. */
  async #openAtStore(opening: Opening): Promise<void> {
    const { routes } = this.#engine;
    const act = () => this.#openAt(STORE, opening);
    const data = { run: formatRunId(STORE), ...opening };
    // The keeper waits for nobody with this, so a turn may be held meanwhile.
    const by = opening.head.owner;
    await (routes === null ? act() : routes.at(STORE, { topic: "beside", data, by }, act));
  }

  #headOf(given: BesideCase, stored: StoredRun | null, owner: string): OpenedHead {
    const row = stored?.row ?? null;
    const { subject, at, reasonCode, rule, message, because, event, integration, effect } = given;
    const { clock, digests, exceptions } = this.#engine;
    const name = row?.workflow ?? given.workflow ?? "";
    const workflow = name === "" ? null : this.#engine.workflow(name);
    const place = {
      workflow: name,
      owners: workflow?.definition.owners,
      fallbackOwner: row?.owner ?? this.#engine.owner,
      run: row,
      rules: exceptions.rules,
      described: row === null ? {} : describedOf(row),
      nowMs: clock.nowMs(),
      hmac: (text: string) => digests.hex(text),
    };
    const about: ExceptionCase = {
      class: given.class ?? "data",
      effect: given.proof ?? "never",
      scope: integration === undefined ? "item" : "dependency",
      origin: "remote",
      ...(integration === undefined ? {} : { integration }),
      reasonCode,
      rule,
      message,
      because: because(stored),
      owner,
      step: "",
      at,
      beside: {
        subject,
        ...(event === undefined ? {} : { event }),
        ...(effect === undefined ? {} : { effect }),
      },
    };
    return openedHead(place, about);
  }

  async #rowOf(run: number): Promise<RunRow | null> {
    return (await this.#storedOf(run))?.row ?? null;
  }

  async #storedOf(run: number): Promise<StoredRun | null> {
    const [stored] = await this.#engine.store.load([run]);
    return stored ?? null;
  }

  /** Null once it is closed; else what was to be undone stays, which is for the step to take. */
  async #close(
    { run, seq }: { readonly run: number; readonly seq: number },
    by: string,
    reason: string,
  ): Promise<ExceptionRow | null> {
    const { committer, store } = this.#engine;
    await committer.durable();
    const row = await store.exception(run, seq);
    if (row === null) {
      throw new HoldfastError(
        "HF6001",
        `There is no exception ${formatItemId("exc", { run, seq })}.`,
        "List them with: holdfast exceptions",
      );
    }
    const state = run === STORE ? null : ((await this.#rowOf(run))?.state ?? null);
    refuseClosing(row, state);
    if (state !== null && closesAsStaying(row, state)) return row;
    const head: ClosedHead = {
      opened: seq,
      resolution: "dealt-with",
      by,
      reason,
      groups: groupNamesOf(row),
      class: row.class,
      ...(row.subject === null ? {} : { beside: true }),
    };
    await writeAt(this.#engine, run, "closed", row.step, head);
    await committer.durable();
    return null;
  }
}

function tooMany({ run, owner }: BesidePlace, count: number): HoldfastError {
  const where = run === null ? "the store itself" : `run ${formatRunId(run)}`;
  return new HoldfastError(
    "HF4203",
    `${String(count)} exceptions are open beside ${where}, the limit besideOpenMax; no further one can be opened there. Nothing was started or delivered.`,
    `${owner} has to look at those that are open, and close them: holdfast exceptions`,
  );
}
