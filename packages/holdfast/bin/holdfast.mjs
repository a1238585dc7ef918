#!/usr/bin/env node
/**
 * The door of the command line. Plain JavaScript that every Node since 14 can parse, because it is
 * the one file that must still run on a Node that is too old for the rest, to say so.
 *
 * The floor is the first release of each line whose own SQLite is 3.51.3 or newer: older ones can
 * corrupt a database in write-ahead mode when two connections write and checkpoint at once
 * (sqlite.org/wal.html, "the WAL-reset bug"). Read off the releases themselves with
 * `process.versions.sqlite`: 22.22.2, 24.14.1 and 25.8.0 still carry 3.51.2; 25.8.2 carries 3.52.0,
 * which SQLite has withdrawn. Keep this table equal to "engines" in package.json; a test compares.
 */
const FLOORS = { 22: [22, 22, 3], 24: [24, 15, 0], 25: [25, 9, 0] };
const FIRST_LINE_WITHOUT_A_FLOOR = 26;

/** `found` is the text of `process.versions.node`, such as "22.22.3" or "26.0.0-nightly". */
function isSupported(found) {
  const parts = found.split(/[.-]/).slice(0, 3).map(Number);
  const line = parts[0];
  if (line >= FIRST_LINE_WITHOUT_A_FLOOR) return true;
  const floor = FLOORS[line];
  if (floor === undefined) return false;
  for (let index = 1; index < floor.length; index += 1) {
    if (parts[index] !== floor[index]) return parts[index] > floor[index];
  }
  return true;
}

if (isSupported(process.versions.node)) {
  // A failure to load is not caught here: Node prints it with its stack and exits with 1.
  void import("../dist/cli/main.js");
} else {
  const floors = Object.keys(FLOORS).map((line) => FLOORS[line].join("."));
  process.stderr.write(
    "HF5001  holdfast needs Node.js " +
      floors.join(" or later in its line, ") +
      " or later, because older ones carry an SQLite that can corrupt a database, but this is " +
      process.versions.node +
      " (" +
      process.execPath +
      "): install the newest Node.js 24 and run the command again.\n",
  );
  process.exitCode = 2;
}
