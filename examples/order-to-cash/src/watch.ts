/** Where all orders stand, read from the store's projections while the engine runs or is down. */
import type { RunState } from "holdfast";
import type { StoreReader } from "./store-reader.ts";

const WORKFLOW = "place-order";
const PAGE = 1_000;

const FINAL: readonly RunState[] = ["completed", "stopped", "cancelled"];
const WITH_A_PERSON: readonly RunState[] = ["review", "exception", "held"];

/** Counts of orders that the store knows. */
export interface Standing {
  readonly completed: number;
  /** Cancelled, or stopped because finance has rejected it. */
  readonly ended: number;
  readonly withAPerson: number;
  /** Everything else: the engine has to bring these on. */
  readonly underWay: number;
}

/** One read of the run counters. */
export async function standing(reader: StoreReader): Promise<Standing> {
  const prefix = `runs/${WORKFLOW}/`;
  const counts = new Map(
    (await reader.counters(prefix)).map(({ name, value }) => [name.slice(prefix.length), value]),
  );
  const sum = (states: readonly string[]): number =>
    states.reduce((total, state) => total + (counts.get(state) ?? 0), 0);
  const all = sum([...counts.keys()]);
  const [final, withAPerson] = [sum(FINAL), sum(WITH_A_PERSON)];
  const completed = counts.get("completed") ?? 0;
  return { completed, ended: final - completed, withAPerson, underWay: all - final - withAPerson };
}

/** Rows of any of the store's lists, page by page. */
export async function allOf<Row extends { readonly run: number }>(
  page: (query: { readonly afterRun: number; readonly limit: number }) => Promise<readonly Row[]>,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (;;) {
    const next = await page({ afterRun: rows.at(-1)?.run ?? 0, limit: PAGE });
    if (next.length === 0) return rows;
    rows.push(...next);
  }
}
