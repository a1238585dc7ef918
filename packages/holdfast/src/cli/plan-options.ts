/** Options of every command that makes a replay plan: how its items are begun, and how many. */
import { Option, type Command } from "commander";
import { HoldfastError } from "../core/error.ts";
import { parseRate, type Rate } from "../core/rate.ts";
import {
  DEFAULT_CANARY,
  REPLAY_AT_ONCE_DEFAULT,
  REPLAY_AT_ONCE_MAX,
  REPLAY_ITEMS_MAX,
  REPLAY_WAVES_MAX,
} from "../core/replay/replay-plan.ts";
import { badUse } from "./context.ts";
import { wholeNumber } from "./option-values.ts";

export interface PlanOptions {
  readonly canary: readonly number[];
  readonly rate?: Rate;
  readonly atOnce: number;
  readonly first?: number;
}

export function withPlanOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--canary <sizes>", "sizes of the first waves, for example 1,3,rest")
        .default(DEFAULT_CANARY, "1,2,5,20,50,rest")
        .argParser(canaryOf),
    )
    .addOption(
      new Option("--rate <rate>", "items a second, minute or hour: 14/m").argParser(rateOf),
    )
    .addOption(
      new Option("--at-once <items>", "items that are under way at a time")
        .default(REPLAY_AT_ONCE_DEFAULT)
        .argParser(wholeNumber("--at-once", 1, REPLAY_AT_ONCE_MAX)),
    )
    .addOption(
      new Option("--first <items>", "the oldest so many of those that fit").argParser(
        wholeNumber("--first", 1, REPLAY_ITEMS_MAX),
      ),
    );
}

/** As a request for a plan has them. */
export function pacingOf({ canary, rate, atOnce, first }: PlanOptions) {
  return { canary, rate: rate ?? null, atOnce, first: first ?? null };
}

/** "1,3,rest": whole numbers, and "rest" at the end or not. */
function canaryOf(text: string): readonly number[] {
  const words = text.split(",").map((word) => word.trim());
  if (words.at(-1) === "rest") words.pop();
  if (words.length > REPLAY_WAVES_MAX)
    throw badUse(
      `--canary has at most ${String(REPLAY_WAVES_MAX)} waves before the rest.`,
      "Make later waves larger.",
    );
  return words.map(wholeNumber("--canary", 1, REPLAY_ITEMS_MAX));
}

/** Also as people say it: 14/min. */
function rateOf(text: string): Rate {
  const short = text.replace(/\/(s|m|h)(?:ec|in|our)?$/, "/$1");
  try {
    return parseRate(short, "--rate");
  } catch (error) {
    if (error instanceof HoldfastError) throw badUse(error.message, error.remedy);
    throw error;
  }
}
