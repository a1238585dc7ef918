/**
 * A flush's records, packed for the way between two threads: one array of numbers and one text,
 * instead of three texts and five numbers a record, each of which would be copied by itself
 * (measured on a busy machine: the writer's thread spent 3.6 us a record on that way, and 1.6 since).
 */
import { noRecords } from "../store/no-records.ts";
import type { RecordColumns } from "../store/store.ts";

export interface PackedRecords {
  /** Eight numbers a record: run, seq, kind, attempt, time, and the lengths of its texts. */
  readonly numbers: Float64Array;
  /** Name, head and payload of each record, one after the other. */
  readonly text: string;
}

const WIDTH = 8;

/** Length of a text that is null. */
const NULL_LENGTH = -1;

export function packRecords(records: RecordColumns): PackedRecords {
  const { run, seq, kind, attempt, atMs, name, head, data } = records;
  const numbers = new Float64Array(run.length * WIDTH);
  const texts: string[] = [];
  for (let index = 0, at = 0; index < run.length; index += 1, at += WIDTH) {
    // A shorter column is a bug of the caller: what is no number is refused where it is unpacked.
    numbers[at] = run[index] ?? Number.NaN;
    numbers[at + 1] = seq[index] ?? Number.NaN;
    numbers[at + 2] = kind[index] ?? Number.NaN;
    numbers[at + 3] = attempt[index] ?? Number.NaN;
    numbers[at + 4] = atMs[index] ?? Number.NaN;
    numbers[at + 5] = packText(texts, name[index]);
    numbers[at + 6] = packText(texts, head[index]);
    numbers[at + 7] = packText(texts, data[index]);
  }
  return { numbers, text: texts.join("") };
}

export function unpackRecords({ numbers, text }: PackedRecords): RecordColumns {
  const records: RecordColumns = noRecords();
  let from = 0;
  for (let at = 0; at < numbers.length; at += WIDTH) {
    const nameEnd = from + numberAt(numbers, at + 5);
    const headLength = numberAt(numbers, at + 6);
    const headEnd = nameEnd + Math.max(0, headLength);
    const dataLength = numberAt(numbers, at + 7);
    const dataEnd = headEnd + Math.max(0, dataLength);
    records.run.push(numberAt(numbers, at));
    records.seq.push(numberAt(numbers, at + 1));
    records.kind.push(numberAt(numbers, at + 2));
    records.attempt.push(numberAt(numbers, at + 3));
    records.atMs.push(numberAt(numbers, at + 4));
    records.name.push(text.slice(from, nameEnd));
    records.head.push(headLength === NULL_LENGTH ? null : text.slice(nameEnd, headEnd));
    records.data.push(dataLength === NULL_LENGTH ? null : text.slice(headEnd, dataEnd));
    from = dataEnd;
  }
  return records;
}

function packText(texts: string[], text: string | null | undefined): number {
  if (text === null) return NULL_LENGTH;
  if (text === undefined) return Number.NaN;
  texts.push(text);
  return text.length;
}

function numberAt(numbers: Float64Array, at: number): number {
  const number = numbers[at];
  if (number === undefined || Number.isNaN(number)) {
    throw new RangeError("a column of the flush is shorter than another");
  }
  return number;
}
