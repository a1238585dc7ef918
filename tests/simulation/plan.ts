/** What one seed means: how many workers, what goes wrong how often, for how long. */
import { seededRandom, type SeededRandom } from "#src/testing/seeded-random.ts";
import { deploymentsOf, type Deployment } from "./versions.ts";

export interface StoreFaults {
  /** Chance that the process dies at a call of the store, before or after it is done. */
  readonly crash: number;
  /** Chance that a flush is done and an error is reported all the same. */
  readonly unsaid: number;
  /** Chance that a flush is refused: the disk is full. */
  readonly full: number;
  /** Chance that a call takes long. */
  readonly slow: number;
  /** Chance that a read fails. */
  readonly unread: number;
}

export interface Plan {
  readonly seed: number;
  readonly workers: number;
  readonly runs: number;
  /** True time after which nothing more goes wrong, from the start. */
  readonly faultsUntilMs: number;
  readonly store: StoreFaults;
  /** Chance that a call to another system goes wrong in some way. */
  readonly transport: number;
  /** Chance that a system is away for a while, each time somebody looks. */
  readonly outage: number;
  /** Chance that a person acts on what they saw a while ago, twice, or as two. */
  readonly people: number;
  /** Chance that somebody cancels a run. */
  readonly cancel: number;
  /** Chance that somebody pauses a run. */
  readonly pause: number;
  /** Largest jump of a clock, milliseconds; 0: none. */
  readonly jumpMs: number;
  /** Chance that a worker is stopped beyond its lease, each time it beats. */
  readonly stop: number;
  /** A byte of a record is changed while no process runs. */
  readonly damage: boolean;
  /** New code, or old code again. */
  readonly deployments: readonly Deployment[];
  /** One run more, which brings down each process that carries it out. */
  readonly poison: boolean;
  /** Messages that may wait for what they follow; null: as many as is usual. */
  readonly heldMax: number | null;
  /** All work comes as messages of one order, which find bad reads rather than crashes in their turn. */
  readonly inOrder: boolean;
}

const MINUTE_MS = 60_000;

export function planOf(seed: number, workers: number | null): Plan {
  const random = seededRandom(seed, "plan");
  const isCalm = random.next() < 0.1;
  const some = (...chances: readonly number[]) => (isCalm ? 0 : random.pick(chances));
  // Drawn in any case, so that what else the seed means does not depend on who says how many.
  const drawn = 1 + random.integer(3);
  const count = workers ?? drawn;
  const runs = 2 + random.integer(5);
  // Some last for longer than the window of a key; workers that share a store beat all the time.
  const faultsUntilMs =
    (1 + random.integer(random.next() < 0.1 ? 30 : Math.ceil(9 / count))) * MINUTE_MS;
  const rare = rareWorld(seed, faultsUntilMs);
  return {
    seed,
    workers: count,
    runs,
    faultsUntilMs,
    store: {
      crash: rare.inOrder ? some(0, 0.003) : some(0, 0.003, 0.01, 0.03),
      unsaid: some(0, 0, 0.01),
      full: some(0, 0, 0.01),
      slow: some(0, 0.05, 0.2),
      unread: rare.inOrder ? some(0.1, 0.2, 0.3) : some(0, 0.02, 0.05),
    },
    transport: some(0.1, 0.3, 0.6),
    outage: some(0, 0, 0.1, 0.3),
    people: some(0, 0.2, 0.5),
    cancel: some(0, 0.05, 0.2),
    jumpMs: some(0, 0, 2_000),
    stop: count === 1 ? 0 : some(0, 0.02, 0.1),
    damage: !isCalm && count === 1 && random.next() < 0.05,
    ...rare,
  };
}

/** What few worlds have, of sequences of their own: the others mean what they meant without it. */
function rareWorld(
  seed: number,
  faultsUntilMs: number,
): Pick<Plan, "deployments" | "poison" | "heldMax" | "inOrder" | "pause"> {
  const deployments = deploymentsOf(seededRandom(seed, "deployments"), faultsUntilMs);
  return {
    deployments,
    poison: seededRandom(seed, "poison").next() < 0.1,
    heldMax: seededRandom(seed, "held").next() < 0.3 ? 1 : null,
    pause: seededRandom(seed, "pause").next() < 0.2 ? 0.2 : 0,
    inOrder: seededRandom(seed, "in order").next() < 0.25,
  };
}

/** An independent sequence of the same seed. */
export function chance(plan: Plan, stream: string): SeededRandom {
  return seededRandom(plan.seed, stream);
}
