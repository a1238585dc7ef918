/**
 * A run as it may leave its store: with fakes for what is sensitive, and with digests and keys that are
 * made anew, because those of the store are made with its key.
 */
import { base32OfHex } from "../base32.ts";
import { canonicalJson } from "../canonical-json.ts";
import { HoldfastError } from "../error.ts";
import type { JournalRecord } from "../journal.ts";
import { parseJson } from "../json-text.ts";
import { inputDigest, type Hmac } from "../operation-key.ts";
import { hasPayload, isTime, payloadOwner, type PayloadOwner } from "../payload-owner.ts";
import { hasMark } from "../sensitive.ts";
import { Fakes } from "./fakes.ts";

export interface ForFileOptions {
  /** Pointers of what is sensitive; null where nothing is on record of the definition. */
  readonly pointersOf: (owner: PayloadOwner | null) => readonly string[] | null;
  /** Leaves payloads as they are of which nobody has declared anything. */
  readonly keepsUndeclared: boolean;
  /** With a key that is thrown away: nobody finds a value by trying. */
  readonly chance: Hmac;
  /** With the key of the format. */
  readonly digests: Hmac;
}

export interface ForFile<Row> {
  readonly row: Row;
  readonly records: readonly JournalRecord[];
  readonly fakes: number;
  /** Steps and others of which nobody had declared anything, and that have payloads. */
  readonly undeclared: readonly string[];
}

/** What in a head or a row has its meaning for the engine, and holds nothing of anybody. */
const WORDS_OF_OURS: ReadonlySet<string> = new Set([
  "kind",
  "workflow",
  "effect",
  "integration",
  "contract",
  "state",
  "from",
  "to",
  "end",
  "proof",
  "class",
  "family",
  "scope",
  "origin",
  "review",
  "event",
  "namespace",
  "version",
  "codeVersion",
  "says",
  "resolution",
  "definition",
  "compensated",
]);
/** Made with the key of the store. */
const DIGESTS: ReadonlySet<string> = new Set(["digest", "asked", "inputDigest", "keyHash"]);
const OPERATION_KEY = /^hf1_/;

/** @throws {HoldfastError} HF5021 if a payload of the run cannot be read here. */
export function forFile<Row extends { readonly workflow: string }>(
  row: Row,
  records: readonly JournalRecord[],
  options: ForFileOptions,
): ForFile<Row> {
  const payloads = records.map((record) => payloadIn(record, row.workflow, options));
  const fakes = new Fakes(options.chance);
  for (const one of payloads)
    if (one?.pointers !== undefined && one.pointers !== null) fakes.learn(one.value, one.pointers);
  const undeclared = payloads.flatMap((one) => (one?.pointers === null ? [one] : []));
  if (!options.keepsUndeclared) for (const { value } of undeclared) fakes.learnUndeclared(value);
  const datas = payloads.map((one, at) => {
    if (one === null) return dataWithoutPayload(records[at]);
    return JSON.stringify(replaced(one, fakes, options));
  });
  const digests = newDigests(records, datas, options);
  const text = (of: string) => fakes.inText(of);
  return {
    row: rewritten(row, digests, text) as Row,
    records: records.map((record, at) => ({
      ...record,
      name: text(record.name),
      head: record.head === null ? null : headText(record.head, digests, text),
      data: datas[at] ?? null,
    })),
    fakes: fakes.count,
    undeclared: [...new Set(undeclared.map(({ of }) => of))],
  };
}

interface PayloadOf {
  readonly value: unknown;
  readonly pointers: readonly string[] | null;
  /** Names the definition, or the record where that is not known. */
  readonly of: string;
}

function payloadIn(
  record: JournalRecord,
  workflow: string,
  { pointersOf }: ForFileOptions,
): PayloadOf | null {
  if (record.data === null || !hasPayload(record) || isTime(record)) return null;
  const value = parseJson(record.data);
  if (hasMark(value)) throw unreadable(record);
  const owner = payloadOwner(record, workflow);
  const of = owner === null ? record.kind : `${owner.definition} ${owner.name}`;
  return { value, pointers: pointersOf(owner), of };
}

function replaced({ value, pointers }: PayloadOf, fakes: Fakes, options: ForFileOptions): unknown {
  if (pointers !== null) return fakes.inDeclared(value, pointers);
  return options.keepsUndeclared ? fakes.inDeclared(value, []) : fakes.inUndeclared(value);
}

/** The time that the code was told stays. Where an error came from is of no use elsewhere. */
function dataWithoutPayload(record: JournalRecord | undefined): string | null {
  return record !== undefined && isTime(record) ? record.data : null;
}

/** By the digest of the store: that of what stands in the file. */
function newDigests(
  records: readonly JournalRecord[],
  datas: readonly (string | null)[],
  { digests }: ForFileOptions,
): (old: string) => string {
  const known = new Map<string, string>();
  records.forEach((record, at) => {
    const data = datas[at];
    if (data === null || data === undefined || record.head === null) return;
    const head = parseJson(record.head) as Readonly<Record<string, unknown>>;
    const value = parseJson(data);
    if (record.kind === "intent" || record.kind === "edited")
      known.set(String(head["digest"]), inputDigest(value, digests));
    if (record.kind === "edited" && head["original"] === true)
      known.set(String(head["asked"]), inputDigest(value, digests));
    if (record.kind === "asked") known.set(String(head["digest"]), digests(canonicalJson(value)));
    if (record.kind === "started") {
      const old = String(head["inputDigest"]);
      known.set(old, inputDigest(value, digests).slice(0, old.length));
    }
  });
  // Of what is not in the file: another text, so that the store's own does not leave it.
  return (old) => known.get(old) ?? digests(`other ${old}`).slice(0, old.length);
}

function headText(
  head: string,
  digests: (old: string) => string,
  text: (of: string) => string,
): string {
  return JSON.stringify(rewritten(parseJson(head), digests, text));
}

function rewritten(
  value: unknown,
  digests: (old: string) => string,
  text: (of: string) => string,
): unknown {
  if (typeof value === "string") {
    return OPERATION_KEY.test(value) ? `hf1_${base32OfHex(digests(value))}` : text(value);
  }
  if (Array.isArray(value)) return value.map((one) => rewritten(one, digests, text));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      if (typeof member !== "string") return [name, rewritten(member, digests, text)];
      if (WORDS_OF_OURS.has(name)) return [name, member];
      return [name, DIGESTS.has(name) ? digests(member) : rewritten(member, digests, text)];
    }),
  );
}

function unreadable({ seq }: JournalRecord): HoldfastError {
  return new HoldfastError(
    "HF5021",
    `The payload of record ${String(seq)} of the run cannot be read here, so it was not pulled.`,
    "Add --key-ring FILE and --payload-files DIRECTORY as the app has them.",
  );
}
