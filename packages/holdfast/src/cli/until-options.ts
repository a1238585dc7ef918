/** The options that say until what a group, or one exception, stays quiet. */
import { Option, type Command } from "commander";
import { durationMs } from "../core/duration.ts";
import type { MutedUntil } from "../core/issue-overlay.ts";
import { deployedVersions } from "../operate/list-issues.ts";
import type { StoreReader } from "../operate/store-care.ts";
import { badUse } from "./context.ts";
import { wholeNumber } from "./option-values.ts";

export interface UntilOptions {
  readonly for?: string;
  readonly untilDeploy?: true;
  readonly untilCount?: number;
  readonly untilValue?: string;
}

/** @param deploy - what a deployment has to bring. */
export function withUntil(command: Command, deploy: string): Command {
  return command
    .option("--for <duration>", "so long, for example 7d")
    .option("--until-deploy", deploy)
    .addOption(
      new Option("--until-count <exceptions>", "until so many more have come").argParser(
        wholeNumber("--until-count", 1, 1_000),
      ),
    )
    .option("--until-value <money>", 'until more of them come to so much, for example "1000 EUR"');
}

export async function untilOf(
  reader: StoreReader,
  options: UntilOptions,
  nowMs: number,
): Promise<MutedUntil> {
  const { untilDeploy, untilCount, untilValue } = options;
  const given = [options.for, untilDeploy, untilCount, untilValue];
  if (given.filter((one) => one !== undefined).length !== 1) {
    throw badUse(
      "It stays quiet until one thing.",
      "Give one of --for, --until-deploy, --until-count, --until-value.",
    );
  }
  if (options.for !== undefined) {
    return { kind: "time", atMs: nowMs + durationMs(options.for, "--for") };
  }
  if (untilCount !== undefined) return { kind: "count", count: untilCount };
  if (untilValue !== undefined) {
    const [amount = "", currency = "", ...more] = untilValue.trim().split(/\s+/u);
    if (currency === "" || more.length > 0)
      throw badUse(
        "--until-value must be an amount and a currency.",
        'Write --until-value "1000 EUR".',
      );
    return { kind: "value", amount, currency };
  }
  const version = (await deployedVersions(reader)).at(-1);
  if (version !== undefined) return { kind: "deploy", version };
  throw badUse(
    "No version of an app is on record in this store.",
    "Say for how long instead, with --for.",
  );
}
