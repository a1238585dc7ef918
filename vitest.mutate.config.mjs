import { defineConfig } from "vitest/config";
import { PARTS } from "./stryker.config.mjs";

// The tests that have to notice mutants of one part. In threads, as Stryker wants it, which take no options
// of V8 (see vitest.config.ts): so only tests whose store starts no thread of its own from source.
const conditions = ["holdfast-source"];
const part = process.env["MUTATED_PART"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: PARTS[part].tests,
    globalSetup:
      part === "fence" ? ["packages/holdfast/src/testing/postgres-on-demand.test-support.ts"] : [],
    isolate: false,
    testTimeout: 60_000,
  },
});
