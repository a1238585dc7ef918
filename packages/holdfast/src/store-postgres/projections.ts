/**
 * Folds the changes that `project` derives from the records of a flush into the rows to write, one
 * write a row, gathered by table. Used by a flush inside its transaction, and by verify to build the
 * same rows again from the journal.
 */
import type { ArchivedIssue } from "../core/archived.ts";
import { assertNever } from "../core/assert.ts";
import type { JournalRecord } from "../core/journal.ts";
import type { Change } from "../store/change.ts";
import {
  effectAfter,
  effectStateOf,
  exceptionAfter,
  reviewAfter,
  runAfter,
} from "../store/row-changes.ts";
import { type ArchivedRunAt, ARCHIVED_RUN } from "./archived-run-table.ts";
import { CellRows, isOfCell } from "./cell-rows.ts";
import { Counts } from "./counts.ts";
import { Events } from "./events.ts";
import { EXCEPTION, ROUTING } from "./exception-tables.ts";
import { Opinions } from "./opinions.ts";
import { RowGather } from "./row-gather.ts";
import { type ReadRows, type RunAtHand, RunsAtHand, type Wanted } from "./runs-at-hand.ts";
import { SYSTEM_SHARD, chainShard, runShard } from "./shard.ts";
import type { Written } from "./table.ts";
import * as tables from "./tables.ts";
import { RunKeys, shardOfArchived } from "./run-keys.ts";

/** A change, and the record that it comes from. */
export interface Derived {
  readonly change: Change;
  readonly record: Pick<JournalRecord, "run" | "seq" | "atMs">;
  /** Whose journal holds it: the incarnation. */
  readonly by: number;
}

type ChangeOf<Prefix extends string> = Extract<Change, { kind: `${Prefix}-${string}` }>;

/** What operators have decided about many at once. */
type Decided = Extract<Change, { kind: "issue-overlaid" | "routing-set" | "rule-set" }>;

type OtherChange = Exclude<Change, { kind: `cells-${string}` } | Decided>;
type From = Omit<Derived, "change">;

function isDecided(change: Change): change is Decided {
  const { kind } = change;
  return kind === "issue-overlaid" || kind === "routing-set" || kind === "rule-set";
}

export class Projections {
  readonly #atHand = new RunsAtHand();
  readonly #keys = new RunKeys();
  readonly #counts: Counts;
  readonly #events = new Events();
  readonly #cells = new CellRows();
  readonly #opinions = new Opinions();
  /** Recovery groups that are in the table. */
  readonly #groups = new Set<number>();
  readonly #touched = new Set<number>();
  readonly #rows = {
    run: new RowGather(tables.RUN),
    effect: new RowGather(tables.EFFECT),
    exception: new RowGather(EXCEPTION),
    routing: new RowGather(ROUTING),
    review: new RowGather(tables.REVIEW),
    awaiting: new RowGather(tables.AWAITING),
    pending: new RowGather(tables.PENDING),
    group: new RowGather(tables.RECOVERY_GROUP),
    chain: new RowGather(tables.INCARNATION),
    archived: new RowGather<ArchivedRunAt>(ARCHIVED_RUN),
  };

  /** @param homeShard - the shard in which this writer counts. */
  constructor(homeShard: number) {
    this.#counts = new Counts(homeShard);
  }

  /** Reads the few rows that are kept at hand for as long as the store is open. */
  async open(read: ReadRows): Promise<void> {
    const groups = await read("open-group", "select number from recovery_group", []);
    for (const [number] of groups) this.#groups.add(number as number);
  }

  /** Shards that were given up: what another makes of their rows is not at hand here. */
  forget(shards: ReadonlySet<number>): void {
    this.#atHand.forgetShards(shards);
  }

  /** The runs among these, named as often as they come, whose rows have to be read before `fold`. */
  missing(runs: Iterable<number>, derived: readonly Derived[]): number[] {
    const missing = new Set<number>();
    for (const run of runs) if (run !== 0 && !this.#atHand.has(run)) missing.add(run);
    if (missing.size === 0) return [];
    for (const { change } of derived) {
      if (change.kind === "run-started") missing.delete(change.row.run);
    }
    return [...missing];
  }

  async load(runs: readonly number[], read: ReadRows): Promise<void> {
    if (runs.length > 0) await this.#atHand.load(runs, read);
  }

  /** Rows that are over and that a change is about all the same. */
  missingOver(derived: readonly Derived[]): Wanted[] {
    // Mostly all are at hand: what this flush makes itself is only then looked at.
    const isAny = derived.some(({ change }) => {
      const want = wantedBy(change);
      return want !== null && !this.#atHand.isAtHand(want);
    });
    return isAny ? this.#notMadeHere(derived) : [];
  }

  #notMadeHere(derived: readonly Derived[]): Wanted[] {
    const made = new Set<string>();
    const wanted: Wanted[] = [];
    for (const { change, record } of derived) {
      if (change.kind === "run-started") made.add(`run|${record.run}`);
      if (change.kind === "effect-sent") made.add(`effect|${record.run}|${change.row.operation}`);
      if (change.kind === "exception-opened") made.add(`exception|${record.run}|${record.seq}`);
      if (change.kind === "review-asked") made.add(`review|${record.run}|${record.seq}`);
      const want = wantedBy(change);
      if (want === null || made.has(`run|${want.run}`)) continue;
      const isMade = made.has(`${want.table}|${want.run}|${want.seq}`);
      if (!isMade && !this.#atHand.isAtHand(want)) wanted.push(want);
    }
    return wanted;
  }

  async loadOver(wanted: readonly Wanted[], read: ReadRows): Promise<void> {
    if (wanted.length > 0) await this.#atHand.loadOver(wanted, read);
  }

  /** The shard of a run that is at hand. */
  shardOf(run: number): number {
    return this.#atHand.get(run).shard;
  }

  /** A chain that begins with this flush. */
  beginChain(incarnation: number): void {
    const end = { closedBy: null, closedFlush: null, closedSeal: null, clean: null };
    this.#rows.chain.insert({ shard: chainShard(incarnation), incarnation, ...end });
  }

  fold({ change, ...from }: Derived): void {
    if (isOfCell(change)) this.#cells.fold(change);
    else if (isDecided(change)) this.#foldDecided(change);
    else this.#foldOther(change, from);
  }

  #foldOther(change: OtherChange, { record, by }: From): void {
    switch (change.kind) {
      case "counted":
        return this.#counts.count(change.name, change.delta);
      case "issue-seen":
      case "issue-eased":
        // In the shard of its run: who counts it there owns it, and nobody else adds to that row.
        return this.#counts.issue(change, this.#atHand.get(record.run).shard);
      case "run-started":
      case "run-moved":
      case "run-touched":
      case "run-left-lane":
      case "run-on-version":
      case "run-finished":
        this.#foldRun(change);
        return;
      case "effect-sent":
      case "effect-sent-again":
      case "effect-learnt":
        this.#foldEffect(change);
        return;
      case "exception-opened":
      case "exception-closed":
      case "exception-handled":
        this.#foldException(change);
        return;
      case "review-asked":
      case "review-answered":
      case "review-escalated":
      case "review-withdrawn":
        this.#foldReview(change);
        return;
      case "awaiting-added":
      case "awaiting-removed":
        this.#foldAwaiting(change, record);
        return;
      case "pending-added":
      case "pending-removed":
        this.#foldPending(change, record);
        return;
      case "event-kept":
      case "event-taken":
      case "event-accepted":
      case "early-kept":
      case "early-over":
      case "message-received":
        this.#events.fold(change);
        return;
      case "definition-declared":
        this.#opinions.declare(change.row);
        return;
      case "dependency-moved":
        this.#opinions.depend(change, record.atMs, by);
        return;
      case "group-started":
      case "group-passed":
      case "chain-closed":
        this.#foldSystem(change);
        return;
      case "runs-archived":
      case "archive-imported":
        this.#foldArchived(change, by);
        return;
      default:
        assertNever(change);
    }
  }

  /** What runs that have left had added to the exceptions of one cause. */
  addIssue(issue: ArchivedIssue): void {
    this.#counts.addIssue(issue, SYSTEM_SHARD);
  }

  /** The statements of this flush, in order. */
  finish(): Written[] {
    const written = Object.values(this.#rows).flatMap((rows) => rows.finish());
    written.push(...this.#opinions.finish(), ...this.#keys.finish());
    written.push(...this.#events.finish(), ...this.#cells.finish(), ...this.#counts.finish());
    this.#atHand.trim(this.#touched);
    this.#touched.clear();
    return written;
  }

  #hand(run: number): RunAtHand {
    this.#touched.add(run);
    return this.#atHand.get(run);
  }

  #foldRun(change: ChangeOf<"run">): void {
    if (change.kind === "run-started") {
      const { row, keyHash } = change;
      const shard = runShard({ namespace: row.namespace, lane: row.lane, keyHash });
      const placed = { shard, ...row };
      this.#atHand.add(placed);
      this.#touched.add(row.run);
      this.#rows.run.insert(placed);
      this.#keys.claim(placed, change);
      return;
    }
    const hand = this.#hand(change.run);
    if (hand.row === null) throw new Error("the store itself is no run that moves");
    hand.row = runAfter(hand.row, change);
    this.#rows.run.update(hand.row);
    if (change.kind === "run-finished") this.#finished(hand, change);
  }

  /** Ends what the run was still waiting for. */
  #finished(hand: RunAtHand, change: Extract<Change, { kind: "run-finished" }>): void {
    for (const [seq, review] of hand.reviews) {
      if (review.state !== "open") continue;
      const withdrawn = reviewAfter(review, change);
      hand.reviews.set(seq, withdrawn);
      this.#rows.review.update(withdrawn);
    }
    for (const row of hand.awaiting) this.#rows.awaiting.remove(row);
    for (const row of hand.pending) this.#rows.pending.remove(row);
    hand.awaiting = [];
    hand.pending = [];
  }

  #foldEffect(change: ChangeOf<"effect">): void {
    if (change.kind === "effect-sent") {
      const hand = this.#hand(change.row.run);
      const sent = { shard: hand.shard, ...effectStateOf(change.row) };
      hand.effects.set(sent.operation, sent);
      this.#rows.effect.insert(sent);
      return;
    }
    const { effects } = this.#hand(change.run);
    const row = effectAfter(found(effects, change.run, change.operation), change);
    effects.set(change.operation, row);
    this.#rows.effect.update(row);
  }

  #foldException(change: ChangeOf<"exception">): void {
    if (change.kind === "exception-opened") {
      const hand = this.#hand(change.row.run);
      const opened = { shard: hand.shard, ...change.row };
      hand.exceptions.set(opened.seq, opened);
      this.#rows.exception.insert(opened);
      return;
    }
    const { exceptions } = this.#hand(change.run);
    const row = exceptionAfter(found(exceptions, change.run, change.seq), change);
    exceptions.set(change.seq, row);
    this.#rows.exception.update(row);
  }

  #foldDecided(change: Decided): void {
    if (change.kind === "issue-overlaid") this.#opinions.overlay(change.row);
    else if (change.kind === "rule-set") this.#opinions.rule(change.row);
    else this.#rows.routing.insert({ shard: SYSTEM_SHARD, ...change.row });
  }

  #foldReview(change: ChangeOf<"review">): void {
    if (change.kind === "review-asked") {
      const hand = this.#hand(change.row.run);
      const asked = { shard: hand.shard, ...change.row };
      hand.reviews.set(asked.seq, asked);
      this.#rows.review.insert(asked);
      return;
    }
    const { reviews } = this.#hand(change.run);
    const row = reviewAfter(found(reviews, change.run, change.seq), change);
    reviews.set(change.seq, row);
    this.#rows.review.update(row);
  }

  #foldAwaiting(change: ChangeOf<"awaiting">, record: Derived["record"]): void {
    const hand = this.#hand(change.run);
    if (change.kind === "awaiting-added") {
      const { run, seq, event, key, step, dueAtMs } = change;
      const { shard } = hand;
      const row = { shard, run, seq, event, key, step, sinceMs: record.atMs, dueAtMs };
      hand.awaiting = [...hand.awaiting, row];
      this.#rows.awaiting.insert(row);
      return;
    }
    for (const row of hand.awaiting) {
      if (row.step === change.step) this.#rows.awaiting.remove(row);
    }
    hand.awaiting = hand.awaiting.filter(({ step }) => step !== change.step);
  }

  #foldPending(change: ChangeOf<"pending">, record: Derived["record"]): void {
    const hand = this.#hand(change.run);
    const { operation } = change;
    if (change.kind === "pending-removed") {
      for (const row of hand.pending) {
        if (row.operation === operation) this.#rows.pending.remove(row);
      }
      hand.pending = hand.pending.filter((row) => row.operation !== operation);
      return;
    }
    const { run, integration, ref, dueAtMs } = change;
    const known = hand.pending.find(
      (row) => row.operation === operation && row.integration === integration && row.ref === ref,
    );
    const { shard } = hand;
    const fresh = { shard, run, seq: record.seq, operation, integration, ref, dueAtMs };
    const row = known === undefined ? fresh : { ...known, dueAtMs };
    hand.pending = [...hand.pending.filter((other) => other !== known), row];
    if (known === undefined) this.#rows.pending.insert(row);
    else this.#rows.pending.update(row);
  }

  /** Their own rows and records are removed by removal.ts, where it is a flush that lets them go. */
  #foldArchived(
    change: Extract<Change, { kind: "runs-archived" | "archive-imported" }>,
    incarnation: number,
  ): void {
    // An archive is read into a store in a file.
    if (change.kind === "archive-imported")
      throw new Error("no archive is read into a store on PostgreSQL");
    const { seq } = change;
    for (const archived of change.runs) {
      const { run, records, digest } = archived;
      const shard = shardOfArchived(archived);
      this.#rows.archived.insert({ shard, run, incarnation, seq, records, digest });
      this.#atHand.forget(run);
    }
    this.#keys.leave(change);
  }

  #foldSystem(change: Extract<Change, { kind: `group-${string}` | "chain-closed" }>): void {
    switch (change.kind) {
      case "group-started": {
        const { group: number, crashes } = change;
        const row = { shard: SYSTEM_SHARD, number, runs: JSON.stringify(change.runs), crashes };
        if (this.#groups.has(number)) this.#rows.group.update(row);
        else this.#rows.group.insert(row);
        this.#groups.add(number);
        return;
      }
      case "group-passed":
        this.#groups.delete(change.group);
        this.#rows.group.remove({
          shard: SYSTEM_SHARD,
          number: change.group,
          runs: "",
          crashes: 0,
        });
        return;
      case "chain-closed": {
        const { incarnation, by, flush, seal, clean } = change;
        const end = { closedBy: by, closedFlush: flush, closedSeal: seal, clean };
        this.#rows.chain.update({ shard: chainShard(incarnation), incarnation, ...end });
        return;
      }
      default:
        assertNever(change);
    }
  }
}

/** The row that a change is about, if it is one that may be over already. */
function wantedBy(change: Change): Wanted | null {
  if (change.kind === "effect-sent-again" || change.kind === "effect-learnt") {
    return { table: "effect", run: change.run, seq: change.operation };
  }
  if (change.kind === "exception-closed" || change.kind === "exception-handled") {
    return { table: "exception", run: change.run, seq: change.seq };
  }
  if (
    change.kind === "review-answered" ||
    change.kind === "review-escalated" ||
    change.kind === "review-withdrawn"
  ) {
    return { table: "review", run: change.run, seq: change.seq };
  }
  return null;
}

/** A record that is about no row is a bug of the engine, which must not become a missing row. */
function found<Row>(rows: ReadonlyMap<number, Row>, run: number, number: number): Row {
  const row = rows.get(number);
  if (row !== undefined) return row;
  throw new Error(
    `a record of run ${run} cannot be written: its record ${number} made no such row`,
  );
}
