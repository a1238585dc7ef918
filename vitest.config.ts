import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./tests/longest-first.ts";

// Our packages are tested from source: the condition names the .ts files in package.json "exports".
const conditions = ["holdfast-source"];

// Node turns TypeScript into JavaScript with WebAssembly. From Node 24 on, V8 can crash the process when
// threads that do so run side by side and it compiles a call from there anew (SIGSEGV or a failed check in
// FreeDeadCode, below TierUpWasmToJSWrapper). The writer's thread of the embedded store does that when it is
// started from source, as only tests do: what ships is JavaScript. So V8 is told not to compile them anew.
const isAffected = Number(process.versions.node.split(".")[0]) >= 24;
export const execArgv = isAffected ? ["--wasm-wrapper-tiering-budget=2000000000"] : [];

// Programs that tests start load our source as well, and that takes most of a short process's time: node keeps
// there what it made of it. All of them inherit this.
process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(
  new URL("node_modules/.cache/node-compile", import.meta.url),
);

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
    sequence: { sequencer: LongestFirst },
    // Files share their worker's process and modules: to load them anew for each of several hundred files takes
    // longer than many of them run. So no test file may change what another one sees: a global, the environment,
    // the working directory, a handler of the process.
    isolate: false,
    typecheck: { enabled: false },
    globalSetup: [
      "packages/holdfast/src/testing/postgres-on-demand.test-support.ts",
      "tests/bundle.ts",
    ],
    // A bound against hanging, not a measure of speed: machines are shared.
    testTimeout: 60_000,
    // More files at a time than cores: those with workers and leases of their own wait most of the time.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    hookTimeout: 60_000,
  },
});
