/**
 * An order to let runs go, in a store that workers share. Who takes it gives each worker its part: the
 * families of which all runs are in shards of that one, because a family leaves in one flush and a
 * flush writes to shards of its own. A family that is spread over several workers stays.
 */
import type { Stays } from "../../core/retention.ts";
import { formatRunId, parseRunId } from "../../core/run-number.ts";
import { familiesOf } from "../../store/families.ts";
import type { RunHome, SharedShards } from "../../store/shards.ts";
import type { Engine } from "../engine.ts";
import type { InboxAnswer, InboxCommands } from "../commands/inbox-bodies.ts";
import { Elsewhere } from "./places.ts";
import type { OrderedRun, RemovalOrder, Removed } from "../journal/removals.ts";
import type { Routes } from "./routes.ts";

/** What one other worker is asked to let go. */
interface Part {
  /** One of its shards: whoever owns that takes the command. */
  readonly shard: number;
  readonly runs: OrderedRun[];
}

/** Enough that no two parts of one order are taken for each other. */
const PART_ID_LENGTH = 16;

/**
 * May be given again, as `Removals.remove`.
 *
 * @param id - of the command.
 * @throws {Elsewhere} while the owner of a shard is about to change: then it is to be looked at again.
 * @throws {HoldfastError} HF4102 for too many at once, and what another worker says.
 */
export async function removeWhereTheyAre(
  engine: Engine,
  { routes, shared }: { readonly routes: Routes; readonly shared: SharedShards },
  order: RemovalOrder,
  id: string,
): Promise<Removed> {
  engine.removals.requireBound(order);
  await engine.committer.durable();
  const homes = await shared.homes(order.runs.map(({ run }) => run));
  const { own, parts, stays } = partsOf(engine.store.incarnation, homes, order.runs);
  const asked = [...parts.values()].map(({ shard, runs }) => {
    const { archive, file, by } = order;
    const pairs = runs.map(({ run, records }) => [formatRunId(run), records] as const);
    const data: InboxCommands["archive"] = { archive, file, runs: pairs, here: true };
    // The same part is the same command, also after a crash; another one needs another name.
    const part = engine.digests.hex(JSON.stringify(data)).slice(0, PART_ID_LENGTH);
    return routes.ask(shard, { topic: "archive", data, by, id: `${id}~${part}` });
  });
  // Side by side: each worker has a flush of its own.
  const [here, ...others] = await Promise.all([
    engine.removals.remove({ ...order, runs: own }),
    ...asked.map(async (answer) => removedIn(await answer)),
  ]);
  const all = [here, ...others];
  return {
    removed: all.reduce((sum, { removed }) => sum + removed, 0),
    stays: [...stays, ...all.flatMap((one) => one.stays)],
  };
}

function partsOf(self: number, homes: readonly RunHome[], ordered: readonly OrderedRun[]) {
  const orders = new Map(ordered.map((one) => [one.run, one]));
  const parts = new Map<number, Part>();
  const stays: Stays[] = [];
  // What is not here any more has left before, or was never there: whoever removes says so.
  const known = new Set(homes.map(({ run }) => run));
  const own = ordered.filter(({ run }) => !known.has(run));
  for (const family of familiesOf(homes)) {
    const [{ owner, shard } = NOBODY] = family;
    if (family.some((one) => one.owner === null)) {
      throw new Elsewhere(`shard ${String(shard)} has no owner now`);
    }
    const runs = family.flatMap(({ run }) => orders.get(run) ?? []);
    if (family.some((one) => one.owner !== owner)) {
      stays.push(...runs.map(({ run }) => ({ run, because: SPREAD })));
    } else if (owner === self || owner === null) own.push(...runs);
    else {
      const part = parts.get(owner) ?? { shard, runs: [] };
      part.runs.push(...runs);
      parts.set(owner, part);
    }
  }
  return { own, parts, stays };
}

const NOBODY = { owner: null, shard: 0 };

const SPREAD =
  "its family lies with several workers, and leaves only while one has all of it: archive it while one worker runs alone";

function removedIn({ removed = 0, stays = [] }: Extract<InboxAnswer, { ok: true }>): Removed {
  const named = stays.map(({ run, because }) => ({ run: parseRunId(run), because }));
  return { removed, stays: named };
}
