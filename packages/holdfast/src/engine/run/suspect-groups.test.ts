import { describe, expect, test } from "vitest";
import { crashesAtFirst, groupsAfterCrash } from "../../core/recovery-groups.ts";
import { standingGroups } from "./suspect-groups.ts";

const group = (number: number, runs: readonly number[], crashes = 0) => ({
  group: number,
  runs,
  crashes,
});

describe("the recovery groups on record after a crash", () => {
  test("were at work if none of their runs is in a newer one", () => {
    const known = [group(1, [1, 2]), group(2, [3], 2)];
    expect(standingGroups(known)).toEqual({ tried: known, untried: [], superseded: [] });
  });

  test("are superseded once all their runs are in newer ones", () => {
    const known = [group(1, [1, 2]), group(2, [1]), group(3, [2])];
    expect(standingGroups(known)).toEqual({
      tried: [group(2, [1]), group(3, [2])],
      untried: [],
      superseded: [1],
    });
  });

  test("prove nothing against runs whose turn had not come, whatever they had counted", () => {
    const known = [group(1, [1, 2, 3, 4], 0), group(2, [1, 2], 1)];
    expect(standingGroups(known)).toEqual({
      tried: [group(2, [1, 2], 1)],
      untried: [group(1, [3, 4], 0)],
      superseded: [],
    });
    expect(standingGroups([group(1, [1, 2], 2), group(2, [1])]).untried).toEqual([
      group(1, [2], 0),
    ]);
  });

  test("are taken by the newest of a run, in whichever order they are read", () => {
    const known = [group(3, [1]), group(1, [1, 2]), group(2, [1])];
    expect(standingGroups(known)).toEqual({
      tried: [group(3, [1])],
      untried: [group(1, [2])],
      superseded: [2],
    });
  });
});

describe("who comes back how after a crash", () => {
  test("halves a group of several, and counts nothing against its members", () => {
    expect(groupsAfterCrash([{ runs: [1, 2, 3], crashes: 2 }], 3)).toEqual({
      groups: [
        { runs: [1, 2], crashes: 0 },
        { runs: [3], crashes: 0 },
      ],
      quarantined: [],
    });
  });

  test("counts a run that was alone, and quarantines it at the limit", () => {
    expect(groupsAfterCrash([{ runs: [7], crashes: 0 }], 3)).toEqual({
      groups: [{ runs: [7], crashes: 1 }],
      quarantined: [],
    });
    expect(groupsAfterCrash([{ runs: [7], crashes: 1 }], 3).quarantined).toEqual([]);
    expect(groupsAfterCrash([{ runs: [7], crashes: 2 }], 3)).toEqual({
      groups: [],
      quarantined: [7],
    });
  });

  test("counts the crash of its first process for a run that was the only one, and for no other", () => {
    expect(crashesAtFirst({ runs: 1, isLast: true })).toBe(1);
    expect(crashesAtFirst({ runs: 2, isLast: true })).toBe(0);
    expect(crashesAtFirst({ runs: 1, isLast: false })).toBe(0);
  });

  test("passes over a group of nobody", () => {
    expect(groupsAfterCrash([{ runs: [], crashes: 2 }], 3)).toEqual({
      groups: [],
      quarantined: [],
    });
  });
});
