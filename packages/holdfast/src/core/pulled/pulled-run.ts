/**
 * The history of one real run as a file, to be held against code: `holdfast pull` writes it, `holdfast
 * test` reads it. Lines of JSON: a header, the row of the run, and each of its records. The format is
 * told to users in docs/reference/pulled-runs.md.
 */
import type { JournalRecord } from "../journal.ts";
import { HoldfastError } from "../error.ts";
import { parseJson } from "../json-text.ts";
import { RECORD_KINDS } from "../record-kinds.ts";
import type { DeployedVersion } from "../code-version.ts";

const PULLED_FORMAT = 1;
const MARK = "pulled run";
/**
 * Digests in the file are made with this and not with the key of the store, which stays there. It is no
 * secret: what it covers is beside it.
 */
export const PULLED_KEY = "holdfast pulled run, format 1";
/** A longer file is no history that a test should hold. */
export const PULLED_BYTES_MAX = 64 << 20;

/** Hex SHA-256 of the UTF-8 of a text. */
export type Sha256 = (text: string) => string;

export interface PulledHeader {
  readonly workflow: string;
  /** `run_...` */
  readonly run: string;
  /** In which state it was when it was pulled. */
  readonly state: string;
  /** Of the code that it began with. */
  readonly version: string;
  /** Of the code that went on with it last. */
  readonly codeVersion: string;
  readonly storeId: string;
  /** Different values that a fake stands for. */
  readonly fakes: number;
  /** Whether payloads of which nobody had declared anything were kept. */
  readonly undeclared: "kept" | "faked";
  /** Versions of the code that the store knew, the oldest first. */
  readonly versions: readonly DeployedVersion[];
}

/** What the row of a run is to who only hands it on. */
type Row = Readonly<Record<string, unknown>>;

export interface PulledRun<R = Row> {
  readonly header: PulledHeader;
  readonly row: R;
  readonly records: readonly JournalRecord[];
}

export function pulledText({ header, row, records }: PulledRun<object>, sha256: Sha256): string {
  const body = [row, ...records].map((one) => `${JSON.stringify(one)}\n`).join("");
  const head = { holdfast: MARK, format: PULLED_FORMAT, ...header, records: records.length };
  const digest = sha256(`${JSON.stringify(head)}\n${body}`);
  return `${JSON.stringify({ ...head, digest })}\n${body}`;
}

/**
 * @param name - of the file, for messages.
 * @throws {HoldfastError} HF5025 if it is none, or was changed; HF5026 if a newer Holdfast wrote it.
 */
export function parsePulledRun(name: string, text: string, sha256: Sha256): PulledRun {
  // Some tools give text files other line ends; JSON has none within a line.
  const [first = "", ...rest] = text.replaceAll("\r\n", "\n").split("\n");
  const head = objectIn(name, first, 1);
  if (head["holdfast"] !== MARK) throw damaged(name, "its first line is not the header of one");
  const { format } = head;
  if (typeof format !== "number" || !Number.isInteger(format) || format < 1)
    throw damaged(name, "its header does not say which format it has");
  if (format > PULLED_FORMAT) throw tooNew(name, format);
  const { digest, ...covered } = head;
  if (rest.at(-1) !== "") throw damaged(name, "its last line is not whole");
  if (digest !== sha256(`${JSON.stringify(covered)}\n${rest.join("\n")}`))
    throw damaged(name, "it is not what was written: its digest is another one");
  const [row = "", ...records] = rest.slice(0, -1);
  return {
    header: headerIn(name, head, records.length),
    row: objectIn(name, row, 2),
    records: records.map((line, at) => recordIn(name, line, at + 1)),
  };
}

function headerIn(name: string, head: Row, recordCount: number): PulledHeader {
  const texts = ["workflow", "run", "state", "version", "codeVersion", "storeId"];
  const isWhole =
    texts.every((field) => typeof head[field] === "string") &&
    head["records"] === recordCount &&
    recordCount > 0 &&
    typeof head["fakes"] === "number" &&
    (head["undeclared"] === "kept" || head["undeclared"] === "faked") &&
    Array.isArray(head["versions"]);
  if (!isWhole) throw damaged(name, "its header lacks what a header has");
  // Its fields are as they were looked at, and its digest is that of what `pulledText` wrote.
  return head as unknown as PulledHeader;
}

function recordIn(name: string, line: string, seq: number): JournalRecord {
  const record = objectIn(name, line, seq + 2);
  const isOne =
    record["seq"] === seq &&
    RECORD_KINDS.some((kind) => kind === record["kind"]) &&
    typeof record["run"] === "number" &&
    typeof record["name"] === "string" &&
    typeof record["atMs"] === "number" &&
    isTextOrNull(record["head"]) &&
    isTextOrNull(record["data"]);
  if (!isOne) throw damaged(name, `line ${String(seq + 2)} is no record ${String(seq)} of a run`);
  return record as unknown as JournalRecord;
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === "string";
}

function objectIn(name: string, line: string, number: number): Row {
  const value = parsedOrNull(line);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Row;
  throw damaged(name, `line ${String(number)} is no JSON object`);
}

function parsedOrNull(line: string): unknown {
  try {
    return parseJson(line);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function damaged(name: string, why: string): HoldfastError {
  return new HoldfastError(
    "HF5025",
    `The file ${name} is no pulled run: ${why}.`,
    "Pull the run again with: holdfast pull RUN > FILE.hfrun. Such a file is not written by hand; change the run's data where it comes from.",
  );
}

function tooNew(name: string, format: number): HoldfastError {
  return new HoldfastError(
    "HF5026",
    `The file ${name} has format ${String(format)} of pulled runs; this Holdfast reads up to ${String(PULLED_FORMAT)}.`,
    "Test it with the Holdfast that has pulled it, or a newer one; or pull the run again with this one.",
  );
}
