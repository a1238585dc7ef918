/**
 * Columns as arrays in PostgreSQL's binary form: a Buffer that the client sends as it is. Measured:
 * a tenth to a third less time than arrays as text, and as fast as COPY.
 */
import { storedText } from "./text.ts";

export type Cell = number | string | Uint8Array | null;

/** Type of a column. The number is PostgreSQL's own of the element, the same in every database. */
const COLUMN_TYPES = { int2: 21, int4: 23, int8: 20, text: 25, bytea: 17 } as const;
export type ColumnType = keyof typeof COLUMN_TYPES;

const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;
const NULL_LENGTH = -1;
const WIDTHS = { int2: 2, int4: 4, int8: 8 } as const;

/** @throws {RangeError} if a number does not fit the type. */
export function binaryArray(type: ColumnType, cells: readonly Cell[]): Buffer {
  if (type === "text" || type === "bytea") return ofBytes(type, cells);
  const width = WIDTHS[type];
  const array = Buffer.allocUnsafe(HEADER_BYTES + cells.length * (LENGTH_BYTES + width));
  let at = header(array, type, cells.length);
  let hasNull = 0;
  for (const cell of cells) {
    if (cell === null) {
      hasNull = 1;
      at = array.writeInt32BE(NULL_LENGTH, at);
      continue;
    }
    at = array.writeInt32BE(width, at);
    at = writeNumber(array, width, Number(cell), at);
  }
  array.writeInt32BE(hasNull, 4);
  return array.subarray(0, at);
}

function writeNumber(array: Buffer, width: 2 | 4 | 8, number: number, at: number): number {
  if (width === 2) return array.writeInt16BE(number, at);
  if (width === 4) return array.writeInt32BE(number, at);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${number} is not a safe integer`);
  // Two halves: a BigInt for each number would cost ten times as much.
  const high = Math.floor(number / 2 ** 32);
  array.writeInt32BE(high, at);
  return array.writeUInt32BE(number - high * 2 ** 32, at + 4);
}

function ofBytes(type: "text" | "bytea", cells: readonly Cell[]): Buffer {
  const values = cells.map((cell) => (typeof cell === "string" ? storedText(cell) : cell));
  let size = HEADER_BYTES;
  for (const value of values) size += LENGTH_BYTES + byteLength(value);
  const array = Buffer.allocUnsafe(size);
  let at = header(array, type, cells.length);
  let hasNull = 0;
  for (const value of values) {
    const length = value === null ? NULL_LENGTH : byteLength(value);
    if (value === null) hasNull = 1;
    at = array.writeInt32BE(length, at);
    if (typeof value === "string") at += array.write(value, at, "utf8");
    else if (value instanceof Uint8Array) {
      array.set(value, at);
      at += value.length;
    }
  }
  array.writeInt32BE(hasNull, 4);
  return array;
}

function byteLength(value: Cell): number {
  if (typeof value === "string") return Buffer.byteLength(value, "utf8");
  return value instanceof Uint8Array ? value.length : 0;
}

/** One dimension that counts from 1. */
function header(array: Buffer, type: ColumnType, length: number): number {
  array.writeInt32BE(1, 0);
  array.writeInt32BE(0, 4);
  array.writeInt32BE(COLUMN_TYPES[type], 8);
  array.writeInt32BE(length, 12);
  return array.writeInt32BE(1, 16);
}
