/** `holdfast cells`: the list of cells, and what changes it. */
import type { Command } from "commander";
import type { CellView, CellsCare, DrainView } from "../operate/cells-care.ts";
import { badUse, type Context, type Shown } from "./context.ts";
import { EXIT } from "./exit-code.ts";
import { personOf } from "./option-values.ts";
import type { Look } from "./show-lists.ts";
import { namedAddress } from "./store-names.ts";
import { sentence, textTable, type Column } from "./text-table.ts";

/** What a command on cells has at hand. */
export type CellsWork = (care: CellsCare, context: Omit<Context, "store">) => Promise<Shown>;

type Act = (work: CellsWork) => Promise<void>;

export function addCellsCommands(program: Command, act: Act): void {
  const cells = program.command("cells").description("see and change the list of cells of an app");
  cells
    .command("list")
    .description("list the cells with what is left in each, and say whether their stores agree")
    .action(() =>
      act(async (care) => {
        const list = await care.list();
        return {
          document: list,
          text: (look) => listText(list.cells, look),
          ...(list.problem === null ? {} : { remark: list.problem, exitCode: EXIT.failed }),
        };
      }),
    );
  cells
    .command("add")
    .argument("<cell>", "NAME=ADDRESS of a store that is not there yet")
    .option("--by <name>", "who changes the list; default: your name on this system")
    .description("bring a cell in; stop the workers first")
    .action((text: string, { by }: { readonly by?: string }) =>
      act(async (care, context) => {
        const added = namedAddress(text);
        if (added === null) {
          throw badUse(
            `${JSON.stringify(text)} does not name a cell.`,
            "Give its name and its address: holdfast cells add west=sqlite:./west.db",
          );
        }
        const list = await care.add(added, personOf(by, context));
        const names = list.cells.join(", ");
        const told = `The list of generation ${String(list.generation)} is ${names}. Start the app and its workers with these.`;
        return { document: list, text: ({ screen }) => sentence(told, 0, screen) };
      }),
    );
  cells
    .command("drain")
    .argument("<cell>", "name of the cell")
    .option(
      "--forget-event-ids",
      "do not wait until the ids of its events and messages are forgotten",
    )
    .option("--by <name>", "who changes the list; default: your name on this system")
    .description("take a cell out, as far as it has nothing left to do; stop the workers first")
    .action((name: string, options: { readonly forgetEventIds?: true; readonly by?: string }) =>
      act(async (care, context) => {
        const forgetIds = options.forgetEventIds === true;
        const drained = await care.drain(name, { by: personOf(options.by, context), forgetIds });
        return {
          document: drained,
          text: ({ screen }) => sentence(drainText(name, drained), 0, screen),
          exitCode: drained.left === null ? EXIT.ok : EXIT.needsPerson,
        };
      }),
    );
}

const COLUMNS: readonly Column[] = [
  { title: "CELL", isKept: true },
  { title: "STATE", isKept: true },
  { title: "GENERATION", isKept: true },
  { title: "UNFINISHED RUNS" },
  { title: "ENGINE" },
  { title: "STORE" },
];

function listText(cells: readonly CellView[], { screen }: Look): string {
  const rows = cells.map((cell) => ({
    cells: [
      cell.name,
      cell.state,
      cell.generation === null ? "-" : String(cell.generation),
      cell.unfinishedRuns === null ? "-" : String(cell.unfinishedRuns),
      cell.engineRuns === null ? "-" : cell.engineRuns ? "runs" : "none",
      cell.storeId ?? "-",
    ],
    notes: cell.problem === null ? [] : [cell.problem],
  }));
  return textTable(COLUMNS, rows, screen);
}

function drainText(name: string, { left, keys }: DrainView): string {
  if (left === null) {
    return `${name} has left the list; the others have its keys (${String(keys)}), read back and compared. Start the app and its workers without it. Keep its store for as long as you want to look at its runs.`;
  }
  const parts = [
    counted(left.unfinishedRuns, "unfinished run"),
    counted(left.openExceptions, "open exception"),
    counted(left.keptEvents, "kept event"),
    counted(left.earlyAnswers, "early answer"),
    counted(left.commands, "waiting command"),
    counted(left.heldMessages, "held message"),
    counted(left.messages, "remembered message"),
    counted(left.eventIds, "event id"),
  ].filter((part) => part !== "");
  const until =
    left.eventIdsUntil === null
      ? ""
      : ` Ids of events are remembered until ${left.eventIdsUntil}; --forget-event-ids gives them up.`;
  const messages =
    left.messages === 0
      ? ""
      : " What it remembers of messages goes with it: --forget-event-ids gives that up, too, and a repeat then joins the run of its key.";
  return `${name} takes nothing new any more and stays in the list: it has ${parts.join(", ")}.${until}${messages} Start the workers with the same cells, and drain it again later.`;
}

function counted(count: number, what: string): string {
  if (count === 0) return "";
  return `${String(count)} ${what}${count === 1 ? "" : "s"}`;
}
