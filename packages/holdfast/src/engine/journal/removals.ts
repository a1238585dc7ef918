/**
 * Letting runs go that an archive holds. Whoever wrote the archive says which; whether they may leave
 * is looked at here again, by what the store holds now and by the policies of this app's code. What
 * was ordered and stays is answered with its reason.
 */
import type { ArchivedHead, ArchivedRun } from "../../core/archived.ts";
import { HoldfastError } from "../../core/error.ts";
import type { StartedHead } from "../../core/journal.ts";
import {
  keptMs,
  retentionRule,
  staysWith,
  whyFamilyStays,
  type AppRetention,
  type RetentionRule,
  type Stays,
} from "../../core/retention.ts";
import { formatRunId } from "../../core/run-number.ts";
import { isFinal } from "../../core/run-state.ts";
import { addedSums, leavingOf, type Leaving } from "../../store/leaving.ts";
import type { StoredRun } from "../../store/rows.ts";
import type { Removal } from "../../store/store.ts";
import type { DepartureWatch } from "../run/departures.ts";
import type { Engine } from "../engine.ts";
import { CellAway } from "../neighbours.ts";
import { familiesOf } from "../../store/families.ts";
import { openCalls } from "../starts/call-circle.ts";
import { headOf } from "../run/recovery.ts";

export interface RemovalOrder {
  /** Id of the archive, and its file as whoever wrote it names it. */
  readonly archive: string;
  readonly file: string;
  readonly by: string;
  readonly runs: readonly OrderedRun[];
}

export interface OrderedRun {
  readonly run: number;
  /** How many records of it the archive holds. */
  readonly records: number;
}

export interface RemovalOptions {
  /** How long runs are kept at least whose workflow does not say. */
  readonly retention?: AppRetention;
}

export interface Removed {
  /** Runs of the order that are gone now, also those that were before. */
  readonly removed: number;
  readonly stays: readonly Stays[];
}

/** Runs of one order. */
const ORDER_RUNS_MAX = 1_000;
/** Runs read at a time. */
const RUNS_PER_READ = 50;
/** What one flush removes, unless one family is larger: some 20 ms of the writer's time. */
const RUNS_PER_FLUSH = 100;
const RECORDS_PER_FLUSH = 5_000;

/** A run of the order as it is in the store. */
interface Candidate extends Leaving {
  /** Not given where the store has none. */
  readonly shard: number | undefined;
  readonly workflow: string;
  readonly namespace: string;
  readonly archived: ArchivedRun;
}

export class Removals {
  readonly #engine: Engine;
  readonly #retention: AppRetention;

  constructor(engine: Engine, { retention = {} }: RemovalOptions) {
    this.#engine = engine;
    this.#retention = retention;
  }

  /**
   * May be given again: what has left stays gone. Durable when it resolves.
   *
   * @throws {HoldfastError} HF4102 for too many at once.
   */
  async remove(order: RemovalOrder): Promise<Removed> {
    const { removal } = this.#engine.store;
    this.requireBound(order);
    const watch = this.#engine.departures.watch();
    try {
      return await this.#remove(order, removal, watch);
    } finally {
      watch.end();
    }
  }

  /** @throws {HoldfastError} HF4102 for an order of more runs than one may name. */
  requireBound({ runs }: RemovalOrder): void {
    if (runs.length > ORDER_RUNS_MAX) throw tooMany(runs.length);
  }

  async #remove(order: RemovalOrder, removal: Removal, watch: DepartureWatch): Promise<Removed> {
    await this.#engine.committer.durable();
    const here = await this.#candidates(order.runs, removal);
    const stays: Stays[] = [];
    let removed = await this.#goneBefore(order, here, removal, stays);
    const leaving: (readonly Candidate[])[] = [];
    for (const family of familiesOf([...here.values()])) {
      const because =
        (await this.#openBeyond(family, here, removal)) ??
        (await this.#openElsewhere(family)) ??
        this.#whyStays(family);
      if (because === null) leaving.push(family);
      else stays.push(...family.map(({ run }) => stayingWith(because, run)));
    }
    for (const batch of batches(leaving)) {
      // At once, without a wait in between: nobody else may have written to them since they were read.
      const [still, changed] = this.#untouched(batch, watch);
      stays.push(...changed);
      if (still.length === 0) continue;
      this.#append(order, still);
      await this.#engine.committer.durable();
      removed += still.length;
    }
    return { removed, stays };
  }

  async #candidates(
    ordered: readonly OrderedRun[],
    removal: Removal,
  ): Promise<Map<number, Candidate>> {
    const here = new Map<number, Candidate>();
    for (let at = 0; at < ordered.length; at += RUNS_PER_READ) {
      const runs = ordered.slice(at, at + RUNS_PER_READ).map(({ run }) => run);
      const sums = new Map((await removal.recordSums(runs)).map((sum) => [sum.run, sum]));
      for (const stored of await this.#engine.store.load(runs)) {
        const sum = sums.get(stored.row.run);
        // Gone between the two reads, or written to: whoever looks again sees it as it is.
        if (sum?.records !== stored.records.length) continue;
        here.set(sum.run, await candidate(stored, sum.digest, removal));
      }
    }
    return here;
  }

  /** Takes out what is not as the archive has it; answers how many have left for this very archive. */
  async #goneBefore(
    { archive, runs }: RemovalOrder,
    here: Map<number, Candidate>,
    removal: Removal,
    stays: Stays[],
  ): Promise<number> {
    const absent = runs.map(({ run }) => run).filter((run) => !here.has(run));
    const gone = new Map((await removal.archivedRuns(absent)).map((row) => [row.run, row]));
    let count = 0;
    for (const run of absent) {
      const left = gone.get(run);
      if (left?.archive === archive) count += 1;
      else if (left === undefined) stays.push({ run, because: "there is no such run now" });
      else stays.push({ run, because: `it has left before, for the archive ${left.archive}` });
    }
    for (const { run, records } of runs) {
      const found = here.get(run);
      if (found === undefined || found.records === records) continue;
      here.delete(run);
      const because = `it has ${String(found.records)} records, the archive has ${String(records)} of it`;
      stays.push({ run, because });
    }
    return count;
  }

  /**
   * What belongs to the family and is not in the order, what has been called by it and goes on, and
   * who has called one of it and has not heard of its end: it would never get the result.
   */
  async #openBeyond(
    family: readonly Candidate[],
    here: ReadonlyMap<number, Candidate>,
    removal: Removal,
  ): Promise<Stays | null> {
    for (const { run, parentRun } of family) {
      if (parentRun === null || here.has(parentRun)) continue;
      if ((await this.#engine.store.load([parentRun])).length === 0) continue;
      return { run, because: `${formatRunId(parentRun)}, which has started it, does not leave` };
    }
    const children = await removal.childrenOf(family.map(({ run }) => run));
    const left = children.find((child) => !here.has(child.run));
    if (left !== undefined) {
      const because = `${formatRunId(left.run)}, which it has started, does not leave`;
      return { run: left.parentRun, because };
    }
    const own = new Set(family.map(({ run }) => run));
    for (const { run, called } of family) {
      const others = called.filter((one) => !own.has(one));
      for (const { row } of await this.#engine.store.load(others)) {
        if (isFinal(row.state)) continue;
        return { run, because: `${formatRunId(row.run)}, which it has called, has not ended` };
      }
    }
    return await this.awaited(own);
  }

  /** The same in other cells. While one of them is away, nobody knows. */
  async #openElsewhere(family: readonly Candidate[]): Promise<Stays | null> {
    const { neighbours } = this.#engine;
    const [first] = family;
    if (neighbours === null || first === undefined) return null;
    const own = new Set(family.map(({ run }) => run));
    try {
      for (const { run, called } of family) {
        for (const other of called.filter((one) => !own.has(one))) {
          const engine = await neighbours.engineOf(other);
          const [stored] = engine === null ? [] : await engine.store.load([other]);
          if (stored === undefined || isFinal(stored.row.state)) continue;
          return { run, because: `${formatRunId(other)}, which it has called, has not ended` };
        }
      }
      return await neighbours.awaited(own);
    } catch (error) {
      if (!(error instanceof CellAway)) throw error;
      return {
        run: first.run,
        because: `whether a run waits for it is not known: ${error.message}`,
      };
    }
  }

  /** One of these runs of which a run of this store that is none of them has yet to hear how it ended. */
  async awaited(family: ReadonlySet<number>): Promise<Stays | null> {
    const calls = await this.#engine.store.removal.callsOf([...family]);
    for (const { called, caller } of calls) {
      if (family.has(caller)) continue;
      const [stored] = await this.#engine.store.load([caller]);
      if (stored === undefined || isFinal(stored.row.state)) continue;
      if (!openCalls(stored.records).includes(called)) continue;
      return {
        run: called,
        because: `${formatRunId(caller)}, which has called it, has not heard how it ended`,
      };
    }
    return null;
  }

  #whyStays(family: readonly Candidate[]): Stays | null {
    const { namespace, places } = this.#engine;
    const away = family.find(({ shard }) => !places.owns(shard));
    if (away !== undefined) return { run: away.run, because: ELSEWHERE };
    const foreign = family.find(
      (one) => one.namespace !== namespace || this.#engine.workflow(one.workflow) === null,
    );
    if (foreign !== undefined) {
      const because = `this app does not have its workflow "${foreign.workflow}", so how long it is to be kept is not known`;
      return { run: foreign.run, because };
    }
    const workflows = new Map(family.map(({ run, workflow }) => [run, workflow]));
    const ruleOf = ({ run }: { readonly run: number }) => this.#ruleOf(workflows.get(run) ?? "");
    return whyFamilyStays(family, ruleOf, this.#engine.clock.nowMs());
  }

  #ruleOf(name: string): RetentionRule {
    const own = this.#engine.workflow(name)?.definition.retention;
    return retentionRule(own, this.#retention, `retention of workflow "${name}"`);
  }

  #untouched(
    batch: readonly (readonly Candidate[])[],
    watch: DepartureWatch,
  ): readonly [still: readonly Candidate[], changed: readonly Stays[]] {
    const { live, places } = this.#engine;
    const isTouched = ({ run, shard }: Candidate) =>
      live.has(run) || watch.hasLeft(run) || !places.owns(shard);
    const still: Candidate[] = [];
    const changed: Stays[] = [];
    for (const family of batch) {
      if (family.some(isTouched)) {
        const because =
          "it was written to, or its shard given to another worker, while it was being looked at";
        changed.push(...family.map(({ run }) => ({ run, because })));
        continue;
      }
      // Again by the clock of the record: what was over before it was set back is not any more.
      const because = this.#whyStays(family);
      if (because === null) still.push(...family);
      else changed.push(...family.map(({ run }) => stayingWith(because, run)));
    }
    return [still, changed];
  }

  #append({ archive, file, by }: RemovalOrder, runs: readonly Candidate[]): void {
    const { clock, journal, departures } = this.#engine;
    const kept = keptMs(this.#retention.keys ?? "forever", "keys of retention");
    const head: ArchivedHead = {
      archive,
      file,
      by,
      keysUntilMs: kept === null ? null : clock.nowMs() + kept,
      runs: runs.map(({ archived }) => archived),
      ...addedSums(runs.map(({ sums }) => sums)),
    };
    journal.append("archived", head);
    for (const { run } of runs) departures.noteWritten(run);
  }
}

const ELSEWHERE =
  "it is with another worker by now; give the command again, with another name for the file";

async function candidate(
  { row, records, shard }: StoredRun,
  digest: string,
  removal: Removal,
): Promise<Candidate> {
  const [started] = records;
  if (started === undefined) throw new Error(`run ${String(row.run)} has no records`);
  const { keyHash, generation, inputDigest } = headOf<StartedHead>(started);
  const kept = (seq: number) => removal.storeRecords([seq]);
  const { run, workflow, namespace } = row;
  const key = { keyHash, generation, inputDigest };
  const place = shard === undefined ? {} : { shard };
  const archived = { run, records: records.length, digest, ...key, ...place };
  return { ...(await leavingOf(row, records, kept)), workflow, namespace, archived, shard };
}

/** Whole families, as many as one flush removes. */
function batches(families: readonly (readonly Candidate[])[]): (readonly Candidate[])[][] {
  const all: (readonly Candidate[])[][] = [];
  let [runs, records] = [RUNS_PER_FLUSH, RECORDS_PER_FLUSH];
  for (const family of families) {
    const size = family.reduce((sum, one) => sum + one.records, 0);
    if (runs + family.length > RUNS_PER_FLUSH || records + size > RECORDS_PER_FLUSH) {
      all.push([]);
      [runs, records] = [0, 0];
    }
    all.at(-1)?.push(family);
    runs += family.length;
    records += size;
  }
  return all;
}

function stayingWith(stays: Stays, run: number): Stays {
  return stays.run === run ? stays : { run, because: staysWith(stays) };
}

function tooMany(count: number): HoldfastError {
  return new HoldfastError(
    "HF4102",
    `An order to remove names ${String(count)} runs; one names at most ${String(ORDER_RUNS_MAX)}. Nothing was removed.`,
    "Give several orders, as holdfast archive does.",
  );
}
