/** Commands about lanes: lanes, skip-head. */
import { Option, type Command } from "commander";
import { listLanes, skipHead, type LanePage, type LaneView } from "../operate/lanes.ts";
import { PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX } from "../operate/paging.ts";
import { withReader, type Work } from "./context.ts";
import { decider, patience, receiptShown, withReason, type DeciderOptions } from "./deciding.ts";
import { wholeNumber } from "./option-values.ts";
import { ageText, listText, ownerText, type Look } from "./show-lists.ts";
import type { Column, TableRow } from "./text-table.ts";

type Act = (work: Work) => Promise<void>;

export function addLaneCommands(program: Command, act: Act): void {
  addLanes(program, act);
  addSkipHead(program, act);
}

function addLanes(program: Command, act: Act): void {
  program
    .command("lanes")
    .description("list lanes with runs that have not ended, the deepest first")
    .addOption(
      new Option("--limit <rows>", "rows at most")
        .default(PAGE_LIMIT_DEFAULT)
        .argParser(wholeNumber("--limit", 1, PAGE_LIMIT_MAX)),
    )
    .action(({ limit }: { readonly limit: number }) =>
      act((context) =>
        withReader(context, async (reader) => {
          const page = await listLanes(reader, limit);
          return { document: page, text: (look) => lanesText(page, look) };
        }),
      ),
    );
}

interface SkipHeadOptions extends DeciderOptions {
  readonly workflow?: string;
  readonly namespace?: string;
}

function addSkipHead(program: Command, act: Act): void {
  const command = program
    .command("skip-head")
    .description("take a run that holds its lane up out of it, so that the next one has its turn")
    .argument(
      "<lane-or-run>",
      "a lane, as listed by: holdfast lanes; or its first run, by id or key",
    )
    .option("--namespace <name>", "where several namespaces have this lane")
    .option("--workflow <name>", "where runs of several workflows have this key");
  withReason(command).action((run: string, options: SkipHeadOptions) =>
    act((context) =>
      withReader(context, async (reader) => {
        const { workflow, namespace } = options;
        const reference = {
          run,
          ...(workflow === undefined ? {} : { workflow }),
          ...(namespace === undefined ? {} : { namespace }),
        };
        const receipt = await skipHead(
          reader,
          reference,
          decider(options, context),
          patience(options, context),
        );
        const done = `${receipt.run} is out of its lane, which goes on without it`;
        return receiptShown(receipt, done);
      }),
    ),
  );
}

const COLUMNS: readonly Column[] = [
  { title: "LANE", isKept: true },
  { title: "DEPTH", isKept: true },
  { title: "HEAD", isKept: true },
  { title: "KEY" },
  { title: "STATE", isKept: true },
  { title: "SINCE", isKept: true },
  { title: "OWNER" },
];

function lanesText({ lanes, hasMore }: LanePage, look: Look): string {
  const rows = lanes.map((lane) => rowOf(lane, look.nowMs));
  const text = listText(COLUMNS, rows, null, "lanes with runs", look);
  return hasMore ? `${text}\nmore with a larger --limit` : text;
}

function rowOf(view: LaneView, nowMs: number): TableRow {
  const { lane, depth, head, key, state, since, reason } = view;
  return {
    cells: [lane, String(depth), head, key, state, ageText(since, nowMs), ownerText(view)],
    notes: reason === "" ? [] : [reason],
  };
}
