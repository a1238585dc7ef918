import { defineConfig } from "vitest/config";
import { execArgv } from "./vitest.config.ts";

// Tests against the real thing: killed processes, full disks, cut networks, traced system calls.
// They need programs that npm does not bring (see .ci/run) and take minutes; `npm test` needs neither.
const conditions = ["holdfast-source"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["tests/real/**/*.test.ts"],
    execArgv,
    // They measure durability and time: side by side they would measure each other.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
