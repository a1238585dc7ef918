import { parseArgs } from "node:util";
import { DatabaseSync } from "node:sqlite";
import { openLedger } from "./ledger-store.ts";

/** What the command line of every system says; `numbers` are the options of its own. */
export interface ProgramOptions<Name extends string> {
  readonly db: DatabaseSync;
  /** On 127.0.0.1; 0 for any free port. */
  readonly port: number;
  readonly numbers: Readonly<Record<Name, number>>;
}

export interface ListeningSystem {
  readonly port: number;
  /** Stops listening and ends what is under way within a bound. */
  close(): Promise<void>;
}

/**
 * The life of one system's process: reads `--port P --db FILE` and the given number options, starts
 * the system, says `{"ready":true,"port":N}` on stdout, and ends on SIGTERM.
 *
 * With `--end-with-stdin` it also ends when its stdin does, so that a launcher that is killed leaves
 * no system behind.
 *
 * @param defaults - the number options of this system, with their defaults.
 */
export async function runSystem<Name extends string>(
  defaults: Readonly<Record<Name, number>>,
  start: (options: ProgramOptions<Name>) => Promise<ListeningSystem>,
): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "0" },
      db: { type: "string" },
      "end-with-stdin": { type: "boolean", default: false },
      ...Object.fromEntries(
        Object.keys(defaults).map((name) => [name, { type: "string" as const }]),
      ),
    },
  });
  const given: Readonly<Record<string, unknown>> = values;
  if (values.db === undefined)
    throw new Error("expected --db FILE, the ledger of this system; got none");
  const numbers = Object.fromEntries(
    Object.entries<number>(defaults).map(([name, value]) => [
      name,
      wholeNumber(name, given[name] ?? value),
    ]),
  );
  const db = openLedger(values.db);
  // `numbers` was made from the keys of `defaults`.
  const options = {
    db,
    port: wholeNumber("port", values.port),
    numbers: numbers as Record<Name, number>,
  };
  const system = await start(options);
  let isEnding = false;
  const end = (): void => {
    if (isEnding) return;
    isEnding = true;
    void system.close().then(() => {
      db.close();
      process.exit(0);
    });
  };
  process.once("SIGTERM", end);
  if (values["end-with-stdin"]) {
    process.stdin.resume().once("end", end);
    // Ctrl-C in a terminal reaches every process of the group; here the launcher decides when to end.
    process.on("SIGINT", () => undefined);
  }
  process.stdout.write(`${JSON.stringify({ ready: true, port: system.port })}\n`);
}

function wholeNumber(name: string, value: unknown): number {
  const number = Number(value);
  if (value === "" || !Number.isSafeInteger(number) || number < 0) {
    throw new Error(`expected a whole number for --${name}, got ${JSON.stringify(value)}`);
  }
  return number;
}
