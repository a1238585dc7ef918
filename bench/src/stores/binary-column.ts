/** A column as an array in PostgreSQL's binary form. `type` is its number of the element's type. */
export function binaryColumn(type: number, cells: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(20);
  for (const [index, value] of [1, 0, type, cells.length, 1].entries()) {
    header.writeInt32BE(value, index * 4);
  }
  const parts: Uint8Array[] = [header];
  for (const cell of cells) {
    const length = Buffer.alloc(4);
    length.writeInt32BE(cell.length);
    parts.push(length, cell);
  }
  return Buffer.concat(parts);
}
