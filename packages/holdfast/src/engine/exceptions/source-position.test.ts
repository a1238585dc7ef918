import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { sourcePosition } from "./source-position.ts";

const folder = mkdtempSync(join(tmpdir(), "holdfast-maps-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Line 1, column 1 of the file that runs comes from line 3, column 5 of map-lines.ts. */
const MAP = { version: 3, sources: ["map-lines.ts"], names: [], mappings: "AAEI" };

test("a line of a compiled file is told as the line of its source", () => {
  const beside = join(folder, "beside.js");
  writeFileSync(beside, "fail();\n//# sourceMappingURL=beside.js.map\n");
  writeFileSync(`${beside}.map`, JSON.stringify(MAP));
  const source = `${join(folder, "map-lines.ts")}:3:5`;
  expect(sourcePosition(beside, 1, 1)).toBe(source);
  expect(sourcePosition(pathToFileURL(beside).href, 1, 1)).toBe(source);
  const inside = join(folder, "inside.js");
  const base64 = Buffer.from(JSON.stringify(MAP)).toString("base64");
  writeFileSync(inside, `fail();\n//# sourceMappingURL=data:application/json;base64,${base64}\n`);
  expect(sourcePosition(inside, 1, 1)).toBe(source);
});

test("a file without a map, with a broken one, or that is not there has none", () => {
  const plain = join(folder, "plain.js");
  writeFileSync(plain, "fail();\n");
  const broken = join(folder, "broken.js");
  writeFileSync(broken, "fail();\n//# sourceMappingURL=data:application/json;base64,e30x\n");
  for (const file of [plain, broken, join(folder, "gone.js")]) {
    expect(sourcePosition(file, 1, 1)).toBeNull();
  }
});
