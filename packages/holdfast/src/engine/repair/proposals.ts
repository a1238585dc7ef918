/**
 * Maker and checker: what one person has proposed, frozen, and another has decided. An approval is
 * bound to all that is frozen and to where the run stood: any change voids it. Source: failure
 * model 4.5.
 */
import { canonicalJson } from "../../core/canonical-json.ts";
import { canonicalText } from "../../core/operation-key.ts";
import type { JournalRecord } from "../../core/journal.ts";
import {
  PROPOSAL_MS,
  type DecidedHead,
  type ProposedHead,
  type RepairAct,
  type SaidOutcome,
  type Verdict,
} from "../../core/repaired.ts";
import type { RepairOrder } from "../../core/repair-order.ts";
import { wasApplied } from "../../core/seen.ts";
import type { RunRow, StoredRun } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import type { Digests } from "../journal/digest.ts";
import { headOf } from "../run/recovery.ts";
import type { Prepared } from "./prepared.ts";
import { tooManyProposals } from "./repair-refusals.ts";

type Frozen = Omit<
  ProposedHead,
  "digest" | "reason" | "command" | "needs" | "owner" | "expiresAtMs"
>;

export function proposedHead(
  order: RepairOrder,
  { data, effect, needs }: Prepared,
  { workflow, owner }: Pick<RunRow, "workflow" | "owner">,
  { nowMs, digests }: { readonly nowMs: number; readonly digests: Digests },
): ProposedHead {
  const { act, step, by, reason, version, ref, newKey, command } = order;
  const frozen: Frozen = {
    act,
    step,
    workflow,
    by,
    version,
    ...(effect === undefined ? {} : { effect }),
    ...(ref === undefined ? {} : { ref }),
    ...(newKey === undefined ? {} : { newKey }),
  };
  return {
    ...frozen,
    reason,
    owner,
    needs: needs ?? "",
    digest: frozenDigest(order.run, frozen, data, digests),
    expiresAtMs: nowMs + PROPOSAL_MS,
    ...(command === null ? {} : { command }),
  };
}

/** What one person says of an outcome, and where. */
export interface OutcomeOrder {
  readonly run: Pick<RunRow, "run" | "workflow" | "owner">;
  readonly step: string;
  readonly effect: string;
  readonly said: SaidOutcome;
  readonly version: number;
  readonly ref: string | null;
  /** What the effect would have answered, as JSON; null where it did not happen. */
  readonly data: string | null;
  readonly needs: string;
  readonly by: string;
  readonly reason: string;
  readonly command: string | null;
}

export function proposedOutcome(
  order: OutcomeOrder,
  { nowMs, digests }: { readonly nowMs: number; readonly digests: Digests },
): ProposedHead {
  const { run, step, effect, said, version, ref, data, needs, by, reason, command } = order;
  const { workflow, owner } = run;
  const frozen: Frozen = {
    act: "settle",
    step,
    workflow,
    effect,
    by,
    version,
    said,
    ...(ref === null ? {} : { ref }),
  };
  return {
    ...frozen,
    reason,
    owner,
    needs,
    digest: frozenDigest(run.run, frozen, data, digests),
    expiresAtMs: nowMs + PROPOSAL_MS,
    ...(command === null ? {} : { command }),
  };
}

/** Of everything that would be done, so that what is approved is what was proposed. */
export function frozenDigest(
  run: number,
  { act, step, workflow, effect, by, version, ref, newKey, said }: Frozen,
  data: string | null,
  digests: Digests,
): string {
  const words = [act, step ?? "", workflow, effect ?? "", by, String(version), ref ?? ""];
  const { operation, attempts, happened, parts, exception } = said ?? {};
  const outcome = said === undefined ? [] : [operation, attempts, happened, exception].map(String);
  const ofParts = parts === undefined ? [] : [canonicalJson(parts)];
  const rest = [String(newKey === true), data ?? "", ...outcome, ...ofParts];
  return digests.hex(canonicalText("proposal", [String(run), ...words, ...rest]));
}

/** The order as it was proposed, with the version at which it was. */
export function orderOf(
  run: number,
  head: ProposedHead & { readonly act: RepairAct },
): RepairOrder {
  const { act, step, version, by, reason, ref, newKey } = head;
  return {
    run,
    act,
    step,
    version,
    value: null,
    by,
    reason,
    command: null,
    ...(ref === undefined ? {} : { ref }),
    ...(newKey === undefined ? {} : { newKey }),
  };
}

/** What became of a proposal; null while it is open. */
export function verdictOf(records: readonly JournalRecord[], proposed: number): DecidedHead | null {
  for (const record of records) {
    if (record.kind !== "decided") continue;
    const head = headOf<DecidedHead>(record);
    if (head.proposed === proposed) return head;
  }
  return null;
}

/** Those that may still be approved or rejected. */
function openCountOf(records: readonly JournalRecord[], nowMs: number): number {
  const isOpen = (one: JournalRecord) =>
    one.kind === "proposed" &&
    headOf<ProposedHead>(one).expiresAtMs > nowMs &&
    verdictOf(records, one.seq) === null;
  return records.filter(isOpen).length;
}

/** @throws {HoldfastError} HF4208 where one more would be more than are read. */
export function refuseMoreProposals(
  { row, records }: StoredRun,
  { clock, limits }: Pick<Engine, "clock" | "limits">,
): void {
  const { proposalsOpenMax } = limits;
  const count = openCountOf(records, clock.nowMs());
  if (count >= proposalsOpenMax) throw tooManyProposals(row.run, count);
}

/** The run that this approval has started; null if it has started none. */
export function startedBy(records: readonly JournalRecord[], command: string): number | null {
  const decided = records.find((one) => one.kind === "decided" && wasApplied([one], command));
  return decided === undefined ? null : (headOf<DecidedHead>(decided).started ?? null);
}

/** The proposal that this command has made; null if it was done at once. */
export function proposalOf(records: readonly JournalRecord[], command: string): number | null {
  const made = records.find(
    (record) => record.kind === "proposed" && wasApplied([record], command),
  );
  return made?.seq ?? null;
}

export function decidedHead(
  proposed: number,
  verdict: Verdict,
  said: { readonly by: string; readonly reason: string; readonly command: string | null },
): DecidedHead {
  const { by, reason, command } = said;
  return { proposed, verdict, by, reason, ...(command === null ? {} : { command }) };
}
