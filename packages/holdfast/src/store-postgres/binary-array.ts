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

/** Where texts are laid out before their bytes are known; longer arrays are counted first. */
const TEXTS = Buffer.allocUnsafeSlow(256 * 1024);
/** A UTF-16 unit takes at most three bytes. */
const BYTES_PER_UNIT_MAX = 3;

/** @throws {RangeError} if a number does not fit the type. */
export function binaryArray(type: ColumnType, cells: readonly Cell[]): Buffer {
  // Of a column all cells are of one kind, as the type says, or null.
  if (type === "text") return ofTexts(cells as readonly (string | null)[]);
  if (type === "bytea") return ofBytes(cells as readonly (Uint8Array | null)[]);
  return ofNumbers(type, cells as readonly (number | null)[]);
}

/** An array of bytea whose elements lie side by side in `bytes`, each of the same `width`. */
export function binaryChunks(bytes: Uint8Array, width: number): Buffer {
  const count = bytes.length / width;
  const array = Buffer.allocUnsafe(HEADER_BYTES + count * (LENGTH_BYTES + width));
  let at = header(array, "bytea", count);
  for (let from = 0; from < bytes.length; from += width) {
    at = array.writeInt32BE(width, at);
    for (let index = from; index < from + width; index += 1) array[at++] = bytes[index] ?? 0;
  }
  return array;
}

function ofNumbers(type: keyof typeof WIDTHS, cells: readonly (number | null)[]): Buffer {
  const width = WIDTHS[type];
  const array = Buffer.allocUnsafe(HEADER_BYTES + cells.length * (LENGTH_BYTES + width));
  // Twice as fast as the methods of a Buffer (measured), and silent where a number does not fit.
  const view = new DataView(array.buffer, array.byteOffset, array.length);
  let at = header(array, type, cells.length);
  for (const cell of cells) {
    view.setInt32(at, cell === null ? NULL_LENGTH : width);
    at += LENGTH_BYTES;
    if (cell === null) {
      view.setInt32(4, 1);
      continue;
    }
    writeNumber(view, width, cell, at);
    at += width;
  }
  return array.subarray(0, at);
}

function writeNumber(view: DataView, width: 2 | 4 | 8, number: number, at: number): void {
  const bound = 2 ** (8 * width - 1);
  const fits = Number.isSafeInteger(number) && number >= -bound && number < bound;
  if (!fits) throw new RangeError(`${number} does not fit a whole number of ${width} bytes`);
  if (width === 2) view.setInt16(at, number);
  else if (width === 4) view.setInt32(at, number);
  else {
    // Two halves: a BigInt for each number would cost ten times as much.
    const high = Math.floor(number / 2 ** 32);
    view.setInt32(at, high);
    view.setUint32(at + 4, number - high * 2 ** 32);
  }
}

function ofTexts(cells: readonly (string | null)[]): Buffer {
  const texts = cells.map((cell) => (cell === null ? null : storedText(cell)));
  let units = 0;
  for (const text of texts) units += text?.length ?? 0;
  const otherBytes = HEADER_BYTES + cells.length * LENGTH_BYTES;
  const isShort = otherBytes + units * BYTES_PER_UNIT_MAX <= TEXTS.length;
  const array = isShort ? TEXTS : Buffer.allocUnsafe(otherBytes + bytesOf(texts));
  let at = header(array, "text", cells.length);
  let hasNull = 0;
  for (const text of texts) {
    const length = text === null ? NULL_LENGTH : array.write(text, at + LENGTH_BYTES);
    array.writeInt32BE(length, at);
    at += LENGTH_BYTES;
    if (text === null) hasNull = 1;
    else at += length;
  }
  array.writeInt32BE(hasNull, 4);
  return isShort ? Buffer.from(array.subarray(0, at)) : array;
}

function bytesOf(texts: readonly (string | null)[]): number {
  return texts.reduce((sum, text) => sum + (text === null ? 0 : Buffer.byteLength(text)), 0);
}

function ofBytes(cells: readonly (Uint8Array | null)[]): Buffer {
  let size = HEADER_BYTES;
  for (const cell of cells) size += LENGTH_BYTES + (cell?.length ?? 0);
  const array = Buffer.allocUnsafe(size);
  let at = header(array, "bytea", cells.length);
  let hasNull = 0;
  for (const cell of cells) {
    at = array.writeInt32BE(cell?.length ?? NULL_LENGTH, at);
    if (cell === null) hasNull = 1;
    else array.set(cell, at);
    at += cell?.length ?? 0;
  }
  array.writeInt32BE(hasNull, 4);
  return array;
}

/** One dimension that counts from 1, without nulls so far. */
function header(array: Buffer, type: ColumnType, length: number): number {
  array.writeInt32BE(1, 0);
  array.writeInt32BE(0, 4);
  array.writeInt32BE(COLUMN_TYPES[type], 8);
  array.writeInt32BE(length, 12);
  return array.writeInt32BE(1, 16);
}
