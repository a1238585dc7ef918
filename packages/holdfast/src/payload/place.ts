/** Where a payload is kept, in words that never change: a seal and the name of a file hold them. */
import { formatRunId } from "../core/run-number.ts";

/** Of a record. Run 0 is the store itself. */
export function recordPlace(run: number, seq: number): string {
  return `${run === 0 ? "store" : formatRunId(run)} record ${String(seq)}`;
}

/** Of a command in the inbox. */
export function commandPlace(id: string): string {
  return `command ${id}`;
}
