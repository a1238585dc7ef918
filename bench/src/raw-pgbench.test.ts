import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findPgbench, parseLog, parseTps } from "./raw-pgbench.ts";

test("reads what pgbench says of transactions in a second", () => {
  const output =
    "number of failed transactions: 0 (0.000%)\ntps = 6123.5 (without initial connection time)\n";
  expect(parseTps(output)).toBe(6123.5);
  expect(() => parseTps("pgbench: error")).toThrow("pgbench has not said its tps: pgbench: error");
});

test("reads how long each transaction took from the log of pgbench", () => {
  expect(parseLog("0 1 260 0 1795894800 1\n0 2 1500 0 1795894800 300\n")).toEqual([0.26, 1.5]);
});

test("looks for pgbench beside the server, and finds none where there is none", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-pgbench-"));
  const env = { PG_BIN: folder, PATH: "" };
  try {
    for (const name of ["initdb", "postgres"]) writeFileSync(join(folder, name), "");
    expect(findPgbench(env)).toBeNull();
    writeFileSync(join(folder, "pgbench"), "");
    expect(findPgbench(env)).toBe(join(folder, "pgbench"));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
