/** The tests with a second owner against a store that is right, and against stores wrong in one thing. */
import { describe, expect, test } from "vitest";
import { type OpenSharedStoreUnderTest, sharedTests } from "./describe-store-shared.ts";
import { describeStore } from "./describe-store.ts";
import { type FaultyStore, toy } from "./toy-shared-store.test-support.ts";

const RACE = "gives each shard to one of two that take it at once";
const OLD_LOOK = "gives no shard away that only an old look shows as free";
const DEAD = "refuses what a dead worker writes, and shows its heir all that it wrote";
const DEAD_APART = "refuses what a dead worker writes to a shard that nobody has taken";
const TAKEN_AT_WORK = "has nothing to come once the shard of a worker at work was taken";
const GIVEN_AT_WORK = "has nothing to come once a shard was given away by a worker at work";
const GIVEN = "lets a worker write to what it has kept, and nothing to what it gave away";
const DEAD_ELSE = "lets a dead worker leave no command, claim no key and change no gate";
const CLAIMS = "gives a key and a gate to one of two that want it at once";
const LOST = "does a flush once whose answer was lost";
const ORDER = "lets two workers add to the same rows in opposite order";

/** What each wrong store has to be told, all of it. */
const WRONG: readonly (readonly [FaultyStore, readonly string[]])[] = [
  [{ hasNoFence: true }, [DEAD, DEAD_APART, TAKEN_AT_WORK, GIVEN_AT_WORK, GIVEN]],
  [{ ignoresDeath: true }, [DEAD_APART]],
  [{ ignoresShards: true }, [GIVEN_AT_WORK, GIVEN]],
  [{ asksAhead: true }, [TAKEN_AT_WORK]],
  [{ asksAhead: true, releasesAtOnce: true }, [TAKEN_AT_WORK, GIVEN_AT_WORK]],
  [{ writesInParts: true }, [GIVEN]],
  [
    { acknowledgesAhead: true },
    [OLD_LOOK, DEAD, DEAD_APART, TAKEN_AT_WORK, GIVEN_AT_WORK, GIVEN, LOST, ORDER],
  ],
  [{ takesByLook: true }, [RACE, OLD_LOOK]],
  [{ takesInSteps: true }, [RACE]],
  [{ sharesSlots: true }, [OLD_LOOK]],
  [{ forgetsOwners: true }, [DEAD]],
  [{ forgetsRuns: true }, [DEAD]],
  [{ letsDeadPost: true }, [DEAD_ELSE]],
  [{ letsDeadClaim: true }, [DEAD_ELSE]],
  [{ letsDeadSave: true }, [DEAD_ELSE]],
  [{ claimsInSteps: true }, [CLAIMS]],
  [{ savesOver: true }, [CLAIMS]],
  [{ writesAgain: true }, [LOST]],
  [{ givesUp: true }, [LOST]],
  [{ locksAsItComes: true }, [ORDER]],
  [{ countsAhead: true }, [ORDER]],
];

/** Sentences of the tests that are defined for a store, by group. */
function sentences(openShared?: OpenSharedStoreUnderTest): string[] {
  const found: string[] = [];
  const framework = {
    describe: (_name: string, define: () => void) => {
      define();
    },
    test: (name: string) => found.push(name),
  };
  describeStore("defined", () => Promise.reject(new Error("not run")), framework, openShared);
  return found;
}

/** Sentences that do not hold. */
async function failures(faulty: FaultyStore): Promise<string[]> {
  const failed: string[] = [];
  for (const [sentence, run] of Object.entries(sharedTests))
    await toy(faulty)()
      .then(run)
      .catch(() => failed.push(sentence));
  return failed;
}

describe("the kit for stores that workers share", () => {
  test("finds nothing wrong with a store that is right", async () => {
    expect(await failures({})).toEqual([]);
  });

  test.each(WRONG)("finds what is wrong with %o", async (faulty, wanted) => {
    expect((await failures(faulty)).toSorted()).toEqual(wanted.toSorted());
  });

  test("has no test that no wrong store is told by", () => {
    expect(new Set(WRONG.flatMap(([, wanted]) => wanted))).toEqual(
      new Set(Object.keys(sharedTests)),
    );
  });

  test("is defined for a store that can be shared, besides what holds for each", () => {
    const shared = Object.keys(sharedTests);
    expect(sentences(toy()).slice(-shared.length)).toEqual(shared);
    expect(sentences()).toEqual(sentences(toy()).slice(0, -shared.length));
  });
});
