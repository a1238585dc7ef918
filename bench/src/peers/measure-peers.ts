/**
 * Ours and the rivals' on the same work, on the same machine, in turns: each party is up for the
 * whole of its group, and works only in its own slices.
 */
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { RESULT } from "../workflows.ts";
import type { Figure } from "../figure.ts";
import { installRival } from "./install-rival.ts";
import { startPartyServer, type PartyServer } from "./party-server.ts";
import { requireProc } from "./process-tree.ts";
import { figuresOf, sliceBetween, type Reading, type Slice, type Workload } from "./reading.ts";
import { folderOf, GROUPS, PRODUCTS, versionOf, type Group, type Product } from "./rivals.ts";
import { PartyProcess } from "./start-party.ts";

/**
 * All groups together, without installing anything: ten minutes, less what tidying up may take.
 * Source: the issue that asked for this.
 */
export const PEERS_BUDGET_MS = 540_000;

/** How long and how often is measured. */
export interface Pace {
  /** Turns of every party; the issue asks for three at least. */
  readonly rounds: number;
  /** Work before a slice, so that its runs have spread, milliseconds. */
  readonly settleMs: number;
  readonly sliceMs: number;
}

export const PACE: Pace = { rounds: 3, settleMs: 1_500, sliceMs: 4_000 };

export interface PeersRun {
  /** For data and logs. */
  readonly folder: string;
  readonly pace: Pace;
  readonly budgetMs: number;
  /** Names from `peerWorkloads` that are wanted. */
  readonly workloads: readonly string[];
  readonly products?: readonly Product[];
  /** For the processes of the parties; default: those of this one. */
  readonly execArgv?: readonly string[];
  readonly report: (figure: Figure) => void;
  /** Is told of each party that could not be measured, and why. */
  readonly missed: (because: string) => void;
  readonly progress: (line: string) => void;
}

interface Seat {
  /** True once it could not be measured: it gets no further turn. */
  failed: boolean;
  readonly product: Product;
  readonly server: PartyServer;
  readonly party: PartyProcess;
}

/** All that there are, in the order in which they are measured. */
export function peerWorkloads(): string[] {
  return GROUPS.flatMap((group) => [nameOf(group, "latency"), nameOf(group, "throughput")]);
}

export function nameOf(group: Group, workload: Workload): string {
  return `peers-${group}-${workload}`;
}

/** @throws {Error} on a system where servers cannot be measured. */
export async function measurePeers(run: PeersRun): Promise<void> {
  requireProc();
  // The user whom root lends to PostgreSQL has to get to its data below this folder.
  chmodSync(run.folder, 0o755);
  const products = installed(run);
  const endMs = performance.now() + run.budgetMs;
  for (const group of GROUPS) {
    const wanted = wantedIn(group, run);
    if (wanted.length === 0) continue;
    const seats: Seat[] = [];
    try {
      for (const product of products.filter((each) => each.group === group)) {
        await seat(product, run, endMs, seats);
      }
      for (const workload of wanted) await measureInTurns(seats, workload, endMs, run);
    } finally {
      for (const each of seats) await leave(each);
    }
  }
}

/** Latency first, on stores that are nearly empty: throughput fills ours more than the others'. */
function wantedIn(group: Group, run: PeersRun): readonly Workload[] {
  const workloads: readonly Workload[] = ["latency", "throughput"];
  return workloads.filter((workload) => run.workloads.includes(nameOf(group, workload)));
}

/** Those whose packages are there, or could be had. */
function installed(run: PeersRun): readonly Product[] {
  const wanted = (run.products ?? PRODUCTS).filter(({ group }) => wantedIn(group, run).length > 0);
  return wanted.filter(({ name, install }) => {
    if (install === null) return true;
    try {
      run.progress(`${name}: its packages`);
      installRival(folderOf(install));
      return true;
    } catch (error) {
      run.missed(messageOf(error));
      return false;
    }
  });
}

/** Starts the server and the process of a product; a rival that does not come up is left out. */
async function seat(product: Product, run: PeersRun, endMs: number, seats: Seat[]): Promise<void> {
  const { name, group, server: kind, adapter, concurrency } = product;
  if (performance.now() > endMs) {
    run.missed(`${name} on ${group}: no time left to start it`);
    return;
  }
  run.progress(`${name} on ${group}: start`);
  const folder = join(run.folder, `${group}-${name}`);
  mkdirSync(folder);
  let server: PartyServer | null = null;
  try {
    server = await startPartyServer(kind, folder);
    const settings = { adapter, folder, concurrency, ...server.place };
    const party = await PartyProcess.start(name, settings, { endMs, execArgv: run.execArgv });
    seats.push({ product, server, party, failed: false });
  } catch (error) {
    await server?.stop();
    run.missed(messageOf(error));
  }
}

async function leave({ party, server }: Seat): Promise<void> {
  await party.close();
  await server.stop();
}

async function measureInTurns(
  seats: readonly Seat[],
  workload: Workload,
  endMs: number,
  run: PeersRun,
): Promise<void> {
  const slices = new Map<Seat, Slice[]>(seats.map((each) => [each, []]));
  const { rounds, settleMs, sliceMs } = run.pace;
  for (let round = 1; round <= rounds; round += 1) {
    for (const each of seats.filter(({ failed }) => !failed)) {
      const { name, group } = each.product;
      if (performance.now() + settleMs + sliceMs > endMs) {
        run.missed(`${name}: no time left for round ${round} of ${nameOf(group, workload)}`);
        continue;
      }
      run.progress(`${nameOf(group, workload)}, round ${round} of ${rounds}: ${name}`);
      try {
        slices.get(each)?.push(await sliceOf(each, workload, run.pace));
      } catch (error) {
        run.missed(messageOf(error));
        each.failed = true;
        await each.party.close();
      }
    }
  }
  for (const [{ product }, taken] of slices) {
    const { name, group, concurrency, inFlight } = product;
    const load = workload === "latency" ? { inFlight: 1 } : { concurrency, inFlight };
    const settings = {
      peer: name,
      version: versionOf(product),
      ...load,
      sliceMs,
      resultBytes: BYTES,
    };
    for (const figure of figuresOf(nameOf(group, workload), taken, settings)) run.report(figure);
  }
}

const BYTES = JSON.stringify(RESULT).length;

async function sliceOf(seated: Seat, workload: Workload, pace: Pace): Promise<Slice> {
  const { party, product } = seated;
  const alone = { inFlight: 1, roomAfter: "result" } as const;
  await party.ask({ verb: "begin", ...(workload === "latency" ? alone : product) });
  await after(pace.settleMs);
  const from = await read(seated);
  await after(pace.sliceMs);
  const to = await read(seated);
  await party.ask({ verb: "drain" });
  return sliceBetween(from, to, workload);
}

async function read({ party, server }: Seat): Promise<Reading> {
  const [database, count] = await Promise.all([server.counts(), party.count()]);
  return { ...count, serverCpuS: server.cpuS(), serverMemoryMb: server.memoryMb(), database };
}

function after(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
