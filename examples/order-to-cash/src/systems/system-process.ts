import { fileURLToPath } from "node:url";
import { startChild, type ChildEnd } from "../child.ts";

export const SYSTEM_NAMES = ["crm", "payments", "erp", "mail"] as const;
export type SystemName = (typeof SYSTEM_NAMES)[number];

const PROGRAMS: Readonly<Record<SystemName, URL>> = {
  crm: new URL("./crm.ts", import.meta.url),
  payments: new URL("./payments.ts", import.meta.url),
  erp: new URL("./erp.ts", import.meta.url),
  mail: new URL("./mail.ts", import.meta.url),
};

const READY_MS_MAX = 15_000;
const TERM_MS_MAX = 5_000;

/** How a system's process ended. */
export interface SystemEnd extends ChildEnd {
  readonly name: SystemName;
}

/** One of the other systems, running as a process of its own. */
export interface SystemProcess {
  readonly name: SystemName;
  readonly pid: number;
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<SystemEnd>;
  /** SIGTERM, and SIGKILL if that is not enough within 5 s. */
  stop(): Promise<SystemEnd>;
}

/**
 * Starts one system and waits until it listens.
 *
 * @param db - its database; made if it is not there.
 * @param numbers - options of its own, without the dashes: `{ "search-lag-ms": 700 }`.
 * @throws {Error} with what the process wrote to stderr, if it ends or says nothing for 15 s.
 */
export async function startSystemProcess(
  name: SystemName,
  db: string,
  numbers: Readonly<Record<string, number>> = {},
): Promise<SystemProcess> {
  const options = Object.entries(numbers).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const program = fileURLToPath(PROGRAMS[name]);
  const args = [program, "--port", "0", "--db", db, "--end-with-stdin", ...options];
  const child = await startChild(`the system ${name}`, args, READY_MS_MAX);
  const named = (end: ChildEnd): SystemEnd => ({ name, ...end });
  return {
    name,
    pid: child.pid,
    port: child.port,
    ended: child.ended.then(named),
    stop: async () => named(await child.end("SIGTERM", TERM_MS_MAX)),
  };
}
