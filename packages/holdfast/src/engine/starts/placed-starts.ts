/**
 * Starts in a store that workers share: a run begins at the owner of its shard, which is that of its
 * lane, or of its key if it has none. A key that is started by way of two lanes would begin at two
 * owners, so a run with a lane claims its key for its shard first. Who finds the key claimed by
 * another shard asks that shard's owner, which joins what it has begun, or gives the claim up.
 */
import { laneOf } from "../../workflow/lane.ts";
import { parseJson } from "../../core/json-text.ts";
import { UNNAMED_STARTER } from "../../core/person.ts";
import { parseRunId } from "../../core/run-number.ts";
import type { SharedShards } from "../../store/shards.ts";
import type { Clock } from "../clock.ts";
import type { InboxCommands } from "../commands/inbox-bodies.ts";
import { Elsewhere, type Places } from "../workers/places.ts";
import type { Routes } from "../workers/routes.ts";
import type { Start, Started } from "./starts.ts";

export interface PlacedStartsNeeds {
  readonly namespace: string;
  readonly clock: Clock;
  readonly places: Places;
  readonly routes: Routes;
  readonly shared: SharedShards;
  /** Tries again until it succeeds: what it follows has been done. */
  readonly surely: <T>(act: () => Promise<T>) => Promise<T>;
  /** Starts it in this process, or joins what is there. */
  readonly here: (start: Start) => Promise<Started>;
  /** Joins a run with this key that is on record or about to be; null if there is none. */
  readonly join: (start: Start) => Promise<Started | null>;
}

/** Shards change hands now and then, and claims are given up: more often than this is a mistake. */
const TRIES_MAX = 1_000;
/** Between two tries, milliseconds: whoever has the claim is about to use it. */
const AGAIN_AFTER_MS = 20;

/** The claim was given up, or is about to be used: whoever asked tries again. */
export const AGAIN: Started = { run: 0, isNew: false, differs: false };

export class PlacedStarts {
  readonly #needs: PlacedStartsNeeds;
  /** Claims that this worker makes or uses, by key hash and shard: how many starts do. */
  readonly #claiming = new Map<string, number>();

  constructor(needs: PlacedStartsNeeds) {
    this.#needs = needs;
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#claiming.size;
  }

  async start(start: Start): Promise<Started> {
    const { claimed } = start.options;
    if (claimed !== undefined) return await this.#joinClaimed(start, claimed);
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const started = await this.#tryOnce(start);
      if (started.run !== AGAIN.run) return started;
      await new Promise<void>((resolve) => {
        this.#needs.clock.after(AGAIN_AFTER_MS, resolve);
      });
    }
    throw new Error(`a start of workflow "${start.workflow.name}" found no owner`);
  }

  async #tryOnce(start: Start): Promise<Started> {
    const { namespace, places, shared } = this.#needs;
    const { keyHash } = start;
    const lane = laneOf(start.workflow, start.input);
    const shard = shared.ofStart({ namespace, lane, keyHash });
    if (!places.owns(shard)) return await this.#startAt(shard, start);
    if (lane === null) return await this.#here(start, shard);
    // Before it is claimed: who sees the claim may ask at once.
    const claim = claimOf(keyHash, shard);
    this.#count(claim, 1);
    try {
      const holder = await shared.claimKey(keyHash, shard);
      if (holder === shard) return await this.#here(start, shard);
      if (!places.owns(holder)) return await this.#startAt(holder, start, holder);
      return await this.#joinClaimed(start, holder);
    } finally {
      this.#count(claim, -1);
      // Its run is on record, or will not begin. Nothing of ours if another shard has the claim.
      if (!this.#claiming.has(claim)) {
        await this.#needs.surely(() => shared.unclaimKey(keyHash, shard));
      }
    }
  }

  async #here(start: Start, shard: number): Promise<Started> {
    try {
      return await this.#needs.here(start);
    } catch (error) {
      if (error instanceof Elsewhere || !this.#needs.places.owns(shard)) return AGAIN;
      throw error;
    }
  }

  /** What has the claim, if it is on record or about to be. Else the claim is nobody's any more. */
  async #joinClaimed(start: Start, claimed: number): Promise<Started> {
    const { join, places, shared } = this.#needs;
    const joined = await join(start);
    if (joined !== null) return joined;
    places.require(claimed);
    // Only the owner of the shard knows that nothing of it is under way.
    if (!this.#claiming.has(claimOf(start.keyHash, claimed)))
      await shared.unclaimKey(start.keyHash, claimed);
    return AGAIN;
  }

  #count(claim: string, by: number): void {
    const count = (this.#claiming.get(claim) ?? 0) + by;
    if (count === 0) this.#claiming.delete(claim);
    else this.#claiming.set(claim, count);
  }

  async #startAt(
    shard: number,
    { workflow, text, options }: Start,
    claimed?: number,
  ): Promise<Started> {
    const { by, correlationId, parent, received } = options;
    const data: InboxCommands["start"] = {
      workflow: workflow.name,
      input: parseJson(text),
      ...(correlationId === undefined ? {} : { correlationId }),
      ...(parent === undefined ? {} : { parent }),
      ...(claimed === undefined ? {} : { claimed }),
      ...(received === undefined ? {} : { received }),
    };
    const { routes } = this.#needs;
    const answer = await routes.ask(shard, { topic: "start", data, by: by ?? UNNAMED_STARTER });
    const { run, isNew = false, differs = false } = answer;
    return run === undefined ? AGAIN : { run: parseRunId(run), isNew, differs };
  }
}

function claimOf(keyHash: string, shard: number): string {
  return `${keyHash} ${String(shard)}`;
}
