/**
 * What the engine reads. Each answer is one statement, or one per state or thousand runs, so that
 * recovery of many runs costs what reading their rows costs. All answers are bounded by the caller.
 */
import { RUN_STATES } from "../core/run-state.ts";
import type { IssueOverlay } from "../core/issue-overlay.ts";
import type { JournalRecord } from "../core/journal.ts";
import type { ClassificationRule } from "../core/classification-rule.ts";
import type { RoutingVersion } from "../core/routing.ts";
import type { RunState } from "../core/run-state.ts";
import type {
  AcceptedEventRow,
  ArchivedRunRow,
  DeclarationRow,
  DependencyRow,
  ExceptionRow,
  EarlyAnswerRow,
  InboxRow,
  KeptEventRow,
  ReceivedRow,
  RunRow,
} from "../store/rows.ts";
import type {
  ChildRun,
  DueException,
  EventAddress,
  EventId,
  FoundRun,
  Page,
  RecordSum,
  RunCall,
  RunKey,
} from "../store/store.ts";
import type { CarriedKey, CellsHead } from "../core/cells.ts";
import type { CarriedName } from "../store/cells.ts";
import { ArchivedQueries, archivedRuns } from "./archived-queries.ts";
import { CellQueries } from "./cell-rows.ts";
import { packRuns } from "./packed-runs.ts";
import type { PackedRuns } from "./packed-runs.ts";
import {
  ACCEPTED_COLUMNS,
  DECLARATION_COLUMNS,
  DEPENDENCY_COLUMNS,
  EXCEPTION_COLUMNS,
  EARLY_COLUMNS,
  INBOX_COLUMNS,
  KEPT_COLUMNS,
  RECEIVED_COLUMNS,
  OVERLAY_COLUMNS,
  RECORD_COLUMNS,
  ROUTING_COLUMNS,
  RULE_COLUMNS,
  RUN_COLUMNS,
  RUN_WIDTH,
  toDeclaration,
  toAcceptedEvent,
  toDependency,
  toException,
  toEarlyAnswer,
  toInbox,
  toIssueOverlay,
  toKeptEvent,
  toReceived,
  toRouting,
  toRule,
  toRun,
} from "../store/row-columns.ts";
import type { Cells } from "../store/row-columns.ts";
import { RecordCheck } from "../store/record-check.ts";
import type { Database, Statement } from "./runtime.ts";

/** Runs in one statement of `load`; more are read in several. */
const RUNS_PER_READ = 2000;

export const ENGINE_SQL = {
  find: `select ${RUN_COLUMNS}, input_digest from run
    where key = ? and workflow = ? and namespace = ? order by generation desc limit 1`,
  // The list of runs is one JSON array, so that the statement is the same for any length.
  runs: `select ${RUN_COLUMNS} from run where run in (select value from json_each(?)) order by run`,
  records: `select ${RECORD_COLUMNS}, pos, digest from journal
    where run in (select value from json_each(?)) order by run, seq`,
  inState: `select run from run where state = ? and run > ? order by run limit ?`,
  due: `select run, wake_at_ms from run where wake_at_ms > ? and wake_at_ms <= ?
    order by wake_at_ms, run limit ?`,
  parkedCount: "select count(*) from run where dependency = ?",
  parked: "select run from run where dependency = ? and run > ? order by run limit ?",
  lane: `select ${RUN_COLUMNS} from run where namespace = ? and lane = ? and lane is not null
    and ended_at_ms is null order by run limit ?`,
  openLanes: `select run, namespace, lane, parent_run, workflow from run where lane is not null
    and ended_at_ms is null and run > ? order by run limit ?`,
  accepted: `select ${ACCEPTED_COLUMNS} from accepted_event
    where namespace = ? and event = ? and id = ?`,
  acceptedCount: "select count(*) from accepted_event where until_ms > ?",
  received: `select ${RECEIVED_COLUMNS} from received where name = unhex(?)`,
  receivedCount: "select count(*) from received",
  newestInOrder: `select order_number from received where order_name = unhex(?)
    and order_name is not null and state not in ('held', 'superseded')
    order by order_number desc limit 1`,
  held: `select ${RECEIVED_COLUMNS} from received where state = 'held' and name > unhex(?)
    order by name limit ?`,
  exception: `select ${EXCEPTION_COLUMNS} from exception where run = ? and seq = ?`,
  exceptionsDue: `select run, seq, next_at_ms from exception where next_at_ms is not null
    order by next_at_ms, run, seq limit ?`,
  overlay: `select ${OVERLAY_COLUMNS} from issue_overlay where fingerprint = ?`,
  rules: `select ${RULE_COLUMNS} from classification_rule where change > ? order by change limit ?`,
  routing: `select ${ROUTING_COLUMNS} from routing order by version desc limit 1`,
  beside: "select seq from exception where run = ? and subject = ? and subject is not null",
  besideOpen: `select count(*) from exception indexed by exception_beside_open where run = ? and subject is not null
    and closed_at_ms is null`,
  keptCount: "select count(*) from kept_event",
  kept: `select ${KEPT_COLUMNS} from kept_event
    where event = ? and key = ? and namespace = ? order by seq limit ?`,
  awaiting: `select a.run from awaiting a join run r on r.run = a.run
    where a.event = ? and a.key = ? and r.namespace = ? order by a.id limit ?`,
  pending: `select run, operation from pending where integration = ? and ref = ?
    order by run, operation limit 1`,
  declarations: `select ${DECLARATION_COLUMNS} from declaration order by definition, name`,
  ended: `select j.run, j.seq from effect e join journal j on j.pos = e.pos
    where e.ref = ? and e.ended = 1 and json_extract(j.head, '$.integration') = ? limit 1`,
  early: `select ${EARLY_COLUMNS} from early_answer where state = 'kept' order by seq limit ?`,
  dependencies: `select ${DEPENDENCY_COLUMNS} from dependency order by integration`,
  groups: "select number, runs, crashes from recovery_group order by number",
  inbox: `select ${INBOX_COLUMNS}, pos, digest from inbox where taken_by is null
    order by pos limit ?`,
  takenCount: "select count(*) from inbox where taken_by is not null",
  dataVersion: "pragma data_version",
} as const;

/** A command that waits, with what proves that it is still what was posted. */
export interface QueuedCommand extends InboxRow {
  readonly pos: number;
  readonly digest: Uint8Array;
}

interface CellsOfRun {
  readonly row: Cells;
  readonly records: readonly Cells[];
}

type Prepared = Readonly<Record<keyof typeof ENGINE_SQL, Statement>>;

export class EngineQueries {
  readonly #sql: Prepared;
  readonly #check: RecordCheck;
  readonly #onDamage: (error: unknown) => unknown;
  readonly #archived: ArchivedQueries;
  readonly #cells: CellQueries;

  /**
   * @param key - as `sealKey` gives it.
   * @param onDamage - told of the first damaged record; gives what is thrown for it.
   */
  constructor(database: Database, key: string, onDamage: (error: unknown) => unknown) {
    this.#check = new RecordCheck(key);
    this.#onDamage = onDamage;
    this.#cells = new CellQueries(database);
    this.#archived = new ArchivedQueries(database, (cells, seq) => this.#require(cells, seq));
    const entries = Object.entries(ENGINE_SQL).map(
      ([name, sql]) => [name, prepareRows(database, sql)] as const,
    );
    // The keys are those of ENGINE_SQL, which `fromEntries` forgets.
    this.#sql = Object.fromEntries(entries) as Prepared;
  }

  find(keys: readonly RunKey[]): (FoundRun | null)[] {
    return keys.map(({ key, workflow, namespace, keyHash }) => {
      const cells = rowsOf(this.#sql.find, key, workflow, namespace)[0];
      if (cells === undefined) return this.#archived.find(keyHash);
      const row = toRun(cells);
      const inputDigest = Buffer.from(cells[RUN_WIDTH] as Uint8Array).toString("hex");
      return { run: row.run, generation: row.generation, inputDigest, row };
    });
  }

  recordSums(runs: readonly number[]): RecordSum[] {
    return this.#archived.recordSums(runs);
  }

  storeRecords(seqs: readonly number[]): JournalRecord[] {
    return this.#archived.storeRecords(seqs);
  }

  childrenOf(runs: readonly number[]): ChildRun[] {
    return this.#archived.childrenOf(runs);
  }

  callsOf(runs: readonly number[]): RunCall[] {
    return this.#archived.callsOf(runs);
  }

  archivedRuns(runs: readonly number[]): ArchivedRunRow[] {
    return archivedRuns(this.#archived.database, runs);
  }

  cellList(): CellsHead | null {
    return this.#cells.cellList();
  }

  carriedKeys(names: readonly CarriedName[]): (CarriedKey | null)[] {
    return this.#cells.carriedKeys(names);
  }

  placedKeys(keyHashes: readonly string[]): (string | null)[] {
    return this.#cells.placedKeys(keyHashes);
  }

  hasPlaced(): boolean {
    return this.#cells.hasPlaced();
  }

  keptFor(afterSeq: number, limit: number): (EventAddress & { seq: number })[] {
    return this.#cells.keptFor(afterSeq, limit);
  }

  carriedRun(run: number): string | null {
    return this.#cells.carriedRun(run);
  }

  acceptedEvents(ids: readonly EventId[]): (AcceptedEventRow | null)[] {
    return ids.map(({ namespace, event, id }) => {
      const cells = rowsOf(this.#sql.accepted, namespace, event, id)[0];
      return cells === undefined ? null : toAcceptedEvent(cells);
    });
  }

  acceptedCount(nowMs: number): number {
    return rowsOf(this.#sql.acceptedCount, nowMs)[0]?.[0] as number;
  }

  received(names: readonly string[]): (ReceivedRow | null)[] {
    return names.map((name) => {
      const cells = rowsOf(this.#sql.received, name)[0];
      return cells === undefined ? null : toReceived(cells);
    });
  }

  receivedCount(): number {
    return rowsOf(this.#sql.receivedCount)[0]?.[0] as number;
  }

  newestInOrder(orderName: string): number | null {
    return (rowsOf(this.#sql.newestInOrder, orderName)[0]?.[0] ?? null) as number | null;
  }

  heldMessages(afterName: string, limit: number): ReceivedRow[] {
    return rowsOf(this.#sql.held, afterName, limit).map(toReceived);
  }

  exception(run: number, seq: number): ExceptionRow | null {
    const cells = rowsOf(this.#sql.exception, run, seq)[0];
    return cells === undefined ? null : toException(cells);
  }

  exceptionsDue(limit: number): DueException[] {
    return rowsOf(this.#sql.exceptionsDue, limit).map((cells) => ({
      run: cells[0] as number,
      seq: cells[1] as number,
      atMs: cells[2] as number,
    }));
  }

  issueOverlay(fingerprint: string): IssueOverlay | null {
    return rowsOf(this.#sql.overlay, fingerprint).map(toIssueOverlay)[0]?.overlay ?? null;
  }

  rules(afterChange: number, limit: number): ClassificationRule[] {
    return rowsOf(this.#sql.rules, afterChange, limit).map(toRule);
  }

  routing(): RoutingVersion | null {
    return rowsOf(this.#sql.routing).map(toRouting)[0] ?? null;
  }

  besideExceptions(run: number, subject: string): { openCount: number; seq: number | null } {
    const known = rowsOf(this.#sql.beside, run, subject)[0]?.[0] as number | undefined;
    return {
      openCount: rowsOf(this.#sql.besideOpen, run)[0]?.[0] as number,
      seq: known ?? null,
    };
  }

  load(runs: readonly number[]): PackedRuns {
    const found = new Map<number, CellsOfRun>();
    for (let start = 0; start < runs.length; start += RUNS_PER_READ) {
      for (const cells of this.#read(runs.slice(start, start + RUNS_PER_READ))) {
        found.set(cells.row[0] as number, cells);
      }
    }
    return packRuns(runs.flatMap((run) => found.get(run) ?? []));
  }

  page(states: readonly RunState[], page: Page): PackedRuns {
    const runs = states
      .flatMap((state) =>
        rowsOf(this.#sql.inState, RUN_STATES.indexOf(state), page.afterRun, page.limit),
      )
      .map((cells) => cells[0] as number)
      .toSorted((left, right) => left - right);
    return this.load(runs.slice(0, page.limit));
  }

  /** Rows of runs and of their records come in the same order, so one pass joins them. */
  #read(runs: readonly number[]): CellsOfRun[] {
    const list = JSON.stringify(runs);
    const read = rowsOf(this.#sql.runs, list).map((row) => ({ row, records: [] as Cells[] }));
    let index = 0;
    for (const record of rowsOf(this.#sql.records, list)) {
      const run = record[0] as number;
      while (index < read.length && (read[index]?.row[0] as number) < run) index += 1;
      const current = read[index];
      if (current?.row[0] !== run) continue;
      this.#require(record, current.records.length + 1);
      current.records.push(record);
    }
    return read;
  }

  #require(record: Cells, seq: number): void {
    try {
      this.#check.require(record, seq);
    } catch (error) {
      throw this.#onDamage(error);
    }
  }

  due(afterMs: number, untilMs: number, limit: number): { run: number; wakeAtMs: number }[] {
    return rowsOf(this.#sql.due, afterMs, untilMs, limit).map((cells) => ({
      run: cells[0] as number,
      wakeAtMs: cells[1] as number,
    }));
  }

  parked(integration: string, page: Page): number[] {
    return rowsOf(this.#sql.parked, integration, page.afterRun, page.limit).map(
      (cells) => cells[0] as number,
    );
  }

  parkedCount(integration: string): number {
    return rowsOf(this.#sql.parkedCount, integration).map((cells) => cells[0] as number)[0] ?? 0;
  }

  lane(namespace: string, lane: string, limit: number): RunRow[] {
    return rowsOf(this.#sql.lane, namespace, lane, limit).map(toRun);
  }

  openLanes(page: Page): {
    run: number;
    namespace: string;
    lane: string;
    parentRun: number | null;
    workflow: string;
  }[] {
    return rowsOf(this.#sql.openLanes, page.afterRun, page.limit).map((cells) => ({
      run: cells[0] as number,
      namespace: cells[1] as string,
      lane: cells[2] as string,
      parentRun: cells[3] as number | null,
      workflow: cells[4] as string,
    }));
  }

  keptCount(): number {
    return rowsOf(this.#sql.keptCount)[0]?.[0] as number;
  }

  keptEvents({ namespace, event, key }: EventAddress, limit: number): KeptEventRow[] {
    return rowsOf(this.#sql.kept, event, key, namespace, limit).map(toKeptEvent);
  }

  awaiting({ namespace, event, key }: EventAddress, limit: number): number[] {
    return rowsOf(this.#sql.awaiting, event, key, namespace, limit).map(
      (cells) => cells[0] as number,
    );
  }

  pendingByRef(integration: string, ref: string): { run: number; operation: number } | null {
    const cells = rowsOf(this.#sql.pending, integration, ref)[0];
    return cells === undefined ? null : { run: cells[0] as number, operation: cells[1] as number };
  }

  declarations(): DeclarationRow[] {
    return rowsOf(this.#sql.declarations).map(toDeclaration);
  }

  endedByRef(integration: string, ref: string): { run: number; operation: number } | null {
    const cells = rowsOf(this.#sql.ended, ref, integration)[0];
    return cells === undefined ? null : { run: cells[0] as number, operation: cells[1] as number };
  }

  earlyAnswers(limit: number): EarlyAnswerRow[] {
    return rowsOf(this.#sql.early, limit).map(toEarlyAnswer);
  }

  dependencies(): DependencyRow[] {
    return rowsOf(this.#sql.dependencies).map(toDependency);
  }

  openGroups(): { group: number; runs: number[]; crashes: number }[] {
    return rowsOf(this.#sql.groups).map((cells) => ({
      group: cells[0] as number,
      // Written by the projection from a list of numbers.
      runs: JSON.parse(cells[1] as string) as number[],
      crashes: cells[2] as number,
    }));
  }

  inbox(limit: number): QueuedCommand[] {
    return rowsOf(this.#sql.inbox, limit).map((cells) => ({
      ...toInbox(cells),
      pos: cells[6] as number,
      digest: cells[7] as Uint8Array,
    }));
  }

  takenCount(): number {
    return rowsOf(this.#sql.takenCount)[0]?.[0] as number;
  }

  /** Changes when another connection has committed. */
  dataVersion(): number {
    return rowsOf(this.#sql.dataVersion)[0]?.[0] as number;
  }
}

/** All rows of a statement as arrays. The statement was prepared by `prepareRows`. */
export function rowsOf(statement: Statement, ...values: (null | number | string)[]): Cells[] {
  // `setReturnArrays` makes every row an array of cells, which the declared type does not know.
  return statement.all(...values) as unknown as Cells[];
}

/** A statement whose rows come as arrays. */
export function prepareRows(database: Database, sql: string): Statement {
  const statement = database.prepare(sql);
  statement.setReturnArrays(true);
  return statement;
}
