/**
 * An item of a replay plan that needs two people. What its command says of an approval is no evidence:
 * the plan's own journal has who approved what, and the command has to be what that says of this item.
 */
import { canonicalJson } from "../../core/canonical-json.ts";
import { parseJson } from "../../core/json-text.ts";
import type { RepairOrder } from "../../core/repair-order.ts";
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
  REPLAY_WORKFLOW,
  repairBy,
  type ReplayPlan,
} from "../../core/replay/replay-plan.ts";
import { formatRunId, parseRunId } from "../../core/run-number.ts";
import { stepNameOf } from "../../core/step-path.ts";
import type { StoredRun } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import { requireReadable } from "../run/unreadable-run.ts";
import { misfit } from "./repair-refusals.ts";

/**
 * Who has approved it with the plan; null if the plan was started by one person alone.
 *
 * @throws {HoldfastError} HF6003 if it is no item of a plan that was started, or not this one.
 */
export async function approverOfPlan(
  { store, committer }: Pick<Engine, "store" | "committer">,
  order: RepairOrder,
  planRun: string,
): Promise<string | null> {
  await committer.durable();
  const [stored] = await store.load([parseRunId(planRun)]);
  if (stored === undefined || stored.row.workflow !== REPLAY_WORKFLOW)
    throw misfit(order.run, `${planRun} is no replay plan.`);
  requireReadable(stored);
  const plan = parseJson(stored.records[0]?.data ?? "null") as ReplayPlan;
  const { approvedBy, startedBy } = controlOf(plan, stored);
  if (startedBy === null) throw misfit(order.run, `${plan.id} was not started.`);
  const [run, seq = 0, , version] = plan.items[order.item ?? -1] ?? [];
  const { how } = plan;
  const exception = await store.exception(order.run, seq);
  if (how === undefined || exception === null || run !== formatRunId(order.run))
    throw misfit(order.run, `${plan.id} says nothing of it.`);
  const { act, step, value } = order;
  const said = { act: how.act, ...repairBy(how, exception.step), version };
  if (canonicalJson(said) !== canonicalJson({ act, step, value, version: order.version }))
    throw misfit(order.run, `${plan.id} says something else of it.`);
  return approvedBy;
}

function controlOf(plan: ReplayPlan, { records }: StoredRun): ReplayControl {
  let control = PLANNED;
  for (const { kind, name, data } of records) {
    if (data === null) continue;
    // Each was written by the engine with the shape of its kind.
    if (kind === "event") {
      const decided = decide(control, plan, parseJson(data) as ReplayDecision);
      if (decided.kind === "accepted") ({ control } = decided);
    } else if (kind === "result" && stepNameOf(name).name === REPLAY_CHECK_STEP)
      control = afterCheck(control, parseJson(data) as ReplayChecked);
  }
  return control;
}
