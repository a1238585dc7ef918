import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// Our packages are tested from source: the condition names the .ts files in package.json "exports".
const conditions = ["holdfast-source"];

// Node turns TypeScript into JavaScript with WebAssembly. From Node 24 on, V8 can crash the process when
// threads that do so run side by side and it compiles a call from there anew (SIGSEGV or a failed check in
// FreeDeadCode, below TierUpWasmToJSWrapper). The writer's thread of the embedded store does that when it is
// started from source, as only tests do: what ships is JavaScript. So V8 is told not to compile them anew.
const isAffected = Number(process.versions.node.split(".")[0]) >= 24;
export const execArgv = isAffected ? ["--wasm-wrapper-tiering-budget=2000000000"] : [];

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
    execArgv,
    typecheck: { enabled: false },
    globalSetup: ["packages/holdfast/src/testing/postgres-on-demand.test-support.ts"],
    // A bound against hanging, not a measure of speed: machines are shared.
    testTimeout: 60_000,
    // More files at a time than cores: those with workers and leases of their own wait most of the time.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    hookTimeout: 60_000,
  },
});
