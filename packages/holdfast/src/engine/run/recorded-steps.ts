/**
 * The steps of a run whose code does not fit it, made from its journal alone, so that it can be taken
 * back: its effects, undone by the deployed effects of their names, and its children. What waits and
 * left nothing outside (timers, reviews, events, local work) is not needed for that.
 */
import { declaredNow } from "../effects/declared-now.ts";
import { contractDrift } from "../../core/contract-drift.ts";
import { parseJson } from "../../core/json-text.ts";
import type { CalledHead, IntentHead, JournalRecord } from "../../core/journal.ts";
import type { EditedHead } from "../../core/repaired.ts";
import { isUndoPath } from "../../core/step-path.ts";
import type { AnyEffect } from "../../workflow/effect.ts";
import { parse, type Schema } from "../../workflow/schema.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import { CallStep } from "../steps/call-step.ts";
import { EffectStep } from "../effects/effect-step.ts";
import type { LiveRun } from "./live-run.ts";
import { endsStep, headOf, voidedAt } from "./recovery.ts";
import { ANYTHING, standInEffect } from "../effects/stand-in-effect.ts";

/**
 * Enters the steps that matter. Those that have ended have their answers, as far as undoing asks. The
 * answer throws what made that impossible, where the caller can do something about it.
 */
export async function enterRecorded(run: LiveRun, paths: Iterable<string>): Promise<() => void> {
  try {
    await enterEach(run, paths);
    return () => undefined;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

async function enterEach(run: LiveRun, paths: Iterable<string>): Promise<void> {
  for (const path of paths) {
    if (run.isGone) return;
    // Undoings are asked for as the run is undone.
    if (isUndoPath(path)) continue;
    const records = run.recorded(path);
    const end = endOf(records);
    // What was done before the run was done again stays done.
    const all = [...(run.superseded.get(path) ?? []), ...records];
    if (all.some(({ kind }) => kind === "intent")) await enterEffect(run, path, all, end);
    else if (end === null) enterCall(run, path, records);
  }
}

/** The record that gave the code its answer; one from before a person let the step go on is void. */
function endOf(records: readonly JournalRecord[]): JournalRecord | null {
  const voided = voidedAt(records);
  return records.find((record) => record.seq >= voided && endsStep(record)) ?? null;
}

async function enterEffect(
  run: LiveRun,
  path: string,
  records: readonly JournalRecord[],
  end: JournalRecord | null,
): Promise<void> {
  const last = records.findLast(({ kind }) => kind === "intent");
  if (last === undefined) return;
  const head = headOf<IntentHead>(last);
  const input = parseJson(askedInput(records));
  const corrected = records.findLast((one) => one.kind === "edited" && !isOriginal(one))?.data;
  const sent = corrected === undefined ? input : parseJson(corrected ?? "null");
  const effect = await fitting(run, path, records, { head, input: sent, end });
  if (run.isGone) return;
  const step = new EffectStep(run, path, effect, input, "do");
  // Nobody reads the answer: a step that has failed must not look like an error that was overlooked.
  step.promise.catch(() => undefined);
  const slot = run.slots.get(path);
  if (end === null || slot === undefined) return;
  run.end(slot);
  await step.settle(end);
}

/** JSON of what the code has asked with last, whatever a person has corrected it to. */
function askedInput(records: readonly JournalRecord[]): string {
  const asked = records.findLast(
    (record) =>
      record.data !== null &&
      (record.kind === "edited"
        ? isOriginal(record)
        : record.kind === "intent" && headOf<IntentHead>(record).asked === undefined),
  );
  return asked?.data ?? "null";
}

function isOriginal(record: JournalRecord): boolean {
  return headOf<EditedHead>(record).original === true;
}

/** How it was declared last, and how it ended. */
interface Declared {
  readonly head: IntentHead;
  readonly input: unknown;
  readonly end: JournalRecord | null;
}

/** The deployed effect of that name if it takes what is on record; else what stands in for it. */
async function fitting(
  run: LiveRun,
  path: string,
  records: readonly JournalRecord[],
  { head, input, end }: Declared,
): Promise<AnyEffect> {
  const known = run.host.effects.get(head.effect);
  if (known === null)
    return standInEffect(
      head,
      run.row.owner,
      "is not known to this app (see its option `effects`)",
    );
  const { definition, plan } = known;
  const declared = declaredNow(known);
  if (contractDrift(path, records, declared) !== null)
    return standInEffect(head, plan.owner, "is declared otherwise now than it was sent");
  if (!(await takes(definition.input, input)))
    return standInEffect(head, plan.owner, "no longer takes its recorded input");
  const isValue = end !== null && headOf<{ readonly end?: string }>(end).end === "value";
  if (isValue && !(await takes(definition.output, parseJson(end.data ?? "null"))))
    return standInEffect(head, plan.owner, "no longer takes its recorded answer");
  return known;
}

async function takes(schema: Schema, value: unknown): Promise<boolean> {
  return (await parse(schema, value)).ok;
}

/** A child that the run waits for: it is taken back first. */
function enterCall(run: LiveRun, path: string, records: readonly JournalRecord[]): void {
  const called = records.find(({ kind }) => kind === "called");
  if (called === undefined) return;
  const { workflow } = headOf<CalledHead>(called);
  const step = new CallStep(run, path, calledWorkflow(workflow, run.row.owner), null);
  step.promise.catch(() => undefined);
}

/** Its name is all that is needed of it: the child is on record, and nobody reads its result. */
function calledWorkflow(name: string, owner: string): AnyWorkflow {
  return {
    kind: "workflow",
    name,
    definition: { input: ANYTHING, output: ANYTHING, key: () => name, owner },
    body: () => Promise.reject(new Error(`workflow ${name} is not run here`)),
  };
}
