/**
 * Several cells looked at as one store, for people: lists come in the order of run numbers, which no
 * two cells share, so a page of each is enough for a page of all. A command goes to the cell that has
 * its run. One cell that cannot be read is an error, and no gap that nobody sees.
 */
import { HoldfastError } from "../core/error.ts";
import type { IssueRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";

export interface NamedReader {
  readonly name: string;
  readonly reader: StoreReader;
}

interface OfRun {
  readonly run: number;
}

/** @param cells - open; closed with the whole. */
export function readerOverCells(cells: readonly NamedReader[]): StoreReader {
  const together = new Together(cells);
  return {
    storeId: cells.map(({ reader }) => reader.storeId).join("+"),
    cells: OF_ONE,
    ...listsOf(together),
    ...commandsOf(together),
    run: async (run) =>
      (await together.placed(async (reader) => listOf(await reader.run(run))))[0] ?? null,
    async records(run, afterSeq, limit) {
      const cell = await together.having(run);
      return cell === null ? [] : await cell.reader.records(run, afterSeq, limit);
    },
    async issue(fingerprint) {
      const found = await together.ask((reader) => reader.issue(fingerprint));
      const issues = found.filter((one) => one !== null);
      return issuesOf(issues, 1)[0] ?? null;
    },
    archivedRun: (run) => together.firstOf((reader) => reader.archivedRun(run)),
    pulse: () => together.placed((reader) => reader.pulse()),
    counters: async (prefix) => sumsOf(await together.all((reader) => reader.counters(prefix))),
    async close() {
      await together.ask((reader) => reader.close());
    },
  };
}

class Together {
  readonly cells: readonly NamedReader[];

  constructor(cells: readonly NamedReader[]) {
    this.cells = cells;
  }

  ask<T>(read: (reader: StoreReader) => Promise<T>): Promise<readonly T[]> {
    return Promise.all(this.cells.map(({ reader }) => read(reader)));
  }

  async all<T>(read: (reader: StoreReader) => Promise<readonly T[]>): Promise<readonly T[]> {
    return (await this.ask(read)).flat();
  }

  /** Rows with the names of their cells. */
  async placed<Row extends object>(read: (reader: StoreReader) => Promise<readonly Row[]>) {
    const lists = await this.ask(read);
    return lists.flatMap((rows, index) => rows.map((row) => inCell(row, this.cells[index])));
  }

  async firstOf<T>(read: (reader: StoreReader) => Promise<T | null>): Promise<T | null> {
    return (await this.ask(read)).find((found) => found !== null) ?? null;
  }

  async having(run: number): Promise<NamedReader | null> {
    const found = await this.ask((reader) => reader.run(run));
    return this.cells[found.findIndex((row) => row !== null)] ?? null;
  }
}

type Lists =
  | "runs"
  | "runsByKey"
  | "exceptions"
  | "effects"
  | "reviews"
  | "issues"
  | "issueOverlays"
  | "occurrences"
  | "routings"
  | "rules"
  | "dependencies"
  | "lanes"
  | "declarations"
  | "versionCounts"
  | "earlyAnswers"
  | "received"
  | "importedArchives"
  | "inbox";

function listsOf(together: Together): Pick<StoreReader, Lists> {
  return {
    runs: async (query) =>
      (await together.placed((reader) => reader.runs(query))).toSorted(byRun).slice(0, query.limit),
    runsByKey: async (key, limit) =>
      (await together.placed((reader) => reader.runsByKey(key, limit)))
        .toSorted((left, right) => byRun(right, left))
        .slice(0, limit),
    exceptions: async (query) =>
      wholeRuns(await together.placed((reader) => reader.exceptions(query)), query.limit),
    effects: async (query) =>
      wholeRuns(await together.placed((reader) => reader.effects(query)), query.limit),
    reviews: async (query) =>
      wholeRuns(await together.placed((reader) => reader.reviews(query)), query.limit),
    issues: async (level, limit) =>
      issuesOf(await together.all((reader) => reader.issues(level, limit)), limit),
    issueOverlays: () => together.all((reader) => reader.issueOverlays()),
    occurrences: async (of, afterMs, limit) =>
      (await together.placed((reader) => reader.occurrences(of, afterMs, limit)))
        .toSorted((left, right) => right.openedAtMs - left.openedAtMs)
        .slice(0, limit),
    // Each cell has rules of its own: those of all in one list would be nobody's.
    rules: () => Promise.reject(whichCell(together.cells)),
    routings: () => Promise.reject(whichCell(together.cells)),
    dependencies: () => together.all((reader) => reader.dependencies()),
    lanes: async (query) =>
      (await together.placed((reader) => reader.lanes(query)))
        .toSorted((left, right) => right.depth - left.depth)
        .slice(0, query.limit),
    declarations: () => together.all((reader) => reader.declarations()),
    versionCounts: () => together.all((reader) => reader.versionCounts()),
    earlyAnswers: async (limit) =>
      oldest(await together.all((reader) => reader.earlyAnswers(limit)), limit),
    received: async (query) =>
      (await together.all((reader) => reader.received(query)))
        .toSorted((left, right) => right.atMs - left.atMs)
        .slice(0, query.limit),
    importedArchives: () => together.all((reader) => reader.importedArchives()),
    inbox: async (limit) => oldest(await together.all((reader) => reader.inbox(limit)), limit),
  };
}

function commandsOf(together: Together): Pick<StoreReader, "post" | "answer" | "engineRuns"> {
  /** Where the last command went: what is asked of its engine is asked there. */
  let told: StoreReader | null = null;
  return {
    async post(command) {
      const cell = command.run === undefined ? null : await together.having(command.run);
      if (cell === null) throw whichCell(together.cells);
      told = cell.reader;
      await cell.reader.post(command);
    },
    answer: (id) => together.firstOf((reader) => reader.answer(id)),
    engineRuns: async () =>
      told === null
        ? (await together.ask((reader) => reader.engineRuns())).every((runs) => runs)
        : await told.engineRuns(),
  };
}

const OF_ONE: StoreReader["cells"] = {
  list: askedOfOne,
  carried: askedOfOne,
  placed: askedOfOne,
  hasPlaced: askedOfOne,
  keptFor: askedOfOne,
  carriedRun: askedOfOne,
  usedKeys: askedOfOne,
  openRunsCount: askedOfOne,
  lastRun: askedOfOne,
  rememberedIds: askedOfOne,
  keptCount: askedOfOne,
};

function oldest<Row extends { readonly atMs: number }>(
  rows: readonly Row[],
  limit: number,
): readonly Row[] {
  return rows.toSorted((left, right) => left.atMs - right.atMs).slice(0, limit);
}

function inCell<Row extends object>(row: Row, cell: NamedReader | undefined): Row {
  return cell === undefined ? row : { ...row, cell: cell.name };
}

function byRun(left: OfRun, right: OfRun): number {
  return left.run - right.run;
}

function listOf<T>(found: T | null): readonly T[] {
  return found === null ? [] : [found];
}

/** A page never ends within a run. */
function wholeRuns<Row extends OfRun>(rows: readonly Row[], limit: number): readonly Row[] {
  const sorted = rows.toSorted(byRun);
  const last = sorted[limit - 1];
  return last === undefined ? sorted : sorted.filter(({ run }) => run <= last.run);
}

function issuesOf(all: readonly IssueRow[], limit: number): readonly IssueRow[] {
  const merged = new Map<string, IssueRow>();
  for (const issue of all) {
    const known = merged.get(issue.fingerprint);
    merged.set(issue.fingerprint, known === undefined ? issue : mergedOf(known, issue));
  }
  return [...merged.values()]
    .toSorted((left, right) => right.lastSeenAtMs - left.lastSeenAtMs)
    .slice(0, limit);
}

function mergedOf(one: IssueRow, other: IssueRow): IssueRow {
  return {
    ...one,
    firstSeenAtMs: Math.min(one.firstSeenAtMs, other.firstSeenAtMs),
    lastSeenAtMs: Math.max(one.lastSeenAtMs, other.lastSeenAtMs),
    openCount: one.openCount + other.openCount,
    totalCount: one.totalCount + other.totalCount,
  };
}

type Counter = Awaited<ReturnType<StoreReader["counters"]>>[number];

function sumsOf(all: readonly Counter[]): readonly Counter[] {
  const sums = new Map<string, number>();
  for (const { name, value } of all) sums.set(name, (sums.get(name) ?? 0) + value);
  return [...sums].map(([name, value]) => ({ name, value }));
}

function askedOfOne(): Promise<never> {
  return Promise.reject(new RangeError("what a store holds as a cell is asked of that store"));
}

function whichCell(cells: readonly NamedReader[]): HoldfastError {
  return new HoldfastError(
    "HF4102",
    "This is about the store of a cell and not about a run, and several cells are named. Nothing was done.",
    `Say which: --cell ${cells[0]?.name ?? "NAME"}`,
  );
}
