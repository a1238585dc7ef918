/**
 * Commands that came with a transaction of their sender's: it was committed, and nobody waits for an
 * answer. So what there is no room for now stays in the inbox until there is, and what cannot be
 * done at all becomes an exception beside the store.
 */
import { isErrorCode } from "../../core/error.ts";
import { parseJson } from "../../core/json-text.ts";
import type { WaitingCommand } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import type { InboxAnswer } from "./inbox-bodies.ts";

type Refusal = Extract<InboxAnswer, { ok: false }>;

/** What there was no room for is tried again after this time. */
const AGAIN_MS = 1_000;

/** An error of other code: of a store that does not answer, or of the workflow's own functions. */
const THROWN = "HF6003";
/** So often before somebody is told of it: by then a store that is away has ended the engine. */
const THROWN_MAX = 5;

/** All codes that say so. */
const NO_ROOM = "HF42";

/** The cell that it belongs to is away, and tried again. */
const AWAY = "HF5023";

/** Another event under a known id has its exception already, where the first one is. */
const TOLD = "HF4106";

export class Promises {
  readonly #engine: Engine;
  readonly #lookAgain: () => boolean;
  /** Ids of commands that stay in the inbox for now. */
  readonly #held = new Set<string>();
  /** How often one that is held has thrown something. */
  readonly #thrown = new Map<string, number>();
  #cancelTimer: (() => void) | null = null;

  /** @param lookAgain - makes the door look into the inbox; false if it cannot just now. */
  constructor(engine: Engine, lookAgain: () => boolean) {
    this.#engine = engine;
    this.#lookAgain = lookAgain;
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#held.size + this.#thrown.size;
  }

  get isFull(): boolean {
    return this.#held.size >= this.#engine.limits.inboxHeldMax;
  }

  holds(id: string): boolean {
    return this.#held.has(id);
  }

  close(): void {
    this.#cancelTimer?.();
  }

  /** True if it was done, or somebody knows why not: then this may be the command's answer. */
  async isTold(row: WaitingCommand, answer: InboxAnswer): Promise<boolean> {
    if (answer.ok || answer.code === TOLD || (await this.#isRefused(row, answer))) {
      this.#thrown.delete(row.id);
      return true;
    }
    this.#held.add(row.id);
    this.#cancelTimer ??= this.#engine.clock.after(AGAIN_MS, () => {
      this.#release();
    });
    return false;
  }

  /** False if it is to be tried again. */
  async #isRefused(row: WaitingCommand, refusal: Refusal): Promise<boolean> {
    if (refusal.code.startsWith(NO_ROOM) || refusal.code === AWAY) return false;
    if (refusal.code === THROWN) {
      // Left over from shards that have gone to other workers.
      if (this.#thrown.size >= this.#engine.limits.inboxHeldMax) this.#thrown.clear();
      const count = (this.#thrown.get(row.id) ?? 0) + 1;
      this.#thrown.set(row.id, count);
      if (count < THROWN_MAX) return false;
    }
    return await this.#tell(row, refusal);
  }

  #release(): void {
    this.#cancelTimer = null;
    this.#held.clear();
    if (this.#lookAgain()) return;
    this.#cancelTimer = this.#engine.clock.after(AGAIN_MS, () => {
      this.#release();
    });
  }

  /** False if no more exceptions can be opened there, or the store does not answer just now. */
  async #tell(row: WaitingCommand, refusal: Refusal): Promise<boolean> {
    const { beside } = this.#engine.exceptions;
    const about = this.#aboutOf(row);
    const message = `${about.what} was committed by ${row.by} in a transaction, and could not be done: ${refusal.message}`;
    try {
      await beside.open({
        run: null,
        subject: `command ${row.id}`,
        at: row.topic,
        reasonCode: isErrorCode(refusal.code) ? refusal.code : "HF6003",
        rule: "engine/promise-refused@1",
        message,
        because: () => `${message} ${refusal.remedy} Then send it anew; this one is done with.`,
        owner: about.owner,
        data: about.data,
        ...about.payloadOf,
      });
      return true;
    } catch {
      // The command stays, and with it what was to be told: both are tried again.
      return false;
    }
  }

  #aboutOf(row: WaitingCommand): About {
    const { owner } = this.#engine;
    const { workflow, event, input = null, payload = null } = bodyOf(row);
    if (typeof workflow === "string") {
      return {
        what: `A start of workflow ${JSON.stringify(workflow)}`,
        owner: this.#engine.workflow(workflow)?.definition.owner ?? owner,
        data: JSON.stringify(input),
        payloadOf: {},
      };
    }
    if (typeof event === "string") {
      const data = JSON.stringify(payload);
      return { what: `Event ${JSON.stringify(event)}`, owner, data, payloadOf: { event } };
    }
    return { what: `A command "${row.topic}"`, owner, data: "null", payloadOf: {} };
  }
}

interface About {
  readonly what: string;
  readonly owner: string;
  /** JSON. */
  readonly data: string;
  readonly payloadOf: { readonly event?: string };
}

/** Nothing of one that was changed, or that cannot be read. */
function bodyOf(row: WaitingCommand): Readonly<Record<string, unknown>> {
  if (!row.isAsPosted || row.unreadable !== undefined) return {};
  try {
    const body: unknown = parseJson(row.data);
    return typeof body === "object" && body !== null ? { ...body } : {};
  } catch {
    // Its refusal says so.
    return {};
  }
}
