/** What the store says was done, held against what the counterpart's own ledger says. */
import { DatabaseSync } from "node:sqlite";
import { openSqliteReader } from "holdfast/sqlite";

/** Of either store. */
export type Reader = Awaited<ReturnType<typeof openSqliteReader>>;
type Row<Verb extends keyof Reader> = Reader[Verb] extends (
  ...args: never[]
) => Promise<readonly (infer One)[]>
  ? One
  : never;

/** One row each, never more or less: a repeat is harmless, or the effect can be looked up. */
const ONE_ROW = ["put-profile", "charge", "book"] as const;
const AT_MOST_ONCE = "tell";
const ROWS_MAX = 200_000;
const PAGE_ROWS = 5_000;
export const RECORDS_MAX = 10_000;

interface LedgerRow {
  readonly key: string;
  readonly action: string;
}

export interface Books {
  readonly ledger: readonly LedgerRow[];
  readonly runs: readonly Row<"runs">[];
  readonly effects: readonly Row<"effects">[];
  readonly exceptions: readonly Row<"exceptions">[];
}

export async function readBooks(store: string, ledger: string): Promise<Books> {
  const reader = await openSqliteReader({ path: store });
  try {
    return await booksOf(reader, ledger);
  } finally {
    await reader.close();
  }
}

export async function booksOf(reader: Reader, ledger: string): Promise<Books> {
  return {
    ledger: readLedger(ledger),
    runs: await allRuns(reader),
    effects: await allOf((page) => reader.effects(page)),
    exceptions: await allOf((page) => reader.exceptions({ ...page, all: true })),
  };
}

export function allRuns(reader: Reader): Promise<readonly Row<"runs">[]> {
  return allOf((page) => reader.runs(page));
}

/** Page by page: a reader gives no more at a time. */
async function allOf<One extends { readonly run: number }>(
  read: (page: { readonly afterRun: number; readonly limit: number }) => Promise<readonly One[]>,
): Promise<readonly One[]> {
  const all: One[] = [];
  for (let afterRun = 0; all.length < ROWS_MAX;) {
    const page = await read({ afterRun, limit: PAGE_ROWS });
    const last = page.at(-1);
    if (last === undefined) return all;
    all.push(...page);
    afterRun = last.run;
  }
  throw new Error(`there are more than ${String(ROWS_MAX)} rows to check`);
}

function readLedger(path: string): readonly LedgerRow[] {
  return queried<LedgerRow>(path, "select business_key as key, action from ledger");
}

/** Requests that the counterpart got again and that would have been duplicates without a contract. */
export function repeatedRequests(path: string): number {
  const sql = `select business_key as key, action from request
    group by business_key, action having count(*) > 1`;
  return queried<LedgerRow>(path, sql).length;
}

function queried<T>(path: string, sql: string): readonly T[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    // The columns are those of the statement, on a strict table.
    return database.prepare(sql).all() as unknown as readonly T[];
  } finally {
    database.close();
  }
}

/** Attempts that a crash had cut off and that were taken up again, over all runs. */
export async function interruptedAttempts(store: string): Promise<number> {
  const reader = await openSqliteReader({ path: store });
  try {
    return await interruptedIn(reader);
  } finally {
    await reader.close();
  }
}

export async function interruptedIn(reader: Reader): Promise<number> {
  let count = 0;
  for (const { run } of await allRuns(reader)) {
    for (const { kind, head } of await reader.records(run, 0, RECORDS_MAX)) {
      if (kind !== "outcome" || head === null) continue;
      const { failure } = JSON.parse(head) as { readonly failure?: { readonly class: string } };
      if (failure?.class === "interrupted") count += 1;
    }
  }
  return count;
}

/** Broken promises about the runs with these keys, as sentences; none if all were kept. */
export function brokenPromises(books: Books, keys: readonly string[]): readonly string[] {
  const runs = groupedBy(books.runs, ({ key }) => key);
  const ledger = groupedBy(books.ledger, ({ key }) => key);
  const effects = groupedBy(books.effects, ({ run }) => run);
  const exceptions = groupedBy(books.exceptions, ({ run }) => run);
  return keys.flatMap((key) => {
    const [run, ...others] = runs.get(key) ?? [];
    if (run === undefined) return [`${key}: its run is gone`];
    const ofKey: OneOrder = {
      key,
      run,
      ledger: ledger.get(key) ?? [],
      effects: effects.get(run.run) ?? [],
      exceptions: exceptions.get(run.run) ?? [],
    };
    const twice = others.length > 0 ? [`${key}: it has ${String(others.length + 1)} runs`] : [];
    const explained = [run, ...others].flatMap((one) => effects.get(one.run) ?? []);
    return [...twice, ...ofRun(ofKey), ...orphans(ofKey, explained)];
  });
}

function groupedBy<One, Key>(all: readonly One[], keyOf: (one: One) => Key): Map<Key, One[]> {
  const groups = new Map<Key, One[]>();
  for (const one of all) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return groups;
}

/** What the books say of one order. */
interface OneOrder extends Omit<Books, "runs"> {
  readonly key: string;
  readonly run: Row<"runs">;
}

function ofRun({ key, run, ledger, effects, exceptions }: OneOrder): readonly string[] {
  const broken: string[] = [];
  if (run.state !== "completed") broken.push(`${key}: it is ${run.state}: ${run.reason}`);
  const rows = (action: string) => ledger.filter((row) => row.action === action).length;
  for (const action of ONE_ROW) {
    if (rows(action) !== 1) broken.push(`${key}: ${action} has ${String(rows(action))} rows`);
  }
  const told = rows(AT_MOST_ONCE);
  if (told > 1) broken.push(`${key}: ${AT_MOST_ONCE} has ${String(told)} rows`);
  const tell = effects.find((one) => one.effect === AT_MOST_ONCE);
  if (tell?.proof === "surely") {
    if (told !== 1) broken.push(`${key}: ${AT_MOST_ONCE} is proven and has no row`);
    const [needless] = exceptions;
    if (needless !== undefined)
      broken.push(`${key}: an exception without need: ${needless.because}`);
  } else if (!exceptions.some((one) => one.operation === tell?.operation && isOwned(one))) {
    broken.push(`${key}: ${AT_MOST_ONCE} is not proven and nobody was asked`);
  }
  for (const one of exceptions) {
    if (one.effectName !== AT_MOST_ONCE) broken.push(`${key}: ${one.class}: ${one.because}`);
  }
  return broken;
}

function isOwned(exception: Row<"exceptions">): boolean {
  return exception.closedAtMs === null && exception.owner === "team-counterpart";
}

/** Rows that no run explains. */
function orphans({ key, ledger }: OneOrder, effects: readonly Row<"effects">[]): readonly string[] {
  const explained = new Set(
    effects.filter(({ proof }) => proof !== "never").map(({ effect }) => effect),
  );
  return ledger
    .filter(({ action }) => !explained.has(action))
    .map(({ action }) => `${key}: ${action} was done and no run says so`);
}
