/** Commands that decide: answer, settle, pause, resume, cancel, close. */
import { Argument, type Command } from "commander";
import { isSaidParts, type SaidParts } from "../core/said-parts.ts";
import { awaitedSentence } from "../operate/cancel-request.ts";
import {
  answerReview,
  cannotTellEffect,
  cancelRun,
  pauseRun,
  closeException,
  resumeRun,
  settleEffect,
} from "../operate/decisions.ts";
import { badUse, withReader, type Context, type Work } from "./context.ts";
import { decisionOf, jsonValueOf } from "./decision-text.ts";
import {
  byPerson,
  decider,
  patience,
  proposalShown,
  receiptShown,
  reference,
  withReason,
  type DeciderOptions,
  type PersonOptions,
} from "./deciding.ts";
import { textOfFile } from "./file-text.ts";
import { personOf, reasonOf } from "./option-values.ts";

type Act = (work: Work) => Promise<void>;

export function addWriteCommands(program: Command, act: Act): void {
  addAnswer(program, act);
  addSettle(program, act);
  addPause(program, act);
  addResume(program, act);
  addCancel(program, act);
  addClose(program, act);
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
  readonly parts?: string;
}

function addSettle(program: Command, act: Act): void {
  const command = program
    .command("settle")
    .description("say whether an effect with an unknown outcome has happened")
    .argument("<effect>", "id of the effect, as listed by: holdfast effects --open")
    .addArgument(
      new Argument(
        "<outcome>",
        "happened: nothing is sent again; not: it is sent once more; in-part: the rest is sent; cannot-tell: the next owner is asked",
      ).choices(["happened", "not", "in-part", "cannot-tell"]),
    )
    .option(
      "--value <json>",
      "with happened: what it answered, as JSON, where the run still needs it",
    )
    .option("--ref <text>", "with happened: the other system's reference")
    .option(
      "--parts <json>",
      'with in-part: {"NAME":"happened"} or "not" of each part, as JSON or a file of it',
    );
  withException(command).action((effect: string, outcome: string, options: SettleOptions) =>
    act((context) =>
      withReader(context, async (reader) => {
        const happened = outcome === "happened";
        const { value, ref } = options;
        const decided = seenDecider(options, context);
        if (!happened && (value ?? ref) !== undefined) {
          throw badUse(
            "Only what has happened has a --value or a --ref.",
            "Say happened, or leave them out.",
          );
        }
        if ((options.parts !== undefined) !== (outcome === "in-part")) {
          throw badUse(
            "Of what happened in part, and of nothing else, --parts says what became of each part.",
            `For example: holdfast settle ${effect} in-part --parts '{"line 3":"happened","line 5":"not"}' --reason "..."`,
          );
        }
        if (outcome === "cannot-tell") {
          const told = await cannotTellEffect(reader, effect, decided, patience(options, context));
          return receiptShown(told, `somebody else is asked about effect ${effect} of ${told.run}`);
        }
        const settlement = {
          happened,
          ...(options.parts === undefined ? {} : { parts: await partsIn(options.parts, context) }),
          value: value === undefined ? null : jsonValueOf(value, "--value"),
          ref: ref ?? null,
        };
        const receipt = await settleEffect(
          reader,
          effect,
          settlement,
          decided,
          patience(options, context),
        );
        if (receipt.proposal !== null) return proposalShown(receipt, receipt.proposal);
        const said = SETTLED_AS[outcome] ?? outcome;
        return receiptShown(receipt, `effect ${effect} of ${receipt.run} is settled ${said}`);
      }),
    ),
  );
}

const SETTLED_AS: Readonly<Record<string, string>> = {
  happened: "as happened",
  not: "as not happened",
  "in-part": "as happened in part; the rest is sent",
};

/** Characters of a file of parts: 1,000 of them with their names. */
const PARTS_CHARS_MAX = 256 * 1_024;

/** As JSON, or the name of a file that holds it. */
async function partsIn(given: string, { outside }: Context): Promise<SaidParts> {
  const text = given.trimStart().startsWith("{")
    ? given
    : await textOfFile(outside, given, PARTS_CHARS_MAX);
  const parts = jsonValueOf(text, "--parts");
  if (isSaidParts(parts)) return parts;
  throw badUse(
    '--parts takes an object with "happened" or "not" for each part.',
    `For example: --parts '{"line 3":"happened","line 5":"not"}'`,
  );
}

interface ResumeOptions extends SeenOptions {
  readonly step?: string;
  readonly workflow?: string;
  readonly insteadOf?: string;
}

function addResume(program: Command, act: Act): void {
  const command = program
    .command("resume")
    .description("let a run go on that waits for a person")
    .argument("<run>", "id or business key of the run")
    .option("--step <step>", "only this step")
    .option("--instead-of <who>", "of a run that somebody else has paused: who that is")
    .option("--workflow <name>", "where runs of several workflows have this key");
  withException(command).action((run: string, options: ResumeOptions) =>
    act((context) =>
      withReader(context, async (reader) => {
        const receipt = await resumeRun(
          reader,
          reference(run, options),
          options.step ?? null,
          {
            ...seenDecider(options, context),
            ...(options.insteadOf === undefined ? {} : { insteadOf: options.insteadOf }),
          },
          patience(options, context),
        );
        return receiptShown(receipt, `run ${receipt.run} goes on`);
      }),
    ),
  );
}

interface RunOptions extends DeciderOptions {
  readonly workflow?: string;
}

function addPause(program: Command, act: Act): void {
  const command = program
    .command("pause")
    .description("stop a run for a while: nothing of it begins any more until it is resumed")
    .argument("<run>", "id or business key of the run")
    .option("--workflow <name>", "where runs of several workflows have this key");
  withReason(command).action((run: string, options: RunOptions) =>
    act((context) =>
      withReader(context, async (reader) => {
        const receipt = await pauseRun(
          reader,
          reference(run, options),
          decider(options, context),
          patience(options, context),
        );
        return receiptShown(
          receipt,
          `run ${receipt.run} is paused; what has left already is waited for`,
        );
      }),
    ),
  );
}

function addCancel(program: Command, act: Act): void {
  const command = program
    .command("cancel")
    .description("take a run back: settle what is unknown, then undo what was done")
    .argument("<run>", "id or business key of the run")
    .option("--workflow <name>", "where runs of several workflows have this key");
  withReason(command).action((run: string, options: RunOptions) =>
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

function seenDecider({ exception, ...options }: SeenOptions, context: Context) {
  return { ...decider(options, context), ...(exception === undefined ? {} : { exception }) };
}
