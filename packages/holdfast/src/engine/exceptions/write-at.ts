/** Writes to a run as it is: in memory, waiting or ended; or to the store itself. */
import type { RecordKind } from "../../core/record-kinds.ts";
import type { Engine } from "../engine.ts";
import { withStored } from "../journal/stored-runs.ts";

/** The store's own journal. */
export const STORE = 0;

/** False if the run has left the store. */
export async function writeAt(
  engine: Engine,
  run: number,
  kind: RecordKind,
  name: string,
  head: object,
  data: string | null = null,
): Promise<boolean> {
  if (run === STORE) {
    engine.journal.append(kind, head, data);
    return true;
  }
  const reached = await withStored(engine, run, (_stored, append) => {
    append(kind, name, head, { data });
  });
  if (reached.kind === "live") reached.live.append(kind, name, head, data);
  return reached.kind !== "unknown";
}
