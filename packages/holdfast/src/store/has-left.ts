/** What is said of a run that has left its store, wherever somebody asks for it. */
import { HoldfastError } from "../core/error.ts";
import { formatRunId } from "../core/run-number.ts";
import type { ArchivedRunRow } from "./rows.ts";

export function hasLeft({ run, atMs, archive, file, by }: ArchivedRunRow): HoldfastError {
  return new HoldfastError(
    "HF6006",
    `Run ${formatRunId(run)} has left the store: ${by} archived it at ${new Date(atMs).toISOString()} as ${archive}, in ${file}.`,
    `Read that file into a store for looking: holdfast import FILE --store sqlite:./archive.db`,
  );
}
