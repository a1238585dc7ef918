import { defineConfig } from "vitest/config";

// Our packages are tested from source: the condition names the .ts files in package.json "exports".
const conditions = ["holdfast-source"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "examples/*/{src,test}/**/*.test.ts",
      "bench/src/**/*.test.ts",
      "tests/**/*.test.ts",
    ],
    exclude: ["tests/real/**", "**/node_modules/**"],
    typecheck: { enabled: false },
    globalSetup: ["packages/holdfast/src/testing/postgres-on-demand.test-support.ts"],
    // A bound against hanging, not a measure of speed: machines are shared.
    testTimeout: 60_000,
    // By default one core is left free, which on two cores means one file at a time.
    maxWorkers: "100%",
    hookTimeout: 60_000,
  },
});
