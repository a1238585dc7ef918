/** `holdfast status`: how it stands, on one screen. */
import type { Command } from "commander";
import { durationText } from "../core/duration.ts";
import { storeStatus, type StoreStatus } from "../operate/status.ts";
import { withReader, type Work } from "./context.ts";
import { timeText, type Look } from "./show-lists.ts";
import { bold, sentence } from "./text-table.ts";

const NAME_WIDTH = 12;

export function addStatusCommand(program: Command, act: (work: Work) => Promise<void>): void {
  program
    .command("status")
    .description("say on one screen who is at work, what waits, and what is down")
    .action(() =>
      act((context) =>
        withReader(context, async (reader) => {
          const status = await storeStatus(reader, context.outside.nowMs());
          return { document: status, text: (look) => statusText(status, look) };
        }),
      ),
    );
}

function statusText(status: StoreStatus, look: Look): string {
  const lines: readonly (readonly [string, string])[] = [
    ...status.engines.flatMap((engine) => engineLines(engine, look)),
    ["runs", tally(status.runs) ?? "none"],
    ["exceptions", exceptionsLine(status.exceptions, look)],
    ...downLines(status.down, look),
    ["inbox", inboxLine(status.inbox, look)],
  ];
  return lines.map(([name, said]) => line(name, said, look)).join("\n");
}

function line(name: string, said: string, { screen }: Look): string {
  const text = sentence(said, NAME_WIDTH, screen).slice(NAME_WIDTH);
  const padded = name.padEnd(NAME_WIDTH);
  return `${bold(padded, screen)}${text}`;
}

type Lines = readonly (readonly [string, string])[];

function engineLines(
  { cell, count, silentSince, newestFlushAt }: StoreStatus["engines"][number],
  look: Look,
): Lines {
  const of = cell === null ? "" : `${cell}: `;
  const runs = count === 1 ? "1 engine is at work" : `${String(count)} workers are at work`;
  const silent = silentSince === null ? "" : `, silent since ${sinceText(silentSince, look)}`;
  const flush = newestFlushAt === null ? "none yet" : sinceText(newestFlushAt, look);
  return [
    ["engine", `${of}${count === 0 ? `NONE is at work: nothing moves${silent}` : runs}`],
    ["flush", `${of}newest ${flush}`],
  ];
}

function exceptionsLine(
  { open, byClass, overdue, oldestDueAt }: StoreStatus["exceptions"],
  look: Look,
): string {
  if (open === 0) return "none open";
  const late =
    oldestDueAt === null
      ? "none overdue"
      : `${atLeast(overdue)} overdue, the oldest was due ${sinceText(oldestDueAt, look)}   holdfast exceptions --overdue`;
  return `${String(open)} open: ${tally(byClass) ?? ""}; ${late}`;
}

function downLines(down: StoreStatus["down"], look: Look): Lines {
  if (down.length === 0) return [["down", "no system"]];
  return down.map(({ integration, state, byHand, since, reason, waiting }) => {
    const how = byHand ? "parked by hand" : state;
    return [
      "down",
      `${integration} (${how}) since ${sinceText(since, look)}, ${waitText(waiting, "run")} for it: ${reason}`,
    ];
  });
}

function inboxLine({ oldestAt, ...inbox }: StoreStatus["inbox"], look: Look): string {
  if (oldestAt === null) return "nothing waits";
  return `${waitText(inbox, "command")}, the oldest since ${sinceText(oldestAt, look)}`;
}

function waitText(of: { readonly count: number; readonly hasMore: boolean }, what: string): string {
  return of.count === 1 && !of.hasMore ? `1 ${what} waits` : `${atLeast(of)} ${what}s wait`;
}

function atLeast({ count, hasMore }: { readonly count: number; readonly hasMore: boolean }) {
  return hasMore ? `${String(count)} or more` : String(count);
}

function tally(counts: Readonly<Record<string, number>>): string | null {
  const parts = Object.entries(counts).map(([word, count]) => `${String(count)} ${word}`);
  return parts.length === 0 ? null : parts.join(", ");
}

function sinceText(iso: string, { nowMs }: Look): string {
  const ago = durationText(Math.max(0, nowMs - Date.parse(iso)));
  return `${timeText(iso)} UTC (${ago} ago)`;
}
