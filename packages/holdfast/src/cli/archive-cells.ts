/** Archives several cells, one after the other, each into a file of its own. */
import { HoldfastError } from "../core/error.ts";
import { planArchive, type ArchiveRequest } from "../operate/archive-runs.ts";
import type { NamedCare, StoreCare, StoreReader } from "../operate/store-care.ts";
import { archivePlanned, type ArchiveOptions, type Planned } from "./archive-store.ts";
import type { Context, Shown } from "./context.ts";

/**
 * Each cell has its own archive. All are read, and all files looked for, before anything is done: what
 * would be refused then has left nothing half done.
 */
export async function archiveCells(
  context: Context,
  options: ArchiveOptions,
  { request, cells }: { readonly request: ArchiveRequest; readonly cells: readonly NamedCare[] },
): Promise<Shown> {
  const opened: Opened[] = [];
  try {
    for (const { name: cell, care } of cells) {
      const to = fileOfCell(options.to, cell);
      if (options.yes === true) await context.outside.requireAbsent(to);
      const reader = await openedCell(cell, care);
      opened.push({ cell, to, reader });
    }
    const planned: PlannedCell[] = [];
    for (const one of opened) {
      planned.push({ ...one, request, plan: await planArchive(one.reader, request) });
    }
    return shownOfCells(await doneInCells(context, options, planned));
  } finally {
    for (const { reader } of opened) await reader.close();
  }
}

interface Opened {
  readonly cell: string;
  readonly reader: StoreReader;
  /** Its own file. */
  readonly to: string;
}

interface PlannedCell extends Planned {
  readonly cell: string;
}

interface CellShown {
  readonly cell: string;
  readonly shown: Shown;
}

/** One after the other: who is killed in between has done those before it, and gives it again. */
async function doneInCells(
  context: Context,
  options: ArchiveOptions,
  planned: readonly PlannedCell[],
): Promise<readonly CellShown[]> {
  const done: CellShown[] = [];
  for (const { cell, ...one } of planned) {
    try {
      done.push({ cell, shown: await archivePlanned(context, options, one) });
    } catch (error) {
      throw inCell(error, cell, done);
    }
  }
  return done;
}

function shownOfCells(done: readonly CellShown[]): Shown {
  return {
    document: {
      cells: done.map(({ cell, shown }) => ({ cell, ...(shown.document as object) })),
    },
    text: (look) => done.map(({ cell, shown }) => `Cell ${cell}\n${shown.text(look)}`).join("\n\n"),
  };
}

/** `old.ndjson` of cell north is `old.north.ndjson`. */
function fileOfCell(to: string, cell: string): string {
  const [, stem = to, ending = ""] = /^(.*[^/\\])(\.[^./\\]+)$/su.exec(to) ?? [];
  return `${stem}.${cell}${ending}`;
}

async function openedCell(cell: string, care: StoreCare): Promise<StoreReader> {
  try {
    return await care.openStored();
  } catch (error) {
    throw inCell(error, cell, []);
  }
}

/** What was refused there, and what is done already. Everything else is a bug and stays as it is. */
function inCell(error: unknown, cell: string, done: readonly CellShown[]): unknown {
  if (!(error instanceof HoldfastError)) return error;
  const before =
    done.length === 0
      ? "Nothing was done in the others."
      : `Done before it: ${done.map((one) => one.cell).join(", ")}.`;
  return new HoldfastError(
    error.code,
    `Cell ${cell}: ${error.message} ${before}`,
    `${error.remedy} The others alone: --cell NAME.`,
    { cause: error },
  );
}
