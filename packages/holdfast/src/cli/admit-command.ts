/** `holdfast admit`: takes a message after all that did not fit. */
import type { Command } from "commander";
import { admitMessage, bodyOfMessage } from "../operate/admit-message.ts";
import type { Receipt } from "../operate/command.ts";
import { badUse, withReader, type Work } from "./context.ts";
import { decider, patience, receiptShown, withReason, type DeciderOptions } from "./deciding.ts";
import { jsonValueOf } from "./decision-text.ts";

interface AdmitOptions extends DeciderOptions {
  readonly input?: string;
  readonly asItCame?: true;
}

export function addAdmitCommand(program: Command, act: (work: Work) => Promise<void>): void {
  const command = program
    .command("admit")
    .description("start the run of a message that did not fit, with the input that you give")
    .argument("<exception>", "id of the exception about it, as listed by: holdfast exceptions")
    .option("--input <json>", "what the run is to begin with")
    .option("--as-it-came", "begin with the body of the message, which fits by now");
  withReason(command).action((exception: string, options: AdmitOptions) =>
    act((context) =>
      withReader(context, async (reader) => {
        if ((options.input === undefined) === (options.asItCame === undefined)) {
          throw badUse(
            "Say what the run is to begin with: --input JSON, or --as-it-came, and not both.",
            `See what came with: holdfast show ${exception} --payloads`,
          );
        }
        const input =
          options.input === undefined
            ? await bodyOfMessage(reader, exception)
            : jsonValueOf(options.input, "--input");
        const receipt = await admitMessage(
          reader,
          exception,
          input,
          decider(options, context),
          patience(options, context),
        );
        return receiptShown(receipt, takenText(exception, receipt));
      }),
    ),
  );
}

/** One that has its business key was there: what was given has started nothing. */
function takenText(exception: string, { fate, started }: Receipt): string {
  const run = started ?? "";
  return fate === "joined"
    ? `the message of ${exception} has joined run ${run}, which goes on with the input that it began with`
    : `the message of ${exception} is run ${run}`;
}
