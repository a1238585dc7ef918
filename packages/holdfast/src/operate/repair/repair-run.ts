/**
 * Repairing one run, as one use case: a plan that was shown goes in, and what became of it comes out.
 * For a list of runs it is called for each, with the plan that was frozen.
 */
import { HoldfastError } from "../../core/error.ts";
import { parseItemId, formatRunId } from "../../core/run-number.ts";
import type { StoreReader } from "../../store/store.ts";
import { giveCommand, type Patience, type Receipt } from "../command.ts";
import type { Decider } from "../decisions.ts";
import { quoted } from "../find-run.ts";
import { PAGE_LIMIT_MAX } from "../paging.ts";
import { isProposal } from "./list-proposals.ts";
import type { RepairPlan, RepairRequest } from "./plan-repair.ts";

/**
 * Gives the order to the engine, which refuses it if the run has moved since the plan was made.
 *
 * @throws {HoldfastError} HF6003, HF6004, HF6007 (the run has moved), HF4102 (a value does not fit),
 *   HF6005.
 */
export function repairRun(
  reader: StoreReader,
  { run, version }: Pick<RepairPlan, "run" | "version">,
  { act, step, value, ref, newKey }: RepairRequest,
  { by, reason }: Decider,
  patience: Patience,
): Promise<Receipt> {
  const body = {
    run,
    act,
    step,
    version,
    value,
    reason,
    ...(ref === undefined ? {} : { ref }),
    ...(newKey === undefined ? {} : { newKey }),
  };
  return giveCommand(reader, { topic: "repair", by, body }, patience);
}

/**
 * Approves or rejects a proposal (`prp_...`).
 *
 * @throws {HoldfastError} HF6001 (no such proposal), HF6002 (its maker approves it), HF6003 (it was
 *   decided, or has expired), HF6007 (its run has moved), HF6005.
 */
export async function decideProposal(
  reader: StoreReader,
  proposalId: string,
  approve: boolean,
  { by, reason }: Decider,
  patience: Patience,
): Promise<Receipt> {
  const { run, seq } = parseItemId("prp", proposalId);
  const of = { afterRun: run - 1, limit: PAGE_LIMIT_MAX, run, all: true };
  const row = (await reader.reviews(of)).find((one) => one.seq === seq && isProposal(one));
  if (row === undefined) {
    throw new HoldfastError(
      "HF6001",
      `There is no proposal ${quoted(proposalId)} in this store.`,
      "List them with: holdfast proposals --all",
    );
  }
  if (row.state !== "open") {
    const who = row.answeredBy === null ? "" : ` by ${row.answeredBy}`;
    throw new HoldfastError(
      "HF6003",
      `The proposal is no longer open: it was ${row.state}${who}.`,
      `See what became of it: holdfast show ${formatRunId(run)}`,
      { where: proposalId },
    );
  }
  const body = { run: formatRunId(run), seq, approve, reason };
  return giveCommand(reader, { topic: "decide", by, body }, patience);
}
