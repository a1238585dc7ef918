/**
 * The order of the test files: those that take longest begin first, so that none of them is left alone
 * at the end while the other workers have nothing to do. All others in the order of their names. On a
 * clean checkout Vitest knows no durations and would go by the size of the files, which says little:
 * most of these wait for processes.
 */
import { existsSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Longest first; what takes below 10 s on a quiet machine need not be here. */
const LONGEST = [
  "examples/order-to-cash/test/example.test.ts",
  "tests/workers.test.ts",
  "tests/shared-limits.test.ts",
  "packages/holdfast/src/store-postgres/conformance.test.ts",
  "tests/replay.test.ts",
  "tests/archive-workers.test.ts",
  "packages/holdfast/src/engine/failure-model/t03-outage.test.ts",
  "packages/holdfast/src/store-sqlite/conformance.test.ts",
  "packages/holdfast/src/rules.test.ts",
  "packages/holdfast/src/store-postgres/verify.test.ts",
  "packages/holdfast/src/store-postgres/lease.test.ts",
  "tests/replay-workers.test.ts",
  "packages/holdfast/src/replay.test.ts",
  "packages/holdfast/src/repair.test.ts",
  "packages/holdfast/src/engine/repair/repair-crashes.test.ts",
  "packages/holdfast/src/engine/run/crash-points.test.ts",
  "packages/holdfast/src/start-in-postgres.test.ts",
  "packages/holdfast/src/store-postgres/shared-shards.test.ts",
  "packages/holdfast/src/exceptions.test.ts",
  "tests/transact.test.ts",
  "tests/versions.test.ts",
  "packages/holdfast/src/engine/steps/same-path.test.ts",
  "packages/holdfast/src/payload/bucket.test.ts",
  "tests/command-line/decisions.test.ts",
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const gone = LONGEST.filter((path) => !existsSync(ROOT + path));
    if (gone.length > 0) {
      throw new Error(
        `tests/longest-first.ts names ${gone.join(", ")}, which is not there: take it out, or name what it has become`,
      );
    }
    return files.toSorted(
      (one, other) => placeOf(one) - placeOf(other) || one.moduleId.localeCompare(other.moduleId),
    );
  }
}

function placeOf({ moduleId }: TestSpecification): number {
  const place = LONGEST.indexOf(relative(ROOT, moduleId));
  return place === -1 ? LONGEST.length : place;
}
