/** Repairs of a run as a whole, looked at: done again from a step or with another input, or started anew. */
import type { RepairOrder } from "../../core/repair-order.ts";
import { isFinal } from "../../core/run-state.ts";
import type { StoredRun } from "../../store/rows.ts";
import { ended } from "../commands/command-refusals.ts";
import type { Engine } from "../engine.ts";
import { withoutCode } from "../run/without-code.ts";
import type { Prepared, Write } from "./prepared.ts";
import { hasNotEnded, misfit } from "./repair-refusals.ts";
import { correctedInput, fromSeqOf, refuseTakenBack, writeAgain } from "./run-repairs.ts";
import { startAnew } from "./start-anew.ts";

/** Looks at it; what comes back is asked again with the run as it is then, and must not wait. */
export async function prepareRun(
  engine: Engine,
  seen: StoredRun,
  order: RepairOrder,
  frozen: string | null,
): Promise<(stored: StoredRun, write: Write) => Prepared> {
  const { limits } = engine;
  const { run, act, value } = order;
  const workflow = engine.workflow(seen.row.workflow);
  if (act === "anew") {
    if (!isFinal(seen.row.state)) throw hasNotEnded(run);
    if (workflow === null) throw withoutCode(seen.row);
    const changes = { ...order, value: value ?? [] };
    const start = await correctedInput(seen, workflow, changes, frozen, limits);
    const anew = await startAnew(engine, seen, workflow, start);
    return () => ({ data: start.text, needs: NEW_KEYS, start: anew, apply: NOTHING });
  }
  if (isFinal(seen.row.state)) throw ended(run, seen.row.state);
  refuseTakenBack(seen);
  const fromSeq = fromSeqOf(seen.records, act === "again" ? order : { ...order, step: null });
  if (act === "correct" && workflow === null) throw withoutCode(seen.row);
  const corrected =
    act === "correct" && workflow !== null
      ? await correctedInput(seen, workflow, order, frozen, limits)
      : null;
  if (corrected?.changed.length === 0)
    throw misfit(run, "That changes nothing in the input of the run.");
  const step = act === "again" ? order.step : null;
  return (stored, write) => ({
    data: corrected?.text ?? null,
    needs: corrected?.needs ?? null,
    apply(hand) {
      writeAgain(stored, write, { fromSeq, step }, hand, corrected);
    },
  });
}

/** The run itself has ended: nothing of it is written. */
const NOTHING = (): void => undefined;
const NEW_KEYS =
  "a run is started in the place of another: under its new keys the other systems would do again what was done";
