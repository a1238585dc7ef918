/** Plays one scenario of a rehearsal in a bed of its own. */
import { HoldfastError } from "../../core/error.ts";
import type { StoredRun } from "../../store/rows.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import { openExceptions } from "../bed/run-view.ts";
import { Bed, type TestbedOptions } from "../bed/testbed.ts";
import type { FlushFate, FlushSeen } from "../bed/watched-store.ts";
import type { Course, PlannedCall, Scenario } from "./scenario.ts";
import { writeWords } from "./write-words.ts";

export interface Staged {
  readonly workflow: AnyWorkflow;
  readonly input: unknown;
  readonly world: (bed: Bed) => unknown;
  readonly bed: TestbedOptions;
}

/** What is left of a scenario; the bed is still open. */
export interface Played {
  readonly bed: Bed;
  readonly runs: readonly StoredRun[];
  readonly exceptions: ReadonlyMap<number, ReturnType<typeof openExceptions>>;
  readonly course: Course;
  /** What the write holds at which the process died, or somebody cancelled; empty if there was none. */
  readonly at: string;
}

/** @throws {Error} if it does not come to rest, or the test itself is not complete. */
export async function play(scenario: Scenario, staged: Staged): Promise<Played> {
  const bed = new Bed(staged.bed);
  try {
    requireNothing(staged.world(bed));
    const calls = meddling(bed, scenario);
    const write = { words: "" };
    bed.lives.fateOf = fates(bed, scenario, { calls, write });
    await act(bed, scenario, staged);
    const runs = await bed.lives.stored(bed.lives.runs);
    const exceptions = new Map(runs.map((one) => [one.row.run, openExceptions(one)]));
    return {
      bed,
      runs,
      exceptions,
      course: { flushCount: bed.lives.flushCount, calls: calls.all },
      at: write.words,
    };
  } catch (error) {
    await bed.close();
    throw error;
  }
}

async function act(bed: Bed, scenario: Scenario, { workflow, input }: Staged): Promise<void> {
  const start = () => bed.start(workflow, input, { by: "rehearsal" });
  await start();
  if (scenario.again === "at once") await start();
  await bed.rest();
  if (scenario.again !== "afterwards") return;
  await start();
  await bed.rest();
}

interface Calls {
  readonly all: PlannedCall[];
  /** Whether the call that is to fail was made. */
  hasMet: boolean;
}

function meddling(bed: Bed, { fault }: Scenario): Calls {
  const calls: Calls = { all: [], hasMet: false };
  const counts = new Map<string, number>();
  bed.lives.world.meddle = (effect) => {
    const number = (counts.get(effect.name) ?? 0) + 1;
    counts.set(effect.name, number);
    calls.all.push({ effect, number });
    if (fault === undefined || calls.hasMet) return null;
    const { call } = fault;
    if (call.effect.name !== effect.name || call.number !== number) return null;
    calls.hasMet = true;
    return fault.fault;
  };
  return calls;
}

interface Watched {
  readonly calls: Calls;
  /** Told when it comes to the write that the scenario is about. */
  readonly write: { words: string };
}

function fates(
  bed: Bed,
  { death, cancelAt }: Scenario,
  { calls, write }: Watched,
): (flush: FlushSeen) => FlushFate {
  let hasDied = false;
  return ({ kinds, records }) => {
    const number = bed.lives.flushCount;
    if (number === cancelAt) {
      write.words = writeWords(kinds, records);
      void cancel(bed);
    }
    if (death === undefined || hasDied) return "applied";
    const isIt =
      death.at === "outcome"
        ? calls.hasMet && (kinds.includes("outcome") || kinds.includes("finished"))
        : number === death.at;
    if (!isIt) return "applied";
    hasDied = true;
    write.words = writeWords(kinds, records);
    return death.when === "before" ? "diesBefore" : "diesAfter";
  };
}

/** A person cancels the run while it is under way. */
async function cancel({ lives }: Bed): Promise<void> {
  // In the turn after the flush: what it holds is on disk by then.
  await new Promise<void>((resolve) => setImmediate(resolve));
  const [run] = lives.runs;
  if (run === undefined) return;
  try {
    const { commands } = await lives.engine();
    await commands.cancel(run, "rehearsal", "cancelled by the rehearsal");
  } catch (error) {
    const hasEnded = error instanceof HoldfastError && error.code === "HF6003";
    if (!hasEnded)
      lives.world.problem ??= error instanceof Error ? error : new Error(String(error));
  }
}

/** @throws {HoldfastError} HF1001 for a world that is made later: the run would begin before it. */
function requireNothing(made: unknown): void {
  if (!(made instanceof Promise)) return;
  made.catch(() => undefined);
  throw new HoldfastError(
    "HF1001",
    "`world` of a rehearsal is asynchronous: it only says what other systems and people do, and plays nothing.",
    "Let it say what happens: bed.on(effect).answer, bed.decide, bed.sends, bed.completes.",
  );
}
