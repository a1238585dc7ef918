/** What the command line does with cells. Part of command-line.ts, which knows the drivers. */
import { addCell, cellState, drainCell, type CellStore } from "./cells/change-list.ts";
import { readerOverCells } from "./cells/reader-over-cells.ts";
import { cellStart, type FoundCell } from "./core/cell-start.ts";
import { HoldfastError } from "./core/error.ts";
import { leftView, type CellsCare, type CellView } from "./operate/cells-care.ts";
import type { StoreCare, StoreReader } from "./operate/store-care.ts";
import { openWholeStore } from "./engine-opening.ts";

interface Named {
  readonly name: string;
  readonly address: string;
}

interface Needs {
  readonly nowMs: () => number;
  /** @throws {HoldfastError} HF5002 for an address of no known form. */
  readonly storeAt: (address: string, name: string) => StoreCare;
}

export function cellsCare(stores: readonly Named[], needs: Needs): CellsCare {
  const { nowMs } = needs;
  const reach = ({ name, address }: Named): CellStore => ({
    name,
    openReader: () => needs.storeAt(address, name).openReader(),
    openAlone: () => openWholeStore(address),
  });
  const cells = stores.map(reach);
  return {
    list: () => listed(cells, stores),
    async add(fresh, by) {
      const list = await addCell(cells, reach(fresh), { by, nowMs });
      return { generation: list.generation, cells: list.cells.map(({ name }) => name) };
    },
    async drain(name, how) {
      const { list, left, keys } = await drainCell(cells, name, { ...how, nowMs });
      return {
        generation: list.generation,
        cells: list.cells.map((cell) => cell.name),
        left: left === null ? null : leftView(left),
        keys,
      };
    },
  };
}

async function listed(cells: readonly CellStore[], stores: readonly Named[]) {
  const looked = await Promise.all(cells.map(look));
  const found = looked.flatMap(({ cell }) => (cell === null ? [] : [cell]));
  let problem: string | null = null;
  try {
    const start = cellStart(
      stores.map(({ name }) => name),
      found,
    );
    if (start.kind === "first") problem = "No list yet: it is made when an app first starts.";
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    problem = `${error.code}  ${error.message}`;
  }
  return { cells: looked.map(({ view }) => view), problem };
}

interface Looked {
  readonly view: CellView;
  readonly cell: FoundCell | null;
}

async function look({ name, openReader }: CellStore): Promise<Looked> {
  let reader: StoreReader | null = null;
  try {
    reader = await openReader();
    const held = await reader.cells.list();
    const { storeId } = reader;
    const isUnused = (await reader.cells.lastRun()) === 0;
    const view: CellView = {
      name,
      state: cellState(held?.list ?? null, name),
      generation: held?.list.generation ?? null,
      storeId,
      unfinishedRuns: await reader.cells.openRunsCount(),
      engineRuns: await reader.engineRuns(),
      problem: null,
    };
    return { view, cell: { name, storeId, held, isUnused } };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    const unknown = { generation: null, storeId: null, unfinishedRuns: null, engineRuns: null };
    return { view: { name, state: "away", ...unknown, problem }, cell: null };
  } finally {
    await reader?.close();
  }
}

/** Several cells together, for looking and for commands to runs. */
export function careOverCells(stores: readonly Named[], { storeAt }: Needs): StoreCare {
  return {
    cells: stores.map(({ name, address }) => ({ name, care: storeAt(address, name) })),
    openReader: async () => {
      const opened: { readonly name: string; readonly reader: StoreReader }[] = [];
      try {
        for (const { name, address } of stores) {
          opened.push({ name, reader: await reachable(name, storeAt(address, name)) });
        }
        return readerOverCells(opened);
      } catch (error) {
        for (const { reader } of opened) await reader.close();
        throw error;
      }
    },
    verify: () => oneAtATime(stores),
    look: () => oneAtATime(stores),
    lookAtPayloads: () => oneAtATime(stores),
    checkVersions: () => oneAtATime(stores),
    openBuild: () => oneAtATime(stores),
    backup: () => oneAtATime(stores),
    sweep: () => oneAtATime(stores),
    openStored: () => oneAtATime(stores),
    importArchive: () => oneAtATime(stores),
    accept: () => oneAtATime(stores),
  };
}

async function reachable(name: string, care: StoreCare): Promise<StoreReader> {
  try {
    return await care.openReader();
  } catch (error) {
    const because = error instanceof Error ? error.message : String(error);
    throw new HoldfastError(
      "HF5023",
      `Cell ${name} cannot be read: ${because}. What it holds would be missing here.`,
      "Look at one of the others with --cell NAME, or leave this one out of --store.",
      { cause: error },
    );
  }
}

function oneAtATime([first]: readonly Named[]): Promise<never> {
  return Promise.reject(
    new HoldfastError(
      "HF4102",
      "This is done for one store at a time, and several cells are named. Nothing was done.",
      `Say which: --cell ${first?.name ?? "NAME"}`,
    ),
  );
}
