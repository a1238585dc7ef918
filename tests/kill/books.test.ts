/** The check of the kill tests and fault scripts sees each promise that is broken. */
import { expect, test } from "vitest";
import { brokenPromises, type Books } from "./books.ts";

const ACTIONS = ["put-profile", "charge", "book", "tell"] as const;

type Parts = { readonly [Part in keyof Books]: readonly Partial<Books[Part][number]>[] };

/** Rows of which the check reads only these columns. */
function booksOf(over: Partial<Parts> = {}): Books {
  const whole: Parts = {
    runs: [{ run: 1, key: "a", state: "completed" }],
    ledger: ACTIONS.map((action) => ({ key: "a", action })),
    effects: ACTIONS.map((effect, at) => ({ run: 1, operation: at, effect, proof: "surely" })),
    exceptions: [],
  };
  return { ...whole, ...over } as Books;
}

const ledgerWith = (...actions: readonly string[]) =>
  actions.map((action) => ({ key: "a", action }));
const unprovenTell = ACTIONS.map((effect, at) => ({
  run: 1,
  operation: at,
  effect,
  proof: effect === "tell" ? ("maybe" as const) : ("surely" as const),
}));
const asked = {
  run: 1,
  operation: 3,
  effectName: "tell",
  owner: "team-counterpart",
  closedAtMs: null,
};

test("nothing is broken where each effect has its row", () => {
  expect(brokenPromises(booksOf(), ["a"])).toEqual([]);
  const askedFor = { effects: unprovenTell, exceptions: [asked] };
  expect(brokenPromises(booksOf(askedFor), ["a"])).toEqual([]);
});

const BROKEN: readonly (readonly [what: string, over: Partial<Parts>, said: string])[] = [
  ["a lost run", { runs: [] }, "a: its run is gone"],
  [
    "a doubled run",
    { runs: [1, 2].map((run) => ({ run, key: "a", state: "completed" as const })) },
    "a: it has 2 runs",
  ],
  [
    "a failed run",
    { runs: [{ run: 1, key: "a", state: "stopped", reason: "no" }] },
    "a: it is stopped: no",
  ],
  ["a lost effect", { ledger: ledgerWith("put-profile", "book", "tell") }, "a: charge has 0 rows"],
  ["a doubled effect", { ledger: ledgerWith(...ACTIONS, "charge") }, "a: charge has 2 rows"],
  ["a doubled mail", { ledger: ledgerWith(...ACTIONS, "tell") }, "a: tell has 2 rows"],
  [
    "a mail that is only said to be sent",
    { ledger: ledgerWith("put-profile", "charge", "book") },
    "a: tell is proven and has no row",
  ],
  [
    "an outcome that nobody was asked about",
    { effects: unprovenTell },
    "a: tell is not proven and nobody was asked",
  ],
  [
    "an exception of another effect",
    {
      effects: unprovenTell,
      exceptions: [asked, { ...asked, effectName: "book", class: "data", because: "b" }],
    },
    "a: data: b",
  ],
  [
    "what no run explains",
    { ledger: ledgerWith(...ACTIONS, "refund") },
    "a: refund was done and no run says so",
  ],
];

test.each(BROKEN)("%s is seen", (_what, over, said) => {
  expect(brokenPromises(booksOf(over), ["a"])).toContain(said);
});
