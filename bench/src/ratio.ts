/** A ratio of figures of one run, beside what it is meant to be. */
import { rounded } from "./figure.ts";

/** What a ratio is meant to be; without a bound it is only shown. */
export interface Aim {
  readonly what: string;
  readonly unit: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Ratio extends Aim {
  readonly value: number;
  readonly isMet: boolean;
}

/** Null for a value that is not a number: then one of its figures was not measured. */
export function judged({ what, unit, atLeast, atMost }: Aim, value: number): Ratio | null {
  if (Number.isNaN(value)) return null;
  const isMet = value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity);
  const bounds = {
    ...(atLeast === undefined ? {} : { atLeast }),
    ...(atMost === undefined ? {} : { atMost }),
  };
  return { what, unit, ...bounds, value: rounded(value), isMet };
}

/** The ratios as rows of a table, under their heading; no rows at all if there are none. */
export function ratioTable(ratios: readonly Ratio[]): string[][] {
  if (ratios.length === 0) return [];
  return [["ratio", "value", "target", ""], ...ratios.map(rowOf)];
}

function rowOf({ what, unit, value, atLeast, atMost, isMet }: Ratio): string[] {
  const shown = [what, `${value}${unit}`];
  if (atLeast !== undefined) return [...shown, `at least ${atLeast}${unit}`, verdict(isMet)];
  if (atMost !== undefined) return [...shown, `at most ${atMost}${unit}`, verdict(isMet)];
  return shown;
}

function verdict(isMet: boolean): string {
  return isMet ? "met" : "NOT MET";
}

/** Rows of text with their columns under each other. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
