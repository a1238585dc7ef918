/** Aligned text: for people, and plain enough for `grep` and `awk`. */
import { fitted, visible, widthOf } from "./safe-text.ts";

export interface Column {
  readonly title: string;
  /** Never shortened: ids are there to be copied. */
  readonly isKept?: boolean;
}

export interface TableRow {
  readonly cells: readonly string[];
  /** Sentences below the row, indented and whole. */
  readonly notes?: readonly string[];
}

export interface Screen {
  /** Columns of the terminal; null where there is none and lines may be as long as they are. */
  readonly width: number | null;
  readonly hasColor: boolean;
}

/** Widest cell that may be shortened. Longer text has its place in `--json`. */
const CELL_WIDTH_MAX = 100;
/** No column is made narrower than this to fit a terminal. */
const CELL_WIDTH_MIN = 8;
const GAP = "  ";
const NOTE_INDENT = 4;

/** Lines of a table with a header; the last one ends without a line feed. */
export function textTable(
  columns: readonly Column[],
  rows: readonly TableRow[],
  screen: Screen,
): string {
  const body = rows.map((row) => row.cells.map((cell, index) => cellText(cell, columns[index])));
  const widths = columnWidths(columns, body, screen.width);
  const titles = columns.map((column) => column.title);
  const lines = [bold(line(titles, widths), screen)];
  for (const [index, cells] of body.entries()) {
    lines.push(line(cells, widths));
    for (const note of rows[index]?.notes ?? []) lines.push(sentence(note, NOTE_INDENT, screen));
  }
  return lines.join("\n");
}

export function bold(text: string, { hasColor }: Screen): string {
  return hasColor ? `\u001b[1m${text}\u001b[22m` : text;
}

/** A sentence, indented. What does not fit is wrapped and not cut: sentences say why. */
export function sentence(text: string, indent: number, { width }: Screen): string {
  const whole = visible(text);
  const room = width === null ? null : Math.max(width - indent, 3 * CELL_WIDTH_MIN);
  const parts = room === null ? [whole] : wrapped(whole, room);
  return parts.map((part) => `${" ".repeat(indent)}${part}`).join("\n");
}

function cellText(cell: string, column: Column | undefined): string {
  const text = visible(cell);
  return column?.isKept === true ? text : fitted(text, CELL_WIDTH_MAX);
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of text.split(" ")) {
    const longer = current === "" ? word : `${current} ${word}`;
    if (current !== "" && widthOf(longer) > width) {
      lines.push(current);
      current = word;
    } else {
      current = longer;
    }
  }
  return [...lines, current];
}

function columnWidths(
  columns: readonly Column[],
  body: readonly (readonly string[])[],
  screenWidth: number | null,
): readonly number[] {
  const widths = columns.map((column, index) =>
    body.reduce(
      (widest, cells) => Math.max(widest, widthOf(cells[index] ?? "")),
      widthOf(column.title),
    ),
  );
  if (screenWidth === null) return widths;
  const total = widths.reduce((sum, width) => sum + width, GAP.length * (columns.length - 1));
  // Every round takes one column from the widest cell that may give one.
  for (let tooMuch = total - screenWidth; tooMuch > 0; tooMuch -= 1) {
    const index = widestShrinkable(columns, widths);
    if (index === null) break;
    widths[index] = (widths[index] ?? 0) - 1;
  }
  return widths;
}

function widestShrinkable(columns: readonly Column[], widths: readonly number[]): number | null {
  let widest: number | null = null;
  for (const [index, width] of widths.entries()) {
    if (columns[index]?.isKept === true || width <= CELL_WIDTH_MIN) continue;
    if (widest === null || width > (widths[widest] ?? 0)) widest = index;
  }
  return widest;
}

function line(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, index) => padded(fitted(cell, widths[index] ?? 0), widths[index] ?? 0))
    .join(GAP)
    .trimEnd();
}

function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}
