/**
 * The classification vectors of the package: one file for each protocol in packages/holdfast/vectors.
 * Without arguments it compares and fails on a difference; with --write it writes.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { PROTOCOLS } from "../packages/holdfast/dist/core/protocols/protocols.js";
import { vectorFile, vectorText } from "../packages/holdfast/dist/explain/vectors.js";

const folder = resolve("packages/holdfast/vectors");
const wanted = new Map(
  PROTOCOLS.map((protocol) => [`${protocol.table.id}.json`, vectorText(vectorFile(protocol))]),
);
mkdirSync(folder, { recursive: true });
const found = readdirSync(folder);

if (process.argv.includes("--write")) {
  for (const name of found) if (!wanted.has(name)) rmSync(join(folder, name));
  for (const [name, text] of wanted) writeFileSync(join(folder, name), text);
} else {
  const stale = [...wanted].filter(
    ([name, text]) => !found.includes(name) || readFileSync(join(folder, name), "utf8") !== text,
  );
  const extra = found.filter((name) => !wanted.has(name));
  const names = [...stale.map(([name]) => name), ...extra];
  if (names.length > 0) {
    console.error(`not as the tables say: ${names.join(", ")}; run: npm run vectors`);
    process.exitCode = 1;
  }
}
