/** One measured number, as it is printed with `--json`: one line each. */

export interface Figure {
  readonly workload: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  /** What has to be known to measure the same again. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
}

/** The middle of the values; the lower one of two. NaN if there is none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which a share `q` (0 to 1) of the values lies. NaN if there is none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(q * (sorted.length - 1))] ?? Number.NaN;
}

/** Four significant digits: more would pretend to a precision that no run here has. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
