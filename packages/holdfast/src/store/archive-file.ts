/**
 * The form of an archive: one JSON value a line. A header says whose runs these are and how many, then
 * come what definitions have declared of their payloads, then the runs, each followed by its records;
 * the last line has the digest of everything before it. What is sealed in the store is sealed here.
 *
 * Read line by line and looked at as what it is, a file from outside: each refusal names its line.
 */
import { createHash } from "node:crypto";
import { HoldfastError } from "../core/error.ts";
import { DEFINITION_KINDS, type JournalRecord } from "../core/journal.ts";
import { RECORD_KINDS, STORE_KINDS } from "../core/record-kinds.ts";
import { parseJson } from "../core/json-text.ts";
import { formatRunId, parseRunId } from "../core/run-number.ts";
import type { DeclarationRow } from "./rows.ts";

/** Version of the form; a reader takes this one. */
const FORMAT = 1;

export interface ArchiveHeader {
  /** `arc_` and 32 hex digits. */
  readonly archive: string;
  readonly storeId: string;
  /** ISO 8601 in UTC. */
  readonly madeAt: string;
  readonly by: string;
  /** All of its runs had ended by then. */
  readonly endedBefore: string;
  /** Null: of all workflows. */
  readonly workflow: string | null;
  readonly runs: number;
  readonly records: number;
}

export type ArchiveItem =
  | { readonly kind: "header"; readonly header: ArchiveHeader }
  | { readonly kind: "declaration"; readonly row: DeclarationRow }
  | { readonly kind: "run"; readonly run: number; readonly records: number }
  | { readonly kind: "record"; readonly record: JournalRecord }
  | { readonly kind: "end"; readonly sha256: string };

/** Makes the lines of an archive, each with its line feed, and their digest. */
export class ArchiveLines {
  readonly #hash = createHash("sha256");
  #runs = 0;
  #records = 0;

  header(header: ArchiveHeader): string {
    return this.#line({ holdfast: "archive", format: FORMAT, ...header });
  }

  declaration(declaration: DeclarationRow): string {
    return this.#line({ declaration });
  }

  run(run: number, records: number): string {
    this.#runs += 1;
    return this.#line({ run: formatRunId(run), records });
  }

  record({ seq, kind, attempt, name, atMs, head, data }: JournalRecord): string {
    this.#records += 1;
    return this.#line({ record: [seq, kind, attempt, name, atMs, head, data] });
  }

  /** The last line; nothing may follow. */
  end(): { readonly line: string; readonly sha256: string } {
    const sha256 = this.#hash.copy().digest("hex");
    const totals = { runs: this.#runs, records: this.#records, sha256 };
    return { line: this.#line({ end: totals }), sha256 };
  }

  #line(value: object): string {
    const line = `${JSON.stringify(value)}\n`;
    this.#hash.update(line);
    return line;
  }
}

/** Takes the lines of an archive one after the other, without their line feeds. */
export class ArchiveParser {
  readonly #hash = createHash("sha256");
  #line = 0;
  #header: ArchiveHeader | null = null;
  #run = 0;
  #recordsOfRun = 0;
  #seq = 0;
  #runs = 0;
  #records = 0;
  #hasEnded = false;

  /** @throws {HoldfastError} HF5017 for a line that is not what has to come here. */
  take(text: string): ArchiveItem {
    this.#line += 1;
    if (this.#hasEnded) throw this.#bad("something follows behind the last line");
    const sha256 = this.#hash.copy().digest("hex");
    this.#hash.update(`${text}\n`);
    const value = this.#object(text);
    if (this.#header === null) return this.#first(value);
    if ("record" in value) return this.#record(value["record"]);
    if ("run" in value) return this.#runLine(value);
    if ("end" in value) return this.#end(value["end"], sha256);
    if ("declaration" in value) return this.#declaration(value["declaration"]);
    throw this.#bad(`a line of an archive was expected, got ${shown(text)}`);
  }

  /** @throws {HoldfastError} HF5017 if the file has ended too early. */
  finish(): void {
    if (this.#header === null) throw this.#bad("the file is empty");
    if (!this.#hasEnded) throw this.#bad("the file was cut off: its last line is missing");
  }

  #object(text: string): Readonly<Record<string, unknown>> {
    let value: unknown;
    try {
      value = parseJson(text);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw this.#bad(`it is no JSON: ${shown(text)}`);
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw this.#bad(`an object was expected, got ${shown(text)}`);
    }
    return value as Readonly<Record<string, unknown>>;
  }

  #first(value: Readonly<Record<string, unknown>>): ArchiveItem {
    if (value["holdfast"] !== "archive") throw this.#bad("this is no archive of Holdfast's");
    if (value["format"] !== FORMAT) {
      throw this.#bad(
        `its form is ${shown(value["format"])}, this Holdfast reads ${String(FORMAT)}`,
      );
    }
    const { archive, storeId, madeAt, by, endedBefore, workflow, runs, records } = value;
    const texts = [archive, storeId, madeAt, by, endedBefore];
    const isHeader =
      texts.every((text) => typeof text === "string") &&
      /^arc_[0-9a-f]{32}$/.test(String(archive)) &&
      (workflow === null || typeof workflow === "string") &&
      isCount(runs) &&
      isCount(records);
    if (!isHeader) throw this.#bad("its header lacks something");
    // Each member has just been looked at.
    this.#header = {
      archive,
      storeId,
      madeAt,
      by,
      endedBefore,
      workflow,
      runs,
      records,
    } as ArchiveHeader;
    return { kind: "header", header: this.#header };
  }

  #declaration(value: unknown): ArchiveItem {
    if (this.#run !== 0) throw this.#bad("a declaration stands behind the first run");
    const row = (value ?? {}) as Partial<DeclarationRow>;
    const { definition, name, sensitive, atMs } = row;
    const isRow =
      DEFINITION_KINDS.some((kind) => kind === definition) &&
      typeof name === "string" &&
      Array.isArray(sensitive) &&
      sensitive.every((pointer) => typeof pointer === "string") &&
      isCount(atMs) &&
      (row.decision === null || Array.isArray(row.decision));
    if (!isRow) throw this.#bad("its declaration lacks something");
    return { kind: "declaration", row: row as DeclarationRow };
  }

  #runLine(value: Readonly<Record<string, unknown>>): ArchiveItem {
    this.#requireWholeRun();
    const { run, records } = value;
    if (!isCount(records) || records === 0) throw this.#bad("its run has no number of records");
    this.#run = this.#runNumber(run);
    this.#recordsOfRun = records;
    this.#seq = 0;
    this.#runs += 1;
    return { kind: "run", run: this.#run, records };
  }

  #runNumber(id: unknown): number {
    try {
      return parseRunId(String(id));
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      throw this.#bad(`${shown(id)} is no id of a run`);
    }
  }

  #record(value: unknown): ArchiveItem {
    if (this.#run === 0) throw this.#bad("a record stands before the first run");
    if (!Array.isArray(value)) throw this.#bad("its record is no list");
    const [seq, kind, attempt, name, atMs, head, data] = value as readonly unknown[];
    this.#seq += 1;
    if (seq !== this.#seq || this.#seq > this.#recordsOfRun) {
      throw this.#bad(`record ${String(this.#seq)} of ${formatRunId(this.#run)} was expected`);
    }
    // Of a record that only a store writes for itself, the file would change what it says nothing of.
    const isKnown = RECORD_KINDS.some((known) => known === kind && !STORE_KINDS.includes(known));
    const isRecord =
      isKnown &&
      (kind === "started") === (seq === 1) &&
      isCount(attempt) &&
      typeof name === "string" &&
      isCount(atMs) &&
      isTextOrNull(head) &&
      isTextOrNull(data);
    if (!isRecord)
      throw this.#bad(`its record is none of a run's that may come here: ${shown(kind)}`);
    this.#records += 1;
    // Each member has just been looked at.
    const record = { run: this.#run, seq, kind, attempt, name, atMs, head, data } as JournalRecord;
    return { kind: "record", record };
  }

  #end(value: unknown, sha256: string): ArchiveItem {
    this.#requireWholeRun();
    const end = (value ?? {}) as Readonly<Record<string, unknown>>;
    const header = this.#header;
    const isWhole =
      end["runs"] === this.#runs &&
      end["records"] === this.#records &&
      header?.runs === this.#runs &&
      header.records === this.#records;
    if (!isWhole) throw this.#bad("the numbers of runs and records are not those of the file");
    if (end["sha256"] !== sha256) {
      throw this.#bad(
        "the digest of the file is not that of what stands before it: it was changed",
      );
    }
    this.#hasEnded = true;
    return { kind: "end", sha256 };
  }

  #requireWholeRun(): void {
    if (this.#seq === this.#recordsOfRun) return;
    const count = `${String(this.#seq)} of its ${String(this.#recordsOfRun)} records`;
    throw this.#bad(`the run before it, ${formatRunId(this.#run)}, has ${count}`);
  }

  #bad(why: string): HoldfastError {
    return new HoldfastError(
      "HF5017",
      `The file is no whole archive of Holdfast's: line ${String(this.#line)}: ${why}. Nothing of it was read in.`,
      "Take another copy of the file; what `holdfast archive` has written ends with a digest, and is read only if that is right.",
    );
  }
}

/** Longest piece of a file that is quoted, in characters. */
const SHOWN_CHARS = 60;

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing");
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}...` : text;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}
