import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  startFaultProxy,
  type FaultCounts,
  type FaultMix,
  type FaultProxy,
} from "holdfast/testing";
import {
  startSystemProcess,
  SYSTEM_NAMES,
  type SystemEnd,
  type SystemName,
  type SystemProcess,
} from "./system-process.ts";

export interface LaunchOptions {
  /** Where the databases of the systems are, made if need be; what is in it is kept. */
  readonly dir: string;
  readonly seed: number;
  /** Share of the requests to each system that meet a fault, 0..1. */
  readonly faults: number;
  /** The settle time that the integrations declare: a late request is late by at most 0.6 of it. */
  readonly settleMs: number;
  /** How long an invoice stays out of the ERP's search. Default 700 ms. */
  readonly searchLagMs?: number;
  /** How long payments remembers a key. Default 24 h. */
  readonly keyWindowMs?: number;
  /** Which faults, for a system that is not to meet all of them. */
  readonly mixes?: Readonly<Partial<Record<SystemName, FaultMix>>>;
  /** Systems whose mix may have `too-late`: the scenario of a broken contract. */
  readonly breakContractOf?: readonly SystemName[];
  /** A system ended without having been stopped. Also in the report of `stop`. */
  readonly onDeath?: (end: SystemEnd) => void;
}

/** Where one of the other systems is to be found. */
export interface SystemPlace {
  readonly pid: number;
  /** The fault proxy before it: what the engine is to be given. */
  readonly port: number;
  /** The system itself, for whoever has to ask it without faults. */
  readonly directPort: number;
  readonly ledgerFile: string;
}

interface StopReport {
  /** Systems that ended before `stop` was called. */
  readonly deaths: readonly SystemEnd[];
  /** Systems that did not end on SIGTERM. */
  readonly killed: readonly SystemName[];
  readonly counts: Readonly<Record<SystemName, FaultCounts>>;
}

/** The four other systems, each with its fault proxy. */
export interface Systems {
  readonly places: Readonly<Record<SystemName, SystemPlace>>;
  /** What the proxies did so far. */
  counts(): Readonly<Record<SystemName, FaultCounts>>;
  /** Nobody reaches the system for so long; resolves when it can be reached again. */
  outage(name: SystemName, durationMs: number): Promise<void>;
  /** @throws {RangeError} outside 0..1. */
  setFaults(faultRate: number): void;
  /**
   * Resolves once no request is on its way to a system or held back to be late: await it before
   * `stop` and before counting ledgers, or a late request would be missing from them.
   */
  settled(): Promise<void>;
  /** Closes the proxies, ends the processes (SIGTERM, after 5 s SIGKILL). Held requests are dropped. */
  stop(): Promise<StopReport>;
}

/**
 * Starts CRM, payments, ERP and mail as processes, and a seeded fault proxy in this process before
 * each of them.
 *
 * @throws {Error} if one of them does not start; the others are ended first.
 */
export async function startSystems(options: LaunchOptions): Promise<Systems> {
  await mkdir(options.dir, { recursive: true });
  const started = await Promise.allSettled(
    SYSTEM_NAMES.map(async (name) => startOne(name, options)),
  );
  const members = started.flatMap((result) =>
    result.status === "fulfilled" ? [result.value] : [],
  );
  const failed = started.find((result) => result.status === "rejected");
  if (failed) {
    await Promise.all(members.map(stopOne));
    throw failed.reason;
  }
  const deaths: SystemEnd[] = [];
  let isStopping = false;
  for (const { system } of members) {
    void system.ended.then((end) => {
      if (isStopping) return;
      deaths.push(end);
      options.onDeath?.(end);
    });
  }
  const counts = (): Readonly<Record<SystemName, FaultCounts>> =>
    byName(members, ({ proxy }) => proxy.counts);
  return {
    places: byName(members, (member) => member.place),
    counts,
    outage: async (name, durationMs) => {
      await members.find((member) => member.name === name)?.proxy.outage(durationMs);
    },
    setFaults: (faultRate) => {
      for (const { proxy } of members) proxy.setRate(faultRate);
    },
    settled: async () => {
      await Promise.all(members.map(async ({ proxy }) => proxy.settled()));
    },
    stop: async () => {
      isStopping = true;
      const ends = await Promise.all(members.map(stopOne));
      const dead = new Set(deaths.map((end) => end.name));
      const killed = ends.filter((end) => end.signal === "SIGKILL" && !dead.has(end.name));
      return { deaths, killed: killed.map((end) => end.name), counts: counts() };
    },
  };
}

interface Member {
  readonly name: SystemName;
  readonly system: SystemProcess;
  readonly proxy: FaultProxy;
  readonly place: SystemPlace;
}

async function startOne(name: SystemName, options: LaunchOptions): Promise<Member> {
  const ledgerFile = join(options.dir, `${name}.db`);
  const system = await startSystemProcess(name, ledgerFile, numbersOf(name, options));
  const mix = options.mixes?.[name];
  try {
    const proxy = await startFaultProxy({
      upstream: { host: "127.0.0.1", port: system.port },
      protocol: name === "mail" ? "smtp" : "http",
      seed: `${String(options.seed)}/${name}`,
      faultRate: options.faults,
      settleMs: options.settleMs,
      breakContract: options.breakContractOf?.includes(name) ?? false,
      ...(mix ? { mix } : {}),
    });
    const place = { pid: system.pid, port: proxy.port, directPort: system.port, ledgerFile };
    return { name, system, proxy, place };
  } catch (error) {
    await system.stop();
    throw error;
  }
}

function numbersOf(name: SystemName, options: LaunchOptions): Record<string, number> {
  if (name === "erp" && options.searchLagMs !== undefined)
    return { "search-lag-ms": options.searchLagMs };
  if (name === "payments" && options.keyWindowMs !== undefined) {
    return { "key-window-ms": options.keyWindowMs };
  }
  return {};
}

/** The process is ended even if its proxy cannot be closed in order; that error is then thrown. */
async function stopOne({ proxy, system }: Member): Promise<SystemEnd> {
  try {
    await proxy.close();
  } finally {
    await system.stop();
  }
  return system.ended;
}

function byName<T>(
  members: readonly Member[],
  of: (member: Member) => T,
): Readonly<Record<SystemName, T>> {
  // There is one member for each of SYSTEM_NAMES: startSystems has thrown otherwise.
  return Object.fromEntries(members.map((member) => [member.name, of(member)])) as Record<
    SystemName,
    T
  >;
}
