/** The composition root of the command line: which driver serves which store, and whose clock. */
import { readFileSync } from "node:fs";
import { HoldfastError } from "./core/error.ts";
import { systemClock } from "./engine/clock.ts";
import type { StoreCare } from "./operate/store-care.ts";
import { acceptStore, backupStore, openSqliteReader, verifyStore } from "./store-sqlite/index.ts";

/** Everything that the command line needs from outside its own folder and the process. */
export interface Outside {
  /** Version of this package. */
  readonly version: () => string;
  readonly nowMs: () => number;
  readonly pause: (ms: number) => Promise<void>;
  /** @throws {HoldfastError} HF5002 if no driver serves this address. */
  readonly storeAt: (address: string) => StoreCare;
}

const SQLITE = "sqlite:";

export const outside: Outside = {
  version: () => {
    const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
    // The manifest is ours and always has a version.
    return (JSON.parse(text) as { readonly version: string }).version;
  },
  nowMs: () => systemClock.nowMs(),
  pause: (ms) =>
    new Promise((resolve) => {
      systemClock.after(ms, resolve);
    }),
  storeAt: (address) => {
    const path = address.slice(SQLITE.length);
    if (!address.startsWith(SQLITE) || path === "") {
      throw new HoldfastError(
        "HF5002",
        `The store ${JSON.stringify(address)} cannot be opened: expected sqlite:PATH.`,
        "Name it as your app does, for example: --store sqlite:./holdfast.db",
      );
    }
    return {
      openReader: () => openSqliteReader({ path }),
      verify: () => verifyStore({ path }),
      backup: (to) => backupStore({ path, to }),
      accept: ({ by, reason }) =>
        acceptStore({ path, by, reason, nowMs: () => systemClock.nowMs() }),
    };
  },
};
