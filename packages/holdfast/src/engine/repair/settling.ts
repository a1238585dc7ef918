/**
 * What happened outside, said by one person, and where it is done only once or about money approved by
 * another: until then it is a proposal, and nothing goes on. Source: failure model 4.5, `assert outcome`.
 */
import type { IntentHead, JournalRecord } from "../../core/journal.ts";
import { parseJson } from "../../core/json-text.ts";
import type { ProposedHead, SaidOutcome } from "../../core/repaired.ts";
import { formatRunId } from "../../core/run-number.ts";
import { isFinal } from "../../core/run-state.ts";
import { versionOf } from "../../core/run-version.ts";
import { wasApplied } from "../../core/seen.ts";
import { settlingNeeds } from "../../core/settling-needs.ts";
import type { StoredRun } from "../../store/rows.ts";
import { notAtWork, refusal } from "../commands/command-refusals.ts";
import { settleAtStep, type SettleCommand } from "../commands/settle-command.ts";
import { refusedSettle } from "../effects/effect-commands.ts";
import { EffectStep } from "../effects/effect-step.ts";
import type { Engine } from "../engine.ts";
import { toJson } from "../journal/payload.ts";
import { withStored, type Append } from "../journal/stored-runs.ts";
import { settleEnded } from "../run/ended-runs.ts";
import { headOf } from "../run/recovery.ts";
import {
  decidedHead,
  proposalOf,
  proposedOutcome,
  refuseMoreProposals,
  verdictOf,
} from "./proposals.ts";
import { moved } from "./repair-refusals.ts";
import type { Decision } from "./repairs.ts";

/** With the attempts that the ledger showed to who says it. */
type Said = SettleCommand & { readonly attempts: number };

/** The number of the proposal that a second person has to approve; null if it is settled. */
export async function settleOrPropose(
  engine: Engine,
  { records }: StoredRun,
  said: Said,
): Promise<number | null> {
  const { operation, command } = said;
  if (command !== undefined && wasApplied(records, command)) return proposalOf(records, command);
  const first = records.find((one) => one.kind === "intent" && one.seq === operation);
  const needs = first === undefined ? null : settlingNeeds(headOf<IntentHead>(first));
  if (first !== undefined && needs !== null)
    return await propose(engine, { said, needs, intent: first });
  await engine.commands.settle(said);
  return null;
}

/**
 * Settles it as it was proposed, with the second person's word in the same turn.
 *
 * @throws {HoldfastError} HF6007 if any step of the run has moved since: the approval is of what was seen.
 */
export async function settleTogether(
  engine: Engine,
  { run, ...decision }: Decision,
  { by, reason, ref, version }: ProposedHead,
  said: SaidOutcome,
  data: string | null,
): Promise<void> {
  const { operation, attempts, happened, parts, exception } = said;
  await engine.commands.settle({
    run,
    operation,
    attempts,
    happened,
    ...(parts === undefined ? {} : { parts }),
    value: data === null ? null : parseJson(data),
    ref: ref ?? null,
    by,
    reason,
    ...(exception === null ? {} : { exception }),
    decided: decidedHead(decision.seq, "approved", decision),
    version,
  });
}

interface Proposing {
  readonly said: Said;
  readonly needs: string;
  readonly intent: JournalRecord;
}

async function propose(engine: Engine, proposing: Proposing): Promise<number> {
  const { said } = proposing;
  const { run, operation, attempts } = said;
  const reached = await withStored(engine, run, (stored, append) => {
    if (!isFinal(stored.row.state)) return null;
    // Refused here what would be refused once it was approved; written is nothing.
    settleEnded(stored, () => 0, said);
    return write(engine, stored, append, { ...proposing, version: versionOf(stored.records) });
  });
  if (reached.kind === "stored" && reached.value !== null) {
    await engine.committer.durable();
    return reached.value;
  }
  const proposed = { seq: 0 };
  await engine.commands.withRun(run, async (live) => {
    const stored = await storedRun(engine, said);
    const path = engine.commands.pathOf(live, operation);
    const step = live.slots.get(path)?.verb;
    if (!(step instanceof EffectStep)) throw refusal(notAtWork(live.id, path), live.id);
    const { version } = live;
    const why = await refusedSettle(step, settleAtStep(said, attempts));
    if (why !== null) throw refusal(why, live.id);
    if (live.version !== version) throw moved({ run, version }, live.version);
    const append: Append = (kind, name, head, { data = null } = {}) =>
      live.append(kind, name, head, data).seq;
    proposed.seq = write(engine, stored, append, { ...proposing, version });
    await engine.committer.durable();
  });
  return proposed.seq;
}

async function storedRun({ committer, store }: Engine, { run }: SettleCommand): Promise<StoredRun> {
  await committer.durable();
  const [stored] = await store.load([run]);
  if (stored === undefined)
    throw new Error(`run ${formatRunId(run)} has left while it is in memory`);
  return stored;
}

/** The same said twice is one proposal. */
function write(
  engine: Engine,
  { row, records }: StoredRun,
  append: Append,
  { said, needs, intent, version }: Proposing & { readonly version: number },
): number {
  const { operation, attempts, happened, parts, value, ref, by, reason } = said;
  const { exception = null, command = null } = said;
  const { effect } = headOf<IntentHead>(intent);
  const what = `answer of ${intent.name}`;
  const data = happened ? toJson(value, engine.limits, what) : null;
  const at = { nowMs: engine.clock.nowMs(), digests: engine.digests };
  const head = proposedOutcome(
    {
      run: row,
      step: intent.name,
      effect,
      said: { operation, attempts, happened, ...(parts === undefined ? {} : { parts }), exception },
      version,
      ref,
      data,
      needs,
      by,
      reason,
      command,
    },
    at,
  );
  const same = openOf(records, head, at.nowMs);
  if (same !== null) return same;
  refuseMoreProposals({ row, records }, engine);
  return append("proposed", "", head, { data });
}

/** The number of one that says the same and may still be approved. */
function openOf(
  records: readonly JournalRecord[],
  { digest }: ProposedHead,
  nowMs: number,
): number | null {
  const same = records.find((one) => {
    if (one.kind !== "proposed" || verdictOf(records, one.seq) !== null) return false;
    const head = headOf<ProposedHead>(one);
    return head.digest === digest && nowMs < head.expiresAtMs;
  });
  return same?.seq ?? null;
}
