/** Starts a server that is the victim of one case, and certificates by an authority of its own for it. */
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { VictimScript } from "./fourth-victim.ts";
import { ended, type OtherServer } from "./last-servers.ts";

/** A machine that needs longer to start a process is stuck, not slow. */
const START_MS_MAX = 120_000;

export async function startVictim(ledgerPath: string, script: VictimScript): Promise<OtherServer> {
  const program = join(import.meta.dirname, "fourth-victim.ts");
  const child = fork(program, [ledgerPath, JSON.stringify(script)], { execArgv: process.execArgv });
  const [port] = (await once(child, "message", {
    signal: AbortSignal.timeout(START_MS_MAX),
  })) as [number];
  return { port, stop: async () => ended(child, "SIGKILL") };
}

export interface Issued {
  readonly key: string;
  readonly cert: string;
  /** The certificate of the authority that has signed it. */
  readonly ca: string;
}

/**
 * A certificate of an authority that is made for it.
 *
 * @param extensions - in the words of OpenSSL's settings, one a line.
 */
export function issue(extensions: string, key: readonly string[] = ["rsa:2048"]): Issued {
  const folder = mkdtempSync(join(tmpdir(), "corpus-issued-"));
  const openssl = (...given: readonly string[]): void => {
    execFileSync("openssl", given, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  };
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  try {
    writeFileSync(join(folder, "extensions"), extensions);
    const authority = ["-subj", "/CN=Corpus authority", "-days", "20000", "-nodes"];
    openssl(
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-keyout",
      "ca.key",
      "-out",
      "ca.pem",
      ...authority,
    );
    const leaf = ["-keyout", "leaf.key", "-out", "leaf.csr", "-nodes", "-subj", "/CN=127.0.0.1"];
    openssl("req", "-newkey", ...key, ...leaf);
    const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "20000"];
    openssl(
      "x509",
      "-req",
      "-in",
      "leaf.csr",
      ...signed,
      "-extfile",
      "extensions",
      "-out",
      "leaf.pem",
    );
    return { key: read("leaf.key"), cert: read("leaf.pem"), ca: read("ca.pem") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
