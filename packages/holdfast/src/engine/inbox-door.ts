/**
 * The one door for other processes: takes commands from the inbox, applies them, and records the
 * answer in the flush that holds what they changed (or a later one: a command may be applied twice
 * after a crash, and each of them says so instead of doing it again).
 */
import { parseJson } from "../core/json-text.ts";
import { HoldfastError } from "../core/error.ts";
import { formatRunId, parseRunId } from "../core/run-number.ts";
import type { InboxRow } from "../store/rows.ts";
import type { Engine } from "./engine.ts";
import type { LateOutcome } from "./step-slot.ts";

/** What each topic's data holds, as JSON. Ids are in their public form. */
export interface InboxCommands {
  readonly start: {
    readonly workflow: string;
    readonly input: unknown;
    readonly correlationId?: string;
  };
  readonly send: { readonly event: string; readonly key: string; readonly payload: unknown };
  readonly answer: {
    readonly run: string;
    readonly seq: number;
    readonly decision: unknown;
    readonly reason?: string;
  };
  readonly settle: {
    readonly run: string;
    readonly operation: number;
    readonly happened: boolean;
    readonly value: unknown;
    readonly ref: string | null;
    readonly reason: string;
  };
  readonly resume: { readonly run: string; readonly step: string | null; readonly reason: string };
  readonly cancel: { readonly run: string; readonly reason: string };
  readonly complete: {
    readonly integration: string;
    readonly ref: string;
    readonly outcome: LateOutcome;
  };
}

export type InboxAnswer =
  | { readonly ok: true; readonly run?: string; readonly isNew?: boolean }
  | {
      readonly ok: false;
      readonly code: string;
      readonly message: string;
      readonly remedy: string;
    };

export class InboxDoor {
  readonly #engine: Engine;
  #cancelPoll: (() => void) | null = null;
  #closed = false;
  #busyPolls = 0;
  /** Taken and not yet answered for good: the store still lists them. */
  readonly #underWay = new Set<string>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  open(): void {
    void this.#poll(true);
  }

  close(): void {
    this.#closed = true;
    this.#cancelPoll?.();
  }

  async #poll(force: boolean): Promise<void> {
    const { store, limits, clock, reads } = this.#engine;
    let mustLook = force;
    let took = 0;
    const looked = await reads.patiently("commands", async () => {
      const isForced = mustLook;
      // Whether something had changed is told once, also to a look that fails.
      mustLook = true;
      if (isForced || (await store.changed())) took = await this.#takeAll();
      return true;
    });
    if (looked === null || this.#closed) return;
    this.#busyPolls = took > 0 ? BUSY_POLLS : Math.max(0, this.#busyPolls - 1);
    const delayMs = this.#busyPolls > 0 ? limits.inboxBusyMs : limits.inboxIdleMs;
    this.#cancelPoll = clock.after(delayMs, () => void this.#poll(took === limits.inboxBatchMax));
  }

  async #takeAll(): Promise<number> {
    const { store, limits } = this.#engine;
    const rows = await store.inbox(limits.inboxBatchMax + this.#underWay.size);
    const fresh = rows.filter((row) => !this.#underWay.has(row.id));
    // Side by side: one that must wait for its run holds up no other, nor the next that come.
    for (const row of fresh) {
      this.#underWay.add(row.id);
      this.#engine.background(this.#answer(row));
    }
    return fresh.length;
  }

  async #answer(row: InboxRow): Promise<void> {
    const { committer } = this.#engine;
    const answer = await this.#apply(row);
    // The engine has ended meanwhile: the next one finds the command again.
    if (this.#closed) return;
    committer.take(row.id, JSON.stringify(answer));
    await committer.durable();
    this.#underWay.delete(row.id);
  }

  async #apply(row: InboxRow): Promise<InboxAnswer> {
    try {
      return await this.#command(row);
    } catch (error) {
      if (error instanceof HoldfastError) {
        return { ok: false, code: error.code, message: error.message, remedy: error.remedy };
      }
      const message = error instanceof Error ? error.message : String(error);
      return {
        ok: false,
        code: "HF6003",
        message,
        remedy: "This is a defect of Holdfast: report it.",
      };
    }
  }

  async #command(row: InboxRow): Promise<InboxAnswer> {
    const { commands } = this.#engine;
    const { by } = row;
    switch (row.topic) {
      case "start":
        return await this.#start(dataOf<"start">(row), by);
      case "send": {
        const { event, key, payload } = dataOf<"send">(row);
        await commands.send(event, key, row.id, payload);
        return { ok: true };
      }
      case "answer": {
        const { run, seq, decision, reason } = dataOf<"answer">(row);
        await commands.answer(parseRunId(run), seq, decision, by, reason);
        return { ok: true };
      }
      case "settle": {
        const { run, ...rest } = dataOf<"settle">(row);
        await commands.settle({ run: parseRunId(run), by, ...rest });
        return { ok: true };
      }
      case "resume": {
        const { run, step, reason } = dataOf<"resume">(row);
        await commands.resume(parseRunId(run), step, by, reason);
        return { ok: true };
      }
      case "cancel": {
        const { run, reason } = dataOf<"cancel">(row);
        await commands.cancel(parseRunId(run), by, reason);
        return { ok: true };
      }
      case "complete": {
        const { integration, ref, outcome } = dataOf<"complete">(row);
        await commands.complete(integration, ref, outcome);
        return { ok: true };
      }
    }
  }

  async #start(start: InboxCommands["start"], by: string): Promise<InboxAnswer> {
    const workflow = this.#engine.workflow(start.workflow);
    if (workflow === null) {
      throw new HoldfastError(
        "HF1003",
        `The engine does not know workflow "${start.workflow}".`,
        "Check the name, or deploy the app that has it.",
      );
    }
    const options =
      start.correlationId === undefined ? { by } : { by, correlationId: start.correlationId };
    const { run, isNew } = await this.#engine.startRun(workflow, start.input, options);
    return { ok: true, run: formatRunId(run), isNew };
  }
}

/** Polls at the busy pace after the last command. */
const BUSY_POLLS = 40;

/** The poster wrote it by the same type; a command that is not so fails with its own error. */
function dataOf<T extends InboxRow["topic"]>(row: InboxRow): InboxCommands[T] {
  return parseJson(row.data) as InboxCommands[T];
}
