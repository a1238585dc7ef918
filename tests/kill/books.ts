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
  return [...keys.flatMap((key) => ofRun(books, key)), ...orphans(books, keys)];
}

function ofRun({ ledger, runs, effects, exceptions }: Books, key: string): readonly string[] {
  const [run, ...others] = runs.filter((one) => one.key === key);
  if (run === undefined) return [`${key}: its run is gone`];
  const broken: string[] = [];
  if (others.length > 0) broken.push(`${key}: it has ${String(others.length + 1)} runs`);
  if (run.state !== "completed") broken.push(`${key}: it is ${run.state}: ${run.reason}`);
  const rows = (action: string) =>
    ledger.filter((row) => row.key === key && row.action === action).length;
  for (const action of ONE_ROW) {
    if (rows(action) !== 1) broken.push(`${key}: ${action} has ${String(rows(action))} rows`);
  }
  const told = rows(AT_MOST_ONCE);
  if (told > 1) broken.push(`${key}: ${AT_MOST_ONCE} has ${String(told)} rows`);
  const tell = effects.find((one) => one.run === run.run && one.effect === AT_MOST_ONCE);
  const asked = exceptions.filter((one) => one.run === run.run);
  if (tell?.proof === "surely") {
    if (told !== 1) broken.push(`${key}: ${AT_MOST_ONCE} is proven and has no row`);
    if (asked.length > 0) broken.push(`${key}: an exception without need: ${asked[0]?.because}`);
  } else if (!asked.some((one) => one.operation === tell?.operation && isOwned(one))) {
    broken.push(`${key}: ${AT_MOST_ONCE} is not proven and nobody was asked`);
  }
  for (const one of asked) {
    if (one.effectName !== AT_MOST_ONCE) broken.push(`${key}: ${one.class}: ${one.because}`);
  }
  return broken;
}

function isOwned(exception: Row<"exceptions">): boolean {
  return exception.closedAtMs === null && exception.owner === "team-counterpart";
}

/** Rows that no run explains. */
function orphans({ ledger, runs, effects }: Books, keys: readonly string[]): readonly string[] {
  const explained = new Set(
    runs.flatMap(({ run, key }) =>
      effects
        .filter((one) => one.run === run && one.proof !== "never")
        .map((one) => JSON.stringify([key, one.effect])),
    ),
  );
  return ledger
    .filter(({ key }) => keys.includes(key))
    .filter(({ key, action }) => !explained.has(JSON.stringify([key, action])))
    .map(({ key, action }) => `${key}: ${action} was done and no run says so`);
}
