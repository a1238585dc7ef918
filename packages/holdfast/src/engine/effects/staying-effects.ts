/**
 * Effects that stay where a run is taken back: they were done, and declare no undoing. Money or goods
 * may stay outside with them, so each is given to its owner; one that needs no undoing says
 * `compensate: "none"`.
 */
import { EFFECT_STAYS } from "../../core/failure.ts";
import type { ClosedHead, OpenedHead } from "../../core/journal.ts";
import { isUndoPath, undoPath } from "../../core/step-path.ts";
import { isUndone } from "../../core/undone.ts";
import { stateOf } from "../../core/unknown-effects.ts";
import { staysWhenDone, type AnyEffect } from "../../workflow/effect.ts";
import type { EffectStep } from "./effect-step.ts";
import { announceOpened } from "../exceptions/announce.ts";
import { exceptionHead, type ExceptionCase } from "../exceptions/exceptions.ts";
import type { LiveRun } from "../run/live-run.ts";
import { headOf } from "../run/recovery.ts";
import { isStandIn, standInEffect } from "./stand-in-effect.ts";

export interface StayingEffect {
  readonly path: string;
  readonly effect: AnyEffect;
  /** Sequence number of its first intent. */
  readonly operation: number;
  /** Why nobody undoes it, after the effect's name; not given: it declares no undoing. */
  readonly why?: string;
}

/** Effects that are named in the reason of the run's end. */
const NAMED_MAX = 10;

/** What stays of a step if its run is taken back; null if that is nothing. */
export function stayingOf({
  effect,
  path,
  undoes,
  journal,
  doneSeq,
}: EffectStep): StayingEffect | null {
  const { operation } = journal.state;
  const mayStay = undoes === null && staysWhenDone(effect.definition);
  if (!mayStay || doneSeq === null || operation === null) return null;
  return { path, effect, operation };
}

/** Effects that were done and that nobody has said how to undo. */
export function stayingEffects(run: LiveRun): readonly StayingEffect[] {
  return [...run.slots.values()].flatMap((slot) => slot.verb.staying ?? []);
}

/** Opens the exception of each that has none yet: a crash may have come between two of them. */
export function openStaying(run: LiveRun, staying: readonly StayingEffect[], end: string): void {
  for (const one of staying) {
    const records = run.recorded(one.path);
    const isOpen = records.some(
      (record) =>
        record.kind === "opened" && headOf<OpenedHead>(record).reasonCode === EFFECT_STAYS,
    );
    if (!isOpen) open(run, one, end);
  }
}

/**
 * What was done before the run was done again, and that the run has not asked for since: it belongs to
 * no step any more, and nobody else would hear of it.
 */
export function leftBehind(run: LiveRun): readonly StayingEffect[] {
  return [...run.superseded.keys()].flatMap((path) => {
    if (run.slots.has(path) || isUndoPath(path)) return [];
    const before = run.superseded.get(path) ?? [];
    const { intent, proof, operation } = stateOf(before);
    if (intent === null || operation === null || proof !== "surely") return [];
    // With a scope that was undone.
    if (isUndone(before, run.superseded.get(undoPath(path)) ?? [])) return [];
    const missing = "is not known to this app (see its option `effects`)";
    const effect =
      run.host.effects.get(intent.effect) ?? standInEffect(intent, run.row.owner, missing);
    const needsNothing = effect.definition.compensate === "none";
    const why = "was done before the run was done again, which no longer asks for it";
    return needsNothing || intent.contract === "read" ? [] : [{ path, effect, operation, why }];
  });
}

/** "; charge-card stays done: it declares no undoing", or nothing. */
export function stayingWords(staying: readonly StayingEffect[]): string {
  if (staying.length === 0) return "";
  const named = staying.slice(0, NAMED_MAX).map(({ path }) => path);
  const rest = staying.length - named.length;
  const more = rest > 0 ? ` and ${String(rest)} more` : "";
  const isOne = staying.length === 1;
  const verb = isOne ? "stays done" : "stay done";
  // Where one of several only stands in, this is true of the others too.
  const why = staying.some(({ effect }) => isStandIn(effect))
    ? `the deployed code cannot undo ${isOne ? "it" : "them"}`
    : `${isOne ? "it declares" : "they declare"} no undoing`;
  return `; ${named.join(", ")}${more} ${verb}: ${why}`;
}

/** "; charge-card was undone in part: the card fee stays", or nothing. */
export function leavesWords(inPart: readonly Omit<StayingEffect, "operation">[]): string {
  const named = inPart
    .slice(0, NAMED_MAX)
    .map(
      ({ path, effect }) => `; ${path} was undone in part: ${effect.definition.leaves ?? ""} stays`,
    );
  const rest = inPart.length - named.length;
  return `${named.join("")}${rest > 0 ? `; ${String(rest)} more were undone in part` : ""}`;
}

/** What a person has said about the undoing of a step. */
export interface SaidByHand {
  readonly path: string;
  /** False: it is not undone, and stays. */
  readonly happened: boolean;
  readonly by: string;
}

/** "; charge-card stays done, says bo", or nothing. */
export function byHandWords(said: readonly SaidByHand[]): string {
  const named = said.slice(0, NAMED_MAX).map(({ path, happened, by }) => {
    return `; ${path} ${happened ? "was undone" : "stays done"}, says ${by}`;
  });
  const rest = said.length - named.length;
  return `${named.join("")}${rest > 0 ? `; ${String(rest)} more were decided by hand` : ""}`;
}

/** The open exception among an effect's records that says that it stays; null if there is none. */
export function stayingException(
  records: Parameters<typeof headOf>[0][],
): { readonly seq: number; readonly head: OpenedHead } | null {
  const closed = new Set(
    records
      .filter((record) => record.kind === "closed")
      .map((record) => headOf<ClosedHead>(record).opened),
  );
  for (const record of records) {
    if (record.kind !== "opened" || closed.has(record.seq)) continue;
    const head = headOf<OpenedHead>(record);
    if (head.reasonCode === EFFECT_STAYS) return { seq: record.seq, head };
  }
  return null;
}

function open(run: LiveRun, { path, effect, operation, why }: StayingEffect, end: string): void {
  const message = messageOf(effect, why);
  const because = `"${path}" was done and stays, although the run is ${end}: ${message}. Undo it by hand or accept it, then say how.`;
  write(run, path, { ...caseOf(effect, because, why), step: path, operation });
}

/**
 * The same for a scope that was undone: its run goes on, so that each stands beside the run.
 *
 * @param where - the scope, as the sentence names it.
 */
export function openStayingBeside(
  run: LiveRun,
  staying: readonly StayingEffect[],
  where: string,
): void {
  for (const { path, effect } of staying) {
    const because = `"${path}" was done and stays, although ${where} was undone: ${messageOf(effect)}. Undo it by hand or accept it, then close this with how.`;
    const beside = { subject: `stays ${path}` };
    write(run, "", { ...caseOf(effect, because), step: "", at: path, beside });
  }
}

/** @param why - why nobody undoes it, where that is not what it declares. */
function messageOf(effect: AnyEffect, why?: string): string {
  const reason = why ?? (isStandIn(effect) ? effect.missing : "declares no undoing");
  return `effect "${effect.name}" ${reason}`;
}

function caseOf(effect: AnyEffect, because: string, why?: string): Omit<ExceptionCase, "step"> {
  return {
    class: "permanent",
    effect: "surely",
    scope: "item",
    origin: "code",
    reasonCode: EFFECT_STAYS,
    rule: "engine/effect-stays@1",
    message: messageOf(effect, why),
    because,
    owner: effect.plan.owner,
    ...(effect.definition.owners === undefined ? {} : { owners: effect.definition.owners }),
    effectName: effect.name,
    integration: effect.definition.on.name,
  };
}

function write(run: LiveRun, path: string, about: ExceptionCase): void {
  const head = exceptionHead(run, about);
  run.append("opened", path, head);
  const { run: number, workflow, key } = run.row;
  const at = { run: number, workflow, key, step: path };
  announceOpened(run.host, head.beside === undefined ? at : { ...at, beside: true }, head);
}
