/** The summary as text for people. */
import type { EffectLine, Summary, Waiting } from "./summary.ts";

/** @param storePath - where the store is left; null if the command line cannot open it any more. */
export function report(summary: Summary, storePath: string | null): string {
  const { settings, seconds, kills, brokenContracts, broken } = summary;
  const asked =
    `seed ${String(settings.seed)}, ${String(settings.orders)} orders, ` +
    (settings.workers > 1 ? `${String(settings.workers)} workers, ` : "") +
    `${String(settings.faults * 100)} % faults, ${String(kills.done)} of ${String(kills.asked)} kills`;
  const sections = [
    [`order-to-cash: ${asked}, ${seconds.toFixed(1)} s`],
    orderLines(summary),
    waitingTable("waiting for a person", summary.waiting),
    waitingTable("completed, with a question open", summary.openQuestions),
    exceptionTable(summary),
    effectTable(summary.effects),
    LEGEND,
    faultLines(summary),
    incidentLines(summary),
    brokenContracts.map(
      ({ action, orderId, rowCount, lateMs }) =>
        `BROKEN CONTRACT  erp: ${action} of ${orderId} is there ${String(rowCount)} times. The last came ` +
        `${(lateMs / 1_000).toFixed(1)} s after the first request was sent; the ERP had promised that nothing comes so late.`,
    ),
    broken.length === 0
      ? [verdict(summary)]
      : ["BROKEN", ...broken.map((sentence) => `  ${sentence}`)],
    storePath === null ? [] : lookFurther(summary, storePath),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

const LEGEND = [
  "expected: orders for which Holdfast says that it was done. open: for which it may have been done,",
  "with somebody on it. counted: rows in the system's own ledger, so from expected to expected + open;",
  "more only for upsert-customer, which may be repeated and is counted each time.",
];

function lookFurther({ waiting }: Summary, storePath: string): string[] {
  const store = `--store sqlite:${storePath}`;
  const example = waiting[0]?.example;
  return [
    "Look further:",
    `  npx holdfast exceptions ${store}`,
    ...(example === undefined ? [] : [`  npx holdfast why ${example} ${store}`]),
  ];
}

function verdict({ effects, brokenContracts }: Summary): string {
  const sum = (of: (line: EffectLine) => number): string =>
    String(effects.reduce((total, line) => total + of(line), 0));
  const figures =
    `${sum((line) => line.duplicated)} duplicated, ${sum((line) => line.lost)} lost, ` +
    `${sum((line) => line.orphaned)} orphaned`;
  return brokenContracts.length === 0
    ? `Every promise was kept: ${figures}.`
    : `The broken contract was found and named: ${figures}.`;
}

function orderLines({ orders }: Summary): string[] {
  const refused = Object.entries(orders.malformedRefused);
  const refusedCount = refused.reduce((sum, [, count]) => sum + count, 0);
  const codes = refused.map(([code, count]) => `${code} ${String(count)}`).join(", ");
  return columns([
    ["orders", "", ""],
    ["  in", String(orders.arrived), `${String(orders.distinct)} of them good and different`],
    ["  duplicates absorbed", String(orders.duplicatesAbsorbed), repeats(orders.repeatedPosts)],
    ["  malformed refused", String(refusedCount), codes],
    ["  completed", String(orders.completed), ""],
    ["  cancelled", String(orders.cancelled), tooLate(orders.cancelledTooLate)],
    ["  rejected by finance", String(orders.rejected), ""],
    ["  compensated", String(orders.compensated), "of the cancelled and rejected"],
    ["  waiting for a person", String(orders.waiting), ""],
  ]);
}

function repeats(count: number): string {
  return count === 0 ? "" : `and ${String(count)} posts repeated because no answer came`;
}

function tooLate(count: number): string {
  return count === 0 ? "" : `and ${String(count)} that came when the order was over`;
}

function waitingTable(title: string, lines: readonly Waiting[]): string[] {
  if (lines.length === 0) return [];
  return columns([
    [title, "family", "class", "owner", "due (UTC)", "reason", "for example"],
    ...lines.map((line) => [
      `  ${String(line.count)}`,
      line.family,
      line.class,
      line.owner,
      line.dueAt === null ? "" : timeOf(line.dueAt),
      line.reason,
      line.example,
    ]),
  ]);
}

/** What was found out about each of them, and whose move it is. */
function exceptionTable({ openExceptions, openExceptionCount }: Summary): string[] {
  if (openExceptions.length === 0) return [];
  const more = openExceptionCount - openExceptions.length;
  return [
    ...columns([
      ["open exceptions", "family", "class", "owner", "due (UTC)", "verdict"],
      ...openExceptions.map((open) => [
        `  ${open.orderId}`,
        open.family,
        open.class,
        open.owner,
        timeOf(open.dueAt),
        open.verdict,
      ]),
    ]),
    ...(more > 0 ? [`  and ${String(more)} more`] : []),
  ];
}

function timeOf(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;
}

function effectTable(lines: readonly EffectLine[]): string[] {
  return columns([
    ["effects", "", "expected", "open", "counted", "duplicated", "lost", "orphaned"],
    ...lines.map((line) => [
      `  ${line.system}`,
      line.effect,
      ...[line.expected, line.open, line.counted, line.duplicated, line.lost, line.orphaned].map(
        String,
      ),
    ]),
  ]);
}

function secondsBetween(fromMs: number, toMs: number | null): string {
  return toMs === null ? "not yet" : `${((toMs - fromMs) / 1_000).toFixed(1)} s`;
}

function incidentLines({ incidents }: Summary): string[] {
  if (incidents.length === 0) return [];
  return columns([
    ["incidents", "away for", "orders that waited", "none did after"],
    ...incidents.map(({ integration, startedAtMs, endedAtMs, parkedCount, drainedAtMs }) => [
      `  ${integration}`,
      secondsBetween(startedAtMs, endedAtMs),
      parkedCount === null ? "" : String(parkedCount),
      secondsBetween(startedAtMs, drainedAtMs),
    ]),
  ]);
}

function faultLines({ faults }: Summary): string[] {
  const lines = Object.entries(faults)
    .filter(([, kinds]) => Object.keys(kinds).length > 0)
    .map(([system, kinds]) => [
      `  ${system}`,
      String(Object.values(kinds).reduce((sum, count) => sum + count, 0)),
      Object.entries(kinds)
        .map(([kind, count]) => `${kind} ${String(count)}`)
        .join(", "),
    ]);
  return lines.length === 0 ? [] : columns([["faults", "", ""], ...lines]);
}

/** Aligned by width; cells that are numbers go to the right. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    row
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return /^\d+$/.test(cell) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
}
