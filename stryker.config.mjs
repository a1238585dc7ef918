/**
 * Mutation testing of one part, which `npm run mutate` names in MUTATED_PART: the files that are mutated,
 * and the tests that have to notice. Texts are left as they are: most are sentences for people, and those
 * of the tables are held to the vectors.
 */
const src = "packages/holdfast/src";
const of = (folder, names) => names.map((name) => `${src}/${folder}/${name}.ts`);
const core = (...names) => of("core", names);

export const PARTS = {
  classification: {
    files: core("classify", "protocol-table", "table-failure", "rule-match"),
    tests: [
      `${src}/core/{classify,protocol-table,rule-*,table-failure,protocols/*}.test.ts`,
      `${src}/explain/{vectors,recognise}.test.ts`,
    ],
  },
  "next-move": {
    files: core("after-probe", "backoff", "next-move", "proof", "repeat", "retry-policy"),
    tests: [
      `${src}/core/{after-probe,backoff,next-move*,proof,repeat,retry-policy,effect-*}.test.ts`,
    ],
  },
  dedupe: {
    files: core("base32", "operation-key", "same-event", "situation"),
    tests: [
      `${src}/core/{base32,operation-key,same-event,situation,next-move*,after-probe,effect-*}.test.ts`,
    ],
  },
  lanes: {
    files: [...core("lane"), ...of("engine/starts", ["lanes"])],
    tests: [`${src}/core/lane.test.ts`, `${src}/engine/starts/lane-queues.test.ts`],
  },
  "leaving-lanes": {
    files: of("engine/starts", ["leaving-lanes"]),
    tests: [`${src}/engine/starts/leaving-lanes.test.ts`],
  },
  lock: {
    files: of("store-sqlite", ["lock"]),
    tests: [`${src}/store-sqlite/lock.test.ts`],
  },
  fence: {
    files: of("store-postgres", ["lease", "owned-shards"]),
    tests: [`${src}/store-postgres/{lease,lease-waits,owned-shards}.test.ts`],
  },
};

const name = process.env["MUTATED_PART"] ?? Object.keys(PARTS)[0];

export default {
  testRunner: "vitest",
  plugins: ["@stryker-mutator/vitest-runner"],
  vitest: { configFile: "vitest.mutate.config.mjs", related: false },
  // Some of its files, where they are named: `npm run mutate next-move proof`.
  mutate: process.env["MUTATED_FILES"]?.split(",") ?? PARTS[name].files,
  mutator: { excludedMutations: ["StringLiteral"] },
  coverageAnalysis: "perTest",
  // Evaluated once when a file is loaded: each would need all tests. The tables are held to the vectors.
  ignoreStatic: true,
  concurrency: 2,
  timeoutMS: 10_000,
  reporters: ["json", "progress-append-only"],
  jsonReporter: { fileName: `var/mutation/${name}.json` },
  tempDirName: "var/mutation/sandbox",
  ignorePatterns: ["var", "bench", "api"],
};
