/**
 * Commands of people that were left while no engine ran, and that the engine refuses. Whoever left one
 * has gone, so its answer in the inbox reaches nobody: the refusal goes on record in the run, where
 * who looks at it next sees it.
 */
import { HoldfastError } from "../../core/error.ts";
import { REFUSED_LATER, type AppliedHead } from "../../core/journal.ts";
import type { WaitingCommand } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import type { InboxAnswer } from "./inbox-bodies.ts";
import { runOf } from "./inbox-command.ts";
import { Elsewhere } from "../workers/places.ts";
import { withStored } from "../journal/stored-runs.ts";

const OF_PEOPLE: ReadonlySet<string> = new Set([
  "answer",
  "settle",
  "resume",
  "cancel",
  "close",
  "repair",
  "decide",
  "handUp",
  "skipHead",
]);

/**
 * Buffers the line; nothing where there is no such run.
 * One for each such command: as many as the inbox holds, which has its limit.
 */
export async function noteRefusal(
  engine: Engine,
  row: WaitingCommand,
  { code, message, remedy }: Extract<InboxAnswer, { ok: false }>,
): Promise<void> {
  if (!OF_PEOPLE.has(row.topic)) return;
  const head: AppliedHead = {
    command: REFUSED_LATER,
    topic: row.topic,
    by: row.by,
    answer: `${code} ${message} ${remedy}`,
  };
  await engine.reads.patiently("a run whose command was refused", async () => {
    try {
      const run = runOf(row.data);
      if (run === null) return;
      const reached = await withStored(engine, run, (_stored, append) => {
        append("applied", "", head);
      });
      if (reached.kind === "live") reached.live.append("applied", "", head);
    } catch (error) {
      // What names no run that can be read, or one that another worker has by now, is said in the answer.
      if (!(error instanceof Elsewhere) && !(error instanceof HoldfastError)) throw error;
    }
  });
}
