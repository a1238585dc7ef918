/** A stored run whose journal cannot be read: it is held and given to its owner, and stops no other. */
import { HoldfastError } from "../../core/error.ts";
import { parseJson } from "../../core/json-text.ts";
import type { JournalRecord } from "../../core/journal.ts";
import { formatRunId } from "../../core/run-number.ts";
import { isActive } from "../../core/run-state.ts";
import type { RunRow, StoredRun } from "../../store/rows.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import type { Engine } from "../engine.ts";
import { LiveRun } from "./live-run.ts";

/**
 * Puts the run on hold with HF2106. One that already waits for a person stays as it is.
 *
 * @param lastSeq - where its journal ends; 0 if there is nothing of it at all.
 */
export function holdUnreadable(
  engine: Engine,
  workflow: AnyWorkflow,
  row: RunRow,
  lastSeq: number,
  error: unknown,
): void {
  if (!isActive(row.state) && row.state !== "waiting" && row.state !== "parked") return;
  const { run, updatedAtMs: atMs } = row;
  // Nothing of its journal is looked at, only where it ends: what is written comes after that.
  const end: JournalRecord = {
    run,
    seq: lastSeq,
    kind: "state",
    attempt: 0,
    name: "",
    atMs,
    head: null,
    data: null,
  };
  new LiveRun(engine, workflow, { row, records: [end] }).ending.hold(unreadable(run, error));
}

function unreadable(run: number, error: unknown): HoldfastError {
  const why = whyOf(error);
  return new HoldfastError(
    "HF2106",
    `The journal of run ${formatRunId(run)} cannot be read: ${why}. Nothing was executed.`,
    "Run `holdfast store verify`; if it finds damage, restore a backup. Then resume the run.",
  );
}

/** Of text that is no JSON only the place: the parser's sentence quotes what stands there. */
function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof SyntaxError)) return error.message;
  const [place] = /at position \d+/u.exec(error.message) ?? [];
  return `a record of it is no JSON${place === undefined ? "" : ` ${place}`}`;
}

/**
 * @throws {TypeError} where a run has a row and no beginning: from nothing it would do all anew.
 * @throws {HoldfastError} where the store could not read a payload of it.
 */
export function requireBeginning({ records, unreadable: why }: StoredRun): void {
  if (why !== undefined) throw why;
  if (records[0]?.kind !== "started") throw new TypeError("its first record is missing");
}

/** @throws {HoldfastError} HF2106 if nothing can be done with the run for that reason. */
export function requireReadable(stored: StoredRun): void {
  const { row, records } = stored;
  try {
    requireBeginning(stored);
    for (const { head, data } of records) {
      parseJson(head ?? "null");
      parseJson(data ?? "null");
    }
  } catch (error) {
    // Translated: whoever asked hears what is wrong with the run.
    throw unreadable(row.run, error);
  }
}
