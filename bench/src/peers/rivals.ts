/** Who is measured beside us, on what, at which settings, and how much faster we are meant to be. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { RoomAfter } from "./party.ts";
import type { ServerKind } from "./party-server.ts";

export const GROUPS = ["postgres", "embedded"] as const;
/** Products that keep their state in the same kind of place are compared with each other. */
export type Group = (typeof GROUPS)[number];

/** A product at the settings with which it was found best. */
export interface Product {
  readonly name: string;
  readonly group: Group;
  readonly server: ServerKind;
  readonly adapter: string;
  /** Null for ours. */
  readonly install: Install | null;
  /** Runs that its worker may have at work at once. */
  readonly concurrency: number;
  /** Runs that are kept under way; more than `concurrency` where they have to wait in its queue. */
  readonly inFlight: number;
  readonly roomAfter: RoomAfter;
  /** Our steps per second are to be at least so many times its. Null for ours. */
  readonly timesMin: number | null;
}

export interface Install {
  /** Its package.json and lock are in bench/peers/FOLDER. */
  readonly folder: string;
  /** The package whose version is reported. */
  readonly package: string;
}

const DBOS = { folder: "dbos", package: "@dbos-inc/dbos-sdk" };
const OPENWORKFLOW = { folder: "openworkflow", package: "openworkflow" };
const RESTATE = { folder: "restate", package: "@restatedev/restate-server" };

/** Ours first in each group. Source of the targets: the issue that asked for the comparison. */
export const PRODUCTS: readonly Product[] = [
  ours("postgres", "postgres"),
  {
    ...rival("dbos", "postgres", DBOS),
    server: "postgres",
    concurrency: 128,
    inFlight: 128,
    roomAfter: "result",
    timesMin: 25,
  },
  {
    ...rival("openworkflow", "postgres", OPENWORKFLOW),
    server: "postgres",
    concurrency: 64,
    inFlight: 128,
    roomAfter: "last-step",
    timesMin: 25,
  },
  ours("embedded", "none"),
  {
    ...rival("restate", "embedded", RESTATE),
    server: "restate",
    concurrency: 128,
    inFlight: 128,
    roomAfter: "result",
    timesMin: 30,
  },
  {
    ...rival("openworkflow-sqlite", "embedded", OPENWORKFLOW),
    server: "none",
    concurrency: 64,
    inFlight: 128,
    roomAfter: "last-step",
    timesMin: 30,
  },
];

/** Named in every report, so that nobody takes the list for complete. */
export const LEFT_OUT: readonly string[] = [
  "absurd: its npm package holds no SQL, and its schema is not to be had from the npm registry",
];

/** The folder of a rival, which has its own package.json, lock and node_modules. */
export function folderOf(install: Install): string {
  return fileURLToPath(new URL(`../../peers/${install.folder}`, import.meta.url));
}

/** What is installed; for ours, that of this checkout. */
export function versionOf({ install }: Product): string {
  const path =
    install === null
      ? fileURLToPath(new URL("../../../packages/holdfast/package.json", import.meta.url))
      : `${folderOf(install)}/node_modules/${install.package}/package.json`;
  if (!existsSync(path)) return "not installed";
  const { version } = JSON.parse(readFileSync(path, "utf8")) as { readonly version: string };
  return version;
}

function ours(group: Group, server: ServerKind): Product {
  return {
    name: "holdfast",
    group,
    server,
    adapter: new URL("./holdfast-adapter.ts", import.meta.url).href,
    install: null,
    concurrency: 256,
    inFlight: 256,
    roomAfter: "result",
    timesMin: null,
  };
}

function rival(name: string, group: Group, install: Install) {
  const adapter = new URL(`../../peers/${install.folder}/adapter.mjs`, import.meta.url).href;
  return { name, group, adapter, install };
}
