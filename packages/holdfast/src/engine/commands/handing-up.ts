/**
 * "Cannot tell": whoever is asked what happened does not know, and somebody above is asked. Nothing
 * else changes: nothing is sent, nothing undone, and what is unknown stays so.
 */
import { isOutcomeOpen } from "../../core/acts.ts";
import { HoldfastError } from "../../core/error.ts";
import type { ClosedHead, JournalRecord, OpenedHead } from "../../core/journal.ts";
import { groupNamesOf } from "../exceptions/exceptions.ts";
import { nextOwner } from "../../core/hand-up.ts";
import { formatItemId, formatRunId } from "../../core/run-number.ts";
import type { StoredRun } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import { EffectStep } from "../effects/effect-step.ts";
import type { LiveRun } from "../run/live-run.ts";
import { headOf } from "../run/recovery.ts";
import { withStored } from "../journal/stored-runs.ts";

export interface CannotTell {
  readonly run: number;
  /** Number of the exception that asks. */
  readonly exception: number;
  readonly by: string;
  readonly reason: string;
  /** Id of the command in the inbox. */
  readonly command?: string;
}

/** A run that is written to more often than this while it is being read is given up. */
const READS_MAX = 100;

/** As `withStored` hands it out, or the run in memory. */
type Write = (kind: "closed" | "opened", name: string, head: object) => void;

/**
 * Durable when it resolves. The answer is who is asked now.
 *
 * @throws {HoldfastError} HF6001 for no such exception, HF6003 if it asks nothing any more, or nobody
 *   is above its owner.
 */
export async function handUp(engine: Engine, said: CannotTell): Promise<string> {
  const { committer, live } = engine;
  const reached = await withStored(engine, said.run, ({ row, records }, append) =>
    writeHandUp(engine, said, { owner: row.owner, records }, append),
  );
  if (reached.kind === "unknown") throw unknownException(said);
  const to =
    reached.kind === "stored" ? reached.value : await handUpLive(engine, reached.live, said);
  await committer.durable();
  // The run says whom it waits for.
  if (reached.kind === "stored" && !live.has(said.run)) engine.wakes.add([said.run]);
  return to;
}

/** The run is at work beside the step that waits: it writes what is said itself. */
async function handUpLive(engine: Engine, live: LiveRun, said: CannotTell): Promise<string> {
  const unpin = live.pin();
  try {
    await live.settledDown;
    for (let reads = 0; reads < READS_MAX; reads += 1) {
      await engine.committer.durable();
      const [stored] = await engine.store.load([said.run]);
      if (live.isGone || stored === undefined) return await handUp(engine, said);
      // Another may have decided the same since: what is written now has to follow from what is there.
      if ((stored.records.at(-1)?.seq ?? 0) + 1 === live.nextSeq)
        return writeLive(engine, live, said, stored);
    }
    throw new HoldfastError(
      "HF6003",
      `Run ${live.id} was written to ${String(READS_MAX)} times while it was being read. Nobody was asked anew.`,
      "Try again in a moment.",
    );
  } finally {
    unpin();
  }
}

function writeLive(
  engine: Engine,
  live: LiveRun,
  said: CannotTell,
  { row: { owner }, records }: StoredRun,
): string {
  return writeHandUp(engine, said, { owner, records }, (kind, name, head) => {
    const step = live.slots.get(name)?.verb;
    if (!(step instanceof EffectStep)) {
      live.append(kind, name, head);
      return;
    }
    step.journal.write(kind, 0, head);
    // Written by the same type just now.
    if (kind === "opened") step.openedHead = head as OpenedHead;
  });
}

function writeHandUp(
  { owner: appOwner, clock, effects, exceptions }: Engine,
  said: CannotTell,
  run: { readonly owner: string; readonly records: readonly JournalRecord[] },
  write: Write,
): string {
  const { records } = run;
  const { exception, by, reason, command } = said;
  const opened = records.find(({ seq, kind }) => seq === exception && kind === "opened");
  if (opened === undefined) throw unknownException(said);
  const head = headOf<OpenedHead>(opened);
  const isClosed = records.some(
    (record) => record.kind === "closed" && headOf<ClosedHead>(record).opened === exception,
  );
  if (isClosed || !isOutcomeOpen(head) || head.operation === undefined) throw asksNothing(said);
  const nearest = effects.get(head.effectName ?? "")?.plan.owner ?? head.owner;
  const to = nextOwner([nearest, run.owner, appOwner], head.owner);
  if (to === null) throw nobodyAbove(said, head.owner);
  write("closed", opened.name, {
    opened: exception,
    resolution: "superseded",
    by,
    reason,
    groups: groupNamesOf(head),
    class: head.class,
    ...(command === undefined ? {} : { command }),
  });
  // As much time as its first owner had, from now on.
  const laterMs = clock.nowMs() - opened.atMs;
  const crossings = head.record.crossings.map((crossing) => ({
    ...crossing,
    atMs: crossing.atMs + laterMs,
    to: crossing.to === head.owner ? to : crossing.to,
  }));
  write("opened", opened.name, {
    ...head,
    owner: to,
    because: `${head.because} ${by} (${head.owner}) cannot tell: ${reason}.`,
    dueAtMs: head.dueAtMs + laterMs,
    record: { ...head.record, crossings },
  });
  exceptions.due.note(crossings);
  return to;
}

function unknownException({ run, exception }: CannotTell): HoldfastError {
  return new HoldfastError(
    "HF6001",
    `There is no exception ${formatItemId("exc", { run, seq: exception })}.`,
    "List them with: holdfast exceptions",
  );
}

function asksNothing({ run }: CannotTell): HoldfastError {
  return new HoldfastError(
    "HF6003",
    "It asks no longer what happened. Nobody was asked anew.",
    `Look at it with: holdfast show ${formatRunId(run)}`,
  );
}

function nobodyAbove({ run }: CannotTell, owner: string): HoldfastError {
  return new HoldfastError(
    "HF6003",
    `${owner} is the last who can be asked: nobody is above. It stays with ${owner}.`,
    "Find out what happened at the other system, then settle it. Nothing is sent until then.",
    { where: formatRunId(run) },
  );
}
