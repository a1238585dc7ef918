/**
 * Makes a replay plan from what the store shows, without an engine and without a call outside: which
 * items would run, which would not and why, and what could happen twice.
 */
import { createHash } from "node:crypto";
import { resumeOf, settleFirst } from "../../core/acts.ts";
import { HoldfastError } from "../../core/error.ts";
import { integrationOfGate } from "../../core/parking.ts";
import type { Rate } from "../../core/rate.ts";
import { moneyAtStake } from "../../core/replay/replay-money.ts";
import {
  agesOf,
  REPLAY_FOUND_CHARS_MAX,
  REPLAY_WORKFLOW,
  replayIdOf,
  type ReplayMode,
  type ReplayPlan,
  type ReplayRefusal,
  type ReplayShown,
} from "../../core/replay/replay-plan.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { EffectRow, RunRow } from "../../store/rows.ts";
import type { StoreReader } from "../../store/store.ts";
import { postAndWait, type Patience } from "../command.ts";
import type { Decider } from "../decisions.ts";
import { quoted } from "../find-run.ts";
import { deployedVersions } from "../list-issues.ts";
import { Masking } from "../masking.ts";
import { partsOf } from "../parts-view.ts";
import { coolDownOf, type CoolDown } from "./cool-down.ts";
import { parseReplayQuery } from "./replay-query.ts";
import { RepairsOfAll } from "./repairs-of-all.ts";
import { withShownChanges } from "./shown-changes.ts";
import { selectItems, type Candidate } from "./select-items.ts";

export interface ReplayRequest extends Decider {
  readonly query: string;
  readonly canary: readonly number[];
  readonly rate: Rate | null;
  readonly atOnce: number;
  /** The oldest so many; null: all that fit. */
  readonly first: number | null;
  readonly evenSameVersion: boolean;
  /** Null: resume each at the step that has failed. */
  readonly how: ReplayMode | null;
  /** Each goes on with the code of this version, which must fit it; null: with what its worker has. */
  readonly to: MoveTo | null;
}

interface MoveTo {
  readonly version: string;
  /** Null if the code of that version fits the run. */
  readonly misfitOf: (run: RunRow) => Promise<HoldfastError | null>;
}

export interface PlannedReplay {
  /** As it may be shown. */
  readonly plan: ReplayPlan;
  /** Why it cannot be started yet; null if it can. */
  readonly notBefore: CoolDown | null;
  /** As of other commands: `Receipt.outcome`. */
  readonly outcome: "applied" | "kept" | "sent";
}

/**
 * Freezes the selection and leaves the plan for the engine; nothing is resumed before it is started.
 *
 * @throws {HoldfastError} HF4102 (no query, or nothing fits), HF4104 (too many fit), HF6005.
 */
export async function planReplay(
  reader: StoreReader,
  request: ReplayRequest,
  patience: Patience,
): Promise<PlannedReplay> {
  const plan = await draftReplay(reader, request, patience);
  const { id, by } = plan;
  const body = { workflow: REPLAY_WORKFLOW, input: plan };
  const { outcome } = await postAndWait(reader, { topic: "start", by, body, where: id }, patience);
  const notBefore = await coolDownOf(reader, plan, patience.nowMs());
  return { plan: withShownChanges(plan, await Masking.of(reader)), outcome, notBefore };
}

async function draftReplay(
  reader: StoreReader,
  request: ReplayRequest,
  patience: Patience,
): Promise<ReplayPlan> {
  const nowMs = patience.nowMs();
  const { query, by, reason, canary, rate, atOnce, first, evenSameVersion, how, to } = request;
  const selected = await selectItems(reader, parseReplayQuery(query), first, nowMs);
  if (selected.length === 0) throw nothingFits(query);
  const version = to?.version ?? (await deployedVersions(reader)).at(-1) ?? null;
  const repairs = new RepairsOfAll(reader, how, { by, patience }, await Masking.of(reader));
  const running: Candidate[] = [];
  const versions: number[] = [];
  const refused: ReplayPlan["refused"][number][] = [];
  for (const one of selected) {
    let why = refusalOf(one, evenSameVersion ? null : version, nowMs);
    let found: string | null = null;
    if (why === null && to !== null) {
      found = (await to.misfitOf(one.run))?.message ?? null;
      if (found !== null) why = "does-not-fit";
    }
    if (why === null && how !== null) {
      const stands = await repairs.look(one, how);
      if (typeof stands === "number") versions.push(stands);
      else [why, found] = ["no-repair", stands.message];
    }
    if (why === null) running.push(one);
    else refused.push(refusedItem(one, why, found));
  }
  const fingerprints = [...new Set(running.map(({ exception }) => exception.fingerprint))];
  const numbers = new Map(fingerprints.map((fingerprint, at) => [fingerprint, at]));
  const plan: Omit<ReplayPlan, "id"> = {
    query,
    by,
    reason,
    madeAtMs: nowMs,
    canary,
    rate,
    atOnce,
    items: running.map(({ run, exception }, at) => {
      const item = [formatRunId(run.run), exception.seq] as const;
      const print = numbers.get(exception.fingerprint) ?? 0;
      const stands = versions[at];
      return stands === undefined ? [...item, print] : [...item, print, stands];
    }),
    refused,
    fingerprints,
    money: moneyAtStake(running),
    shown: { ...(await shownOf(reader, running, nowMs)), ...repairs.shown },
    ...(how === null ? {} : { how }),
    ...(to === null ? {} : { to: to.version }),
    ...(evenSameVersion ? { evenSameVersion } : {}),
  };
  return { id: replayIdOf(plan, sha256), ...plan };
}

function refusedItem(
  { run, exception }: Candidate,
  why: ReplayRefusal,
  found: string | null,
): ReplayPlan["refused"][number] {
  const item = [formatRunId(run.run), exception.seq, why] as const;
  if (found === null) return item;
  // Half of a pair that was cut has no form in the store.
  return [...item, found.slice(0, REPLAY_FOUND_CHARS_MAX).replace(/\p{Cs}$/u, "\ufffd")];
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** @param version - of the code that was deployed last; null where it does not matter. */
function refusalOf(
  candidate: Candidate,
  version: string | null,
  nowMs: number,
): ReplayRefusal | null {
  const { exception, exceptions, run, effects } = candidate;
  const facts = { state: run.state, exceptions, effects, nowMs };
  if (settleFirst(facts, exception.step === "" ? null : exception.step) !== null)
    return "unknown-outcome";
  if (exception.class === "defect" && exception.record.codeVersion === version)
    return "same-version";
  return resumeOf(exception, facts) === null ? "nothing-waits" : null;
}

async function shownOf(
  reader: StoreReader,
  running: readonly Candidate[],
  nowMs: number,
): Promise<ReplayShown> {
  const again = new Map<string, [count: number, sent: number]>();
  const contracts = new Map<string, number>();
  const needed = new Set<string>();
  let duplicateCount = 0;
  let wholeCount = 0;
  for (const { exception, effects } of running) {
    const { integration, operation, effectName } = exception;
    if (integration !== null) needed.add(integration);
    const effect = effects.find((one) => one.operation === operation) ?? null;
    const contract = effect?.contract ?? "none";
    contracts.set(contract, (contracts.get(contract) ?? 0) + 1);
    if (effectName !== null) {
      const [count, sent] = again.get(effectName) ?? [0, 0];
      again.set(effectName, [count + 1, sent + (effect === null ? 0 : 1)]);
    }
    if (effect !== null && couldBeTwice(effect, exception.record.keyWindowEndsAtMs, nowMs))
      duplicateCount += 1;
    if (
      exception.effect === "partial" &&
      (await partsOf(reader, exception))?.sendsAgain !== "the rest"
    )
      wholeCount += 1;
  }
  return {
    keyCount: new Set(running.map(({ run }) => `${run.workflow} ${run.key}`)).size,
    ages: agesOf(running.map(({ exception }) => nowMs - exception.openedAtMs)),
    contracts: [...contracts].toSorted(([, a], [, b]) => b - a),
    again: [...again].map(([effect, [count, sent]]) => [effect, count, sent] as const),
    duplicateCount,
    ...(wholeCount === 0 ? {} : { wholeCount }),
    needs: [...needed].toSorted(),
    parked: await downOf(reader, [...needed]),
  };
}

/** Which of these systems are not called just now. */
export async function downOf(
  reader: StoreReader,
  needed: readonly string[],
): Promise<readonly string[]> {
  const down = (await reader.dependencies()).filter(({ state }) => state !== "closed");
  const gates = down.map(({ integration }) => integration);
  return gates.filter((gate) => needed.includes(integrationOfGate(gate)));
}

/** What surely did not happen is no duplicate, however old its key is. */
function couldBeTwice(effect: EffectRow, windowEndsAtMs: number | null, nowMs: number): boolean {
  if (effect.proof === "never") return false;
  if (effect.contract === "once") return true;
  return effect.contract === "keyed" && windowEndsAtMs !== null && windowEndsAtMs <= nowMs;
}

function nothingFits(query: string): HoldfastError {
  return new HoldfastError(
    "HF4102",
    `No open exception fits ${quoted(query)}. Nothing was planned.`,
    "See what is open with: holdfast exceptions; and by cause with: holdfast issues",
  );
}
