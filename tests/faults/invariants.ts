/**
 * What has to be so after any fault: one function for all scripts. The numbers are those of the
 * reliability page of the design: I1 to I10, as far as one order shows them.
 */
import { allRuns, booksOf, brokenPromises, RECORDS_MAX, type Reader } from "../kill/books.ts";
import type { Orders } from "./orders.ts";
import { until } from "./until.ts";

/** Attempts that the effects of an order allow: see the effects of the kill test. */
const ATTEMPTS_MAX = 20;
/** All that does not wait for a person has ended by then, once faults have stopped (I8). */
const LIVELY_MS_MAX = 180_000;
/** Longer than any settle time of the scripts with its second look. */
const SOON_MS = 15_000;
const SLOW_SHOWN_MAX = 10;

export interface Evidence {
  readonly orders: Orders;
  readonly reader: Reader;
  /** Of the counterpart. */
  readonly ledger: string;
  /** Damage in the words of `holdfast store verify`. */
  readonly damage: () => Promise<readonly string[]>;
  /** Told what has not ended soon: slow is not lost, and worth a look. */
  readonly say: (line: string) => void;
}

/** Resolves with what has not come to its end, as sentences. */
async function notEnded({ reader, orders, say }: Evidence): Promise<readonly string[]> {
  let open: string[] = [];
  const isSo = async () => {
    const runs = await allRuns(reader);
    open = runs
      .filter(({ endedAtMs }) => endedAtMs === null)
      .map(({ run, key, state, reason }) => `${key} (${String(run)}) is still ${state}: ${reason}`);
    return runs.length >= orders.accepted.size && open.length === 0;
  };
  if (await until(isSo, SOON_MS)) return [];
  for (const sentence of open.slice(0, SLOW_SHOWN_MAX)) say(`slow: ${sentence}`);
  return (await until(isSo, LIVELY_MS_MAX)) ? [] : open;
}

/** Promises that were broken, as sentences; none if all were kept. */
export async function brokenInvariants(evidence: Evidence): Promise<readonly string[]> {
  const { orders, reader, ledger, damage } = evidence;
  // I8: the last phase, without faults.
  const open = await notEnded(evidence);
  // I1, I2: every start was answered in the end, and none is new that was accepted before.
  await orders.confirm();
  const books = await booksOf(reader, ledger);
  const known = new Set(orders.keys);
  return [
    ...open,
    ...orders.broken,
    // I1, I4, I5, I6.
    ...brokenPromises(books, orders.keys),
    ...books.ledger
      .filter(({ key }) => key.startsWith(orders.prefix) && !known.has(key))
      .map(({ key }) => `nobody ordered ${key}`),
    // I7.
    ...books.effects
      .filter(({ attempts }) => attempts > ATTEMPTS_MAX)
      .map(({ step, attempts }) => `${step} was tried ${String(attempts)} times`),
    ...(await outcomesTwice(reader)),
    // I9, I10: also whatever an engine wrote after it was replaced.
    ...(await damage()),
  ];
}

/** I3: one outcome for each attempt, one answer for each step, one end for each run. */
async function outcomesTwice(reader: Reader): Promise<readonly string[]> {
  const twice: string[] = [];
  for (const { run, key } of await allRuns(reader)) {
    const seen = new Set<string>();
    for (const { kind, name, attempt } of await reader.records(run, 0, RECORDS_MAX)) {
      if (!["intent", "outcome", "result", "fired", "finished"].includes(kind)) continue;
      const what = `${kind} of ${name} (${String(attempt)})`;
      if (seen.has(what)) twice.push(`${key}: ${what} is on record twice`);
      seen.add(what);
    }
  }
  return twice;
}
