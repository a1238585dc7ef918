/**
 * What people do to exceptions and their groups that leaves them open, and the rules by which they go
 * to owners. An exception is handled where its run is; groups and rules by whoever keeps the store.
 */
import type { BusinessCalendar } from "../../core/business-calendar.ts";
import { HoldfastError } from "../../core/error.ts";
import { refuseAct, stopsTheClock, type HandlingAct } from "../../core/exception-handling.ts";
import { timesLeft, timesOf } from "../../core/exception-policy.ts";
import { levelOf } from "../../core/fingerprint.ts";
import {
  NO_OVERLAY,
  overlayAfter,
  refuseIssueAct,
  type IssueAct,
} from "../../core/issue-overlay.ts";
import type { GroupedHead, HandledHead } from "../../core/journal.ts";
import {
  isAdmitting,
  parseHandlingAct,
  parseIssueAct,
  type AskedAct,
} from "../../core/parse-acts.ts";
import { parseRouting, type RoutingTried } from "../../core/routing.ts";
import { nextRouting } from "../../core/routing-acts.ts";
import { formatItemId, parseItemId, parseRunId } from "../../core/run-number.ts";
import type { ExceptionRow, WaitingCommand } from "../../store/rows.ts";
import { commandOf } from "../commands/inbox-command.ts";
import type { InboxAnswer } from "../commands/inbox-bodies.ts";
import type { Engine } from "../engine.ts";
import type { Admission } from "../receiving/unfit-messages.ts";
import { requireTeam } from "./known-team.ts";
import { STORE, writeAt } from "./write-at.ts";

/** Who does it, and why. */
export interface Doing {
  readonly by: string;
  readonly reason: string;
  /** Id of the command in the inbox; null for one that came another way. */
  readonly command: string | null;
}

export class ExceptionActs {
  readonly #engine: Engine;
  /** One at a time: each has to see what the one before it has changed. They are few. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** @throws {HoldfastError} HF4102 for what is no act; and as below. */
  async command(
    row: WaitingCommand & { readonly topic: "handle" | "group" | "route" },
  ): Promise<InboxAnswer> {
    const doing = { by: row.by, command: row.id };
    switch (row.topic) {
      case "handle": {
        const { run, seq, act, input, reason } = commandOf<"handle">({ ...row, topic: "handle" });
        const id = { run: parseRunId(run), seq };
        if (isAdmitting(act))
          return await this.#admit({ exception: id, input, by: row.by, reason });
        await this.handle(id, parseHandlingAct(act), { ...doing, reason });
        return { ok: true };
      }
      case "group": {
        const { fingerprint, act, reason } = commandOf<"group">({ ...row, topic: "group" });
        await this.group(fingerprint, parseIssueAct(act), { ...doing, reason });
        return { ok: true };
      }
      case "route": {
        const { rules, version, tried, changed, reason } = commandOf<"route">({
          ...row,
          topic: "route",
        });
        const trial = tried === undefined ? null : { tried, changed: changed ?? 0 };
        await this.route({ rules, version, tried: trial }, { ...doing, reason });
        return { ok: true };
      }
    }
  }

  async #admit(admission: Admission): Promise<InboxAnswer> {
    const receipt = await this.#engine.commands.receiving.admit(admission);
    return { ok: true, receipt, ...(receipt.run === null ? {} : { run: receipt.run }) };
  }

  /**
   * @throws {HoldfastError} HF6001 (no such exception), HF6003 (it does not fit), HF4203 (a bound of
   *   what is kept on one exception).
   */
  handle(
    id: { readonly run: number; readonly seq: number },
    asked: AskedAct,
    doing: Doing,
  ): Promise<void> {
    return this.inTurn(async () => {
      const { committer, store, exceptions } = this.#engine;
      await committer.durable();
      const row = await store.exception(id.run, id.seq);
      if (row === null) throw unknownException(id);
      const { by, reason, command } = doing;
      // It was taken before, in an earlier life.
      if (command !== null && row.handling.commands.includes(command)) return;
      if (asked.kind === "duplicate" && asked.of !== null)
        await this.#requireOriginal(id, asked.of);
      const act = this.#actOf(row, asked);
      refuseAct(row.handling, act, `Exception ${formatItemId("exc", id)}`);
      const head: HandledHead = {
        opened: id.seq,
        act,
        by,
        reason,
        ...(command === null ? {} : { command }),
      };
      if (!(await writeAt(this.#engine, id.run, "handled", "", head))) throw unknownException(id);
      await committer.durable();
      if (act.kind === "goes-on" || act.kind === "handed-over") exceptions.due.note(act.crossings);
    });
  }

  /** One that is a duplicate itself names another: whoever follows it should not go round. */
  async #requireOriginal(
    id: { readonly run: number; readonly seq: number },
    original: string,
  ): Promise<void> {
    const of = parseItemId("exc", original);
    const row = await this.#engine.store.exception(of.run, of.seq);
    if (row === null) throw unknownException(of);
    const what = formatItemId("exc", id);
    const { duplicateOf } = row.handling;
    if (of.run === id.run && of.seq === id.seq)
      throw new HoldfastError(
        "HF6003",
        `${what} is no duplicate of itself. Nothing was changed.`,
        "Name the exception that it is the same as.",
      );
    if (duplicateOf !== null)
      throw new HoldfastError(
        "HF6003",
        `${original} is a duplicate itself, of ${duplicateOf}. Nothing was changed.`,
        `Name that one: holdfast duplicate ${duplicateOf} ${what}`,
      );
  }

  /** With what follows from it for the times of the exception. */
  #actOf(row: ExceptionRow, asked: AskedAct): HandlingAct {
    const { policy } = this.#engine.exceptions.rules;
    const nowMs = this.#engine.clock.nowMs();
    const { runsFromMs, spentMs, stoppedAtMs, crossed } = row.handling;
    const { withinMs } = row.record;
    const calendar = this.#calendarOf(row);
    if (asked.kind === "waits") {
      const ranMs = calendar === null ? nowMs - runsFromMs : calendar.between(runsFromMs, nowMs);
      return { ...asked, spentMs: stopsTheClock(asked.for) ? spentMs + ranMs : spentMs };
    }
    if (asked.kind === "goes-on" && stoppedAtMs === null) {
      return { kind: "goes-on", dueAtMs: row.dueAtMs, crossings: row.handling.crossings };
    }
    if (asked.kind !== "goes-on" && asked.kind !== "handed-over") return asked;
    const owner = asked.kind === "handed-over" ? asked.owner : row.owner;
    const fromMs = asked.kind === "goes-on" ? nowMs : runsFromMs;
    const times = timesOf(policy, { fromMs, spentMs, withinMs, calendar, owner });
    const crossings = timesLeft(times.crossings, crossed);
    if (asked.kind === "goes-on") return { kind: "goes-on", dueAtMs: times.dueAtMs, crossings };
    requireTeam(policy, owner, "It was to be handed over to");
    return { kind: "handed-over", owner, crossings };
  }

  /** By which its time runs; around the clock if the app no longer has it. */
  #calendarOf({ record }: ExceptionRow): BusinessCalendar | null {
    return this.#engine.exceptions.rules.policy.calendars.get(record.calendar ?? "") ?? null;
  }

  /** @throws {HoldfastError} HF6001 (no such group), HF6003 (it does not fit). */
  group(fingerprint: string, act: IssueAct, doing: Doing): Promise<void> {
    return this.inTurn(async () => {
      const { committer, store, clock, journal } = this.#engine;
      if (levelOf(fingerprint) === null) throw unknownGroup(fingerprint);
      await committer.durable();
      const overlay = (await store.issueOverlay(fingerprint)) ?? NO_OVERLAY;
      if (doing.command !== null && overlay.command === doing.command) return;
      const into = act.kind === "merged" ? await store.issueOverlay(act.into) : null;
      refuseIssueAct(fingerprint, overlay, act, into);
      const next = overlayAfter(overlay, act, { ...doing, atMs: clock.nowMs() });
      const head: GroupedHead = { fingerprint, act, overlay: next };
      journal.append("grouped", head);
      await committer.durable();
    });
  }

  /**
   * @param asked - `tried` null approves what was proposed, with the version and the rules that were seen.
   * @throws {HoldfastError} HF4102 (no rules), HF6001 (an owner is no team), HF6002 and HF6003 as
   *   `nextRouting`.
   */
  route(
    asked: {
      readonly rules: readonly unknown[];
      readonly version: number;
      readonly tried: RoutingTried | null;
    },
    { by, reason }: Doing,
  ): Promise<void> {
    return this.inTurn(async () => {
      const { committer, store, clock, journal, exceptions } = this.#engine;
      const rules = parseRouting(asked.rules);
      for (const { name, owner } of rules)
        requireTeam(exceptions.rules.policy, owner, `Routing rule "${name}" gives exceptions to`);
      await committer.durable();
      const doing = { by, reason, atMs: clock.nowMs() };
      const head = nextRouting(await store.routing(), { ...asked, rules }, doing);
      if (head === null) return;
      journal.append("routed", head);
      await committer.durable();
      exceptions.rules.learn({ ...head, atMs: doing.atMs });
    });
  }

  /** What is done to exceptions, groups and rules, one after the other. */
  inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(act, act);
    this.#last = turn;
    // Its caller hears of a failure; the next in line only waits for it.
    turn.catch(() => undefined);
    return turn;
  }
}

function unknownException(id: { readonly run: number; readonly seq: number }): HoldfastError {
  return new HoldfastError(
    "HF6001",
    `There is no exception ${formatItemId("exc", id)}${id.run === STORE ? " beside the store" : ""}.`,
    "List them with: holdfast exceptions --all",
  );
}

function unknownGroup(fingerprint: string): HoldfastError {
  return new HoldfastError(
    "HF6001",
    `There is no group ${JSON.stringify(fingerprint.slice(0, 60))}.`,
    "List them with: holdfast issues",
  );
}
