/** `held`: runs that wait for code that is mended. */
import type { Command } from "commander";
import { heldSentence, listHeld, type HeldGroup, type HeldPage } from "../operate/list-held.ts";
import { withReader, type Work } from "./context.ts";
import { ageText, listText, type Look } from "./show-lists.ts";
import type { Column, TableRow } from "./text-table.ts";

type Act = (work: Work) => Promise<void>;

export function addHeldCommand(program: Command, act: Act): void {
  program
    .command("held")
    .description("list runs that are held for a version that mends them, by version and cause")
    .action(() =>
      act((context) =>
        withReader(context, async (reader) => {
          const page = await listHeld(reader, context.outside.nowMs());
          return { document: page, text: (look) => heldText(page, look) };
        }),
      ),
    );
}

const COLUMNS: readonly Column[] = [
  { title: "VERSION", isKept: true },
  { title: "WORKFLOW", isKept: true },
  { title: "RUNS", isKept: true },
  { title: "CAUSE", isKept: true },
  { title: "SINCE", isKept: true },
  { title: "OWNER" },
];

function heldText({ groups, newestVersion, count, hasMore }: HeldPage, look: Look): string {
  const rows = groups.map((group) => rowOf(group, newestVersion, look.nowMs));
  const text = listText(COLUMNS, rows, null, "held runs", look);
  return hasMore ? `${text}\nmore than these ${String(count)} runs are held` : text;
}

function rowOf(group: HeldGroup, newestVersion: string | null, nowMs: number): TableRow {
  const { version, workflow, count, reasonCode, since, owner, message } = group;
  return {
    cells: [
      version ?? "(not known)",
      workflow,
      String(count),
      reasonCode,
      ageText(since, nowMs),
      owner,
    ],
    notes: [message, heldSentence(group, newestVersion)],
  };
}
