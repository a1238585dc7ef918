/** The kit against a connector that is right, and against connectors that do one thing wrong. */
import { describe, expect, test } from "vitest";
import { describeConnector, type ConnectorUnderTest } from "./describe-connector.ts";
import { toy, type Faulty } from "./toy-connector.test-support.ts";

describeConnector("a small protocol of lines", toy(), { describe, test });
describeConnector("one that sends in two parts", toy({ splits: true }), { describe, test });

const ONCE = "does the work once, and comes back";
const MARKED = "has marked a request before it can be done";
const KEY = "passes the operation key on, the same on every attempt";
const NEVER = "says never where nothing was sent";
const CUT_OFF = "says maybe where the answer was cut off";
const ANYWHERE = "says nothing wrong wherever the line breaks";
const REPEATS = "leaves repeats to the engine";
const LATE = "sends nothing once the time is up";
const DEADLINE = "gives up when the time is up, says maybe, and lets go of the line";
const DATA = "knows what it means: data that it does not take";
const BUSY = "knows what it means: not now";
const SECRET = "keeps its credential out of what is put on record";
const ELSEWHERE = "carries nothing to another address by itself";
const LARGE = "reads no more of an answer than it says";

/** What each wrong connector has to be told, all of it. */
const WRONG: readonly (readonly [Faulty, readonly string[]])[] = [
  [{ throwsPlain: true }, [NEVER, CUT_OFF, ANYWHERE, REPEATS, LATE, SECRET]],
  [{ marksNothing: true }, [MARKED]],
  [{ countsTwice: true }, [MARKED, NEVER, DATA, BUSY]],
  [{ saysUnsent: true }, [CUT_OFF, ANYWHERE, DEADLINE]],
  [{ saysMaybe: true }, [NEVER, LATE]],
  [{ takesSilence: true }, [CUT_OFF, REPEATS]],
  [{ takesSilence: true, splits: true }, [CUT_OFF, ANYWHERE, REPEATS]],
  [{ saysSurely: true, splits: true }, [CUT_OFF, ANYWHERE, DEADLINE]],
  [{ ignoresAbort: true }, [MARKED, DEADLINE]],
  [{ repeats: true }, [REPEATS]],
  [{ repeatsBusy: true }, [BUSY]],
  [{ asksTwice: true }, [ONCE, MARKED, NEVER, REPEATS, DEADLINE, DATA, BUSY]],
  [{ ignoresLateStart: true }, [LATE]],
  [{ keepsLine: true }, [DEADLINE]],
  [{ makesKeys: true }, [KEY]],
  [{ dropsKey: true }, [KEY]],
  [{ tellsSecret: true }, [SECRET]],
  [{ followsAnywhere: true }, [ELSEWHERE]],
  [{ readsOn: true }, [LARGE]],
  [{ knowsNoAnswers: true }, [DATA, BUSY]],
  [{ saysSent: true }, [DATA, BUSY]],
];

/** Sentences that do not hold, with what is said of them. */
async function failures<C>(under: ConnectorUnderTest<C>): Promise<Map<string, string>> {
  const tests: [string, () => Promise<void>][] = [];
  describeConnector("wrong", under, {
    describe: (_name, define) => {
      define();
    },
    test: (name, run) => tests.push([name, run]),
  });
  const failed = new Map<string, string>();
  for (const [name, run] of tests)
    await run().catch((error: unknown) => failed.set(name, String(error)));
  return failed;
}

describe("the kit for connectors", () => {
  test.each(WRONG)("finds what is wrong with %o", async (faulty, wanted) => {
    const found = await failures(toy(faulty));
    expect([...found.keys()].toSorted()).toEqual(wanted.toSorted());
  });

  test("names what is wrong and how to mend it", async () => {
    const found = await failures(toy({ dropsKey: true }));
    expect(found.get(KEY)).toMatch(/under the key ""[^]*Send attempt\.key/u);
  });

  test("does not take a counterpart that never repeats the credential for a proof", async () => {
    const [, busy] = toy().refusals;
    if (busy === undefined) throw new Error("there is none");
    const found = await failures({ ...toy(), refusals: [busy] });
    expect([...found.keys()]).toEqual([SECRET]);
  });

  test("refuses a secret that is a word", () => {
    expect(() => {
      describeConnector("short", { ...toy(), secret: "abc" }, { describe, test });
    }).toThrow(/at least 8/u);
  });
});
