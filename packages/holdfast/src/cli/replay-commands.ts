/** Commands about replay plans: replay (makes one, shows one, decides about one) and replays. */
import { Option, type Command } from "commander";
import { REPLAY_ACTS, type ReplayAct } from "../core/replay/replay-control.ts";
import {
  isReplayId,
  nothingRuns,
  REPLAY_ITEMS_MAX,
  secondPersonFor,
  type ReplayMode,
  type ReplayPlan,
} from "../core/replay/replay-plan.ts";
import { PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX } from "../operate/paging.ts";
import { planReplay, type PlannedReplay } from "../operate/replay/plan-replay.ts";
import {
  decideReplay,
  listReplays,
  showReplay,
  type ReplayDetails,
  type ReplayReceipt,
} from "../operate/replay/replay-acts.ts";
import { badUse, withReader, type Context, type Shown, type Work } from "./context.ts";
import { changeOf, jsonValueOf } from "./decision-text.ts";
import { byPerson, patience, type PersonOptions } from "./deciding.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { personOf, reasonOf, wholeNumber } from "./option-values.ts";
import { pacingOf, withPlanOptions, type PlanOptions } from "./plan-options.ts";
import { plannedText, replaysText, replayText } from "./show-replays.ts";

type Act = (work: Work) => Promise<void>;

export function addReplayCommands(program: Command, act: Act): void {
  addReplay(program, act);
  addReplays(program, act);
}

interface ReplayOptions extends PersonOptions, PlanOptions {
  readonly reason?: string;
  readonly from?: string;
  readonly set?: readonly string[];
  readonly setInput?: readonly string[];
  readonly supply?: string;
  readonly skip?: string;
  readonly evenSameVersion?: true;
  readonly start?: true;
  readonly pause?: true;
  readonly resume?: true;
  readonly stop?: true;
  readonly limit: number;
  readonly after?: number;
}

function addReplay(program: Command, act: Act): void {
  const command = withPlanOptions(
    program
      .command("replay")
      .description("plan to let many runs go on at once; show such a plan, start it, stop it")
      .argument("<query-or-plan>", "terms field:value, for example 'issue:f2.1.0abc'; or rpl_...")
      .option("--reason <text>", "why; goes on record"),
  )
    .option("--from <step>", "do each run again from this step, in the place of a resume")
    .option("--set <change...>", "/pointer=value: correct the input of each effect, as edit does")
    .option(
      "--set-input <change...>",
      "/pointer=value: correct the input of each run, as correct does",
    )
    .option("--supply <json>", "give each effect this result, as supply does; sends nothing")
    .option("--skip <json>", "go on without each effect, as skip does; the code gets this value")
    .option("--even-same-version", "also defects of the version that still runs")
    .option("--start", "start a plan that was shown")
    .option("--pause", "begin no item until it is resumed")
    .option("--resume", "go on with a plan that is paused")
    .option("--stop", "begin no item any more")
    .addOption(
      new Option("--limit <items>", "items shown at most")
        .default(PAGE_LIMIT_DEFAULT)
        .argParser(wholeNumber("--limit", 1, PAGE_LIMIT_MAX)),
    )
    .addOption(
      new Option("--after <item>", "go on after this item").argParser(
        wholeNumber("--after", 0, 2 * REPLAY_ITEMS_MAX),
      ),
    );
  byPerson(command).action((what: string, options: ReplayOptions) =>
    act((context) => replay(what.trim(), options, context)),
  );
}

/** A second person says it with: holdfast approve. */
const ACTS = REPLAY_ACTS.filter((one) => one !== "approve");

async function replay(what: string, options: ReplayOptions, context: Context): Promise<Shown> {
  const asked = ACTS.filter((one) => options[one] === true);
  const [first] = asked;
  if (asked.length > 1)
    throw badUse(`--${asked.join(" and --")} are two decisions.`, "Give one of them.");
  if (isReplayId(what))
    return first === undefined
      ? shown(what, options, context)
      : replayDecided(what, first, options, context);
  if (first !== undefined)
    throw badUse(
      `--${first} is about a plan, and this is a query: nothing was shown yet.`,
      "Make the plan without it, look at what it says, then give its id (rpl_...).",
    );
  return planned(what, options, context);
}

function planned(query: string, options: ReplayOptions, context: Context): Promise<Shown> {
  const { reason, evenSameVersion } = options;
  const request = {
    query,
    by: personOf(options.by, context),
    reason: reasonGiven(reason, "A plan"),
    ...pacingOf(options),
    evenSameVersion: evenSameVersion === true,
    how: modeOf(options),
    to: null,
  };
  return withReader(context, async (reader) =>
    plannedShown(await planReplay(reader, request, patience(options, context))),
  );
}

function modeOf({ from, set, setInput, supply, skip }: ReplayOptions): ReplayMode | null {
  const ways = { "--from": from, "--set": set, "--set-input": setInput, "--supply": supply };
  const given = Object.entries({ ...ways, "--skip": skip }).filter(([, way]) => way !== undefined);
  if (given.length > 1) {
    const names = given.map(([name]) => name).join(" and ");
    throw badUse(`${names} are several ways to go on.`, "Give one of them.");
  }
  if (from !== undefined) return { act: "again", step: from };
  if (setInput !== undefined) return { act: "correct", changes: setInput.map(changeOf) };
  if (set !== undefined) return { act: "edit", changes: set.map(changeOf) };
  if (supply !== undefined) return { act: "supply", value: jsonValueOf(supply, "--supply") };
  return skip === undefined ? null : { act: "skip", value: jsonValueOf(skip, "--skip") };
}

export function plannedShown(result: PlannedReplay): Shown {
  const { plan, outcome, notBefore } = result;
  const secondPerson = secondPersonFor(plan);
  return {
    document: { outcome, plan, secondPerson, notBefore },
    text: () => plannedText(result, secondPerson),
    exitCode: exitOf(plan, secondPerson),
  };
}

function exitOf(plan: ReplayPlan, secondPerson: string | null): ExitCode {
  if (nothingRuns(plan) !== null) return EXIT.refused;
  return secondPerson === null ? EXIT.ok : EXIT.needsPerson;
}

function shown(id: string, { limit, after }: ReplayOptions, context: Context): Promise<Shown> {
  return withReader(context, async (reader) =>
    detailsShown(
      await showReplay(reader, id, { limit, after: after ?? null }, context.outside.nowMs()),
    ),
  );
}

/** For scripts a line for the plan, then one for each item: they come in any number. */
function detailsShown(details: ReplayDetails): Shown {
  const { items, plan, ...summary } = details;
  return {
    document: details,
    lines: [{ ...summary, shown: plan.shown, money: plan.money }, ...items],
    text: (look) => replayText(details, look),
  };
}

export function replayDecided(
  id: string,
  what: ReplayAct,
  options: PersonOptions & { readonly reason?: string },
  context: Context,
): Promise<Shown> {
  const { reason } = options;
  const decider = {
    by: personOf(options.by, context),
    // Why it is started was said when it was planned, and is approved with it.
    reason: what === "start" && reason === undefined ? "started" : reasonGiven(reason, `--${what}`),
  };
  return withReader(context, async (reader) =>
    receiptShown(await decideReplay(reader, id, what, decider, patience(options, context))),
  );
}

function reasonGiven(reason: string | undefined, what: string): string {
  if (reason !== undefined) return reasonOf(reason);
  throw badUse(`${what} needs a reason, which goes on record.`, 'Add --reason "...".');
}

const DONE: Readonly<Record<ReplayAct, string>> = {
  approve: "is approved",
  start: "is started",
  pause: "is paused: what is under way comes to its end, nothing else begins",
  resume: "goes on",
  stop: "is stopped: what is under way comes to its end, nothing else begins",
};

function receiptShown(receipt: ReplayReceipt): Shown {
  const { id, act, by, outcome } = receipt;
  const message =
    outcome === "applied"
      ? `Done by ${by}: ${id} ${DONE[act]}.`
      : outcome === "sent"
        ? `The decision about ${id} was left for the engine, which runs; its answer was not waited for.`
        : `No engine runs on this store. The decision about ${id} is kept until one starts.`;
  const next = `See what becomes of it: holdfast replay ${id}`;
  return { document: { ...receipt, message }, text: () => `${message}\n${next}` };
}

function addReplays(program: Command, act: Act): void {
  program
    .command("replays")
    .description("list replay plans, oldest first")
    .addOption(
      new Option("--limit <rows>", "rows at most")
        .default(PAGE_LIMIT_DEFAULT)
        .argParser(wholeNumber("--limit", 1, PAGE_LIMIT_MAX)),
    )
    .option("--after <run>", "go on after the plan with this run")
    .action((options: { readonly limit: number; readonly after?: string }) =>
      act((context) =>
        withReader(context, async (reader) => {
          const page = await listReplays(reader, options);
          return { document: page, text: (look) => replaysText(page, look) };
        }),
      ),
    );
}
