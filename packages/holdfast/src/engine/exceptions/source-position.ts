/**
 * Finds the line of the source from which a line of a file that runs was made, by the source map
 * that the file names. Reads files, so it is for failures only; what was read is remembered.
 */
import { readFileSync, statSync } from "node:fs";
import { SourceMap } from "node:module";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Files whose maps are remembered, and the largest file that is read for it, in bytes. */
const FILES_MAX = 200;
const FILE_BYTES_MAX = 8 << 20;

const maps = new Map<string, SourceMap | null>();

/** "path:line:column" in the source; null if there is no map, or if it does not know. */
export function sourcePosition(file: string, line: number, column: number): string | null {
  const path = file.startsWith("file:") ? fileURLToPath(file) : file;
  const map = mapOf(path);
  if (map === null) return null;
  const origin = map.findOrigin(line, column);
  if (!("fileName" in origin) || origin.fileName === undefined) return null;
  const source = origin.fileName.startsWith("file:")
    ? fileURLToPath(origin.fileName)
    : resolve(dirname(path), origin.fileName);
  return `${source}:${String(origin.lineNumber)}:${String(origin.columnNumber)}`;
}

function mapOf(path: string): SourceMap | null {
  const known = maps.get(path);
  if (known !== undefined) return known;
  const map = readMap(path);
  // What no longer fits is read again the next time: slower, and still right.
  if (maps.size < FILES_MAX) maps.set(path, map);
  return map;
}

function readMap(path: string): SourceMap | null {
  const code = readText(path);
  const [, address] = /\/\/# sourceMappingURL=(\S+)\s*$/.exec(code ?? "") ?? [];
  if (address === undefined) return null;
  const text = address.startsWith("data:")
    ? embedded(address)
    : readText(resolve(dirname(path), address));
  try {
    return text === null ? null : new SourceMap(JSON.parse(text));
  } catch (error) {
    // A map that is none: the line of the file that runs has to do.
    if (error instanceof Error) return null;
    throw error;
  }
}

function embedded(address: string): string | null {
  const [, base64] = /^data:application\/json[^,]*;base64,(.*)$/.exec(address) ?? [];
  return base64 === undefined ? null : Buffer.from(base64, "base64").toString("utf8");
}

function readText(path: string): string | null {
  try {
    return statSync(path).size > FILE_BYTES_MAX ? null : readFileSync(path, "utf8");
  } catch (error) {
    // Made in memory, or gone: there is nothing to be found.
    if (error instanceof Error && "code" in error) return null;
    throw error;
  }
}
