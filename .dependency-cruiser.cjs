/**
 * Who may import whom. The reasons are in docs/decisions/0001 and 0002; a new arrow in LAYERS is a
 * change of its own, with its own review. Run by scripts/check-boundaries.mjs, which also makes
 * sure that the tool has looked at every source file.
 */
const src = "^packages/holdfast/src/";
const test = "\\.test(-d|-support)?\\.ts$";

/**
 * Folder: what its code may import besides itself. Tests beside the code are exempt: they wire real
 * parts together. `holdfast.ts` is the composition root, which a program may use, and a part may not.
 */
const LAYERS = {
  core: [],
  contract: ["core/"],
  workflow: ["core/"],
  store: ["core/"],
  "store-sqlite": ["core/", "store/"],
  "store-postgres": ["core/", "store/"],
  engine: ["core/", "workflow/", "store/"],
  operate: ["core/", "store/"],
  payload: ["core/", "store/"],
  ingress: ["core/", "workflow/"],
  cells: ["core/", "workflow/", "store/", "engine/"],
  http: ["core/", "contract/", "operate/"],
  explain: ["core/", "connectors/"],
  cli: ["core/", "contract/", "operate/", "explain/", "(holdfast|command-line)\\.ts$"],
  // The words of a failure and our error: both are exported by the public door, as a user gets them.
  connectors: [
    "workflow/",
    "core/failure\\.ts$",
    "core/error\\.ts$",
    "core/json-text\\.ts$",
    "core/(protocol-table|rule-match)\\.ts$",
    "core/protocols/",
  ],
  telemetry: ["core/", "engine/"],
  testing: [
    "core/",
    "workflow/",
    "store/",
    "engine/",
    "operate/",
    "holdfast\\.ts$",
    // A test bed is the real engine on the real embedded store, and fails as the HTTP connector does.
    "store-sqlite/(open|memory|index)\\.ts$",
    "connectors/http/http-failure\\.ts$",
  ],
};

/** A client library and the only folders that may load it, so that users pay for what they use. */
const CLIENTS = {
  "(node:)?sqlite": ["store-sqlite"],
  "node_modules/(pg|pg-[^/]+)/": ["store-postgres"],
  "node_modules/undici/": ["connectors"],
  "node_modules/@aws-sdk/": ["payload"],
  "node_modules/nodemailer/": ["connectors"],
  "node_modules/commander/": ["cli"],
};

const layerRules = Object.entries(LAYERS).map(([folder, may]) => ({
  name: `${folder}-imports`,
  comment: `${folder} may import ${["itself", ...may].join(", ").replaceAll("\\", "").replaceAll("$", "")} of our code`,
  severity: "error",
  from: { path: `${src}${folder}/`, pathNot: test },
  to: { path: src, pathNot: [`${folder}/`, ...may].map((path) => `${src}${path}`) },
}));

const clientRules = Object.entries(CLIENTS).map(([library, folders]) => ({
  name: `only-${folders.join("-and-")}-loads-this-library`,
  severity: "error",
  from: { path: src, pathNot: [test, ...folders.map((folder) => `${src}${folder}/`)] },
  to: { path: `(^|/)${library}${library.endsWith("/") ? "" : "$"}` },
}));

module.exports = {
  forbidden: [
    {
      name: "no-cycles",
      comment: "a cycle is allowed only if `import type` breaks it, inside one folder",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "no-cycles-between-folders",
      severity: "error",
      from: { path: `${src}([^/]+)/` },
      to: { circular: true, via: { pathNot: `${src}$1/` } },
    },
    {
      name: "core-is-pure",
      comment: "no package and no Node module: time, ids, random numbers and hashes are arguments",
      severity: "error",
      from: { path: `${src}core/`, pathNot: test },
      to: { pathNot: src },
    },
    ...layerRules,
    ...clientRules,
    {
      name: "unknown-folder",
      comment: "a new folder needs its line in LAYERS",
      severity: "error",
      from: {
        path: `${src}[^/]+/`,
        pathNot: Object.keys(LAYERS).map((folder) => `${src}${folder}/`),
      },
      to: {},
    },
    {
      name: "declared-dependencies-only",
      comment: "what ships may load only what packages/holdfast/package.json declares for users",
      severity: "error",
      from: { path: src, pathNot: test },
      // An optional peer is declared for users, and is there for our tests as a dev dependency.
      to: {
        dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"],
        dependencyTypesNot: ["npm-peer"],
      },
    },
    {
      name: "code-does-not-import-tests",
      severity: "error",
      from: { pathNot: [test, "^tests/"] },
      to: { path: [test, "^tests/"] },
    },
    {
      name: "public-doors-only",
      comment:
        'import "holdfast" or "holdfast/...", as a user does; not a path (but the simulator, decision 0033)',
      severity: "error",
      from: { path: "^(tests|examples|bench)/", pathNot: "^tests/simulation/" },
      to: {
        path: "^packages/holdfast/",
        dependencyTypes: ["local"],
        dependencyTypesNot: ["aliased-workspace"],
      },
    },
    {
      name: "no-unresolvable",
      comment: "the packages of a rival are there only after `npm run bench -- --peers`",
      severity: "error",
      from: { pathNot: "^bench/peers/" },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: "(^|/)(node_modules|dist)/" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["holdfast-source", "import", "node", "default", "types"],
      extensions: [".ts", ".mjs", ".js", ".cjs", ".d.ts", ".json"],
      mainFields: ["module", "main", "types"],
    },
  },
};
