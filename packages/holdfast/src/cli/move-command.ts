/** `move`: a replay plan for runs that shall go on with another version of the code. */
import { Option, type Command } from "commander";
import type { Rate } from "../core/rate.ts";
import {
  DEFAULT_CANARY,
  REPLAY_AT_ONCE_DEFAULT,
  REPLAY_AT_ONCE_MAX,
  REPLAY_ITEMS_MAX,
} from "../core/replay/replay-plan.ts";
import { planReplay } from "../operate/replay/plan-replay.ts";
import { badUse, withReader, type Context, type Shown, type Work } from "./context.ts";
import { byPerson, patience, type PersonOptions } from "./deciding.ts";
import { personOf, reasonOf, wholeNumber } from "./option-values.ts";
import { canaryOf, plannedShown, rateOf } from "./replay-commands.ts";

interface MoveOptions extends PersonOptions {
  readonly module: string;
  readonly reason: string;
  readonly canary: readonly number[];
  readonly rate?: Rate;
  readonly atOnce: number;
  readonly first?: number;
}

export function addMoveCommand(program: Command, act: (work: Work) => Promise<void>): void {
  const command = program
    .command("move")
    .description("plan to let runs go on with another version, those that it fits")
    .argument("<query>", "terms field:value over open exceptions, as for replay")
    .requiredOption("--module <file>", "the build that they move to, as for versions check")
    .requiredOption("--reason <text>", "why; goes on record")
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
      new Option("--first <items>", "the oldest so many of those that are meant").argParser(
        wholeNumber("--first", 1, REPLAY_ITEMS_MAX),
      ),
    );
  byPerson(command).action((query: string, options: MoveOptions) =>
    act((context) => moved(query.trim(), options, context)),
  );
}

async function moved(query: string, options: MoveOptions, context: Context): Promise<Shown> {
  const { module, reason, canary, rate, atOnce, first } = options;
  const build = await context.store.openBuild(module);
  const { version } = build;
  if (version === null)
    throw badUse(
      `The build in ${module} has no version, so nothing can be moved to it.`,
      'Let the module export one beside its workflows: export default { workflows, version: "v45" };',
    );
  return withReader(context, async (reader) => {
    const request = {
      query,
      by: personOf(options.by, context),
      reason: reasonOf(reason),
      canary,
      rate: rate ?? null,
      atOnce,
      first: first ?? null,
      evenSameVersion: false,
      how: null,
      to: { version, misfitOf: await build.against(reader) },
    };
    return plannedShown(await planReplay(reader, request, patience(options, context)));
  });
}
