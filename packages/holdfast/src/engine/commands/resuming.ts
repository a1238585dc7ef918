/** Steps of one run that are resumed together: all of them go on, or none does. */
import { HoldfastError } from "../../core/error.ts";
import { refusal } from "./command-refusals.ts";
import type { LiveRun } from "../run/live-run.ts";
import { refused, type Refused, type ResumeCommand } from "../steps/step-slot.ts";

/** Steps whose reasons are told; of more, only the number. */
const TOLD_MAX = 5;

/**
 * Looks at all of them, then lets them go on, before anything else can happen: a crash between two
 * would leave a command that is half applied. Buffered when it resolves.
 *
 * @throws {HoldfastError} the refusal of the step if it is one; else with each reason, and the code of
 *   the first. Nothing was resumed then.
 */
export async function resumeTogether(
  live: LiveRun,
  paths: readonly string[],
  command: ResumeCommand,
): Promise<void> {
  const refusals = paths.flatMap((path) => {
    const answer = live.slots.get(path)?.verb.refusesResume?.(command) ?? null;
    return answer === null ? [] : [{ path, ...answer }];
  });
  const [first] = refusals;
  if (first !== undefined && paths.length === 1) throw refusal(first, live.id);
  if (first !== undefined) throw refusedTogether(live, first, refusals);
  const ends = await Promise.all(
    paths.map(async (path) => await live.slots.get(path)?.verb.command?.(command)),
  );
  for (const [index, path] of paths.entries()) {
    const end = ends[index] ?? refused("HF6001", `Run ${live.id} has no step "${path}" at work.`);
    if (end.kind === "refused") throw refusal(end, live.id);
  }
}

function refusedTogether(
  live: LiveRun,
  { code }: Refused,
  refusals: readonly (Refused & { readonly path: string })[],
): HoldfastError {
  const told = refusals.slice(0, TOLD_MAX).map(({ path, why }) => `"${path}", because: ${why}`);
  const rest = refusals.length - told.length;
  const more = rest > 0 ? `; and ${String(rest)} more` : "";
  return new HoldfastError(
    code,
    `Nothing was resumed. What may not go on is ${told.join("; ")}${more}`,
    `Decide about these first, or name what may go on, for example with --step: holdfast why ${live.id}`,
    { where: live.id },
  );
}
