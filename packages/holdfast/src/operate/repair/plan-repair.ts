/**
 * What a repair would do, before it is done: which effects would be sent again, looked up, kept, or
 * done a second time. Read from the journal alone, so it needs no engine and no code; the engine looks
 * again when it acts. A plan has a digest, and a confirmation is of that plan and of no other.
 */
import { createHash } from "node:crypto";
import { canonicalJson } from "../../core/canonical-json.ts";
import type { RepeatKind } from "../../core/contract.ts";
import type { EffectState } from "../../core/effect-state.ts";
import { HoldfastError } from "../../core/error.ts";
import type { EffectProof } from "../../core/failure.ts";
import type { JournalRecord } from "../../core/journal.ts";
import type { RecordKind } from "../../core/record-kinds.ts";
import type { RepairAct } from "../../core/repaired.ts";
import { repeatOf, type RepeatMove } from "../../core/repeat.ts";
import { inputOf, lifeOf, type RunLife } from "../../core/run-life.ts";
import { formatRunId } from "../../core/run-number.ts";
import { quotedForShell } from "../shell-word.ts";
import { isFinal } from "../../core/run-state.ts";
import { versionOf } from "../../core/run-version.ts";
import { isUndoPath, undoPath } from "../../core/step-path.ts";
import { isUndone } from "../../core/undone.ts";
import { stateOf, unknownEffects, unknownText } from "../../core/unknown-effects.ts";
import type { RunRow } from "../../store/rows.ts";
import type { StoreReader } from "../../store/store.ts";
import { findRun, type RunReference } from "../find-run.ts";
import { scanRun } from "../scan-run.ts";
import { inputOfStep, refuseUnfit } from "./repair-fit.ts";

export interface RepairRequest extends RunReference {
  readonly act: RepairAct;
  /** Path of the step; null where it is about the run as a whole. */
  readonly step: string | null;
  /** Of `supply` and `skip` the result; of `edit`, `correct` and `anew` a list of changes; else null. */
  readonly value: unknown;
  readonly ref?: string;
  readonly newKey?: true;
}

/**
 * What follows for one effect; beside the moves of its contract: `supply`, nothing is sent and the
 * value stands in for it; `duplicate`, it is done a second time.
 */
export type PlannedMove = RepeatMove | "supply" | "duplicate";

interface PlannedEffect {
  readonly step: string;
  readonly effect: string;
  readonly contract: RepeatKind;
  readonly proof: EffectProof | null;
  readonly what: PlannedMove;
  readonly because: string;
}

/** Steps that are no effects and begin anew. */
export interface BeginsAnew {
  readonly localWork: number;
  readonly timers: number;
  readonly reviews: number;
  readonly events: number;
  readonly calls: number;
}

export interface RepairPlan {
  readonly run: string;
  readonly act: RepairAct;
  readonly step: string | null;
  /** Where the run stands: if it moves, the plan holds no more. */
  readonly version: number;
  readonly effects: readonly PlannedEffect[];
  readonly beginsAnew: BeginsAnew;
  /** Why a second person is needed; null where that depends on what the deployed code declares. */
  readonly secondPerson: string | null;
  /** Whether an engine has looked at it with the deployed code, and would do it now. */
  readonly isLookedAt: boolean;
  /** Of everything above and of what was asked for: what a confirmation is bound to. */
  readonly digest: string;
}

const DIGEST_HEX_LENGTH = 12;

/**
 * @throws {HoldfastError} HF6001 (no such run or step), HF6003 (it does not fit where the run stands),
 *   HF6004 (an outcome is unknown and must be settled first).
 */
export async function planRepair(reader: StoreReader, request: RepairRequest): Promise<RepairPlan> {
  return (await repairWithInput(reader, request)).plan;
}

/**
 * The same, and what a change would be made to.
 *
 * @returns `input` as JSON; null where nothing is changed, or no record has it.
 */
export async function repairWithInput(
  reader: StoreReader,
  request: RepairRequest,
): Promise<{ readonly plan: RepairPlan; readonly input: string | null }> {
  const row = await findRun(reader, request);
  const records: JournalRecord[] = [];
  await scanRun(reader, row.run, (record) => records.push(record));
  refuse(row, records, request);
  await refuseUnfit(reader, row, records, request);
  const life = lifeOf(records);
  const { act, step, value, ref = null, newKey = false } = request;
  const plan = {
    run: formatRunId(row.run),
    act,
    step,
    version: versionOf(records),
    effects: effectsOf(life, request),
    beginsAnew: beginsAnew(life, request),
    secondPerson: secondPersonOf(request),
  };
  const text = canonicalJson([plan, { value: value ?? null, ref, newKey }]);
  const digest = createHash("sha256").update(text).digest("hex").slice(0, DIGEST_HEX_LENGTH);
  return { plan: { ...plan, isLookedAt: false, digest }, input: changedInput(records, request) };
}

function changedInput(
  records: readonly JournalRecord[],
  { act, step }: RepairRequest,
): string | null {
  switch (act) {
    case "edit":
      return inputOfStep(records, step);
    case "correct":
    case "anew":
      return inputOf(records);
    case "supply":
    case "skip":
    case "again":
      return null;
  }
}

function refuse(row: RunRow, records: readonly JournalRecord[], request: RepairRequest): void {
  const run = formatRunId(row.run);
  const where = { where: run };
  const { act, step } = request;
  if (isFinal(row.state) !== (act === "anew")) {
    const [why, remedy] = isFinal(row.state)
      ? [
          `${run} is ${row.state}, and nothing of it is done any more.`,
          `Start it anew: holdfast anew ${run} --plan --reason "..."`,
        ]
      : [
          `${run} has not ended (it is ${row.state}): two runs of one key would be at work.`,
          `Cancel it first, or repair it: holdfast why ${run}`,
        ];
    throw new HoldfastError("HF6003", why, remedy, where);
  }
  const [unknown] = unknownEffects(records);
  if (unknown !== undefined) {
    throw new HoldfastError(
      "HF6004",
      `Not repaired: "${unknown}" ${unknownText(records, unknown)}.`,
      `Find out what happened, then say so with holdfast settle: holdfast why ${run} shows the command.`,
      where,
    );
  }
  if (row.state === "cancelling" || row.state === "compensating")
    throw new HoldfastError(
      "HF6003",
      `${run} is being taken back.`,
      "Wait until it has ended.",
      where,
    );
  if (step === null) return;
  const { steps } = lifeOf(records);
  const own = steps.get(step) ?? [];
  if (own.length === 0 || isUndoPath(step)) {
    throw new HoldfastError(
      "HF6001",
      `${run} has no step ${JSON.stringify(step.slice(0, 80))} on record.`,
      `See its steps with: holdfast show ${run}`,
      where,
    );
  }
  if (act === "again") return;
  refuseStep(run, { act, step }, own);
}

function refuseStep(
  run: string,
  { act, step }: { readonly act: RepairAct; readonly step: string },
  own: readonly JournalRecord[],
): void {
  const { next, failure, proof } = stateOf(own);
  const isEffect = failure !== null || proof !== null || next.kind !== "fresh";
  const why = !isEffect
    ? `"${step}" is no effect.`
    : next.kind === "ended" && next.end === "value"
      ? `"${step}" has its result already.`
      : act === "edit" && proof !== null && proof !== "never"
        ? `"${step}" was done, and that is proven: it is not sent again with another input.`
        : null;
  if (why === null) return;
  throw new HoldfastError(
    "HF6003",
    `Not repaired: ${why}`,
    `To do it once more, let the run be done again from there: holdfast again ${run} --from ${quotedForShell(step)} --plan --reason "..."`,
    { where: run },
  );
}

function effectsOf(life: RunLife, request: RepairRequest): readonly PlannedEffect[] {
  const { act, step } = request;
  switch (act) {
    case "supply":
    case "skip": {
      const because = "nothing is sent; the value that is given stands in for it";
      return ofStep(life, step).map((one) => ({ ...one, what: "supply", because }));
    }
    case "edit": {
      const because =
        request.newKey === true
          ? "sent with the corrected input under a new key: the other system takes it for another request"
          : "sent with the corrected input under the same key";
      return ofStep(life, step).map((one) => ({ ...one, what: "redo", because }));
    }
    case "again":
    case "correct":
      return over(life, request)
        .map((path) => repeated(life, path))
        .filter((one) => one !== null);
    case "anew":
      return [...life.steps.keys()].flatMap((path) => duplicated(life, path) ?? []);
  }
}

/** Paths of what is superseded. */
function over({ steps }: RunLife, { act, step }: RepairRequest): readonly string[] {
  if (act !== "again" && act !== "correct") return [];
  const fromSeq = act === "again" ? (steps.get(step ?? "")?.[0]?.seq ?? 0) : 0;
  return [...steps]
    .filter(([path, [first]]) => !isUndoPath(path) && (first?.seq ?? 0) >= fromSeq)
    .map(([path]) => path);
}

type Known = Omit<PlannedEffect, "what" | "because">;

function ofStep(life: RunLife, step: string | null): readonly Known[] {
  if (step === null) return [];
  const own = life.steps.get(step) ?? [];
  const { proof, intent } = stateOf(own);
  const effect = intent?.effect ?? nameIn(own);
  return [{ step, effect, contract: intent?.contract ?? "read", proof }];
}

function nameIn(records: readonly JournalRecord[]): string {
  for (const { kind, head } of records) {
    if (kind !== "outcome" || head === null) continue;
    // Written by the engine with this shape.
    return (JSON.parse(head) as { readonly effect: string }).effect;
  }
  return "";
}

function repeated(life: RunLife, path: string): PlannedEffect | null {
  const state = wholeOf(life, path);
  const { intent, proof } = state;
  if (intent === null) return null;
  const { contract } = intent;
  const { kind, because } = repeatOf({
    contract,
    proof,
    // Whether the code asks with the same, nobody knows before it does.
    isSame: true,
    isUndone: isUndone(recordsOf(life, path), recordsOf(life, undoPath(path))),
    canProbe: contract === "probeable",
    isInWindow: null,
  });
  const isBound = proof === "surely" && ["keyed", "probeable", "once"].includes(contract);
  const otherwise = isBound ? "; asked for with another input, a person decides" : "";
  return {
    step: path,
    effect: intent.effect,
    contract,
    proof,
    what: kind,
    because: because + otherwise,
  };
}

/** With what was superseded before: that stays done. */
function wholeOf(life: RunLife, path: string): EffectState {
  return stateOf(recordsOf(life, path));
}

function recordsOf({ steps, superseded }: RunLife, path: string): readonly JournalRecord[] {
  return [...(superseded.get(path) ?? []), ...(steps.get(path) ?? [])];
}

function duplicated(life: RunLife, path: string): readonly PlannedEffect[] | null {
  const { intent, proof } = wholeOf(life, path);
  if (isUndoPath(path) || intent === null || intent.contract === "read") return null;
  const wasUndone = isUndone(recordsOf(life, path), recordsOf(life, undoPath(path)));
  const { effect, contract } = intent;
  const known = { step: path, effect, contract, proof };
  if (proof !== "surely" || wasUndone) {
    const because = wasUndone ? "it was done and undone" : "nothing was done outside";
    return [{ ...known, what: "redo", because }];
  }
  const because =
    contract === "idempotent"
      ? "it was done; the same request ends the same"
      : "it was done, and under a new key it is done a second time";
  return [{ ...known, what: contract === "idempotent" ? "redo" : "duplicate", because }];
}

function beginsAnew(life: RunLife, request: RepairRequest): BeginsAnew {
  const paths = over(life, request);
  const count = (kind: RecordKind) =>
    paths.filter((path) => life.steps.get(path)?.some((record) => record.kind === kind)).length;
  return {
    localWork: count("result"),
    timers: count("timer"),
    reviews: count("asked"),
    events: count("awaited"),
    calls: count("called"),
  };
}

function secondPersonOf({ act, newKey }: RepairRequest): string | null {
  if (act === "supply" || act === "skip") return "a result is given by hand";
  if (act === "anew") return "a run with new keys does again what was done";
  return newKey === true ? "a new key does again what was done under the old one" : null;
}
