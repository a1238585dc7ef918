/** Commands about classification rules: what operators say that failures are. */
import { Option, type Command } from "commander";
import { ruleName, type ClassificationRule } from "../core/classification-rule.ts";
import {
  addRules,
  changeRule,
  keptRules,
  listRules,
  ruleNamed,
  rulesOfText,
  ruleToChange,
} from "../operate/rules.ts";
import { tryRules, tryWithout } from "../operate/try-rules.ts";
import { listUnclassified } from "../operate/unclassified.ts";
import { badUse, withReader, type Context, type Work } from "./context.ts";
import { decider, patience, receiptShown, withReason, type DeciderOptions } from "./deciding.ts";
import { textOfFile } from "./file-text.ts";
import { wholeNumber } from "./option-values.ts";
import { ruleTrialText, rulesText, unclassifiedText } from "./show-rules.ts";

type Act = (work: Work) => Promise<void>;

const DAYS_DEFAULT = 30;
const DAYS_MAX = 3_650;
/** Of a file of rules. */
const BYTES_MAX = 1_000_000;

export function addRuleCommands(program: Command, act: Act): void {
  const rules = program
    .command("rules")
    .description("list rules by which operators say what failures are, and how often each is met")
    .option("--dead", "only those in force that nothing meets any more")
    .action((options: { readonly dead?: true }) =>
      act((context) =>
        withReader(context, async (reader) => {
          const all = await listRules(reader, context.outside.nowMs());
          const shown = options.dead === true ? all.filter(({ isDead }) => isDead) : all;
          return { document: { rules: shown }, text: (look) => rulesText(shown, look) };
        }),
      ),
    );
  addAdd(rules, act);
  addTest(rules, act);
  addUnclassified(rules, act);
  addShadow(rules, act);
  addChange(rules, act, "activate", "put a rule in force; by another person than its author");
  addChange(rules, act, "retire", "take a rule away; what it has decided stays decided");
}

function addAdd(rules: Command, act: Act): void {
  const command = rules
    .command("add")
    .description("add rules as drafts, which do nothing yet")
    .argument("<file>", "a rule or a list of rules as JSON; - for the standard input")
    .option("--assert <text>", "how you know that nothing happened, for a rule that says so");
  withReason(command).action(
    (file: string, options: DeciderOptions & { readonly assert?: string }) =>
      act((context) =>
        withReader(context, async (reader) => {
          const given = {
            rules: rulesOfText(await textOf(context, file)),
            assertion: options.assert ?? null,
          };
          const doing = decider(options, context);
          const added = await addRules(reader, given, doing, patience(options, context));
          const shown = added.map(({ name, receipt }) =>
            receiptShown(receipt, `${name} is a draft`),
          );
          return {
            document: { added: shown.map(({ document }) => document) },
            text: (look) => shown.map(({ text }) => text(look)).join("\n"),
          };
        }),
      ),
  );
}

interface DaysOptions {
  readonly days: number;
}

function withDays(command: Command): Command {
  return command.addOption(
    new Option("--days <days>", "how far back")
      .default(DAYS_DEFAULT)
      .argParser(wholeNumber("--days", 1, DAYS_MAX)),
  );
}

function addTest(rules: Command, act: Act): void {
  const command = rules
    .command("test")
    .description("say what rules would have made of the failures on record; nothing is changed")
    .argument("[file]", "a rule or a list of rules as JSON; - for the standard input")
    .option("--rule <rule>", "a rule that was added, in the place of a file")
    .option("--assert <text>", "as with add");
  withDays(command).action(
    (
      file: string | undefined,
      options: DaysOptions & { readonly rule?: string; readonly assert?: string },
    ) =>
      act((context) =>
        withReader(context, async (reader) => {
          const { days, rule: named } = options;
          const nowMs = context.outside.nowMs();
          if ((file === undefined) === (named === undefined)) {
            throw badUse(
              "Name a file of rules, or a rule that was added.",
              "For example: holdfast rules test FILE; or: holdfast rules test --rule ID",
            );
          }
          const kept =
            named === undefined
              ? null
              : ruleNamed(await keptRules(reader), named, ["draft", "shadow"]);
          const tried = kept === null ? rulesOfText(await textOf(context, file ?? "-")) : [kept];
          const assertion = kept?.assertion?.text ?? options.assert ?? null;
          const trial = await tryRules(reader, tried, { days, nowMs, assertion });
          return { document: trial, text: () => ruleTrialText(trial) };
        }),
      ),
  );
}

function addUnclassified(rules: Command, act: Act): void {
  const command = rules
    .command("unclassified")
    .description("list failures that no rule knows, each with a draft of a rule")
    .option("--drafts", "only the drafts, as JSON for: holdfast rules add - --reason TEXT");
  withDays(command).action((options: DaysOptions & { readonly drafts?: true }) =>
    act((context) =>
      withReader(context, async (reader) => {
        const page = await listUnclassified(reader, {
          days: options.days,
          nowMs: context.outside.nowMs(),
        });
        if (options.drafts !== true) {
          return { document: page, text: (look) => unclassifiedText(page, look) };
        }
        const drafts = page.groups.map(({ draft }) => draft);
        return { document: drafts, text: () => JSON.stringify(drafts, null, 2) };
      }),
    ),
  );
}

function addShadow(rules: Command, act: Act): void {
  const command = rules
    .command("shadow")
    .description("let a draft watch: it decides nothing, and its hits are counted")
    .argument("<rule>", NAMED);
  withReason(command).action((named: string, options: DeciderOptions) =>
    act((context) =>
      withReader(context, async (reader) => {
        const doing = decider(options, context);
        const waits = patience(options, context);
        const { name, receipt } = await changeRule(reader, "shadow", named, doing, waits);
        return receiptShown(receipt, `${name} is in shadow`);
      }),
    ),
  );
}

const NAMED = "its id, or id@version";

interface ChangeOptions extends DeciderOptions {
  readonly yes?: true;
}

/** What changes what failures are: shown first, and done with `--yes`. */
function addChange(
  rules: Command,
  act: Act,
  kind: "activate" | "retire",
  description: string,
): void {
  const command = rules
    .command(kind)
    .description(description)
    .argument("<rule>", NAMED)
    .option("--yes", "do it; without it only what it would have changed is shown");
  withReason(command).action((named: string, options: ChangeOptions) =>
    act((context) =>
      withReader(context, async (reader) => {
        const rule = ruleToChange(await keptRules(reader), kind, named);
        const span = { days: DAYS_DEFAULT, nowMs: context.outside.nowMs() };
        const trial =
          kind === "retire"
            ? await tryWithout(reader, rule, span)
            : await tryRules(reader, [rule], { ...span, assertion: rule.assertion?.text ?? null });
        // The version that was tried, whatever is added meanwhile.
        const name = ruleName(rule);
        if (options.yes !== true) {
          const next = `Nothing was changed. To ${kind} ${name}, add --yes.`;
          const document = { rule: name, trial, message: next };
          return { document, text: () => [ruleTrialText(trial), next].join("\n") };
        }
        const doing = decider(options, context);
        const waits = patience(options, context);
        const { receipt } = await changeRule(reader, kind, name, doing, waits);
        const now = (await keptRules(reader)).find((one) => ruleName(one) === name);
        const shown = receiptShown(receipt, changedText(kind, name, now));
        return {
          ...shown,
          document: Object.assign({}, shown.document, { trial }),
          text: (look) => [ruleTrialText(trial), shown.text(look)].join("\n"),
        };
      }),
    ),
  );
}

function changedText(
  kind: "activate" | "retire",
  name: string,
  now: ClassificationRule | undefined,
): string {
  if (kind === "activate") return `${name} is in force`;
  return now?.state === "active" && now.retiring !== undefined
    ? `${name} is to be retired, when somebody else has given the same`
    : `${name} is retired`;
}

async function textOf({ outside }: Context, file: string): Promise<string> {
  if (file === "-") return await outside.readInput(BYTES_MAX);
  return await textOfFile(outside, file, BYTES_MAX);
}
