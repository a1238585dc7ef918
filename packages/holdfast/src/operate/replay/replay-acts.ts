/** Lists of plans, the items of one, and what people decide about it. */
import { durationText } from "../../core/duration.ts";
import { HoldfastError } from "../../core/error.ts";
import { decide, isOverdue, type ReplayAct } from "../../core/replay/replay-control.ts";
import {
  REPLAY_DECISIONS_MAX,
  REPLAY_EVENT,
  REPLAY_WORKFLOW,
  type ReplayPlan,
} from "../../core/replay/replay-plan.ts";
import type { ReplayEnd } from "../../core/replay/replay-tally.ts";
import { formatItemId, parseRunId } from "../../core/run-number.ts";
import type { StoreReader } from "../../store/store.ts";
import { postAndWait, type Patience } from "../command.ts";
import type { Decider } from "../decisions.ts";
import { Masking } from "../masking.ts";
import { afterRunOf, nextCursor, type PageRequest } from "../paging.ts";
import { coolDownOf, type CoolDown } from "./cool-down.ts";
import { withShownChanges } from "./shown-changes.ts";
import { downOf } from "./plan-replay.ts";
import {
  courseOf,
  readReplay,
  summaryOf,
  type ReplayCourse,
  type ReplaySummary,
} from "./replay-view.ts";

export interface ReplayPage {
  readonly replays: readonly ReplaySummary[];
  readonly next: string | null;
}

/** Plans that an engine has taken, oldest first. */
export async function listReplays(reader: StoreReader, request: PageRequest): Promise<ReplayPage> {
  const query = { workflow: REPLAY_WORKFLOW, limit: request.limit, afterRun: afterRunOf(request) };
  const rows = await reader.runs(query);
  const replays: ReplaySummary[] = [];
  for (const row of rows) replays.push(summaryOf(await courseOf(reader, row)));
  return { replays, next: nextCursor(rows, request.limit) };
}

export interface ReplayItemView {
  /** Number of the item in the plan, first is 0. */
  readonly item: number;
  readonly run: string;
  readonly exception: string;
  readonly key: string | null;
  /** Null while nothing has come of it. */
  readonly end: ReplayEnd | null;
  readonly because: string | null;
  /** Of one that was refused: what was found, where that says more; else null. */
  readonly found: string | null;
}

export interface ReplayDetails extends ReplaySummary {
  /** Systems that its items need and that are parked now: they wait. None once it has ended. */
  readonly waitsFor: readonly string[];
  /** Why it cannot be started yet; null if it can, or was started. */
  readonly notBefore: CoolDown | null;
  /** As it may be shown. */
  readonly plan: ReplayPlan;
  readonly items: readonly ReplayItemView[];
  /** Number of the item after which there is more; null if this was all. */
  readonly next: number | null;
}

export interface ItemsRequest {
  /** Number of the item after which to go on; null: from the first. */
  readonly after: number | null;
  readonly limit: number;
}

/** @throws {HoldfastError} HF6001 if there is no such plan. */
export async function showReplay(
  reader: StoreReader,
  id: string,
  request: ItemsRequest,
  nowMs: number,
): Promise<ReplayDetails> {
  const course = await readReplay(reader, id);
  const from = request.after === null ? 0 : request.after + 1;
  const all = itemsOf(course);
  const page = all.slice(from, from + request.limit);
  const items: ReplayItemView[] = [];
  for (const item of page) {
    const row = await reader.run(parseRunId(item.run));
    items.push({ ...item, key: row?.key ?? null });
  }
  const last = from + page.length - 1;
  const next = last < all.length - 1 ? last : null;
  const { plan, outcome } = course;
  const waitsFor = outcome === null ? await downOf(reader, plan.shown.needs) : [];
  const isToStart = outcome === null && course.control.phase === "planned";
  const notBefore = isToStart ? await coolDownOf(reader, plan, nowMs) : null;
  const shown = withShownChanges(plan, await Masking.of(reader));
  return { ...summaryOf(course), waitsFor, notBefore, plan: shown, items, next };
}

/** Those that would run, then those that were refused; each has exactly one end once all is over. */
function itemsOf({ plan, results, outcome }: ReplayCourse): readonly ReplayItemView[] {
  const reached = plan.items.map(([run, seq], item) => {
    const result = results.get(item);
    const end = result?.end ?? (outcome === null ? null : ("not-reached" as const));
    const because = result?.because ?? outcome?.because ?? null;
    return { item, run, exception: exceptionId(run, seq), key: null, end, because, found: null };
  });
  const refused = plan.refused.map(([run, seq, because, found = null], at) => {
    const item = plan.items.length + at;
    const exception = exceptionId(run, seq);
    return { item, run, exception, key: null, end: "skipped" as const, because, found };
  });
  return [...reached, ...refused];
}

function exceptionId(run: string, seq: number): string {
  return formatItemId("exc", { run: parseRunId(run), seq });
}

export interface ReplayReceipt {
  readonly id: string;
  readonly act: ReplayAct;
  readonly by: string;
  /** As of other commands: `Receipt.outcome`. */
  readonly outcome: "applied" | "kept" | "sent";
}

/**
 * Says something about a plan. What it cannot be is refused here; the plan itself looks again.
 *
 * @throws {HoldfastError} HF6001 (no such plan), HF6002 (a second person is needed, or it is the
 *   maker who approves), HF6003 (it does not fit where the plan stands), HF6005.
 */
export async function decideReplay(
  reader: StoreReader,
  id: string,
  act: ReplayAct,
  { by, reason }: Decider,
  patience: Patience,
): Promise<ReplayReceipt> {
  const course = await readReplay(reader, id);
  const { plan, control, decisions, outcome: ended } = course;
  const nowMs = patience.nowMs();
  if (ended !== null) throw misplaced(id, `it is ${ended.end} already`);
  if (control.phase === "planned" && isOverdue(plan, nowMs))
    throw misplaced(id, "it was not started within 24 hours and holds no more");
  if (decisions >= REPLAY_DECISIONS_MAX)
    throw misplaced(id, `${String(decisions)} decisions about it are on record, the limit`);
  const decided = decide(control, plan, { act, by, reason });
  if (decided.kind === "refused") {
    const { code, message, remedy } = decided.refusal;
    throw new HoldfastError(code, message, remedy, { where: id });
  }
  if (act === "start") await refuseWhileHot(reader, plan, nowMs);
  const body = { event: REPLAY_EVENT, key: id, payload: { act, by, reason } };
  const run = course.row === null ? {} : { run: course.row.run };
  const given = { topic: "send", by, body, where: id, ...run } as const;
  const { outcome } = await postAndWait(reader, given, patience);
  return { id, act, by, outcome };
}

/** A replay of the same cause has just stopped itself: another would knock at the same place. */
async function refuseWhileHot(reader: StoreReader, plan: ReplayPlan, nowMs: number): Promise<void> {
  const hot = await coolDownOf(reader, plan, nowMs);
  if (hot === null) return;
  const left = durationText(Date.parse(hot.at) - nowMs);
  throw new HoldfastError(
    "HF6003",
    `${plan.id} was not started: ${hot.after}, with the same cause, stopped itself just now.`,
    `Look at what failed: holdfast replay ${hot.after}. It can be started in ${left}.`,
    { where: plan.id },
  );
}

function misplaced(id: string, why: string): HoldfastError {
  return new HoldfastError(
    "HF6003",
    `Nothing was done about ${id}: ${why}.`,
    `Look at it with: holdfast replay ${id}; or plan again what is left.`,
    { where: id },
  );
}
