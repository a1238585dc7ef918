/** Commands that decide: answer, settle, resume, cancel, close. */
import { Argument, Option, type Command } from "commander";
import { awaitedSentence } from "../operate/cancel-request.ts";
import { comesFirstSentence } from "../operate/kept-command.ts";
import type { Patience, Receipt } from "../operate/command.ts";
import {
  answerReview,
  cancelRun,
  closeException,
  resumeRun,
  settleEffect,
} from "../operate/decisions.ts";
import { badUse, withReader, type Context, type Shown, type Work } from "./context.ts";
import { decisionOf, jsonValueOf } from "./decision-text.ts";
import { personOf, reasonOf, waitMs } from "./option-values.ts";

type Act = (work: Work) => Promise<void>;

export function addWriteCommands(program: Command, act: Act): void {
  addAnswer(program, act);
  addSettle(program, act);
  addResume(program, act);
  addCancel(program, act);
  addClose(program, act);
}

export interface PersonOptions {
  readonly by?: string;
  readonly wait: number;
}

export interface DeciderOptions extends PersonOptions {
  readonly reason: string;
}

function byPerson(command: Command): Command {
  return command
    .option("--by <name>", "who decides; default: your name on this system")
    .addOption(
      new Option("--wait <duration>", "how long to wait for the engine's answer")
        .default(10_000, "10s")
        .argParser(waitMs),
    );
}

export function withReason(command: Command): Command {
  return byPerson(command).requiredOption("--reason <text>", "why; goes on record");
}

interface AnswerOptions extends PersonOptions {
  readonly reason?: string;
}

function addAnswer(program: Command, act: Act): void {
  const command = program
    .command("answer")
    .description("answer a review")
    .argument("<review>", "id of the review, as listed by: holdfast reviews")
    .argument("[decision...]", "one JSON value, or key=value pairs");
  command.option("--reason <text>", "why; goes on record");
  byPerson(command).action((review: string, words: readonly string[], options: AnswerOptions) =>
    act((context) =>
      withReader(context, async (reader) => {
        const decision = decisionOf(words);
        const { reason } = options;
        const decided = {
          by: personOf(options.by, context),
          ...(reason === undefined ? {} : { reason: reasonOf(reason) }),
        };
        const receipt = await answerReview(
          reader,
          review,
          decision,
          decided,
          patience(options, context),
        );
        return receiptShown(receipt, `review ${review} of ${receipt.run} is answered`);
      }),
    ),
  );
}

interface SeenOptions extends DeciderOptions {
  readonly exception?: string;
}

/** What is approved is what was seen: the commands that are printed say it. */
function withException(command: Command): Command {
  return withReason(command).option(
    "--exception <exception>",
    "what was seen; refused if it is no longer the open one",
  );
}

interface SettleOptions extends SeenOptions {
  readonly value?: string;
  readonly ref?: string;
}

function addSettle(program: Command, act: Act): void {
  const command = program
    .command("settle")
    .description("say whether an effect with an unknown outcome has happened")
    .argument("<effect>", "id of the effect, as listed by: holdfast effects --open")
    .addArgument(new Argument("<outcome>", "what happened").choices(["happened", "not"]))
    .option("--value <json>", "what it answered, where the run still needs it")
    .option("--ref <text>", "the other system's reference");
  withException(command).action((effect: string, outcome: string, options: SettleOptions) =>
    act((context) =>
      withReader(context, async (reader) => {
        const happened = outcome === "happened";
        const { value, ref } = options;
        if (!happened && (value ?? ref) !== undefined) {
          throw badUse(
            "What has not happened has no --value and no --ref.",
            "Say happened, or leave them out.",
          );
        }
        const settlement = {
          happened,
          value: value === undefined ? null : jsonValueOf(value, "--value"),
          ref: ref ?? null,
        };
        const receipt = await settleEffect(
          reader,
          effect,
          settlement,
          seenDecider(options, context),
          patience(options, context),
        );
        const said = happened ? "as happened" : "as not happened";
        return receiptShown(receipt, `effect ${effect} of ${receipt.run} is settled ${said}`);
      }),
    ),
  );
}

interface ResumeOptions extends SeenOptions {
  readonly step?: string;
  readonly workflow?: string;
}

function addResume(program: Command, act: Act): void {
  const command = program
    .command("resume")
    .description("let a run go on that waits for a person")
    .argument("<run>", "id or business key of the run")
    .option("--step <step>", "only this step")
    .option("--workflow <name>", "where runs of several workflows have this key");
  withException(command).action((run: string, options: ResumeOptions) =>
    act((context) =>
      withReader(context, async (reader) => {
        const receipt = await resumeRun(
          reader,
          reference(run, options),
          options.step ?? null,
          seenDecider(options, context),
          patience(options, context),
        );
        return receiptShown(receipt, `run ${receipt.run} goes on`);
      }),
    ),
  );
}

interface CancelOptions extends DeciderOptions {
  readonly workflow?: string;
}

function addCancel(program: Command, act: Act): void {
  const command = program
    .command("cancel")
    .description("take a run back: settle what is unknown, then undo what was done")
    .argument("<run>", "id or business key of the run")
    .option("--workflow <name>", "where runs of several workflows have this key");
  withReason(command).action((run: string, options: CancelOptions) =>
    act((context) =>
      withReader(context, async (reader) => {
        const receipt = await cancelRun(
          reader,
          reference(run, options),
          decider(options, context),
          patience(options, context),
        );
        const { waitsFor } = receipt;
        const rest = waitsFor === null ? "" : `; ${awaitedSentence(waitsFor)}`;
        return receiptShown(receipt, `cancellation of ${receipt.run} has begun${rest}`);
      }),
    ),
  );
}

function addClose(program: Command, act: Act): void {
  const command = program
    .command("close")
    .description("close an exception that no run waits for: what there was to do has been done")
    .argument("<exception>", "id of the exception, as listed by: holdfast exceptions");
  withReason(command).action((exception: string, options: DeciderOptions) =>
    act((context) =>
      withReader(context, async (reader) => {
        const receipt = await closeException(
          reader,
          exception,
          decider(options, context),
          patience(options, context),
        );
        return receiptShown(receipt, `exception ${exception} is closed`);
      }),
    ),
  );
}

function reference(run: string, { workflow }: { readonly workflow?: string }) {
  return workflow === undefined ? { run } : { run, workflow };
}

export function decider({ by, reason }: DeciderOptions, context: Context) {
  return { by: personOf(by, context), reason: reasonOf(reason) };
}

function seenDecider({ exception, ...options }: SeenOptions, context: Context) {
  return { ...decider(options, context), ...(exception === undefined ? {} : { exception }) };
}

export function patience({ wait }: PersonOptions, { outside }: Context): Patience {
  return { waitMs: wait, nowMs: outside.nowMs, pause: outside.pause };
}

export function receiptShown(receipt: Receipt, applied: string): Shown {
  const said = messageOf(receipt, applied);
  return { document: { ...receipt, message: said }, text: () => said };
}

function messageOf(receipt: Receipt, applied: string): string {
  const command = `The command (${receipt.id}, by ${receipt.by})`;
  switch (receipt.outcome) {
    case "applied":
      return `Done by ${receipt.by}: ${applied}.`;
    case "sent":
      return `${command} was left for the engine, which runs; its answer was not waited for.`;
    case "kept":
      return [
        `No engine runs on this store. ${command} is kept and will be tried when an engine starts.`,
        ...(receipt.before === null ? [] : [comesFirstSentence(receipt.before)]),
      ].join(" ");
  }
}
