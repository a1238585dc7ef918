/** A file that is named on the command line, as one text within a bound. */
import { HoldfastError } from "../core/error.ts";
import { badUse } from "./context.ts";
import type { Outside } from "./outside.ts";

/** @param charsMax - more is refused before it is kept. */
export async function textOfFile(
  outside: Pick<Outside, "linesOf">,
  file: string,
  charsMax: number,
): Promise<string> {
  const lines: string[] = [];
  let chars = 0;
  try {
    for await (const line of outside.linesOf(file)) {
      chars += line.length;
      if (chars > charsMax)
        throw badUse(`${file} is larger than ${String(charsMax)} characters.`, MEANT);
      lines.push(line);
    }
  } catch (error) {
    // Archives are read by the same lines, and say so.
    if (!(error instanceof HoldfastError) || error.code !== "HF5017") throw error;
    const because = error.cause instanceof Error ? error.cause.message : error.message;
    throw badUse(`${file} cannot be read: ${because}.`, MEANT);
  }
  return lines.join("\n");
}

const MEANT = "Name the file that was meant.";
