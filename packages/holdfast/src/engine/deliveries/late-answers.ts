/** Looks whether a late answer is about something that a person has spoken about, before it is taken. */
import { HoldfastError } from "../../core/error.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { Engine } from "../engine.ts";
import type { LateOutcome } from "../steps/step-slot.ts";
import { assertionOf, breakCase, contradictionText, type Assertion } from "./late-contradiction.ts";

/**
 * True if it contradicts a person: its owner is told, durably, and nothing else is changed.
 *
 * @throws {HoldfastError} HF6003 if it says what a person has said already, HF4203 if too many are
 *   open beside the run: its sender brings it again.
 */
export async function contradicts(
  engine: Engine,
  integration: string,
  ref: string,
  outcome: LateOutcome,
): Promise<boolean> {
  const assertion = await asserted(engine, integration, ref);
  if (assertion === null) return false;
  const known = engine.effects.get(assertion.effect);
  const how = contradictionText(assertion, outcome, known?.definition.sensitive ?? []);
  if (how === null) throw saidAlready(assertion, integration, ref);
  const owner = known?.plan.owner ?? engine.early.ownerOf(integration);
  const answer = { integration, ref, outcome, owner };
  await engine.exceptions.beside.open(breakCase(assertion, answer, how, engine.limits));
  return true;
}

async function asserted(
  { committer, store }: Engine,
  integration: string,
  ref: string,
): Promise<Assertion | null> {
  await committer.durable();
  const of =
    (await store.pendingByRef(integration, ref)) ?? (await store.endedByRef(integration, ref));
  if (of === null) return null;
  const [stored] = await store.load([of.run]);
  return stored === undefined ? null : assertionOf(stored, of.operation, ref);
}

function saidAlready({ run, step, said }: Assertion, integration: string, ref: string) {
  return new HoldfastError(
    "HF6003",
    `An answer of "${integration}" under "${ref}" came after ${said.by} had said what became of "${step}", and says the same.`,
    `Nothing has to be done. See who said what with: holdfast show ${formatRunId(run)}`,
  );
}
