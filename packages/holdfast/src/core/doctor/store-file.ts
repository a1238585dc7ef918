/** What is wrong with a store in a file that no start refuses. Pure. */
import { type Finding, failed, warned, well } from "./finding.ts";
import { sizeText } from "./sizes.ts";

const MB = 1024 * 1024;
/** Below it a burst of work fills the disk before anybody is awake. */
const FREE_BYTES_MIN = 256 * MB;
const FREE_BYTES_LOW = 2048 * MB;
const OTHERS = 0o077;

export function diskSpace(reading: {
  readonly freeBytes: number;
  readonly storeBytes: number;
}): Finding {
  const { freeBytes, storeBytes } = reading;
  const what = `${sizeText(freeBytes)} free`;
  const fix = "Make room on this disk: a store that cannot write ends its engine.";
  if (freeBytes < FREE_BYTES_MIN) return failed("disk-space", what, { fix });
  if (freeBytes < storeBytes) {
    return warned("disk-space", `${what}, and the store is ${sizeText(storeBytes)}`, {
      fix: "Make room, or archive old runs: no copy of the store fits beside it.",
    });
  }
  return freeBytes < FREE_BYTES_LOW
    ? warned("disk-space", what, { fix })
    : well("disk-space", what);
}

/** @param mode - of the file, as the system has it; null where it knows none. */
export function keyMode(file: string, mode: number | null): Finding {
  if (mode === null) return well("key-mode", "this system knows no modes of files");
  const shown = (mode & 0o777).toString(8);
  if ((mode & OTHERS) === 0) return well("key-mode", `its owner alone reads it (mode ${shown})`);
  return warned("key-mode", `the key file ${file} can be read by others (mode ${shown})`, {
    fix: `chmod 600 ${file}`,
  });
}

export function journalMode(mode: unknown): Finding {
  if (mode === "wal") return well("journal-mode", "write-ahead log");
  return warned("journal-mode", `the store's journal mode is ${String(mode)}, not wal`, {
    fix: "Start the app: an engine sets it. Find out which other program has opened the file.",
  });
}

/** @param alarmBytes - from which on an engine tells of it, too. */
export function logSize(bytes: number, alarmBytes: number): Finding {
  if (bytes <= alarmBytes) return well("log-size", sizeText(bytes));
  return warned("log-size", `the write-ahead log has grown to ${sizeText(bytes)}`, {
    fix: "Look for a program that keeps a transaction open on the store's file, and end it.",
  });
}

export function anchorMissing(file: string): Finding {
  return warned(
    "anchor",
    `the anchor ${file} is missing: an older copy in place of the store is not noticed`,
    {
      fix: "The next start writes a new one, after it has checked everything once. Find out who removed it.",
    },
  );
}

export function engineOfFile(runs: boolean): Finding {
  return runs ? well("engine", "an engine runs on this store") : noEngine();
}

export function noEngine(): Finding {
  return warned("engine", "no engine runs on this store: nothing moves, and commands are kept", {
    fix: "Start the app, or a worker: `holdfast worker MODULE`.",
  });
}
