/** What the records of a store that is one of several cells say. Part of timeline.ts. */
import type { CarriedHead, CellsHead, ForwardedHead, PlacedHead } from "../core/cells.ts";

export interface CellHeads {
  readonly cells: CellsHead;
  readonly carried: CarriedHead;
  readonly forwarded: ForwardedHead;
  readonly placed: PlacedHead;
}

export const CELL_SAYINGS: {
  readonly [Kind in keyof CellHeads]: (head: CellHeads[Kind]) => {
    readonly what: string;
    readonly by?: string;
  };
} = {
  cells: ({ self, list, by }) => ({
    what: `is cell ${self} of the list of generation ${String(list.generation)}`,
    by,
  }),
  carried: ({ store, keys }) => ({ what: `${String(keys.length)} keys of ${store} carried over` }),
  placed: ({ cell }) => ({ what: `a key leads to a run in cell ${cell}` }),
  forwarded: ({ cell }) => ({ what: `kept event given to cell ${cell}` }),
};
