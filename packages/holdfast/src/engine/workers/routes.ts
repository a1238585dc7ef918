/**
 * The way to runs of other workers: a command in the inbox for the shard that the run is in, and its
 * answer. Whoever owns the shard by then applies it, so nothing is lost when owners change or die.
 */
import { HoldfastError, isErrorCode } from "../../core/error.ts";
import { parseJson } from "../../core/json-text.ts";
import type { InboxRow } from "../../store/rows.ts";
import { KEEPER_SHARD, type RoutedCommand, type SharedShards } from "../../store/shards.ts";
import type { Engine } from "../engine.ts";
import type { InboxAnswer, InboxCommands } from "../commands/inbox-bodies.ts";
import { Elsewhere } from "./places.ts";
import { EngineEnds } from "../journal/store-reads.ts";

type Topic = InboxRow["topic"];

export interface Routed<T extends Topic = Topic> {
  readonly topic: T;
  readonly data: InboxCommands[T];
  readonly by: string;
  /** Made here if it is not given. */
  readonly id?: string;
}

/** The store's own journal. */
const STORE = 0;

/** Who speaks where nobody does: a worker for itself. */
const WORKER = "worker";

/** Looks for answers: at first, and at most, milliseconds apart. */
const LOOK_MS_FIRST = 10;
const LOOK_MS_MAX = 250;

export class Routes {
  readonly #engine: Engine;
  readonly #shared: SharedShards;
  readonly #waiting = new Map<string, (answer: InboxAnswer | null) => void>();
  #posts: {
    command: RoutedCommand;
    resolve: () => void;
    reject: (error: unknown) => void;
  }[] = [];
  #count = 0;
  #lookMs = LOOK_MS_FIRST;
  #cancelLook: (() => void) | null = null;
  #closed = false;

  constructor(engine: Engine, shared: SharedShards) {
    this.#engine = engine;
    this.#shared = shared;
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#waiting.size + this.#posts.length;
  }

  close(): void {
    this.#closed = true;
    this.#cancelLook?.();
    for (const resolve of this.#waiting.values()) resolve(null);
    this.#waiting.clear();
  }

  /** Where a run is; null if there is no such run. */
  async shardOf(run: number): Promise<number | null> {
    if (run === STORE) return KEEPER_SHARD;
    const here = this.#engine.live.get(run)?.shard;
    if (here !== undefined) return here;
    await this.#engine.committer.durable();
    return (await this.#shared.ofRuns([run]))[0] ?? null;
  }

  /**
   * Acts on a run where it is: here by `act`, else by a command to its owner, whose answer comes back.
   */
  async at<T extends Topic>(run: number, routed: Routed<T>, act: () => Promise<void>) {
    const shard = await this.shardOf(run);
    // Nobody has such a run: whoever acts says so.
    if (shard === null) {
      await act();
      return null;
    }
    return await this.in(shard, routed, act);
  }

  /** The same for what is in a shard. Null if it was done here. */
  async in<T extends Topic>(shard: number, routed: Routed<T>, act: () => Promise<void>) {
    const { places } = this.#engine;
    if (places.owns(shard)) {
      try {
        await act();
        return null;
      } catch (error) {
        // It may have been given up meanwhile: then this says nothing of the run.
        if (places.owns(shard) && !(error instanceof Elsewhere)) throw error;
      }
    }
    return await this.ask(shard, routed);
  }

  /**
   * Leaves a command and waits for its answer, however long the owner takes.
   *
   * @throws {HoldfastError} what the owner says; HF4201 if this engine ends before; then the command
   *   is kept, and may still be applied.
   */
  async ask<T extends Topic>(
    shard: number,
    routed: Routed<T>,
  ): Promise<Extract<InboxAnswer, { ok: true }>> {
    const answer = await this.forward(shard, { ...routed, data: JSON.stringify(routed.data) });
    if (answer.ok) return answer;
    const { code, message, remedy } = answer;
    throw new HoldfastError(isErrorCode(code) ? code : "HF6003", message, remedy);
  }

  async forward(
    shard: number,
    { id, topic, data, by }: Omit<Routed, "data"> & { readonly data: string },
  ): Promise<InboxAnswer> {
    const { limits } = this.#engine;
    if (this.#waiting.size >= limits.routedMax) throw tooMany(limits.routedMax);
    const named = id ?? this.#freshId();
    const answered = new Promise<InboxAnswer | null>((resolve) => {
      this.#waiting.set(named, resolve);
    });
    try {
      await this.#post({ id: named, topic, by, atMs: this.#engine.clock.nowMs(), data, shard });
    } catch (error) {
      this.#waiting.delete(named);
      throw error;
    }
    this.#lookMs = LOOK_MS_FIRST;
    this.#lookLater();
    const answer = await answered;
    if (answer === null) throw new EngineEnds();
    return answer;
  }

  /** Waits for the answer to a command that an earlier worker has left. */
  async answerTo(id: string): Promise<void> {
    const answered = new Promise<InboxAnswer | null>((resolve) => {
      this.#waiting.set(id, resolve);
    });
    this.#lookLater();
    if ((await answered) === null) throw new EngineEnds();
  }

  /** Leaves a command that nobody waits for. */
  async tell<T extends Topic>(
    shard: number,
    { id, topic, data, by }: Omit<Routed<T>, "by"> & { readonly by?: string },
  ): Promise<void> {
    const atMs = this.#engine.clock.nowMs();
    const text = JSON.stringify(data);
    await this.#post({
      id: id ?? this.#freshId(),
      topic,
      by: by ?? WORKER,
      atMs,
      data: text,
      shard,
    });
  }

  /** No other opening makes the same. */
  #freshId(): string {
    this.#count += 1;
    return `w_${this.#engine.store.incarnation.toString(36)}_${String(this.#count)}`;
  }

  /** What was posted in one turn of the event loop is one statement. */
  #post(command: RoutedCommand): Promise<void> {
    if (this.#closed) return Promise.reject(new EngineEnds());
    return new Promise((resolve, reject) => {
      this.#posts.push({ command, resolve, reject });
      if (this.#posts.length === 1) setImmediate(() => void this.#postAll());
    });
  }

  async #postAll(): Promise<void> {
    const posts = this.#posts;
    this.#posts = [];
    try {
      await this.#shared.post(posts.map(({ command }) => command));
      for (const { resolve } of posts) resolve();
    } catch (error) {
      for (const { reject } of posts) reject(error);
    }
  }

  #lookLater(): void {
    if (this.#cancelLook !== null || this.#closed || this.#waiting.size === 0) return;
    this.#cancelLook = this.#engine.clock.after(this.#lookMs, () => {
      this.#engine.background(this.#look());
    });
    this.#lookMs = Math.min(2 * this.#lookMs, LOOK_MS_MAX);
  }

  async #look(): Promise<void> {
    const ids = [...this.#waiting.keys()];
    const answers = await this.#engine.reads.patiently("answers of other workers", () =>
      this.#shared.answers(ids),
    );
    this.#cancelLook = null;
    for (const [id, text] of answers ?? []) {
      const resolve = this.#waiting.get(id);
      this.#waiting.delete(id);
      // Written by an engine in this form, and sealed since.
      resolve?.(parseJson(text) as InboxAnswer);
    }
    if ((answers?.length ?? 0) > 0) this.#lookMs = LOOK_MS_FIRST;
    this.#lookLater();
  }
}

function tooMany(max: number): HoldfastError {
  return new HoldfastError(
    "HF4201",
    `${String(max)} commands of this worker wait for the answers of others (limit routedMax). Nothing was done.`,
    "Send it again later, or look at what holds the other workers up: holdfast runs",
  );
}
