/** The composition root of the command line: which driver serves which store, and whose clock. */
import { readFileSync } from "node:fs";
import type { Outside } from "./cli/outside.ts";
import { HoldfastError } from "./core/error.ts";
import { systemClock } from "./engine/clock.ts";
import { acceptStore, backupStore, openSqliteReader, verifyStore } from "./store-sqlite/index.ts";

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
