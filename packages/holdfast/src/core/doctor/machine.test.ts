/** Decisions that no test can make a machine or a server come to: a full disk, a pooler, a standby. */
import { describe, expect, test } from "vitest";
import { commit, connections, standby, timeLimits, type ServerReading } from "./server.ts";
import { diskSpace, keyMode } from "./store-file.ts";

const MB = 1024 * 1024;

describe("room on the disk", () => {
  test.each([
    [4_096, 1, "ok"],
    [2_047, 1, "warn"],
    // No copy of it fits.
    [4_096, 5_000, "warn"],
    [255, 1, "fail"],
    [255, 5_000, "fail"],
  ])("%i MB free, a store of %i MB: %s", (free, store, level) => {
    expect(diskSpace({ freeBytes: free * MB, storeBytes: store * MB }).level).toBe(level);
  });

  test("is said in the unit that tells most", () => {
    expect(diskSpace({ freeBytes: 41.25 * 1024 * MB, storeBytes: 0 }).what).toBe("41.3 GB free");
  });
});

test.each([
  [0o100600, "ok"],
  [0o100400, "ok"],
  [0o100640, "warn"],
  [0o100604, "warn"],
  [null, "ok"],
])("a key file of the mode %o is %s", (mode, level) => {
  expect(keyMode("s.key", mode).level).toBe(level);
});

describe("a session behind a pooler that gives it to others", () => {
  const reading: ServerReading = {
    checksums: "on",
    commitOfRole: "on",
    commitOfSession: "on",
    limitsLeft: [],
    limitsOfRole: [],
  };

  test("may not have what it has asked for", () => {
    expect(commit({ ...reading, commitOfSession: "off" })).toMatchObject({
      level: "fail",
      code: "HF5005",
    });
    expect(commit({ ...reading, commitOfSession: "remote_apply" }).level).toBe("ok");
    expect(timeLimits({ ...reading, limitsLeft: ["statement_timeout = 5000ms"] })).toMatchObject({
      level: "fail",
      what: expect.stringContaining("statement_timeout = 5000ms") as string,
    });
  });
});

test.each([
  [88, 100, "ok"],
  [89, 100, "warn"],
  [97, 100, "warn"],
  [98, 100, "fail"],
  // A tenth of many.
  [899, 1_000, "ok"],
  [901, 1_000, "warn"],
  // The limit was lowered below what is in use.
  [105, 100, "fail"],
])("%i of %i connections in use: %s", (used, max, level) => {
  expect(connections({ used, max }).level).toBe(level);
});

describe("standbys that commits wait for", () => {
  test.each([
    ["", 0, 0, "ok"],
    ["a", 1, 1, "ok"],
    ["a", 0, 0, "fail"],
    // Connected, and not one that is waited for.
    ["a", 0, 1, "fail"],
    // This role may not see what it is at.
    ["a", null, 1, "warn"],
  ] as const)(
    "declared %j, waited for %s, connected %i: %s",
    (declared, waitedFor, connected, level) => {
      expect(standby({ declared, waitedFor, connected }).level).toBe(level);
    },
  );
});
