/** What the records of a store that is one of several cells change. Part of projection.ts. */
import { assertNever } from "../core/assert.ts";
import type { CarriedHead, CellsHead, ForwardedHead, PlacedHead } from "../core/cells.ts";
import type { JournalRecord } from "../core/journal.ts";
import type { CellKind } from "../core/record-kinds.ts";
import { parseJson } from "../core/json-text.ts";
import type { Change } from "./change.ts";

export function ofCell(kind: CellKind, { head, atMs }: JournalRecord): readonly Change[] {
  // Written with the shape of its kind; the seal says it is still the same.
  const said: unknown = parseJson(head ?? "null");
  switch (kind) {
    case "cells":
      return [{ kind: "cells-listed", row: said as CellsHead, atMs }];
    case "carried":
      return [{ kind: "cells-carried", ...(said as CarriedHead) }];
    case "forwarded":
      return [{ kind: "event-taken", seq: (said as ForwardedHead).kept, run: 0 }];
    case "placed":
      return [{ kind: "cells-placed", ...(said as PlacedHead) }];
    default:
      return assertNever(kind);
  }
}
