/** Starts the counterpart's process and speaks to it. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Ledger } from "./case.ts";
import { WorkLedger } from "./ledger.ts";
import { makeCertificates, type Certificates } from "./make-certificates.ts";
import type { Ports, WireScript } from "./wire-script.ts";

/** A machine that needs longer to start a process is stuck, not slow. */
const START_MS_MAX = 120_000;

export interface Counterpart {
  readonly ports: Ports;
  readonly certificates: Certificates;
  /** A database with the table `work`, for servers that are not ours. */
  readonly ledgerPath: string;
  /** What the servers do from now on. Resolves once they know. */
  follow(script: WireScript): Promise<void>;
  /** What the ledger holds of a key; `items` of a work that has several. */
  done(key: string, items?: number): Ledger;
  stop(): Promise<void>;
}

export async function startCounterpart(folder: string): Promise<Counterpart> {
  const certificates = makeCertificates(join(folder, "certificates"));
  const certificatesPath = join(folder, "certificates.json");
  writeFileSync(certificatesPath, JSON.stringify(certificates));
  const ledgerPath = join(folder, "ledger.db");
  const child = fork(join(import.meta.dirname, "counterpart.ts"), [ledgerPath, certificatesPath], {
    execArgv: process.execArgv,
  });
  const ports = (await heard(child)) as Ports;
  const ledger = new WorkLedger(ledgerPath);
  return {
    ports,
    certificates,
    ledgerPath,
    follow: async (script) => {
      const ready = heard(child);
      child.send(script);
      await ready;
    },
    done: (key, items = 1) => {
      const count = ledger.count(key);
      if (count === 0) return "not";
      return count < items ? "partial" : "happened";
    },
    stop: async () => {
      ledger.close();
      if (child.exitCode !== null) return;
      const exit = once(child, "exit");
      child.disconnect();
      await exit;
    },
  };
}

async function heard(child: ChildProcess): Promise<unknown> {
  const [message] = (await once(child, "message", {
    signal: AbortSignal.timeout(START_MS_MAX),
  })) as unknown[];
  return message;
}
