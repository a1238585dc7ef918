import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { widthOf } from "./safe-text.ts";
import { sentence, textTable, type Screen } from "./text-table.ts";

const PIPE: Screen = { width: null, hasColor: false };
const COLUMNS = [{ title: "ID", isKept: true }, { title: "KEY" }, { title: "REASON" }];

describe("a table", () => {
  test("aligns its columns and ends no line with blanks", () => {
    const rows = [{ cells: ["run_1", "O-1", ""] }, { cells: ["run_22", "O-日本", "it waits"] }];
    expect(textTable(COLUMNS, rows, PIPE)).toBe(
      ["ID      KEY     REASON", "run_1   O-1", "run_22  O-日本  it waits"].join("\n"),
    );
  });

  test("keeps one line for each row, whatever is in the cells", () => {
    const cell = fc.string({ unit: "binary", maxLength: 300 });
    const width = fc.constantFrom(null, 60, 79, 200);
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell)), width, (cells, screenWidth) => {
        const rows = cells.map(([key, reason]) => ({ cells: ["run_0e800380000", key, reason] }));
        const lines = textTable(COLUMNS, rows, { ...PIPE, width: screenWidth }).split("\n");
        expect(lines).toHaveLength(rows.length + 1);
        for (const line of lines.slice(1)) {
          expect(line.startsWith("run_0e800380000")).toBe(true);
          expect(widthOf(line)).toBeLessThanOrEqual(screenWidth ?? Number.POSITIVE_INFINITY);
        }
      }),
    );
  });

  test("never shortens a column of ids, even on a terminal that is too narrow", () => {
    const rows = [{ cells: ["exc_0e800380002_6", "a key of some length", "a reason"] }];
    const text = textTable(COLUMNS, rows, { width: 20, hasColor: false });
    expect(text).toContain("exc_0e800380002_6");
    expect(text).toContain("a key o…");
  });

  test("puts sentences below their row, wrapped to the terminal and never cut", () => {
    const note = "it may have happened and nobody can look it up";
    const rows = [{ cells: ["run_1", "O-1", "x"], notes: [note] }];
    const lines = textTable(COLUMNS, rows, { width: 30, hasColor: false }).split("\n").slice(2);
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(line).toMatch(/^ {4}\S.{0,25}$/);
    expect(lines.map((line) => line.trim()).join(" ")).toBe(note);
  });

  test("writes its header bold where there is colour, and nowhere else", () => {
    const text = textTable(COLUMNS, [], { width: 80, hasColor: true });
    expect(text).toBe("\u001b[1mID  KEY  REASON\u001b[22m");
  });
});

test("a sentence of one endless word stays one line", () => {
  expect(sentence("x".repeat(100), 2, { width: 40, hasColor: false })).toBe(`  ${"x".repeat(100)}`);
});
