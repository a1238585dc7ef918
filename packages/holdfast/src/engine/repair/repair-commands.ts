/** Repairs that lie in the inbox, and what is answered to them. */
import { formatItemId, formatRunId, parseRunId } from "../../core/run-number.ts";
import type { WaitingCommand } from "../../store/rows.ts";
import { saidOfOriginal } from "../commands/command-refusals.ts";
import { commandOf } from "../commands/inbox-command.ts";
import type { InboxAnswer } from "../commands/inbox-bodies.ts";
import type { Engine } from "../engine.ts";
import type { Repaired } from "./repairs.ts";

export async function repairFrom(
  { commands: { repairs } }: Engine,
  row: WaitingCommand,
): Promise<InboxAnswer> {
  const said = { by: row.by, command: row.id };
  if (row.topic === "decide") {
    const { run, ...rest } = commandOf<"decide">({ ...row, topic: "decide" });
    const decision = { ...rest, ...said, run: parseRunId(run) };
    return answerOf(decision.run, await repairs.decide(decision));
  }
  if (row.topic === "settle") {
    const { run, ...rest } = commandOf<"settle">({ ...row, topic: "settle" });
    if (!rest.happened && row.restoredFromMs !== undefined)
      throw saidOfOriginal(run, row.restoredFromMs);
    const outcome = { ...rest, ...said, run: parseRunId(run) };
    return answerOf(outcome.run, await repairs.settle(outcome));
  }
  const { run, look = false, ...rest } = commandOf<"repair">({ ...row, topic: "repair" });
  const order = { ...rest, ...said, run: parseRunId(run) };
  if (look) {
    const needs = await repairs.look(order);
    return { ok: true, ...(needs === null ? {} : { needs }) };
  }
  return answerOf(order.run, await repairs.repair(order));
}

function answerOf(of: number, { proposal, run }: Repaired): InboxAnswer {
  return {
    ok: true,
    ...(run === null ? {} : { run: formatRunId(run) }),
    ...(proposal === null ? {} : { proposal: formatItemId("prp", { run: of, seq: proposal }) }),
  };
}
