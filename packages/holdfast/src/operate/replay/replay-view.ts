/** What has become of a replay plan: read from the journal of its run. */
import { HoldfastError } from "../../core/error.ts";
import { parseJson } from "../../core/json-text.ts";
import type { JournalRecord } from "../../core/journal.ts";
import {
  afterCheck,
  decide,
  PLANNED,
  type ReplayChecked,
  type ReplayControl,
  type ReplayDecision,
} from "../../core/replay/replay-control.ts";
import {
  REPLAY_CHECK_STEP,
  REPLAY_EVENT,
  REPLAY_ITEM_STEP,
  REPLAY_WORKFLOW,
  totalOf,
  wavesOf,
  type ReplayPlan,
} from "../../core/replay/replay-plan.ts";
import {
  counted,
  EMPTY_TALLY,
  type ReplayOutcome,
  type ReplayResult,
  type ReplayTally,
} from "../../core/replay/replay-tally.ts";
import { formatRunId } from "../../core/run-number.ts";
import { stepNameOf } from "../../core/step-path.ts";
import { isFinal } from "../../core/run-state.ts";
import type { RunRow } from "../../store/rows.ts";
import type { StoreReader } from "../../store/store.ts";
import { quoted } from "../find-run.ts";
import { COMMANDS_MAX } from "../kept-command.ts";
import { scanRun } from "../scan-run.ts";

export interface ReplayCourse {
  readonly plan: ReplayPlan;
  /** The plan's own run; null while no engine has taken the plan. */
  readonly row: RunRow | null;
  readonly control: ReplayControl;
  /** Number of decisions on record. */
  readonly decisions: number;
  readonly results: ReadonlyMap<number, ReplayResult>;
  /** Null until it has ended. */
  readonly outcome: ReplayOutcome | null;
}

/** Runs that have this id as their key: one, unless another workflow uses it. */
const RUNS_MAX = 10;

/** @throws {HoldfastError} HF6001 if there is no such plan. */
export async function readReplay(reader: StoreReader, id: string): Promise<ReplayCourse> {
  const rows = await reader.runsByKey(id, RUNS_MAX);
  const row = rows.find(({ workflow }) => workflow === REPLAY_WORKFLOW);
  const kept = await keptOf(reader, id);
  if (row === undefined && kept.plan === null) throw noPlan(id);
  const course =
    row === undefined ? notTaken(kept.plan as ReplayPlan) : await courseOf(reader, row);
  // What an engine will take next, in the order in which it lies there.
  return kept.decisions.reduce(decidedUpon, course);
}

function notTaken(plan: ReplayPlan): ReplayCourse {
  return { plan, row: null, control: PLANNED, decisions: 0, results: new Map(), outcome: null };
}

function decidedUpon(course: ReplayCourse, decision: ReplayDecision): ReplayCourse {
  const decided = decide(course.control, course.plan, decision);
  const decisions = course.decisions + 1;
  return decided.kind === "accepted"
    ? { ...course, decisions, control: decided.control }
    : { ...course, decisions };
}

export async function courseOf(reader: StoreReader, row: RunRow): Promise<ReplayCourse> {
  const records: JournalRecord[] = [];
  await scanRun(reader, row.run, (record) => {
    if (["started", "event", "result", "finished"].includes(record.kind)) records.push(record);
  });
  // Taken by the engine, whose schema has looked at it.
  let course: ReplayCourse = {
    ...notTaken(parseJson(records[0]?.data ?? "null") as ReplayPlan),
    row,
  };
  const results = new Map<number, ReplayResult>();
  for (const { kind, name, data } of records) {
    if (data === null) continue;
    // Each was written by the engine with the shape of its kind.
    const value = parseJson(data);
    const { name: step, as } = stepNameOf(name);
    if (kind === "finished") course = { ...course, outcome: value as ReplayOutcome };
    else if (kind === "result" && step === REPLAY_ITEM_STEP)
      results.set(Number(as), value as ReplayResult);
    else if (kind === "result" && step === REPLAY_CHECK_STEP)
      course = { ...course, control: afterCheck(course.control, value as ReplayChecked) };
    else if (kind === "event") course = decidedUpon(course, value as ReplayDecision);
  }
  return ended({ ...course, results }, row);
}

/** Its run may have been ended by hand: what was not judged then never is. */
function ended(course: ReplayCourse, { state, reason }: RunRow): ReplayCourse {
  if (course.outcome !== null || !isFinal(state)) return course;
  let tally = counted(EMPTY_TALLY, "skipped", course.plan.refused.length);
  for (const { end } of course.results.values()) tally = counted(tally, end);
  tally = counted(tally, "not-reached", course.plan.items.length - course.results.size);
  const because = `its run is ${state}: ${reason}`;
  return { ...course, outcome: { end: "stopped", because, tally } };
}

interface Kept {
  /** Null if an engine has taken it, or there is none. */
  readonly plan: ReplayPlan | null;
  readonly decisions: readonly ReplayDecision[];
}

/** What no engine has taken yet. */
async function keptOf(reader: StoreReader, id: string): Promise<Kept> {
  let plan: ReplayPlan | null = null;
  const decisions: ReplayDecision[] = [];
  for (const { topic, data } of await reader.inbox(COMMANDS_MAX)) {
    if ((topic !== "start" && topic !== "send") || !data.includes(id)) continue;
    // What has another shape is not ours: whoever takes it says so.
    const body = parseJson(data) as Readonly<Record<string, unknown>>;
    const input = body["input"] as ReplayPlan | null | undefined;
    if (body["workflow"] === REPLAY_WORKFLOW && input?.id === id) plan = input;
    if (body["event"] === REPLAY_EVENT && body["key"] === id)
      decisions.push(body["payload"] as ReplayDecision);
  }
  return { plan, decisions };
}

/** Where a plan stands, in one word; `standing` needs somebody who looks at its own run. */
type ReplayState =
  | "kept"
  | "planned"
  | "approved"
  | "running"
  | "paused"
  | "stopping"
  | "completed"
  | "stopped"
  | "expired"
  | "standing";

export interface ReplaySummary {
  readonly id: string;
  /** Of the plan itself. */
  readonly run: string | null;
  readonly state: ReplayState;
  readonly because: string | null;
  readonly query: string;
  readonly reason: string;
  readonly madeBy: string;
  readonly madeAt: string;
  readonly approvedBy: string | null;
  readonly startedBy: string | null;
  /** Items and refused items: what the ends and `left` add up to. */
  readonly total: number;
  readonly tally: ReplayTally;
  /** Items that have not come to their end yet. */
  readonly left: number;
  /** Which wave is at work, first is 1; null before the start and after the end. */
  readonly wave: number | null;
  readonly waves: readonly number[];
}

export function summaryOf(course: ReplayCourse): ReplaySummary {
  const { plan, row, control, results, outcome } = course;
  let tally: ReplayTally = EMPTY_TALLY;
  for (const { end } of results.values()) tally = counted(tally, end);
  tally = outcome?.tally ?? counted(tally, "skipped", plan.refused.length);
  const total = totalOf(plan);
  const waves = wavesOf(plan.items.length, plan.canary);
  return {
    id: plan.id,
    run: row === null ? null : formatRunId(row.run),
    state: stateOf(course),
    because: outcome === null ? control.because : outcome.because,
    query: plan.query,
    reason: plan.reason,
    madeBy: plan.by,
    madeAt: new Date(plan.madeAtMs).toISOString(),
    approvedBy: control.approvedBy,
    startedBy: control.startedBy,
    total,
    tally,
    left: total - Object.values(tally).reduce((sum, count) => sum + count, 0),
    wave: outcome === null && control.startedBy !== null ? waveAt(waves, results.size) : null,
    waves,
  };
}

function stateOf({ row, control, outcome }: ReplayCourse): ReplayState {
  if (outcome !== null) return outcome.end;
  if (row === null) return "kept";
  if (row.state === "exception" || row.state === "held") return "standing";
  switch (control.phase) {
    case "planned":
      return control.approvedBy === null ? "planned" : "approved";
    case "stopped":
      return "stopping";
    case "running":
    case "paused":
    case "expired":
      return control.phase;
  }
}

function waveAt(waves: readonly number[], judged: number): number {
  let end = 0;
  const at = waves.findIndex((size) => {
    end += size;
    return judged < end;
  });
  return at === -1 ? waves.length : at + 1;
}

function noPlan(id: string): HoldfastError {
  return new HoldfastError(
    "HF6001",
    `There is no replay plan ${quoted(id)} in this store.`,
    "List them with: holdfast replays. Check that --store names the store of the right app.",
  );
}
