/** Repairs of one effect step: a result that a person gives, an input that a person corrects. */
import { canonicalJson } from "../../core/canonical-json.ts";
import { edited, isWithin, touches } from "../../core/json-edit.ts";
import { parseJson } from "../../core/json-text.ts";
import { inputDigest } from "../../core/operation-key.ts";
import type { EditedHead, SuppliedHead } from "../../core/repaired.ts";
import type { RepairOrder } from "../../core/repair-order.ts";
import { unsettledText } from "../../core/unknown-effects.ts";
import { parse, problemText, type Schema } from "../../workflow/schema.ts";
import { closeException, personNeeded } from "../effects/effect-exception.ts";
import { EffectStep } from "../effects/effect-step.ts";
import { toJson } from "../journal/payload.ts";
import type { LiveRun } from "../run/live-run.ts";
import type { StepSlot } from "../steps/step-slot.ts";
import { changesOf, type Prepared } from "./prepared.ts";
import { badValue, misfit, notEditable, unknownFirst } from "./repair-refusals.ts";

/** @param frozen - the result as JSON, as it was approved; null where it comes from the order. */
export async function prepareSupply(
  live: LiveRun,
  order: RepairOrder,
  frozen: string | null,
): Promise<Prepared> {
  const { step } = repairable(live, order);
  const value = frozen === null ? order.value : parseJson(frozen);
  const text = await fitting(step, step.effect.definition.output, value, "result");
  return {
    data: text,
    effect: step.effect.name,
    needs: `the result of "${step.path}" is given by hand`,
    apply(hand) {
      const { slot } = repairable(live, order);
      const { state } = step.journal;
      const head: SuppliedHead = {
        ...hand,
        operation: state.operation ?? 0,
        effect: step.effect.name,
        proof: state.proof ?? "never",
        end: "value",
        ...(order.act === "skip" ? { skipped: true as const } : {}),
        ...(order.ref === undefined ? {} : { ref: order.ref }),
      };
      const hadEnded = slot.ended;
      closeException(step, "repaired", hand.by, hand.reason);
      const record = step.journal.write("supplied", state.attempt, head, text);
      if (hadEnded) live.ending.repaired(hand);
      else live.deliver(slot, record);
    },
  };
}

/** @param frozen - the whole input as JSON, as it was approved. */
export async function prepareEdit(
  live: LiveRun,
  order: RepairOrder,
  frozen: string | null,
): Promise<Prepared> {
  const { step } = repairable(live, order);
  const { state } = step.journal;
  if (state.proof !== null && state.proof !== "never") throw wasDone(order, step.path);
  const { definition, name } = step.effect;
  const { editable = [], fourEyes = [] } = definition;
  const changes = frozen === null ? changesOf(order.run, order.value) : [];
  const stray = changes.find(({ at }) => !isWithin(at, editable));
  if (stray !== undefined) throw notEditable(order.run, `effect "${name}"`, stray.at, editable);
  const before = parseJson(step.inputText);
  const after = frozen === null ? edited(before, changes) : parseJson(frozen);
  if (canonicalJson(before) === canonicalJson(after) && order.newKey !== true)
    throw badValue(order.run, `That changes nothing in the input of "${step.path}".`);
  const text = await fitting(step, definition.input, after, "input");
  const changed = changedPlaces(before, after, editable);
  return {
    data: text,
    effect: name,
    needs: needsOfEdit(changed, fourEyes, order),
    apply(hand) {
      const { slot } = repairable(live, order);
      const { digest: asked, state: now } = step.journal;
      const hadEnded = slot.ended;
      const head: EditedHead = {
        ...hand,
        effect: name,
        asked,
        digest: inputDigest(after, (t) => live.host.digests.hex(t)),
        changed,
        ...(order.newKey === true ? { generation: now.generation + 1 } : {}),
      };
      closeException(step, "repaired", hand.by, hand.reason);
      keepOriginal(step, { ...hand, effect: name, asked, digest: asked, changed: [] });
      step.journal.write("edited", 0, head, text);
      if (hadEnded) live.ending.repaired(hand);
      else goOn(step, slot);
    },
  };
}

/** Where no intent holds what the code asks with, it goes on record before what replaces it. */
function keepOriginal(step: EffectStep, head: EditedHead): void {
  const { intent } = step.journal.state;
  if (intent !== null || step.journal.editedText !== null) return;
  step.journal.write("edited", 0, { ...head, original: true as const }, step.askedText);
}

/** Pointers of `editable` whose values differ; `*` in them stands as it is declared. */
function changedPlaces(
  before: unknown,
  after: unknown,
  editable: readonly string[],
): readonly string[] {
  return pointersOfDifference(before, after).filter((at) => isWithin(at, editable));
}

/** Every place where two JSON values differ, as deep as both have it. */
export function pointersOfDifference(a: unknown, b: unknown, at = ""): readonly string[] {
  const isBoth = isContainer(a) && isContainer(b) && Array.isArray(a) === Array.isArray(b);
  if (!isBoth) return a === b ? [] : [at];
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].flatMap((name) => {
    const inside = `${at}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    return pointersOfDifference(memberOf(a, name), memberOf(b, name), inside);
  });
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function memberOf(value: object, name: string): unknown {
  return Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

function needsOfEdit(
  changed: readonly string[],
  fourEyes: readonly string[],
  { newKey, step }: RepairOrder,
): string | null {
  const careful = changed.find((at) => touches(at, fourEyes));
  if (careful !== undefined) return `it changes ${careful}, which two people change together`;
  return newKey === true
    ? `"${step ?? ""}" gets a new key, under which the other system would do it a second time`
    : null;
}

interface Repairable {
  readonly step: EffectStep;
  readonly slot: StepSlot;
}

/** The step, if it waits, or if the code has failed by it and the run waits because of that. */
function repairable(live: LiveRun, { run, step: path }: RepairOrder): Repairable {
  const slot = live.slots.get(path ?? "");
  const step = slot?.verb;
  if (path === null || slot === undefined || !(step instanceof EffectStep))
    throw misfit(run, `Run ${live.id} has no effect "${path ?? ""}" that waits.`);
  if (step.mode === "undo")
    throw misfit(
      run,
      `"${path}" undoes a step: say with holdfast settle that it was done by hand.`,
    );
  if (live.ending.isTakingBack || live.ending.isFrozen)
    throw misfit(run, `Run ${live.id} as a whole waits or is taken back (${live.state}).`);
  if (step.calls.isUnderWay)
    throw misfit(run, `A call of "${path}" is under way and may still answer.`);
  if (personNeeded(step.journal.state))
    throw unknownFirst(run, path, unsettledText(step.journal.state));
  if (live.scopes.haveUndone(path))
    throw misfit(
      run,
      `"${path}" is in a scope that was undone.`,
      "Cancel the run, and start it anew.",
    );
  const hasFailed = live.ending.failedSteps.includes(path);
  if (slot.ended ? !hasFailed : slot.wait === null)
    throw misfit(run, `"${path}" does not wait: ${slot.ended ? "it has ended" : "it is at work"}.`);
  return { step, slot };
}

async function fitting(
  step: EffectStep,
  schema: Schema,
  value: unknown,
  what: "result" | "input",
): Promise<string> {
  step.learn(value);
  const text = toJson(value, step.run.host.limits, `${what} of ${step.path}`);
  const parsed = await parse(schema, parseJson(text));
  if (parsed.ok) return text;
  const problems = step.run.sensitive.mask(problemText(parsed.problems));
  throw badValue(
    step.run.row.run,
    `The ${what} does not fit effect "${step.effect.name}": ${problems}.`,
  );
}

function goOn(step: EffectStep, slot: StepSlot): void {
  slot.wait = null;
  step.go();
}

function wasDone({ run }: RepairOrder, path: string) {
  return misfit(
    run,
    `"${path}" was done, and that is proven: it is not sent again with another input.`,
    "Supply its result, or cancel the run and start anew.",
  );
}
