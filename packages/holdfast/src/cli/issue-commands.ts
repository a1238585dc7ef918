/** Commands about groups of exceptions, and about the rules by which exceptions go to owners. */
import { Argument, Option, type Command } from "commander";
import { ISSUE_LEVELS, type IssueLevel } from "../core/fingerprint.ts";
import type { IssueAct } from "../core/issue-overlay.ts";
import type { Patience } from "../operate/command.ts";
import { decideIssue } from "../operate/exception-acts.ts";
import { listIssues } from "../operate/list-issues.ts";
import { PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX } from "../operate/paging.ts";
import {
  approveRouting,
  proposeRouting,
  routingHistory,
  rulesOf,
  tryRouting,
  type RoutingTrial,
} from "../operate/routing.ts";
import type { StoreReader } from "../operate/store-care.ts";
import { withReader, type Context, type Shown, type Work } from "./context.ts";
import { textOfFile } from "./file-text.ts";
import { personOf, reasonOf, waitMs, wholeNumber } from "./option-values.ts";
import { issuesText, routingText, trialText } from "./show-issues.ts";
import { receiptShown } from "./deciding.ts";
import { untilOf, withUntil, type UntilOptions } from "./until-options.ts";

type Act = (work: Work) => Promise<void>;

interface DeciderOptions {
  readonly by?: string;
  readonly wait: number;
  readonly reason: string;
}

export function addIssueCommands(program: Command, act: Act): void {
  addIssues(program, act);
  addMute(program, act);
  decision(program, act, "unmute", "let a group be heard again", () => ({ kind: "unmuted" }));
  addResolve(program, act);
  decision(program, act, "reopen", "say that a group is not mended", () => ({ kind: "reopened" }));
  addMerge(program, act);
  decision(program, act, "unmerge", "show a group by itself again", () => ({ kind: "unmerged" }));
  addSplit(program, act);
  decision(program, act, "unsplit", "show a group as one again", () => ({ kind: "unsplit" }));
  addRouting(program, act);
}

interface IssuesOptions {
  readonly level: IssueLevel;
  readonly limit: number;
  readonly all?: true;
}

function addIssues(program: Command, act: Act): void {
  program
    .command("issues")
    .description("list exceptions by cause, those first that were seen last")
    .option("--all", "also muted and resolved ones, and those with nothing open")
    .addOption(
      new Option("--level <level>", "how fine the groups are")
        .choices(ISSUE_LEVELS)
        .default("place"),
    )
    .addOption(
      new Option("--limit <rows>", "rows at most")
        .default(PAGE_LIMIT_DEFAULT)
        .argParser(wholeNumber("--limit", 1, PAGE_LIMIT_MAX)),
    )
    .action((options: IssuesOptions) =>
      act((context) =>
        withReader(context, async (reader) => {
          const page = await listIssues(reader, options, context.outside.nowMs());
          return { document: page, text: (look) => issuesText(page, look) };
        }),
      ),
    );
}

function decider(command: Command): Command {
  return command
    .requiredOption("--reason <text>", "why; goes on record")
    .option("--by <name>", "who decides; default: your name on this system")
    .addOption(
      new Option("--wait <duration>", "how long to wait for the engine's answer")
        .default(10_000, "10s")
        .argParser(waitMs),
    );
}

function decision(
  program: Command,
  act: Act,
  name: string,
  description: string,
  actOf: () => IssueAct,
): void {
  const command = program.command(name).description(description).argument("<issue>", ISSUE);
  decider(command).action((issue: string, options: DeciderOptions) =>
    act((context) => decided(context, issue, options, async () => actOf())),
  );
}

const ISSUE = "id of the group, as listed by: holdfast issues";

type MuteOptions = DeciderOptions & UntilOptions;

function addMute(program: Command, act: Act): void {
  const command = program
    .command("mute")
    .description("keep a group out of the list until something has happened")
    .argument("<issue>", ISSUE);
  decider(withUntil(command, "until a newer version brings it again")).action(
    (issue: string, options: MuteOptions) =>
      act((context) =>
        decided(context, issue, options, async (reader) => {
          const until = await untilOf(reader, options, context.outside.nowMs());
          return { kind: "muted", until };
        }),
      ),
  );
}

function addResolve(program: Command, act: Act): void {
  const command = program
    .command("resolve")
    .description("say in which version of the code a group is mended")
    .argument("<issue>", ISSUE)
    .requiredOption("--in <version>", "seen again in it or in a newer one, it has regressed");
  decider(command).action((issue: string, options: DeciderOptions & { readonly in: string }) =>
    act((context) =>
      decided(context, issue, options, async () => ({ kind: "resolved", inVersion: options.in })),
    ),
  );
}

function addMerge(program: Command, act: Act): void {
  const command = program
    .command("merge")
    .description("show a group as part of another")
    .argument("<issue>", ISSUE)
    .argument("<into>", "the group that it is shown with");
  decider(command).action((issue: string, into: string, options: DeciderOptions) =>
    act((context) => decided(context, issue, options, async () => ({ kind: "merged", into }))),
  );
}

function addSplit(program: Command, act: Act): void {
  const command = program
    .command("split")
    .description("show the finer groups of a group in its place")
    .argument("<issue>", ISSUE)
    .addArgument(new Argument("<level>", "by what").choices(["code", "data"]));
  decider(command).action((issue: string, level: string, options: DeciderOptions) =>
    act((context) =>
      decided(context, issue, options, async () => ({
        kind: "split",
        by: level === "data" ? "data" : "code",
      })),
    ),
  );
}

async function decided(
  context: Context,
  issue: string,
  options: DeciderOptions,
  actOf: (reader: StoreReader) => Promise<IssueAct>,
): Promise<Shown> {
  return await withReader(context, async (reader) => {
    const doing = { by: personOf(options.by, context), reason: reasonOf(options.reason) };
    const act = await actOf(reader);
    const receipt = await decideIssue(reader, issue, act, doing, patience(options, context));
    return receiptShown(receipt, `group ${issue} is ${act.kind}`);
  });
}

function patience({ wait }: DeciderOptions, { outside }: Context): Patience {
  return { waitMs: wait, nowMs: outside.nowMs, pause: outside.pause };
}

/** Characters of a file with rules. */
const RULES_CHARS_MAX = 1_000_000;

function addRouting(program: Command, act: Act): void {
  const routing = program
    .command("routing")
    .description("rules by which exceptions go to other owners than code has declared");
  routing
    .command("show")
    .description("show the rules that are in force, and who set those before")
    .action(() =>
      act((context) =>
        withReader(context, async (reader) => {
          const history = await routingHistory(reader, context.outside.nowMs());
          return { document: history, text: (look) => routingText(history, look) };
        }),
      ),
    );
  routing
    .command("test")
    .description("say how many exceptions of the past would have had another owner")
    .argument("<file>", "rules as JSON")
    .action((file: string) =>
      act((context) =>
        withReader(context, async (reader) => {
          const trial = await tryRouting(
            reader,
            rulesOf(await textOfFile(context.outside, file, RULES_CHARS_MAX)),
          );
          return { document: trial, text: () => trialText(trial) };
        }),
      ),
    );
  const set = routing
    .command("set")
    .description("propose rules for exceptions to come; another person puts them in force")
    .argument("<file>", "rules as JSON; an empty list takes all rules away")
    .addOption(
      new Option("--instead-of <version>", "the proposal that yours takes the place of").argParser(
        wholeNumber("--instead-of", 1, Number.MAX_SAFE_INTEGER),
      ),
    );
  decider(set).action((file: string, options: DeciderOptions & { readonly insteadOf?: number }) =>
    act((context) =>
      withReader(context, async (reader) => {
        const rules = rulesOf(await textOfFile(context.outside, file, RULES_CHARS_MAX));
        const doing = {
          by: personOf(options.by, context),
          reason: reasonOf(options.reason),
          insteadOf: options.insteadOf ?? null,
        };
        const waits = patience(options, context);
        const { receipt, trial, version } = await proposeRouting(reader, rules, doing, waits);
        const name = `version ${String(version)}`;
        const shown = receiptShown(
          receipt,
          `${String(rules.length)} routing rules are proposed as ${name}`,
        );
        return withTrial(shown, trial, [
          `Somebody else puts them in force: holdfast routing approve ${String(version)} --reason "..."`,
        ]);
      }),
    ),
  );
  addApprove(routing, act);
}

function addApprove(routing: Command, act: Act): void {
  const command = routing
    .command("approve")
    .description("put rules in force that another person has proposed")
    .argument("<version>", "of the proposal, as shown by: holdfast routing show");
  decider(command).action((given: string, options: DeciderOptions) =>
    act((context) =>
      withReader(context, async (reader) => {
        const version = wholeNumber("version", 1, Number.MAX_SAFE_INTEGER)(given);
        const doing = { by: personOf(options.by, context), reason: reasonOf(options.reason) };
        const waits = patience(options, context);
        const { receipt, trial } = await approveRouting(reader, version, doing, waits);
        return withTrial(receiptShown(receipt, "the routing rules are in force"), trial, []);
      }),
    ),
  );
}

/** What was decided, below what it would have done to what is there. */
function withTrial(shown: Shown, trial: RoutingTrial, next: readonly string[]): Shown {
  const document: unknown = Object.assign({}, shown.document, { trial });
  return {
    ...shown,
    document,
    text: (look) => [trialText(trial), shown.text(look), ...next].join("\n"),
  };
}
