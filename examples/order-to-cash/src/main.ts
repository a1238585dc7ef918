/** `npm start`: reference case 1, order to cash, through real faults. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { STORE_FILE, SUMMARY_FILE } from "./places.ts";
import { startProgress } from "./progress.ts";
import { report } from "./report.ts";
import { readSettings, USAGE, type Settings } from "./settings.ts";
import { summarize } from "./summary.ts";
import { runOrders } from "./supervisor.ts";
import { makeEmpty } from "./var-dir.ts";

/** As a shell says it of a program that Ctrl-C has ended. */
const EXIT_INTERRUPTED = 130;
const EXIT_BROKEN = 1;
const EXIT_BAD_USE = 2;

try {
  process.exitCode = await main();
} catch (error) {
  // The case could not be run at all, for example because a process did not start.
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = EXIT_BROKEN;
}

async function main(): Promise<number> {
  const settings = settingsOrNull();
  if (settings === null) return EXIT_BAD_USE;
  const interrupted = new AbortController();
  process.on("SIGINT", () => {
    interrupted.abort();
  });
  const { dir } = settings;
  makeEmpty(dir);
  const progress = startProgress(process.stdout, settings.orders);
  const outcome = await runOrders({ settings, progress, signal: interrupted.signal }).catch(
    (error: unknown) => {
      // Ctrl-C reaches processes that have just been started before they can heed it.
      if (interrupted.signal.aborted) return null;
      throw error;
    },
  );
  if (outcome === null) {
    process.stdout.write("interrupted: everything was stopped\n");
    return EXIT_INTERRUPTED;
  }
  const summary = summarize(outcome);
  writeFileSync(join(dir, SUMMARY_FILE), `${JSON.stringify(summary, null, 2)}\n`);
  process.stdout.write(
    `\n${report(summary, settings.store === "sqlite" ? join(dir, STORE_FILE) : null)}`,
  );
  return summary.broken.length === 0 ? 0 : EXIT_BROKEN;
}

function settingsOrNull(): Settings | null {
  try {
    return readSettings(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
    return null;
  }
}
