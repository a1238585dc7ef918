/** The program behind `npx holdfast`: hands the process to the command line. */
import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { createInterface } from "node:readline/promises";
import { lookOnly, outside } from "../command-line.ts";
import { runCommandLine } from "./program.ts";
import type { Terminal } from "./terminal.ts";

let isToEnd = false;

const terminal: Terminal = {
  env: process.env,
  hasFile: existsSync,
  userName,
  out: (text) => {
    process.stdout.write(text);
  },
  err: (text) => {
    process.stderr.write(text);
  },
  width: process.stdout.isTTY ? process.stdout.columns : null,
  endsAll: () => {
    isToEnd = true;
  },
  ...(process.stdin.isTTY && process.stdout.isTTY ? { ask } : {}),
};

// A reader that has seen enough (`holdfast runs | head`) closes the pipe; that is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

lookOnly();
// Not process.exit at once: what was written to a pipe is still on its way.
process.exitCode = await runCommandLine(process.argv.slice(2), terminal, outside);
if (isToEnd) {
  for (const stream of [process.stdout, process.stderr])
    await new Promise<void>((resolve) => {
      stream.write("", () => {
        resolve();
      });
    });
  process.exit();
}

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}

function userName(): string | null {
  try {
    return userInfo().username;
  } catch (error) {
    // No entry in the password file, as in many containers; anything else is no system of ours.
    if (error instanceof Error && "code" in error) return null;
    throw error;
  }
}
