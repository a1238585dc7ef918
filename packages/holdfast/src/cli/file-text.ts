/** A file that is named on the command line, as one text within a bound. */
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
  for await (const line of outside.linesOf(file)) {
    chars += line.length;
    if (chars > charsMax) {
      throw badUse(
        `${file} is larger than ${String(charsMax)} characters.`,
        "Name the file that was meant.",
      );
    }
    lines.push(line);
  }
  return lines.join("\n");
}
