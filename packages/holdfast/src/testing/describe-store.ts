/**
 * What every store must do, as tests: `describeStore` runs them against a driver, in whichever test
 * framework it is given. A driver that passes keeps what it acknowledged, in order, and shows in
 * every list exactly what the journal says.
 */
import type { Store, StoreReader } from "../store/store.ts";
import { cellTests } from "./describe-store-cells.ts";
import { commandTests } from "./describe-store-commands.ts";
import { eventTests } from "./describe-store-events.ts";
import { flushTests } from "./describe-store-flush.ts";
import { openingTests } from "./describe-store-opening.ts";
import { projectionTests } from "./describe-store-projections.ts";
import { readingTests } from "./describe-store-reading.ts";
import { removalTests } from "./describe-store-removal.ts";
import { receivedTests } from "./describe-store-received.ts";
import { shardTests } from "./describe-store-shards.ts";
import { type OpenSharedStoreUnderTest, sharedTests } from "./describe-store-shared.ts";
import { waitingTests } from "./describe-store-waiting.ts";

/** A store made for one test, and what a test may do to it from outside. */
export interface StoreUnderTest {
  /** Open, empty, as an engine would have it. */
  readonly store: Store;
  /** As another process would open it; may be called often. Closed by `dispose`. */
  readonly openReader: () => Promise<StoreReader>;
  /** Opens a second engine's store on the same data while the first is open; must reject. */
  readonly openSecond: () => Promise<Store>;
  /** Closes the store in good order and opens it again. */
  readonly reopen: () => Promise<Store>;
  /** Ends the store as a crash would, after what was acknowledged, and opens it again. */
  readonly crash: () => Promise<Store>;
  /**
   * Everything that is not as it was written, as sentences: the seals, and each projection against
   * one built anew from the journal. May be called while the store is open.
   */
  readonly damage: () => Promise<readonly string[]>;
  /** Releases everything. */
  readonly dispose: () => Promise<void>;
}

export type OpenStoreUnderTest = () => Promise<StoreUnderTest>;

/** The two functions that vitest, jest and node:test share. */
export interface TestFramework {
  readonly describe: (name: string, define: () => void) => unknown;
  readonly test: (name: string, run: () => Promise<void>) => unknown;
}

/** A test of one group: a sentence, and what to do with a store of its own. */
export type StoreTests = Readonly<Record<string, (subject: StoreUnderTest) => Promise<void>>>;

const GROUPS: Readonly<Record<string, StoreTests>> = {
  flush: flushTests,
  opening: openingTests,
  reading: readingTests,
  "waiting runs": waitingTests,
  events: eventTests,
  "messages from outside": receivedTests,
  shards: shardTests,
  "runs that leave": removalTests,
  cells: cellTests,
  "commands that were taken": commandTests,
  projections: projectionTests,
};

/**
 * Defines the tests of a driver. `open` is called once a test and makes an empty store; what it
 * made is disposed of when the test has ended, however it did.
 *
 * @param openShared - the same for a store that workers share, empty and without a worker: with it,
 * the tests with a second owner are defined, too. A store that can be shared keeps its promises only
 * if it passes them.
 */
export function describeStore(
  name: string,
  open: OpenStoreUnderTest,
  framework: TestFramework,
  openShared?: OpenSharedStoreUnderTest,
): void {
  framework.describe(`${name} keeps the promises of a store`, () => {
    for (const [group, tests] of Object.entries(GROUPS)) define(framework, group, tests, open);
    if (openShared !== undefined) define(framework, "shared by workers", sharedTests, openShared);
  });
}

function define<Subject extends { readonly dispose: () => Promise<void> }>(
  framework: TestFramework,
  group: string,
  tests: Readonly<Record<string, (subject: Subject) => Promise<void>>>,
  open: () => Promise<Subject>,
): void {
  framework.describe(group, () => {
    for (const [sentence, run] of Object.entries(tests)) {
      framework.test(sentence, async () => {
        const subject = await open();
        try {
          await run(subject);
        } finally {
          await subject.dispose();
        }
      });
    }
  });
}
