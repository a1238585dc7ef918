/**
 * Starts in a store that workers share: a run begins at the owner of its shard, which is that of its
 * lane, or of its key if it has none. A key that is started by way of two lanes would begin at two
 * owners, so a run with a lane claims its key for its shard first.
 */
import { parseJson } from "../core/json-text.ts";
import { UNNAMED_STARTER } from "../core/person.ts";
import { parseRunId } from "../core/run-number.ts";
import type { InboxCommands } from "./inbox-door.ts";
import { Elsewhere, type Places } from "./places.ts";
import type { Routes } from "./routes.ts";
import type { Start, Started } from "./starts.ts";

interface Needs {
  readonly namespace: string;
  readonly places: Places;
  readonly routes: Routes;
  readonly background: (work: Promise<unknown>) => void;
  /** Starts it in this process. */
  readonly here: () => Promise<Started>;
  /** Whether a run with this key is on record, or about to be. */
  readonly known: () => Promise<boolean>;
  /** Whether one is about to be. */
  readonly isUnderWay: () => boolean;
}

/** Shards change hands now and then, and claims are given up: more often than this is a mistake. */
const TRIES_MAX = 100;

export async function startPlaced(start: Start, needs: Needs): Promise<Started> {
  const { claimed } = start.options;
  if (claimed !== undefined && !(await isClaimed(start, claimed, needs))) return AGAIN;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const started = await tryOnce(start, needs);
    const isOver = started?.run !== AGAIN.run || claimed !== undefined;
    if (started !== null && isOver) return started;
  }
  throw new Error(`a start of workflow "${start.workflow.name}" found no owner`);
}

/** The claim was given up: whoever asked may claim the key itself. */
export const AGAIN: Started = { run: 0, isNew: false, differs: false };

/** False if no run with this key is about to begin here: the claim has been given up then. */
async function isClaimed(start: Start, claimed: number, { places, known }: Needs) {
  if (await known()) return true;
  places.require(claimed);
  await places.shared?.unclaimKey(start.keyHash, claimed);
  return false;
}

/** Null if its shard has changed hands meanwhile. */
async function tryOnce(start: Start, needs: Needs): Promise<Started | null> {
  const { namespace, places } = needs;
  const { keyHash } = start;
  const { shared } = places;
  if (shared === null) return await needs.here();
  if (start.options.claimed !== undefined) return await joinHere(needs);
  const lane = start.workflow.definition.lane?.(start.input) ?? null;
  const shard = shared.ofStart({ namespace, lane, keyHash });
  if (!places.owns(shard)) return await startAt(shard, start, needs);
  if (lane !== null) {
    const holder = await shared.claimKey(keyHash, shard);
    if (holder !== shard) return await startAt(holder, start, needs, holder);
  }
  try {
    return await needs.here();
  } catch (error) {
    if (error instanceof Elsewhere || !places.owns(shard)) return null;
    throw error;
  } finally {
    // Its run is on record, or will not begin.
    if (lane !== null && !needs.isUnderWay()) {
      needs.background(shared.unclaimKey(keyHash, shard));
    }
  }
}

/** Joins what has the claim. If that was refused meanwhile, whoever asked looks again. */
async function joinHere({ here }: Needs): Promise<Started> {
  try {
    return await here();
  } catch (error) {
    if (error instanceof Elsewhere) return AGAIN;
    throw error;
  }
}

async function startAt(
  shard: number,
  { workflow, text, options }: Start,
  { routes, places, here }: Needs,
  claimed?: number,
): Promise<Started> {
  if (claimed !== undefined && places.owns(shard)) {
    // Ours as well: it is on record, or begins in this very process.
    return await here();
  }
  const { by, correlationId, parent } = options;
  const data: InboxCommands["start"] = {
    workflow: workflow.name,
    input: parseJson(text),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(parent === undefined ? {} : { parent }),
    ...(claimed === undefined ? {} : { claimed }),
  };
  const answer = await routes.ask(shard, { topic: "start", data, by: by ?? UNNAMED_STARTER });
  const { run, isNew = false, differs = false } = answer;
  return run === undefined ? AGAIN : { run: parseRunId(run), isNew, differs };
}
