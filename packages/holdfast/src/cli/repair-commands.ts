/**
 * Commands that repair one run: supply, skip, edit, again, correct, anew; and those about proposals.
 * Each shows what it would do, and does it only when that plan was confirmed.
 */
import type { Command } from "commander";
import { lookAtRepair } from "../operate/repair/look-at-repair.ts";
import type { JsonChange } from "../core/json-edit.ts";
import { isReplayId } from "../core/replay/replay-plan.ts";
import type { Receipt } from "../operate/command.ts";
import { listProposals } from "../operate/list-work.ts";
import { PAGE_LIMIT_MAX } from "../operate/paging.ts";
import { planRepair, type RepairPlan, type RepairRequest } from "../operate/repair/plan-repair.ts";
import { decideProposal, repairRun } from "../operate/repair/repair-run.ts";
import type { StoreReader } from "../operate/store-care.ts";
import { badUse, withReader, type Context, type Shown, type Work } from "./context.ts";
import { changeOf, jsonValueOf } from "./decision-text.ts";
import {
  decider,
  patience,
  proposalShown,
  receiptShown,
  reference,
  withReason,
  type DeciderOptions,
} from "./deciding.ts";
import { EXIT } from "./exit-code.ts";
import { replayDecided } from "./replay-commands.ts";
import { planText, proposalsText } from "./show-repairs.ts";

type Act = (work: Work) => Promise<void>;

export function addRepairCommands(program: Command, act: Act): void {
  addSupply(program, act);
  addSkip(program, act);
  addEdit(program, act);
  addAgain(program, act);
  addCorrect(program, act);
  addAnew(program, act);
  addProposals(program, act);
  addDecision(program, act, "approve");
  addDecision(program, act, "reject");
}

interface RepairOptions extends DeciderOptions {
  readonly workflow?: string;
  readonly plan?: true;
  readonly yes?: true | string;
}

/** What a repair is asked for, apart from the run. */
type Asked = Omit<RepairRequest, "run" | "workflow">;

function repairing(program: Command, name: string, description: string): Command {
  const command = program
    .command(name)
    .description(description)
    .argument("<run>", "id or business key of the run")
    .option("--workflow <name>", "where runs of several workflows have this key")
    .option("--plan", "show what would be done, and do nothing")
    .option("--yes [digest]", "do it; with the digest of the plan that was shown, that plan alone");
  return withReason(command);
}

function addSupply(program: Command, act: Act): void {
  repairing(program, "supply", "give the result of an effect that cannot be had otherwise")
    .requiredOption("--step <step>", "the step that waits for it")
    .requiredOption("--value <json>", "what the effect would have answered")
    .option("--ref <text>", "the other system's reference, if it was done there by hand")
    .action((run: string, options: RepairOptions & Step & { value: string; ref?: string }) => {
      const { step, value, ref } = options;
      return repair(act, run, options, () => ({
        act: "supply",
        step,
        value: jsonValueOf(value, "--value"),
        ...(ref === undefined ? {} : { ref }),
      }));
    });
}

interface Step {
  readonly step: string;
}

function addSkip(program: Command, act: Act): void {
  repairing(program, "skip", "go on without an effect; a value stands in for its result")
    .requiredOption("--step <step>", "the step that is skipped")
    .option("--value <json>", "what the code gets; default: null")
    .action((run: string, options: RepairOptions & Step & { value?: string }) => {
      const { step, value = "null" } = options;
      const given = () => jsonValueOf(value, "--value");
      return repair(act, run, options, () => ({ act: "skip", step, value: given() }));
    });
}

interface Changes {
  readonly set?: readonly string[];
}

function withChanges(command: Command): Command {
  return command.option(
    "--set <change...>",
    "/pointer=value, as often as needed; a value is JSON or else text",
  );
}

function changesOf({ set = [] }: Changes): readonly JsonChange[] {
  return set.map(changeOf);
}

function someChanges(options: Changes): readonly JsonChange[] {
  const changes = changesOf(options);
  if (changes.length > 0) return changes;
  throw badUse("Nothing was said to change.", "Add, for example: --set '/street=High Street 1'");
}

function addEdit(program: Command, act: Act): void {
  const command = repairing(program, "edit", "try an effect again with a corrected input")
    .requiredOption("--step <step>", "the step that waits")
    .option("--new-key", "it is another intent: send it under a new key");
  withChanges(command).action(
    (run: string, options: RepairOptions & Step & Changes & { newKey?: true }) => {
      const { step, newKey } = options;
      const key = newKey === undefined ? {} : { newKey };
      return repair(act, run, options, () => ({
        act: "edit",
        step,
        value: newKey === true ? changesOf(options) : someChanges(options),
        ...key,
      }));
    },
  );
}

function addAgain(program: Command, act: Act): void {
  repairing(program, "again", "do a run again from one of its steps")
    .requiredOption("--from <step>", "the first step that is done again")
    .action((run: string, options: RepairOptions & { from: string }) =>
      repair(act, run, options, () => ({ act: "again", step: options.from, value: null })),
    );
}

function addCorrect(program: Command, act: Act): void {
  const command = repairing(
    program,
    "correct",
    "correct the input of a run, and do it again with it",
  );
  withChanges(command).action((run: string, options: RepairOptions & Changes) =>
    repair(act, run, options, () => ({ act: "correct", step: null, value: someChanges(options) })),
  );
}

function addAnew(program: Command, act: Act): void {
  const command = repairing(program, "anew", "start a run in the place of one that has ended");
  withChanges(command).action((run: string, options: RepairOptions & Changes) =>
    repair(act, run, options, () => ({ act: "anew", step: null, value: changesOf(options) })),
  );
}

async function repair(
  act: Act,
  run: string,
  options: RepairOptions,
  askedFor: () => Asked,
): Promise<void> {
  await act((context) =>
    withReader(context, async (reader) => {
      const request: RepairRequest = { ...reference(run, options), ...askedFor() };
      const drafted = await planRepair(reader, request);
      if (options.yes === true || options.yes === drafted.digest)
        return await carriedOut(reader, request, drafted, options, context);
      const plan = await lookedAt(reader, request, drafted, options, context);
      if (options.plan === true) return planned(plan);
      const confirmed = await confirmedPlan(reader, request, plan, options, context);
      if (!("version" in confirmed)) return confirmed;
      return await carriedOut(reader, request, confirmed, options, context);
    }),
  );
}

async function carriedOut(
  reader: StoreReader,
  request: RepairRequest,
  plan: RepairPlan,
  options: RepairOptions,
  context: Context,
): Promise<Shown> {
  const by = decider(options, context);
  const receipt = await repairRun(reader, plan, request, by, patience(options, context));
  return repairedShown(receipt, plan);
}

/** With what an engine says of it; as it was drafted where none does. */
async function lookedAt(
  reader: StoreReader,
  request: RepairRequest,
  drafted: RepairPlan,
  options: RepairOptions,
  context: Context,
): Promise<RepairPlan> {
  const { by } = decider(options, context);
  const looked = await lookAtRepair(reader, drafted, request, by, patience(options, context));
  if (looked === null) return drafted;
  const { needs } = looked;
  return { ...drafted, isLookedAt: true, secondPerson: drafted.secondPerson ?? needs };
}

function planned(plan: RepairPlan): Shown {
  return { document: { outcome: "planned", plan }, text: (look) => planText(plan, look) };
}

/** The plan as it was confirmed; or what is shown instead, where it was not. */
async function confirmedPlan(
  reader: StoreReader,
  request: RepairRequest,
  plan: RepairPlan,
  { yes }: RepairOptions,
  { terminal }: Context,
): Promise<RepairPlan | Shown> {
  if (yes === true || yes === plan.digest) return plan;
  if (yes !== undefined) return notDone("moved", plan, MOVED);
  if (terminal.ask === undefined) return notDone("unconfirmed", plan, "Nothing was done.");
  const look = { screen: { width: terminal.width, hasColor: false }, nowMs: 0 };
  terminal.out(`${planText(plan, look)}\n`);
  const answer = await terminal.ask('Type "yes" to do this: ');
  if (answer.trim().toLowerCase() !== "yes")
    return notDone("unconfirmed", plan, "Nothing was done.");
  // Somebody else may have been quicker than the person who was asked.
  const now = await planRepair(reader, request);
  return now.digest === plan.digest ? plan : notDone("moved", now, MOVED);
}

const MOVED = "Nothing was done: this is not the plan that was confirmed. It is now:";

function notDone(outcome: "moved" | "unconfirmed", plan: RepairPlan, sentence: string): Shown {
  return {
    document: { outcome, plan },
    text: (look) => `${sentence}\n${planText(plan, look)}`,
    remark: `To do it: the same command with --yes ${plan.digest}`,
    exitCode: EXIT.refused,
  };
}

function repairedShown(receipt: Receipt, { act, run }: RepairPlan): Shown {
  const { proposal, started } = receipt;
  if (proposal === null) {
    const done =
      started === null ? `${act} of run ${run}` : `run ${started} is started in its place`;
    return receiptShown(receipt, done);
  }
  return proposalShown(receipt, proposal);
}

interface ProposalsOptions {
  readonly limit: number;
  readonly after?: string;
  readonly all?: true;
}

function addProposals(program: Command, act: Act): void {
  program
    .command("proposals")
    .description("list repairs that a second person has to approve")
    .option("--all", "also decided and withdrawn ones")
    .option("--after <run>", "go on after this run")
    .action(({ ...options }: Omit<ProposalsOptions, "limit">) =>
      act((context) =>
        withReader(context, async (reader) => {
          const page = await listProposals(reader, { ...options, limit: PAGE_LIMIT_MAX });
          return { document: page, text: (look) => proposalsText(page, look) };
        }),
      ),
    );
}

function addDecision(program: Command, act: Act, verdict: "approve" | "reject"): void {
  const isApproval = verdict === "approve";
  const command = program
    .command(verdict)
    .description(isApproval ? "approve a proposal, which is done then" : "reject a proposal")
    .argument(
      "<proposal>",
      "id of the proposal, as listed by: holdfast proposals; or of a replay plan",
    );
  withReason(command).action((proposal: string, options: DeciderOptions) =>
    act(async (context) => {
      if (isReplayId(proposal))
        return await replayDecided(proposal, isApproval ? "approve" : "stop", options, context);
      return await withReader(context, async (reader) => {
        const receipt = await decideProposal(
          reader,
          proposal,
          isApproval,
          decider(options, context),
          patience(options, context),
        );
        const started = receipt.started === null ? "" : `; run ${receipt.started} is started`;
        const done = isApproval ? "approved and done" : "rejected";
        return receiptShown(receipt, `proposal ${proposal} is ${done}${started}`);
      });
    }),
  );
}
