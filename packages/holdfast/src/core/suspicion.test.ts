import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JournalRecord } from "./journal.ts";
import type { RecordKind } from "./record-kinds.ts";
import { regrouped, standingOf, type LastOwner, type Suspicion } from "./suspicion.ts";

const CRASHES_MAX = 3;

/** Records of one run, in order. */
function journalOf(...kinds: readonly (readonly [RecordKind, object])[]): JournalRecord[] {
  return kinds.map(([kind, head], at) => ({
    run: 1,
    seq: at + 1,
    kind,
    attempt: 0,
    name: "",
    atMs: 0,
    head: JSON.stringify(head),
    data: null,
  }));
}

const SUSPICION: Suspicion = { by: 7, group: 1, size: 1, crashes: 1 };
const started = ["suspected", { event: "started", ...SUSPICION }] as const;
const passed = ["suspected", { event: "passed" }] as const;
const moved = (to: string) => ["state", { to }] as const;
const crashed = (incarnation: number): LastOwner => ({ incarnation, clean: false });
const closed = (incarnation: number): LastOwner => ({ incarnation, clean: true });

describe("a run that was at work when it came", () => {
  test("has nothing against it if its shard was handed over, or its worker has ended in order", () => {
    expect(standingOf(journalOf(), null)).toEqual({ kind: "clear" });
    expect(standingOf(journalOf(), closed(7))).toEqual({ kind: "clear" });
  });

  test("is a suspect for the first time if its worker has crashed", () => {
    expect(standingOf(journalOf(), crashed(7))).toEqual({ kind: "new" });
    expect(standingOf(journalOf(started, passed), crashed(7))).toEqual({ kind: "new" });
    expect(standingOf(journalOf(started, moved("waiting"), moved("running")), crashed(7))).toEqual({
      kind: "new",
    });
  });

  test("was tried if the worker that crashed is the one that was bringing it back", () => {
    const tried = { kind: "tried", suspicion: expect.objectContaining(SUSPICION) as object };
    expect(standingOf(journalOf(started), crashed(7))).toEqual(tried);
    expect(standingOf(journalOf(started, moved("running")), crashed(7))).toEqual(tried);
  });

  test("was not tried if another worker had it last, or handed it over", () => {
    const untried = { kind: "untried", suspicion: expect.objectContaining(SUSPICION) as object };
    expect(standingOf(journalOf(started), crashed(8))).toEqual(untried);
    expect(standingOf(journalOf(started), closed(8))).toEqual(untried);
    expect(standingOf(journalOf(started), null)).toEqual(untried);
  });

  test("has come through if the worker that was bringing it back has ended in order", () => {
    expect(standingOf(journalOf(started), closed(7))).toEqual({ kind: "passed" });
  });
});

const suspects = (runs: readonly number[], suspicion: Partial<Suspicion>) =>
  runs.map((run) => ({ run, suspicion: { ...SUSPICION, ...suspicion } }));
const groupsOf = (came: Partial<Parameters<typeof regrouped>[0]>) =>
  regrouped({ tried: [], untried: [], ...came }, CRASHES_MAX);

describe("groups of those that have come", () => {
  test("one that was tried alone is counted, and quarantined at the third crash", () => {
    expect(groupsOf({ tried: suspects([1], { size: 1, crashes: 1 }) })).toEqual({
      groups: [{ runs: [1], crashes: 2 }],
      quarantined: [],
    });
    expect(groupsOf({ tried: suspects([1], { size: 1, crashes: 2 }) })).toEqual({
      groups: [],
      quarantined: [1],
    });
  });

  test("those that were tried together are halved and start from nothing", () => {
    expect(groupsOf({ tried: suspects([1, 2, 3], { size: 3, crashes: 0 }) }).groups).toEqual([
      { runs: [1, 2], crashes: 0 },
      { runs: [3], crashes: 0 },
    ]);
  });

  test("one whose companions went to other workers was not alone", () => {
    expect(groupsOf({ tried: suspects([1], { size: 2, crashes: 0 }) }).groups).toEqual([
      { runs: [1], crashes: 0 },
    ]);
  });

  test("those whose turn had not come stay together and keep their count", () => {
    const untried = [
      ...suspects([1, 2], { group: 1, size: 3, crashes: 0 }),
      ...suspects([3], { group: 2, size: 1, crashes: 2 }),
      ...suspects([4], { group: 2, by: 8, size: 1, crashes: 1 }),
    ];
    expect(groupsOf({ untried })).toEqual({
      groups: [
        { runs: [1, 2], crashes: 0 },
        { runs: [3], crashes: 2 },
        { runs: [4], crashes: 1 },
      ],
      quarantined: [],
    });
  });
});

/** Workers that take over from each other; one of the runs kills whoever works on it. */
class Fleet {
  readonly journals: JournalRecord[][];
  readonly quarantined = new Set<number>();
  readonly #deadly: number;
  crashes = 0;

  constructor(runs: number, deadly: number) {
    this.journals = Array.from({ length: runs }, () => []);
    this.#deadly = deadly;
  }

  /** What the dead worker had at work is taken by several; whoever gets the deadly run dies. */
  takeOver(last: LastOwner, by: number, parts: readonly number[]): void {
    const runs = this.journals.map((_, run) => run).filter((run) => !this.quarantined.has(run));
    for (const [at, part] of [...new Set(parts)].entries()) {
      const mine = runs.filter((run) => parts[run] === part);
      this.#bringBack(mine, last, by + at);
    }
  }

  #bringBack(runs: readonly number[], last: LastOwner, by: number): void {
    const standings = runs.map((run) => ({ run, ...standingOf(this.journals[run] ?? [], last) }));
    const tried = standings.flatMap((one) => (one.kind === "tried" ? [one] : []));
    const untried = standings.flatMap((one) => (one.kind === "untried" ? [one] : []));
    const fresh = standings.flatMap(({ kind, run }) => (kind === "new" ? [run] : []));
    const apart = regrouped({ tried, untried }, CRASHES_MAX);
    for (const run of apart.quarantined) this.quarantined.add(run);
    const groups = [...(fresh.length === 0 ? [] : [{ runs: fresh, crashes: 0 }]), ...apart.groups];
    for (const [at, group] of groups.entries()) {
      const head = { event: "started", by, group: at, size: group.runs.length };
      for (const run of group.runs) this.#write(run, { ...head, crashes: group.crashes });
      if (group.runs.includes(this.#deadly)) {
        this.crashes += 1;
        return;
      }
      for (const run of group.runs) this.#write(run, { event: "passed" });
    }
  }

  #write(run: number, head: object): void {
    const [record] = journalOf(["suspected", head]);
    if (record !== undefined) this.journals[run]?.push(record);
  }

  /** Who was bringing the deadly run back last. */
  get lastOfDeadly(): number {
    const head = this.journals[this.#deadly]?.at(-1)?.head ?? "{}";
    return (JSON.parse(head) as { by: number }).by;
  }
}

test("whoever kills each worker that takes it is put away after three crashes alone, and nobody else", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.nat(),
      fc.infiniteStream(fc.integer({ min: 1, max: 4 })),
      (count, seed, spread) => {
        const deadly = seed % count;
        const fleet = new Fleet(count, deadly);
        let by = 10;
        let last = crashed(1);
        for (let round = 0; round < 20 && !fleet.quarantined.has(deadly); round += 1) {
          const { value: workers } = spread.next();
          const parts = fleet.journals.map((_, run) => (run * 7 + round) % workers);
          fleet.takeOver(last, by, parts);
          by += workers;
          last = crashed(fleet.lastOfDeadly);
        }
        expect([...fleet.quarantined]).toEqual([deadly]);
        // Three alone, after those in which it was looked for: each halves who is left at least.
        expect(fleet.crashes).toBeLessThanOrEqual(3 + Math.ceil(Math.log2(count)) + 1);
      },
    ),
  );
});
