import { seededRandom } from "./seeded-random.ts";

/**
 * What can be done to one request. "Executed" means that the counterpart has done the work.
 *
 * - `refuse`        the connection is reset before a byte is read. Not executed.
 * - `reset-before`  the whole request is read, not delivered, then reset. Not executed.
 * - `reset-after`   delivered and answered; the answer is dropped and the connection reset. Executed.
 * - `swallow`       delivered and answered; the answer is dropped, the connection hangs. Executed.
 * - `late`          held, then delivered within 0.6 of the settle time, whether or not the client is
 *                   still there; the answer is dropped. Executed, late.
 * - `too-late`      as `late`, at 1.5 settle times: breaks the contract that the settle time states.
 * - `throttle`      answered 429 with Retry-After by the proxy itself. Not executed.
 * - `outage`        reset, and connects are refused for some seconds. Not executed.
 * - `malformed`     delivered; the answer keeps its status, its body becomes garbage. Executed.
 * - `cut`           delivered; the answer is cut by a reset in its body. Executed.
 */
export const FAULT_KINDS = [
  "refuse",
  "reset-before",
  "reset-after",
  "swallow",
  "late",
  "too-late",
  "throttle",
  "outage",
  "malformed",
  "cut",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export type FaultProtocol = "http" | "smtp" | "tcp";

/** Weights, not percentages: a kind that is not named has the weight 0. */
export type FaultMix = Readonly<Partial<Record<FaultKind, number>>>;

/**
 * The weights used when the caller gives none. An outage turns away everybody for seconds, so one in
 * a hundred faults is already a lot; `too-late` never happens unless it is asked for.
 */
const MIX_BY_PROTOCOL: Readonly<Record<FaultProtocol, FaultMix>> = {
  http: {
    refuse: 12,
    "reset-before": 12,
    "reset-after": 16,
    swallow: 12,
    late: 14,
    throttle: 12,
    outage: 1,
    malformed: 10,
    cut: 10,
  },
  smtp: { refuse: 12, "reset-before": 12, "reset-after": 16, swallow: 12, outage: 1 },
  tcp: {
    refuse: 12,
    "reset-before": 12,
    "reset-after": 16,
    swallow: 12,
    late: 14,
    outage: 1,
    cut: 10,
  },
};

/** What is decided for one request. */
export interface FaultDecision {
  /** Position in the plan, from 0. */
  readonly index: number;
  readonly kind: FaultKind | "deliver";
  /** In [0, 1): chooses among the forms of a kind (how late, which header, how long an outage). */
  readonly variant: number;
}

export interface FaultPlan {
  /** The next decision. Three numbers are drawn whatever is decided, so decision n depends on n, seed, rate and mix only. */
  next(): FaultDecision;
  /** Share of faulty requests from now on. @throws {RangeError} outside 0..1. */
  setRate(rate: number): void;
}

export interface FaultPlanOptions {
  readonly seed: number | string;
  /** Share of requests that meet a fault, 0..1. */
  readonly faultRate: number;
  readonly protocol: FaultProtocol;
  readonly mix?: FaultMix | undefined;
  /** Must be true for a mix with `too-late`: such a run is expected to break promises. */
  readonly breakContract?: boolean | undefined;
}

/**
 * A seeded sequence of decisions.
 * @throws {RangeError} for a rate outside 0..1, a weight that is not a number of at least 0, a kind
 *   that means nothing in the protocol, no kind at all, or `too-late` without `breakContract`.
 */
export function planFaults(options: FaultPlanOptions): FaultPlan {
  const weights = checkedWeights(options);
  const total = weights.reduce((sum, entry) => sum + entry.weight, 0);
  const random = seededRandom(options.seed, "faults");
  let rate = checkedRate(options.faultRate);
  let index = 0;
  return {
    next: () => {
      const [whether, which, variant] = [random.next(), random.next(), random.next()];
      const kind = whether < rate ? kindAt(weights, which * total) : "deliver";
      index += 1;
      return { index: index - 1, kind, variant };
    },
    setRate: (next) => {
      rate = checkedRate(next);
    },
  };
}

interface Weight {
  readonly kind: FaultKind;
  readonly weight: number;
}

function kindAt(weights: readonly Weight[], place: number): FaultKind | "deliver" {
  let passed = 0;
  for (const { kind, weight } of weights) {
    passed += weight;
    if (place < passed) return kind;
  }
  // Rounding can leave `place` at the very end of the last weight.
  return weights.at(-1)?.kind ?? "deliver";
}

function checkedRate(rate: number): number {
  if (!(rate >= 0 && rate <= 1)) {
    throw new RangeError(`expected a fault rate from 0 to 1, got ${String(rate)}`);
  }
  return rate;
}

function checkedWeights(options: FaultPlanOptions): readonly Weight[] {
  const { protocol, breakContract = false } = options;
  const mix = options.mix ?? MIX_BY_PROTOCOL[protocol];
  const unknown = Object.keys(mix).filter((name) => !FAULT_KINDS.some((kind) => kind === name));
  if (unknown.length > 0) {
    throw new RangeError(
      `expected fault kinds of ${FAULT_KINDS.join(", ")}, got ${unknown.join(", ")}`,
    );
  }
  const weights = FAULT_KINDS.map((kind) => ({ kind, weight: mix[kind] ?? 0 }));
  for (const { kind, weight } of weights) {
    if (!(weight >= 0 && weight < Infinity)) {
      throw new RangeError(`expected a weight of at least 0 for ${kind}, got ${String(weight)}`);
    }
    if (weight > 0 && kind === "too-late" && !breakContract) {
      throw new RangeError(
        "the kind too-late breaks the settle contract: set breakContract to use it",
      );
    }
    if (weight > 0 && !canHappen(kind, protocol)) {
      throw new RangeError(`the fault ${kind} means nothing for protocol ${protocol}`);
    }
  }
  const used = weights.filter((entry) => entry.weight > 0);
  if (used.length === 0)
    throw new RangeError("expected at least one fault kind with a weight above 0");
  return used;
}

function canHappen(kind: FaultKind, protocol: FaultProtocol): boolean {
  const likeLate = kind === "too-late" ? "late" : kind;
  return MIX_BY_PROTOCOL[protocol][likeLate] !== undefined;
}
