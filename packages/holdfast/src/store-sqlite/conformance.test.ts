import { describe, test } from "vitest";
import { describeStore } from "../testing/describe-store.ts";
import { openUnderTest } from "./test-store.test-support.ts";

for (const thread of ["inline", "worker"] as const) {
  describeStore(`the SQLite store (${thread})`, openUnderTest(thread), { describe, test });
}
