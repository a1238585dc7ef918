/** `holdfast admit`: takes a message after all that did not fit. */
import type { Command } from "commander";
import { admitMessage } from "../operate/admit-message.ts";
import type { Receipt } from "../operate/command.ts";
import { withReader, type Work } from "./context.ts";
import { decider, patience, receiptShown, withReason, type DeciderOptions } from "./deciding.ts";
import { jsonValueOf } from "./decision-text.ts";

interface AdmitOptions extends DeciderOptions {
  readonly input: string;
}

export function addAdmitCommand(program: Command, act: (work: Work) => Promise<void>): void {
  const command = program
    .command("admit")
    .description("start the run of a message that did not fit, with the input that you give")
    .argument("<exception>", "id of the exception about it, as listed by: holdfast exceptions")
    .requiredOption("--input <json>", "what the run is to begin with");
  withReason(command).action((exception: string, options: AdmitOptions) =>
    act((context) =>
      withReader(context, async (reader) => {
        const receipt = await admitMessage(
          reader,
          exception,
          jsonValueOf(options.input, "--input"),
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
