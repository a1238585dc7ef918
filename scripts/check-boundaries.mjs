/**
 * Who imports whom, by the rules of .dependency-cruiser.cjs.
 *
 * The tool reports success on files that it could not parse or did not see: with TypeScript 7 under
 * the name `typescript` it finds no module at all and exits with 0. So its list of modules is
 * compared with the files on disk.
 */
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { cruise } from "dependency-cruiser";

const roots = ["packages/holdfast/src", "tests", "examples", "bench"];
const { options, ...ruleSet } = createRequire(import.meta.url)("../.dependency-cruiser.cjs");
const filesOnDisk = sourceFiles();

const result = await cruise(roots, { ...options, ruleSet, validate: true });
const { modules, summary } = result.output;

const seen = new Set(modules.map((module) => module.source));
const unseen = filesOnDisk.filter((file) => !seen.has(file));
for (const file of unseen) console.log(`not looked at: ${file}`);
for (const { rule, from, to, cycle } of summary.violations) {
  const path = cycle === undefined ? to : cycle.map((step) => step.name).join(" -> ");
  console.log(`${rule.name}: ${from} -> ${path}${reason(rule.name)}`);
}
if (filesOnDisk.length === 0)
  console.log("no source file found: is this the root of the checkout?");

const clean = summary.violations.length === 0 && unseen.length === 0 && filesOnDisk.length > 0;
console.log(`${filesOnDisk.length} files, ${summary.totalDependenciesCruised} imports`);
process.exitCode = clean ? 0 : 1;

function sourceFiles() {
  return roots.flatMap((root) =>
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
      .map((entry) => `${entry.parentPath}/${entry.name}`)
      .filter((file) => !/\/(?:node_modules|dist|var)\//u.test(file)),
  );
}

function reason(ruleName) {
  const comment = ruleSet.forbidden.find((rule) => rule.name === ruleName)?.comment;
  return comment === undefined ? "" : ` (${comment})`;
}
