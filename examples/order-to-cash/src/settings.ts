import { parseArgs } from "node:util";
import { VAR_DIR } from "./places.ts";
import { SYSTEM_NAMES, type SystemName } from "./systems/system-process.ts";

const STORE_KINDS = ["sqlite", "postgres"] as const;
export type StoreKind = (typeof STORE_KINDS)[number];

interface Outage {
  readonly system: SystemName;
  readonly durationMs: number;
}

/** What `npm start` was asked to do. */
export interface Settings {
  /** Distinct valid orders; duplicates and malformed ones come on top. */
  readonly orders: number;
  /** Times that the engine is killed with SIGKILL. */
  readonly kills: number;
  readonly seed: number;
  /** Share of the requests to each system that meet a fault, 0..1. */
  readonly faults: number;
  /** The labelled scenario: one request lands later than the ERP's contract allows. */
  readonly brokenContract: boolean;
  /** A system that is away for a while in the middle of the case; null: none is. */
  readonly outage: Outage | null;
  /** Where Holdfast keeps its journal: in a file, or on a PostgreSQL server that is started for it. */
  readonly store: StoreKind;
  /** Engines that share the store; more than one need PostgreSQL. */
  readonly workers: number;
  /** Where databases and summary.json are left; emptied at the start. */
  readonly dir: string;
}

export const USAGE = `usage: npm start -- [--orders N] [--kills K] [--seed S] [--faults 0..1] [--broken-contract] [--outage SYSTEM:TIME] [--store KIND] [--workers N] [--dir PATH]
  --orders           distinct orders that arrive, 1 to 100000    (300; 12 with --broken-contract)
  --kills            times the engine is killed with SIGKILL     (10; none with --broken-contract)
  --seed             of orders, faults, kills and decisions      (1)
  --faults           share of requests that meet a fault, 0..1   (0.25; none with --broken-contract)
  --broken-contract  one request lands later than the ERP promises: the duplicate must be found
  --outage           a system that is away for a while, such as erp:60s: one incident, and no order lost
                     (then without faults and kills, unless they are asked for)
  --store            sqlite, or postgres: a server of its own     (sqlite)
  --workers          engines that share the orders, 1 to 16: on postgres   (1)
  --dir              where everything is left; what is in it is removed   (var/order-to-cash)`;

const ORDERS_MAX = 100_000;
const KILLS_MAX = 1_000;
const WORKERS_MAX = 16;
const DEFAULTS = { orders: 300, kills: 10, faults: 0.25 };
/** The scenario is about one request, so nothing else is to go wrong. */
const SCENARIO_DEFAULTS = { orders: 12, kills: 0, faults: 0 };
const OUTAGE_DEFAULTS = { ...DEFAULTS, kills: 0, faults: 0 };
const OUTAGE_MS_MAX = 3_600_000;

/** @throws {Error} with one line that says which flag is wrong and what was expected. */
export function readSettings(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      orders: { type: "string" },
      kills: { type: "string" },
      seed: { type: "string" },
      faults: { type: "string" },
      "broken-contract": { type: "boolean", default: false },
      outage: { type: "string" },
      store: { type: "string", default: "sqlite" },
      workers: { type: "string" },
      dir: { type: "string", default: VAR_DIR },
    },
  });
  const brokenContract = values["broken-contract"];
  const outage = values.outage === undefined ? null : outageOf(values.outage);
  if (brokenContract && outage !== null) {
    throw new Error("expected --broken-contract without --outage");
  }
  const others = outage === null ? DEFAULTS : OUTAGE_DEFAULTS;
  const defaults = brokenContract ? SCENARIO_DEFAULTS : others;
  if (brokenContract && (values.kills ?? values.faults) !== undefined) {
    throw new Error("expected --broken-contract without --kills and --faults");
  }
  const store = storeKind(values.store);
  const workers = whole("workers", values.workers, 1, { min: 1, max: WORKERS_MAX });
  if (workers > 1 && store !== "postgres") {
    throw new Error(`expected --store postgres for --workers ${String(workers)}`);
  }
  return {
    orders: whole("orders", values.orders, defaults.orders, { min: 1, max: ORDERS_MAX }),
    kills: whole("kills", values.kills, defaults.kills, { min: 0, max: KILLS_MAX }),
    seed: whole("seed", values.seed, 1, { min: 0, max: Number.MAX_SAFE_INTEGER }),
    faults: share("faults", values.faults, defaults.faults),
    brokenContract,
    outage,
    store,
    workers,
    dir: values.dir,
  };
}

function outageOf(text: string): Outage {
  const match = /^(\w+):(\d{1,7})(ms|s|m)$/u.exec(text);
  const system = SYSTEM_NAMES.find((name) => name === match?.[1]);
  const unitMs = { ms: 1, s: 1_000, m: 60_000 }[match?.[3] ?? ""] ?? 0;
  const durationMs = Number(match?.[2]) * unitMs;
  if (system !== undefined && durationMs > 0 && durationMs <= OUTAGE_MS_MAX)
    return { system, durationMs };
  throw new Error(
    `expected one of ${SYSTEM_NAMES.join(", ")}, and at most 60m, as in erp:60s, for --outage, got "${text}"`,
  );
}

function storeKind(text: string): StoreKind {
  const kind = STORE_KINDS.find((known) => known === text);
  if (kind !== undefined) return kind;
  throw new Error(`expected ${STORE_KINDS.join(" or ")} for --store, got "${text}"`);
}

function whole(
  flag: string,
  text: string | undefined,
  preset: number,
  range: { readonly min: number; readonly max: number },
): number {
  if (text === undefined) return preset;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= range.min && value <= range.max) return value;
  const expected = `a whole number from ${String(range.min)} to ${String(range.max)}`;
  throw new Error(`expected ${expected} for --${flag}, got "${text}"`);
}

function share(flag: string, text: string | undefined, preset: number): number {
  if (text === undefined) return preset;
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new Error(`expected a share from 0 to 1 for --${flag}, got "${text}"`);
}
