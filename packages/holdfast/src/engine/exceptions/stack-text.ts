/**
 * Where in the code an error came from, as it is kept with the failure: its frames and those of what
 * caused it, without those of Node and of the engine. Bounded, and with lines of the source where the file that runs was
 * made from another one and says so.
 */
import { fileURLToPath } from "node:url";
import { sourcePosition } from "./source-position.ts";
import { thrownText } from "./thrown-text.ts";

/** Characters of one stack that are kept. */
const STACK_CHARS_MAX = 4_000;
/** Frames of one error, and errors of one chain of causes. */
const FRAMES_MAX = 12;
const CAUSES_MAX = 4;

/** Frames of the engine say nothing about the code that threw. */
const ENGINE = fileURLToPath(new URL("..", import.meta.url));

/** JSON text of the stack, for the data of the failure's record; null for what is no error. */
export function stackJson(error: unknown, masked: (text: string) => string): string | null {
  try {
    const parts = partsOf(error, masked);
    if (parts.length === 0) return null;
    return JSON.stringify(masked(parts.join("\n")).slice(0, STACK_CHARS_MAX));
  } catch (unread) {
    // An error that throws when it is looked at: what it is called is said with the failure.
    return JSON.stringify(`(its stack cannot be read: ${thrownText(unread).name})`);
  }
}

function partsOf(error: unknown, masked: (text: string) => string): string[] {
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < CAUSES_MAX && current instanceof Error; depth += 1) {
    const { name, message } = thrownText(current, masked, STACK_CHARS_MAX);
    const head = `${name}: ${message}`;
    parts.push(depth === 0 ? head : `caused by ${head}`, ...framesOf(current));
    current = current.cause;
  }
  return parts;
}

function framesOf({ stack }: Error): readonly string[] {
  // What somebody has put in the place of the stack need not be text.
  if (typeof stack !== "string") return [];
  return stack
    .split("\n")
    .filter((line) => /^\s+at /.test(line) && !/[( ]node:/.test(line) && !isOfEngine(line))
    .slice(0, FRAMES_MAX)
    .map((line) => `    ${withSource(line.trim())}`);
}

function isOfEngine(line: string): boolean {
  return line.includes(ENGINE) && !line.includes(".test.");
}

const POSITION = /((?:file:\/\/)?(?:\/|[A-Za-z]:\\)[^()]*?):(\d+):(\d+)(\)?)$/;

function withSource(frame: string): string {
  return frame.replace(
    POSITION,
    (whole, file: string, line: string, column: string, end: string) => {
      const source = sourcePosition(file, Number(line), Number(column));
      return source === null ? whole : `${source}${end}`;
    },
  );
}
