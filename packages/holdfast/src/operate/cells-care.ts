/** The list of cells for people: what each store holds of it, and what changes it. */
import { isoOrNull } from "./views.ts";

export interface CellView {
  readonly name: string;
  readonly state: "active" | "draining" | "not listed" | "away";
  /** Of the list that its store holds; null if it holds none. */
  readonly generation: number | null;
  readonly storeId: string | null;
  readonly unfinishedRuns: number | null;
  /** True if an engine has it open now. */
  readonly engineRuns: boolean | null;
  /** Why it cannot be read, or what does not fit. */
  readonly problem: string | null;
}

interface CellListView {
  readonly cells: readonly CellView[];
  /** What keeps an app from starting on these; null if nothing does. */
  readonly problem: string | null;
}

/** What keeps a cell in the list. */
export interface LeftView {
  readonly unfinishedRuns: number;
  readonly openExceptions: number;
  readonly keptEvents: number;
  readonly earlyAnswers: number;
  readonly commands: number;
  readonly heldMessages: number;
  /** Received and remembered, counted up to 1,000. */
  readonly messages: number;
  readonly eventIds: number;
  readonly eventIdsUntil: string | null;
}

export interface DrainView {
  readonly generation: number;
  readonly cells: readonly string[];
  readonly left: LeftView | null;
  readonly keys: number;
}

export interface CellsCare {
  readonly list: () => Promise<CellListView>;
  readonly add: (
    cell: { readonly name: string; readonly address: string },
    by: string,
  ) => Promise<{ readonly generation: number; readonly cells: readonly string[] }>;
  readonly drain: (
    name: string,
    how: { readonly by: string; readonly forgetIds: boolean },
  ) => Promise<DrainView>;
}

export function leftView({
  eventIdsUntilMs,
  ...left
}: Omit<LeftView, "eventIdsUntil"> & { readonly eventIdsUntilMs: number | null }): LeftView {
  return { ...left, eventIdsUntil: isoOrNull(eventIdsUntilMs) };
}
