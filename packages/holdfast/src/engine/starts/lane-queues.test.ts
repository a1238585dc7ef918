import { describe, expect, test } from "vitest";
import type { JournalRecord } from "../../core/journal.ts";
import { startedHead } from "../../testing/sample-journal.ts";
import { refuseDeadlock } from "./lane-deadlock.ts";
import { Lanes, heldAboveOf, heldLanesOf, type Laned } from "./lanes.ts";

const NAMESPACE = "main";
const ACME = [NAMESPACE, "acme"] as const;
const OTHER = [NAMESPACE, "other"] as const;
const ELSEWHERE = ["test", "other"] as const;

const replaces = (name: string): Laned => ({ replaces: name });

/** The runs of lane "acme", in the order of their acceptance. */
function laneOf(...runs: readonly number[]): Lanes {
  const lanes = new Lanes();
  for (const run of runs) lanes.enter(...ACME, run);
  return lanes;
}

const called = (lanes: Lanes, lane: readonly [string, string] = ACME) => [...lanes.called(...lane)];
const waiting = (lanes: Lanes) => [...lanes.waiting()].map(({ lane, depth }) => [lane, depth]);
const isTurnOf = (lanes: Lanes, run: number, lane: string | null = "acme") =>
  lanes.hasTurn({ namespace: NAMESPACE, lane, run });

describe("a run that enters a lane", () => {
  test("may go where nobody is in it, and else waits behind the last one", () => {
    const lanes = new Lanes();
    expect([1, 2, 3].map((run) => lanes.enter(...ACME, run))).toEqual([null, 1, 2]);
    expect([1, 2, 3].map((run) => isTurnOf(lanes, run))).toEqual([true, false, false]);
    expect([lanes.firstOf(...ACME), lanes.secondOf(...ACME)]).toEqual([1, 2]);
    expect([lanes.has(...ACME, 3), lanes.has(...ACME, 4)]).toEqual([true, false]);
  });

  test("meets nobody of another lane, nor of the same lane in another namespace", () => {
    const lanes = laneOf(1);
    expect(lanes.enter(...OTHER, 2)).toBe(null);
    expect(lanes.enter("test", "acme", 3)).toBe(null);
    expect([lanes.has(...OTHER, 1), lanes.has("test", "acme", 1)]).toEqual([false, false]);
  });

  test("has its turn, and that of no lane if it is in none", () => {
    const lanes = laneOf(1);
    expect(isTurnOf(lanes, 1)).toBe(true);
    expect(isTurnOf(lanes, 1, null)).toBe(false);
  });
});

describe("a run that leaves its lane", () => {
  test("hands the turn to the one behind it", () => {
    const lanes = laneOf(1, 2, 3);
    expect(lanes.leave(...ACME, 1)).toBe(2);
    expect(lanes.firstOf(...ACME)).toBe(2);
    expect(lanes.leave(...ACME, 2)).toBe(3);
  });

  test("before its turn hands no turn on, and nobody waits behind it any more", () => {
    const lanes = laneOf(1, 2, 3);
    expect(lanes.leave(...ACME, 2)).toBe(null);
    expect(lanes.leave(...ACME, 1)).toBe(3);
  });

  test("as the last one leaves nothing behind", () => {
    const lanes = new Lanes();
    lanes.enter(...ACME, 1, { held: [{ run: 9, lane: "above" }], replaces: "flow" });
    expect(lanes.leave(...ACME, 1)).toBe(null);
    expect(lanes.keptCount).toBe(0);
    expect([lanes.firstOf(...ACME), lanes.secondOf(...ACME)]).toEqual([null, null]);
  });

  test("changes nothing where it was in none", () => {
    const lanes = laneOf(1, 2);
    expect(lanes.leave(...ACME, 7)).toBe(null);
    expect(lanes.leave(...OTHER, 1)).toBe(null);
    expect(waiting(lanes)).toEqual([["acme", 2]]);
  });
});

describe("lanes in which runs wait", () => {
  test("are those with more than the run whose turn it is", () => {
    const lanes = laneOf(1, 2, 3);
    lanes.enter(...OTHER, 4);
    const acme = { namespace: NAMESPACE, lane: "acme", depth: 3, head: 1, next: 2 };
    expect([...lanes.waiting()]).toMatchObject([acme]);
    expect(lanes.waitingIn(...ACME)).toMatchObject(acme);
    expect(lanes.waitingIn(...OTHER)).toBe(null);
    expect(lanes.waitingIn(NAMESPACE, "empty")).toBe(null);
  });

  test("have ids of their own", () => {
    const lanes = laneOf(1, 2);
    for (const run of [3, 4]) lanes.enter("test", "acme", run);
    expect(new Set([...lanes.waiting()].map(({ id }) => id)).size).toBe(2);
  });
});

/** "flow" is at work with 1; 3 is a run of something else that lets itself be replaced, too. */
function waitingRuns(): Lanes {
  const lanes = new Lanes();
  for (const run of [1, 2, 4, 5]) {
    if (run === 4) lanes.enter(...ACME, 3, replaces("else"));
    lanes.enter(...ACME, run, replaces("flow"));
  }
  lanes.enter(...ACME, 6);
  return lanes;
}

describe("of the runs of a workflow of which the latest wins", () => {
  test("a new one takes the place of those that wait before it, not of the one at work", () => {
    const lanes = waitingRuns();
    expect(lanes.olderThan(...ACME, 5)).toEqual([2, 4]);
    expect(lanes.olderThan(...ACME, 4)).toEqual([2]);
    expect(lanes.olderThan(...ACME, 3)).toEqual([]);
    expect(lanes.olderThan(...OTHER, 5)).toEqual([]);
  });

  test("the newest one behind it takes its place", () => {
    const lanes = waitingRuns();
    expect(lanes.newestAfter(...ACME, 2)).toBe(5);
    expect(lanes.newestAfter(...ACME, 5)).toBe(null);
    expect(lanes.newestAfter(...ACME, 3)).toBe(null);
    expect(lanes.newestAfter(...OTHER, 2)).toBe(null);
  });

  test("one that has ended takes the place of none, and none takes its place", () => {
    const lanes = waitingRuns();
    lanes.leave(...ACME, 5);
    expect(lanes.newestAfter(...ACME, 2)).toBe(4);
    expect(lanes.olderThan(...ACME, 5)).toEqual([]);
  });

  test("one that is to be done whatever comes is replaced by none, and replaces none", () => {
    const lanes = laneOf(1, 2, 3);
    expect(lanes.olderThan(...ACME, 3)).toEqual([]);
    expect(lanes.newestAfter(...ACME, 2)).toBe(null);
  });
});

describe("a run that somebody waits for", () => {
  const above = { run: 9, lane: "above" };
  const further = { run: 8, lane: "further" };

  test("is known with the lanes that are held meanwhile, each of them once", () => {
    const lanes = laneOf(1);
    lanes.enter(...ACME, 2, { held: [above] });
    lanes.waitedFor(...ACME, 2, [above, further]);
    lanes.waitedFor(...ACME, 1, []);
    expect(called(lanes)).toEqual([[2, [above, further]]]);
    expect(called(lanes, OTHER)).toEqual([]);
  });

  test("is forgotten when it leaves its lane, and the others are not", () => {
    const lanes = laneOf(1);
    lanes.enter(...ACME, 2, { held: [above] });
    lanes.enter(...ACME, 3, { held: [further] });
    lanes.leave(...ACME, 1);
    expect(called(lanes)).toEqual([
      [2, [above]],
      [3, [further]],
    ]);
    lanes.leave(...ACME, 2);
    expect(called(lanes)).toEqual([[3, [further]]]);
  });

  test("is kept nowhere while it is another worker's, nor once it has ended", () => {
    const lanes = laneOf(1, 2);
    lanes.leave(...ACME, 2);
    lanes.waitedFor(...ACME, 2, [above]);
    lanes.waitedFor(...OTHER, 3, [above]);
    expect([called(lanes), called(lanes, OTHER)]).toEqual([[], []]);
    // Its lane comes here later, and who waits for it looks again.
    lanes.enter(...OTHER, 3);
    lanes.waitedFor(...OTHER, 3, [above]);
    expect(called(lanes, OTHER)).toEqual([[3, [above]]]);
    lanes.leave(...OTHER, 3);
    lanes.leave(...ACME, 1);
    expect(lanes.keptCount).toBe(0);
  });

  test("in a lane that comes from another worker, and has ended there, is in nobody's way", () => {
    const lanes = new Lanes();
    lanes.enter(NAMESPACE, "above", 9);
    lanes.waitedFor(...OTHER, 3, [above]);
    lanes.enter(...OTHER, 4);
    const held = [{ run: 4, lane: "other" }];
    const call = { workflow: "flow", namespace: NAMESPACE, lane: "above", caller: 4, held };
    // It waits behind 9, which waits for nobody any more.
    expect(() => refuseDeadlock(lanes, call, 100)).not.toThrow();
    lanes.waitedFor(...OTHER, 4, [above]);
    lanes.enter(...OTHER, 5, { held: [above] });
    expect(() => refuseDeadlock(lanes, call, 100)).toThrow(/wait for each other/u);
  });

  test("is counted among what is kept, until the last of it is gone", () => {
    const lanes = new Lanes();
    expect(lanes.keptCount).toBe(0);
    lanes.enter(...ACME, 1, replaces("flow"));
    // A lane, a run in it, and that it lets itself be replaced.
    expect(lanes.keptCount).toBe(3);
    lanes.enter(...ACME, 2, { held: [above] });
    // One more run, and for its lane one that somebody waits for.
    expect(lanes.keptCount).toBe(6);
    lanes.leave(...ACME, 2);
    expect(lanes.keptCount).toBe(3);
  });
});

describe("lanes that have gone to another worker", () => {
  test("are forgotten with all that was known of them, and no other is", () => {
    const lanes = laneOf(1);
    const laned: Laned = { held: [{ run: 9, lane: "above" }], replaces: "flow" };
    lanes.enter(...OTHER, 2, laned);
    lanes.enter(...ELSEWHERE, 3, laned);
    lanes.forget((namespace, lane) => namespace === "main" && lane === "other");
    expect([lanes.firstOf(...OTHER), called(lanes, OTHER)]).toEqual([null, []]);
    expect([lanes.firstOf(...ACME), lanes.firstOf(...ELSEWHERE)]).toEqual([1, 3]);
    expect(called(lanes, ELSEWHERE)).toHaveLength(1);
    lanes.leave(...ACME, 1);
    lanes.leave(...ELSEWHERE, 3);
    expect(lanes.keptCount).toBe(0);
  });
});

function started(over: Parameters<typeof startedHead>[1]): JournalRecord {
  const head = JSON.stringify(startedHead(1, over));
  return { run: 1, seq: 1, kind: "started", attempt: 0, name: "", head, data: null, atMs: 1 };
}

describe("lanes that are held", () => {
  const lanes = [{ run: 9, lane: "above" }];
  const parent = { run: 9, step: "call", lanes };

  test("by a run are its own, and those of who waits for it", () => {
    const own = { run: 1, lane: "acme" };
    expect(heldLanesOf(own, started({ parent }))).toEqual([...lanes, own]);
    expect(heldLanesOf({ run: 1, lane: null }, started({ parent }))).toEqual(lanes);
    expect(heldLanesOf(own, started({}))).toEqual([own]);
  });

  test("above a run are none where nobody waits for it, or only those who hold none", () => {
    expect(heldAboveOf(started({ parent }))).toEqual(lanes);
    expect(heldAboveOf(started({ parent: { run: 9, step: "call" } }))).toEqual([]);
    expect(heldAboveOf(started({}))).toEqual([]);
    expect(heldAboveOf(undefined)).toEqual([]);
  });
});
