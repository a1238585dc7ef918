/**
 * Taking children back with their parent: each child that the parent has started and waits for is
 * cancelled, which is on record before anything else happens, and its end is waited for.
 */
import { HoldfastError } from "../../core/error.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { StoredRun } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import type { ChildEnd } from "../run-host.ts";
import type { ChildWaiter } from "./waiters.ts";

export type TakenBack =
  | { readonly kind: "ended"; readonly end: ChildEnd }
  /** Somebody else has started it, so it is not the parent's to take back. */
  | { readonly kind: "not ours" }
  | { readonly kind: "waits"; readonly why: string };

/** May be asked again, also after a crash between any two lines: each of them says "already so". */
export async function takeBackChild(
  engine: Engine,
  child: number,
  waiter: ChildWaiter,
  reason: string,
): Promise<TakenBack> {
  const stored = await loaded(engine, child);
  if (stored === null) return { kind: "not ours" };
  const ended = await engine.childEnd(child, waiter);
  if (ended !== null) return { kind: "ended", end: ended };
  const { parentRun, parentStep } = stored.row;
  if (parentRun !== waiter.run || parentStep !== waiter.step) return { kind: "not ours" };
  // Once is enough: what it waits for since then is its own, and its end will be told.
  if (stored.records.some(({ kind }) => kind === "cancel")) return standing(stored);
  const refusal = await cancelled(engine, child, waiter, reason);
  if (refusal !== null) return { kind: "waits", why: refusal };
  const end = await engine.childEnd(child, waiter);
  if (end !== null) return { kind: "ended", end };
  const since = await loaded(engine, child);
  return since === null ? { kind: "not ours" } : standing(since);
}

/** Null if it is being taken back now; else the sentence that says why not. */
async function cancelled(
  engine: Engine,
  child: number,
  waiter: ChildWaiter,
  reason: string,
): Promise<string | null> {
  const by = `run ${formatRunId(waiter.run)}`;
  try {
    await engine.commands.cancel(child, by, `taken back with ${by}: ${reason}`, {
      child: true,
    });
    return null;
  } catch (error) {
    // Its code is missing or does not fit, or it has just ended: the parent waits and asks again.
    if (error instanceof HoldfastError && !engine.committer.hasFailed) return error.message;
    throw error;
  }
}

/** What a child that is being taken back waits for, for the sentence of its parent. */
function standing({ row }: StoredRun): TakenBack {
  return { kind: "waits", why: `it is ${row.state}: ${row.reason}` };
}

async function loaded(engine: Engine, child: number): Promise<StoredRun | null> {
  await engine.committer.durable();
  const [stored] = await engine.store.load([child]);
  return stored ?? null;
}
