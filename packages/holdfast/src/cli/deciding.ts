/** What every command that decides has: who, why, how long it waits, and what it says of the end. */
import { Option, type Command } from "commander";
import { comesFirstSentence } from "../operate/kept-command.ts";
import type { Patience, Receipt } from "../operate/command.ts";
import type { Context, Shown } from "./context.ts";
import { EXIT } from "./exit-code.ts";
import { personOf, reasonOf, waitMs } from "./option-values.ts";

export interface PersonOptions {
  readonly by?: string;
  readonly wait: number;
}

export interface DeciderOptions extends PersonOptions {
  readonly reason: string;
}

export function byPerson(command: Command): Command {
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

export function reference(run: string, { workflow }: { readonly workflow?: string }) {
  return workflow === undefined ? { run } : { run, workflow };
}

export function decider({ by, reason }: DeciderOptions, context: Context) {
  return { by: personOf(by, context), reason: reasonOf(reason) };
}

export function patience({ wait }: PersonOptions, { outside }: Context): Patience {
  return { waitMs: wait, nowMs: outside.nowMs, pause: outside.pause };
}

/** It is not done before another person has approved it. */
export function proposalShown(receipt: Receipt, proposal: string): Shown {
  const said = `A second person has to approve it: holdfast approve ${proposal} --reason "..." --by NAME`;
  return { document: { ...receipt, message: said }, text: () => said, exitCode: EXIT.needsPerson };
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
