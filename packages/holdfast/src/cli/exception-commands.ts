/** Commands that deal with exceptions without deciding about their runs: assign, note, tag, link, wait. */
import { Argument, Option, type Command } from "commander";
import { LINK_KINDS, WAITS_FOR } from "../core/exception-handling.ts";
import type { AskedAct } from "../core/parse-acts.ts";
import { formatItemId } from "../core/run-number.ts";
import {
  handleAll,
  planOf,
  selectExceptions,
  BULK_MAX,
  type BulkOutcome,
  type BulkPlan,
} from "../operate/exception-acts.ts";
import { badUse, withReader, type Context, type Shown, type Work } from "./context.ts";
import { filtered, isFilter, NOBODY, wantedBy, type FilterOptions } from "./exception-filter.ts";
import { EXIT } from "./exit-code.ts";
import { personOf, reasonOf, waitMs } from "./option-values.ts";
import type { StoreReader } from "../operate/store-care.ts";
import { untilOf, withUntil, type UntilOptions } from "./until-options.ts";

type Act = (work: Work) => Promise<void>;

interface HandleOptions extends FilterOptions {
  readonly by?: string;
  readonly wait: number;
  readonly reason?: string;
  readonly plan?: true;
  readonly yes?: true;
}

export function addExceptionCommands(program: Command, act: Act): void {
  addAssign(program, act);
  addNote(program, act);
  addTag(program, act);
  addLink(program, act);
  addWatch(program, act);
  addDuplicate(program, act);
  addWait(program, act);
  addSnooze(program, act);
}

function addAssign(program: Command, act: Act): void {
  const command = program
    .command("assign")
    .description("give exceptions to a person, or hand them over to a team")
    .argument("<who>", `name of the person or team; "${NOBODY}" for no person`)
    .option("--team", "it is a team: it becomes the owner");
  handling(command, (who: string, options: { readonly team?: true }) =>
    options.team === true
      ? { kind: "handed-over", owner: who }
      : { kind: "assigned", to: who === NOBODY ? null : who },
  )(act);
}

function addNote(program: Command, act: Act): void {
  const command = program
    .command("note")
    .description("write a note to exceptions; it stays when they are closed")
    .argument("<text>", "what somebody else should know");
  handling(command, (text: string) => ({ kind: "noted", text }))(act);
}

function addTag(program: Command, act: Act): void {
  const command = program
    .command("tag")
    .description("put a tag on exceptions")
    .argument("<tag>", "one word, to find them by")
    .option("--remove", "take it off");
  handling(command, (tag: string, options: { readonly remove?: true }) => ({
    kind: options.remove === true ? "untagged" : "tagged",
    tag,
  }))(act);
}

function addLink(program: Command, act: Act): void {
  const command = program
    .command("link")
    .description("link exceptions to a ticket, a runbook or a similar one")
    .addArgument(new Argument("<kind>", "what it is").choices(LINK_KINDS))
    .argument("<to>", "where it is: an address, an id")
    .option("--remove", "take the link off");
  handlingWith(command, 2, ([kind = "", to = ""], options) => linkAct(kind, options, to))(act);
}

function linkAct(kind: string, { remove }: Flags, to: string): AskedAct {
  const known = LINK_KINDS.find((one) => one === kind) ?? "ticket";
  return { kind: remove === true ? "unlinked" : "linked", link: { kind: known, to } };
}

function addWatch(program: Command, act: Act): void {
  const command = program
    .command("watch")
    .description("let a person be told of the times of exceptions, beside those who have to look")
    .argument("<who>", "name of the person or team")
    .option("--remove", "no longer");
  handling(command, (who: string, options: { readonly remove?: true }) => ({
    kind: options.remove === true ? "unwatched" : "watched",
    who,
  }))(act);
}

/** In the place of an exception's id. */
const NONE = "none";

function addDuplicate(program: Command, act: Act): void {
  const command = program
    .command("duplicate")
    .description("say that exceptions are the same as another; they stay open")
    .argument("<of>", `id of the other one; "${NONE}": each is one of its own`);
  handling(command, (of: string) => ({ kind: "duplicate", of: of === NONE ? null : of }))(act);
}

function addWait(program: Command, act: Act): void {
  const command = program
    .command("wait")
    .description("say what exceptions wait for; for a vendor or a source their time stands still")
    .addArgument(new Argument("<for>", "whom or what for").choices([...WAITS_FOR, "over"]));
  handling(
    command,
    (what: string) => {
      const known = WAITS_FOR.find((one) => one === what);
      return known === undefined ? { kind: "goes-on" } : { kind: "waits", for: known };
    },
    true,
  )(act);
}

function addSnooze(program: Command, act: Act): void {
  const snooze = program
    .command("snooze")
    .description("keep exceptions out of the list until something has happened; they stay due");
  withUntil(snooze, "until a newer version is deployed");
  handlingWith(snooze, 0, (_words, options) => snoozed(options), true)(act);
  const back = program.command("unsnooze").description("let exceptions be listed again");
  handlingWith(back, 0, () => ({ kind: "unsnoozed" }))(act);
}

function snoozed(options: UntilOptions): LaterAct {
  return async (reader, nowMs) => {
    return { kind: "snoozed", until: await untilOf(reader, options, nowMs) };
  };
}

interface Flags extends UntilOptions {
  readonly remove?: true;
  readonly team?: true;
}

function handling(
  command: Command,
  actOf: (word: string, options: Flags) => AskedAct,
  needsReason = false,
): (act: Act) => void {
  return handlingWith(command, 1, ([word = ""], options) => actOf(word, options), needsReason);
}

/** An act that depends on what the store says. */
type LaterAct = (reader: StoreReader, nowMs: number) => Promise<AskedAct>;

/** The arguments of the act, then the exceptions; or none, and options that say which. */
function handlingWith(
  command: Command,
  words: number,
  actOf: (words: readonly string[], options: Flags) => AskedAct | LaterAct,
  needsReason = false,
): (act: Act) => void {
  command.argument("[exceptions...]", "ids, as listed by: holdfast exceptions");
  if (needsReason) command.requiredOption("--reason <text>", "why; goes on record");
  else command.option("--reason <text>", "why; goes on record");
  filtered(command.option("--by <name>", "who decides; default: your name on this system"), "all")
    .option("--plan", "say which are meant and do nothing")
    .option("--yes", "do it to all that are meant")
    .addOption(
      new Option("--wait <duration>", "how long to wait for each answer of the engine")
        .default(10_000, "10s")
        .argParser(waitMs),
    );
  return (act) => {
    command.action((...given: readonly unknown[]) =>
      act((context) => {
        // Commander gives the arguments, the rest of them as a list, then the options.
        const [rest, options] = given.slice(words) as [readonly string[], HandleOptions & Flags];
        const asked = actOf(given.slice(0, words) as string[], options);
        return handled(context, asked, rest, options);
      }),
    );
  };
}

async function handled(
  context: Context,
  asked: AskedAct | LaterAct,
  ids: readonly string[],
  options: HandleOptions,
): Promise<Shown> {
  const isQuery = isFilter(options);
  if (isQuery === ids.length > 0) {
    throw badUse(
      isQuery
        ? "Exceptions are named by their ids or by options, not both."
        : "No exceptions are named.",
      "Name them by their ids, or say which with --class, --owner, --workflow, --issue, --with-tag, --assignee, --watcher, --duplicates-of, --overdue or --compensation.",
    );
  }
  if (ids.length > BULK_MAX) {
    throw badUse(
      `At most ${String(BULK_MAX)} exceptions are dealt with at a time.`,
      "Do it in parts.",
    );
  }
  return await withReader(context, async (reader) => {
    const { outside } = context;
    const patience = { waitMs: options.wait, nowMs: outside.nowMs, pause: outside.pause };
    const by = personOf(options.by, context);
    const reason = options.reason === undefined ? "" : reasonOf(options.reason);
    const act = typeof asked === "function" ? await asked(reader, outside.nowMs()) : asked;
    if (!isQuery) {
      if (options.plan === true)
        return planShown({ ...NO_PLAN, count: ids.length, exceptions: ids });
      return outcomeShown(await handleAll(reader, ids, act, { by, reason }, patience));
    }
    const selected = await selectExceptions(reader, wantedBy(options, outside.nowMs()));
    if (options.yes !== true || options.plan === true) return planShown(planOf(selected));
    const all = selected.rows.map((row) => formatItemId("exc", row));
    return outcomeShown(await handleAll(reader, all, act, { by, reason }, patience));
  });
}

const NO_PLAN: BulkPlan = { count: 0, value: [], owners: [], exceptions: [], isPart: false };

function planShown(plan: BulkPlan): Shown {
  const value = plan.value.length === 0 ? "" : `, ${plan.value.join(", ")}`;
  const owners = plan.owners.map(([owner, count]) => `${owner} ${String(count)}`).join(", ");
  const more = plan.count > plan.exceptions.length ? " ..." : "";
  const lines = [
    `${String(plan.count)} exceptions are meant${value}. Nothing was done.`,
    ...(owners === "" ? [] : [`owners  ${owners}`]),
    ...(plan.count === 0 ? [] : [`${plan.exceptions.join(" ")}${more}`]),
    ...(plan.isPart
      ? [`These are the first ${String(plan.count)}: there may be more, for another time.`]
      : []),
    "do it with: --yes",
  ];
  return { document: { plan }, text: () => lines.join("\n") };
}

/** Refusals that are told one by one. */
const REFUSED_SHOWN_MAX = 20;

function outcomeShown(outcome: BulkOutcome): Shown {
  const { done, left, refused } = outcome;
  const lines = [
    `${String(done)} done${left === 0 ? "" : `, ${String(left)} left for the engine`}, ${String(refused.length)} refused.`,
    ...refused
      .slice(0, REFUSED_SHOWN_MAX)
      .flatMap(({ exception, code, message, remedy }) => [
        `${exception}  ${code}  ${message}`,
        `        Fix: ${remedy}`,
      ]),
  ];
  const exitCode = refused.length === 0 ? EXIT.ok : EXIT.failed;
  return { document: outcome, text: () => lines.join("\n"), exitCode };
}
