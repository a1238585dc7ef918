/**
 * Commands of people that were left while no engine ran, and that the engine refuses. Whoever left one
 * has gone, so its answer in the inbox reaches nobody: the refusal goes on record in the run, where
 * who looks at it next sees it.
 */
import { HoldfastError } from "../../core/error.ts";
import { HANDLING_LIMITS } from "../../core/exception-handling.ts";
import { REFUSED_LATER, type AppliedHead } from "../../core/journal.ts";
import { isAdmitting } from "../../core/parse-acts.ts";
import { parseRunId } from "../../core/run-number.ts";
import type { WaitingCommand } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import type { InboxAnswer } from "./inbox-bodies.ts";
import { commandOf, runOf } from "./inbox-command.ts";
import { Elsewhere } from "../workers/places.ts";
import { withStored } from "../journal/stored-runs.ts";

const OF_PEOPLE: ReadonlySet<string> = new Set([
  "answer",
  "settle",
  "resume",
  "cancel",
  "pause",
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
  if (row.topic === "handle")
    return await noteAtException(engine, row, `${code} ${message} ${remedy}`);
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

/** What decides about an exception beside the store: there is no run that could show it. */
async function noteAtException(engine: Engine, row: WaitingCommand, answer: string): Promise<void> {
  const { run, seq, act } = commandOf<"handle">({ ...row, topic: "handle" });
  if (!isAdmitting(act)) return;
  const text = `What ${row.by} left for it was refused: ${answer}`.slice(
    0,
    HANDLING_LIMITS.noteChars,
  );
  const doing = { by: BY, reason: "", command: `${row.id}!` };
  await engine.reads.patiently("an exception whose command was refused", async () => {
    try {
      await engine.exceptions.acts.handle(
        { run: parseRunId(run), seq },
        { kind: "noted", text },
        doing,
      );
    } catch (error) {
      // There is no such exception, or it has as many notes as it may have.
      if (!(error instanceof Elsewhere) && !(error instanceof HoldfastError)) throw error;
    }
  });
}

/** Who notes it. */
const BY = "holdfast";
