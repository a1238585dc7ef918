/** The composition root of the command line: which driver serves which store, and whose clock. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { linesOf, newArchive, requireAbsent, writeText } from "./archive-files.ts";
import { careOverCells, cellsCare } from "./cells-care.ts";
import { accessOfCell } from "./cli/context.ts";
import type { Outside } from "./cli/outside.ts";
import { refused } from "./core/doctor/finding.ts";
import { HoldfastError } from "./core/error.ts";
import { systemClock } from "./engine/clock.ts";
import { LOOKING_MS_MAX } from "./operate/doctor/doctor.ts";
import type { StoreCare } from "./operate/store-care.ts";
import { makeKeyRing, rotateKeyRing } from "./payload/index.ts";
import { payloadCare, type PayloadAccess } from "./payload-care.ts";
import { placeOf, shownAddress } from "./store-address.ts";
import {
  acceptPostgresStore,
  openPostgresReader,
  verifyPostgresStore,
} from "./store-postgres/index.ts";
import { storeKey } from "./store-postgres/key.ts";
import { lookAtPostgres } from "./store-postgres/look.ts";
import { acceptStore, backupStore, openSqliteReader, verifyStore } from "./store-sqlite/index.ts";
import { importArchive } from "./store-sqlite/import.ts";
import { readKey } from "./store-sqlite/key-file.ts";
import { lookAtSqlite } from "./store-sqlite/look.ts";
import { lookAround } from "./look-around.ts";
import { stopLooking } from "./looking-only.ts";
import { readInput } from "./read-input.ts";
import { testPulled } from "./test-pulled.ts";
import { rehearsalsIn, startWorker } from "./worker.ts";

export { lookOnly } from "./looking-only.ts";

/** Bytes of a store's key. */
const KEY_BYTES = 32;

export const outside: Outside = {
  startWorker,
  version: () => {
    const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
    // The manifest is ours and always has a version.
    return (JSON.parse(text) as { readonly version: string }).version;
  },
  lookAround,
  stopLooking,
  nowMs: () => systemClock.nowMs(),
  readInput: (bytesMax) => readInput(process.stdin, bytesMax),
  pause: (ms) =>
    new Promise((resolve) => {
      systemClock.after(ms, resolve);
    }),
  randomKey: () => randomBytes(KEY_BYTES),
  testPulled,
  newStoreKey: () => randomBytes(KEY_BYTES).toString("base64"),
  newKeyRing: (file) => makeKeyRing(file, randomBytes(KEY_BYTES)),
  rotateKeyRing: (file) => rotateKeyRing(file, randomBytes(KEY_BYTES)),
  rehearsalsIn,
  writeText,
  newArchive,
  requireAbsent,
  linesOf,
  storeAt,
  storeOverCells: (stores, access) =>
    careOverCells(stores, {
      nowMs,
      storeAt: (address, name) => storeAt(address, accessOfCell(access, name)),
    }),
  cellsAt: (stores) =>
    cellsCare(stores, { nowMs, storeAt: (address) => storeAt(address, NO_ACCESS) }),
};

/** Keys and counts need no payload. */
const NO_ACCESS: PayloadAccess = { keyRing: null, payloadFiles: null };

function storeAt(address: string, access: PayloadAccess): StoreCare {
  const place = placeOf(address);
  if (place?.kind === "sqlite") return sqliteCare(place.path, access);
  if (place?.kind === "postgres") return postgresCare(place.url, access);
  throw new HoldfastError(
    "HF5002",
    `The store ${shownAddress(address)} cannot be opened: expected sqlite:PATH or postgres://USER@HOST/DATABASE.`,
    "Name it as your app does, for example: --store sqlite:./holdfast.db",
  );
}

const nowMs = () => systemClock.nowMs();

function sqliteCare(path: string, access: PayloadAccess): StoreCare {
  const { apart, ...care } = payloadCare(
    {
      openReader: () => openSqliteReader({ path }),
      verify: (visited) => verifyStore({ path, ...visited }),
      secret: () => readKey(path),
      nowMs,
    },
    access,
  );
  return {
    ...care,
    look: async ({ anchorFile }, tell) => {
      if (anchorFile !== undefined) tell(refused("anchor", anchorBesideIt()));
      return lookAtSqlite({ path }, tell);
    },
    backup: async (to) => ({ ...(await backupStore({ path, to })), apart: await apart() }),
    importArchive: (lines) => importArchive({ path, lines, nowMs }),
    accept: ({ by, reason, anchorFile }) => {
      if (anchorFile !== undefined) throw anchorBesideIt();
      return acceptStore({ path, by, reason, nowMs });
    },
  };
}

function postgresCare(url: string, access: PayloadAccess): StoreCare {
  const { openReader, openStored, lookAtPayloads, verify, sweep, ...builds } = payloadCare(
    {
      openReader: () => openPostgresReader({ url }),
      verify: (visited) => verifyPostgresStore({ url, ...visited }),
      secret: () => storeKey({}, process.env),
      nowMs,
    },
    access,
  );
  return {
    openReader,
    verify,
    look: ({ anchorFile }, tell) =>
      lookAtPostgres(
        {
          url,
          nowMs,
          statementMsMax: LOOKING_MS_MAX,
          env: process.env,
          ...(anchorFile === undefined ? {} : { anchorFile }),
        },
        tell,
      ),
    lookAtPayloads,
    sweep,
    openStored,
    checkVersions: builds.checkVersions,
    openBuild: builds.openBuild,
    importArchive: () =>
      Promise.reject(
        new HoldfastError(
          "HF4102",
          "An archive is read into a store in a file; this one is on PostgreSQL. Nothing was done.",
          "Name a file, for example: --store sqlite:./archive.db",
        ),
      ),
    backup: () => Promise.reject(notHere("backup", "copy it with pg_dump or a base backup")),
    accept: ({ by, reason, anchorFile }) =>
      acceptPostgresStore({
        url,
        by,
        reason,
        nowMs,
        ...(anchorFile === undefined ? {} : { anchorFile }),
      }),
  };
}

function anchorBesideIt(): HoldfastError {
  return new HoldfastError(
    "HF4102",
    "--anchor is for a store on PostgreSQL: the anchor of a store in a file lies beside it.",
    "Leave it out. Nothing was done.",
  );
}

function notHere(command: string, instead: string): HoldfastError {
  return new HoldfastError(
    "HF4102",
    `store ${command} is for a store in a file; this one is on PostgreSQL.`,
    `Use the tools of the database: ${instead}. Its key is kept apart from it.`,
  );
}
