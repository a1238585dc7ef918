/** What this machine lets a script do; each answers why not, or null. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findPostgres } from "holdfast/testing";

/** No single command of a script takes longer, milliseconds. */
const COMMAND_MS_MAX = 60_000;

/** @throws {Error} with what it said, if it fails. */
export function run(command: string, ...args: readonly string[]): string {
  try {
    return execFileSync(command, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      timeout: COMMAND_MS_MAX,
    });
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    throw new Error(`${[command, ...args].join(" ")} has failed: ${said}`, { cause: error });
  }
}

export function firstReason(...reasons: readonly (string | null)[]): string | null {
  return reasons.find((reason) => reason !== null) ?? null;
}

export function withoutRoot(): string | null {
  return process.getuid?.() === 0 ? null : "it has to be root";
}

export function withoutPrograms(...names: readonly string[]): string | null {
  const missing = names.filter(
    (name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0,
  );
  return missing.length === 0 ? null : `there is no ${missing.join(", no ")}`;
}

/** Programs of PostgreSQL beside the server itself; the npm package brings none of them. */
export function postgresProgram(name: string): string {
  return join(dirname(findPostgres().postgres), name);
}

export function withoutPostgresProgram(name: string): string | null {
  return existsSync(postgresProgram(name)) ? null : `there is no ${name} beside its PostgreSQL`;
}

export function withoutNetworks(): string | null {
  const reason = firstReason(withoutRoot(), withoutPrograms("ip", "nft", "setpriv"));
  if (reason !== null) return reason;
  const name = `hf-try-${String(process.pid)}`;
  try {
    run("ip", "netns", "add", name);
    run("ip", "netns", "exec", name, "nft", "add", "table", "inet", "holdfast");
    run("ip", "netns", "exec", name, "ip", "link", "add", "hf0", "type", "veth");
    return null;
  } catch (error) {
    return `it lends no network namespace with a packet filter (${(error as Error).message})`;
  } finally {
    spawnSync("ip", ["netns", "del", name]);
  }
}

/** @param kind - of file system; it is made, mounted and taken away again. */
export function withoutLoopDevices(kind: "ext4" | "xfs"): string | null {
  const reason = firstReason(
    withoutRoot(),
    withoutPrograms("mount", "umount", `mkfs.${kind}`, "setpriv"),
  );
  if (reason !== null) return reason;
  const folder = mkdtempSync(join(tmpdir(), "holdfast-try-"));
  const image = join(folder, "image");
  try {
    writeFileSync(image, "");
    truncateSync(image, FILE_SYSTEM_BYTES[kind]);
    run(`mkfs.${kind}`, "-q", image);
    run("mount", "-o", "loop", image, folder);
    run("umount", folder);
    return null;
  } catch (error) {
    return `it mounts no file of type ${kind} (${(error as Error).message})`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The smallest that its tools make without complaint, and a PostgreSQL fits in. */
export const FILE_SYSTEM_BYTES = { ext4: 256 * 2 ** 20, xfs: 320 * 2 ** 20 } as const;

/** Where Debian and its kin put the library; null if it is not there. */
export function fakeTimeLibrary(): string | null {
  const names = ["libfaketime.so.1", "libfaketimeMT.so.1"];
  const folders = ["x86_64-linux-gnu", "aarch64-linux-gnu", "."].map((name) =>
    join("/usr/lib", name, "faketime"),
  );
  return (
    folders
      .flatMap((folder) => names.map((name) => join(folder, name)))
      .find((path) => existsSync(path)) ?? null
  );
}
