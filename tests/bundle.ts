/**
 * Our source as a few files of JavaScript, for the programs that tests start: several hundred of them
 * in a run, and each would load some hundred modules, which takes four times as long as one file of
 * all. Made anew where any file of the source is another one than last time (globalSetup of Vitest).
 */
import { createHash } from "node:crypto";
import {
  existsSync,
  globSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("../packages/holdfast/", import.meta.url));
const SOURCE = `${PACKAGE}src/`;
/** Beside the source, so that what lies beside the package's source is found from there too. */
const BUNDLE = `${PACKAGE}.bundle`;

/** As `exports` of the package names them under the condition `holdfast-bundle`. */
const ENTRIES = {
  index: "index.ts",
  sqlite: "store-sqlite/index.ts",
  postgres: "store-postgres/index.ts",
  http: "connectors/http/index.ts",
  mail: "connectors/mail/index.ts",
  testing: "testing/index.ts",
  main: "cli/main.ts",
  // The thread of the embedded store looks for itself under this name.
  "writer-thread": "store-sqlite/writer-thread.ts",
};

export default async function setup(): Promise<void> {
  const digest = digestOfSource();
  const marker = `${BUNDLE}/digest`;
  if (!existsSync(marker) || readFileSync(marker, "utf8") !== digest) await make(digest);
  // Inherited by the processes in which tests run: see program-flags.ts.
  process.env["HOLDFAST_TEST_CONDITION"] = "holdfast-bundle";
}

function digestOfSource(): string {
  const hash = createHash("sha256").update(JSON.stringify(ENTRIES));
  for (const path of globSync("**/*.ts", { cwd: SOURCE }).toSorted()) {
    const { size, mtimeMs } = statSync(SOURCE + path);
    hash.update(`${path} ${String(size)} ${String(mtimeMs)}\n`);
  }
  return hash.digest("hex");
}

async function make(digest: string): Promise<void> {
  const { rolldown } = await import("rolldown");
  const bundle = await rolldown({
    input: Object.fromEntries(Object.entries(ENTRIES).map(([name, path]) => [name, SOURCE + path])),
    platform: "node",
    // Packages stay what they are.
    external: (id) => !id.startsWith(".") && !id.startsWith("/"),
  });
  // Another run may be at the same: each makes its own, and the last one's stays.
  const fresh = `${BUNDLE}-${String(process.pid)}`;
  await bundle.write({ dir: fresh, format: "esm" });
  await bundle.close();
  writeFileSync(`${fresh}/digest`, digest);
  rmSync(BUNDLE, { recursive: true, force: true });
  renameSync(fresh, BUNDLE);
}
