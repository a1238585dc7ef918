/** `holdfast pull`: one run of a store as a file that code can be held against. */
import { createHash, createHmac } from "node:crypto";
import { versionsInOrder } from "../core/code-version.ts";
import { HoldfastError } from "../core/error.ts";
import type { JournalRecord } from "../core/journal.ts";
import { forFile } from "../core/pulled/for-file.ts";
import {
  PULLED_BYTES_MAX,
  PULLED_KEY,
  pulledText,
  type PulledHeader,
} from "../core/pulled/pulled-run.ts";
import { formatRunId } from "../core/run-number.ts";
import { DeclaredFields } from "../store/declared-fields.ts";
import type { StoreReader } from "../store/store.ts";
import { findRun, type RunReference } from "./find-run.ts";
import { scanRun } from "./scan-run.ts";

export interface PullRequest extends RunReference {
  /** Also leaves as they are the payloads of which nobody has declared what is sensitive. */
  readonly keepsUndeclared: boolean;
  /** What fakes are drawn with; to be thrown away. */
  readonly chance: Uint8Array;
}

export interface PulledFile {
  readonly header: PulledHeader;
  /** Of the whole file. */
  readonly text: string;
  /** Whose payloads nobody has declared: `step place-order/note`, for example. */
  readonly undeclared: readonly string[];
}

/**
 * Reads one run; disturbs nobody. A run that is under way is pulled as far as it has come.
 *
 * @throws {HoldfastError} HF6001 and HF4102 as `findRun`, HF5021 if a payload cannot be read here,
 *   HF4104 if the file would be longer than 64 MiB.
 */
export async function pullRun(reader: StoreReader, request: PullRequest): Promise<PulledFile> {
  // The row is read first: what comes after it goes on from there.
  const row = await findRun(reader, request);
  const declarations = await reader.declarations();
  const declared = new DeclaredFields(declarations);
  const records: JournalRecord[] = [];
  await scanRun(reader, row.run, (record) => records.push(record));
  const made = forFile(row, records, {
    pointersOf: (owner) => declared.pointersOf(owner),
    keepsUndeclared: request.keepsUndeclared,
    chance: (text) => createHmac("sha256", request.chance).update(text).digest("hex"),
    digests: (text) => createHmac("sha256", PULLED_KEY).update(text).digest("hex"),
  });
  const header: PulledHeader = {
    workflow: row.workflow,
    run: formatRunId(row.run),
    state: row.state,
    version: row.version,
    codeVersion: row.codeVersion,
    storeId: reader.storeId,
    fakes: made.fakes,
    undeclared: request.keepsUndeclared ? "kept" : "faked",
    versions: versionsInOrder(declarations),
  };
  const text = pulledText({ header, row: made.row, records: made.records }, sha256Of);
  if (Buffer.byteLength(text) > PULLED_BYTES_MAX) throw tooLong(header.run);
  return { header, text, undeclared: made.undeclared };
}

function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function tooLong(run: string): HoldfastError {
  return new HoldfastError(
    "HF4104",
    `Run ${run} would be a file of more than ${String(PULLED_BYTES_MAX >> 20)} MiB, so it was not pulled.`,
    "Pull a shorter run: a test reads each file whole.",
  );
}
