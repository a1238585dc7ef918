/** `move`: a replay plan for runs that shall go on with another version of the code. */
import type { Command } from "commander";
import { planReplay } from "../operate/replay/plan-replay.ts";
import { badUse, withReader, type Context, type Shown, type Work } from "./context.ts";
import { byPerson, patience, type PersonOptions } from "./deciding.ts";
import { personOf, reasonOf } from "./option-values.ts";
import { pacingOf, withPlanOptions, type PlanOptions } from "./plan-options.ts";
import { plannedShown } from "./replay-commands.ts";

interface MoveOptions extends PersonOptions, PlanOptions {
  readonly module: string;
  readonly reason: string;
}

export function addMoveCommand(program: Command, act: (work: Work) => Promise<void>): void {
  const command = withPlanOptions(
    program
      .command("move")
      .description("plan to let runs go on with another version, those that it fits")
      .argument("<query>", "terms field:value over open exceptions, as for replay")
      .requiredOption("--module <file>", "the build that they move to, as for versions check")
      .requiredOption("--reason <text>", "why; goes on record"),
  );
  byPerson(command).action((query: string, options: MoveOptions) =>
    act((context) => moved(query.trim(), options, context)),
  );
}

async function moved(query: string, options: MoveOptions, context: Context): Promise<Shown> {
  const { module, reason } = options;
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
      ...pacingOf(options),
      evenSameVersion: false,
      how: null,
      to: { version, misfitOf: await build.against(reader) },
    };
    const planned = await planReplay(reader, request, patience(options, context));
    return { ...plannedShown(planned), ranCode: true };
  });
}
