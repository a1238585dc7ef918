/**
 * Is the lock whole, and does it hold what the package.json files ask for?
 *
 * Tools with native parts name one optional package for each platform. When a registry lacks one of
 * them, `npm install` leaves it out of the lock without a word, and `npm ci` on another machine then
 * refuses the whole lock. The other way round, `npm ci` accepts a lock with a version outside the
 * range that package.json gives. Both are found here, before they are committed.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
const faults = [...missingOptionals(), ...outsideTheirRange()];

console.log([...faults, `${Object.keys(packages).length} packages`].join("\n"));
process.exitCode = faults.length > 0 ? 1 : 0;

function missingOptionals() {
  return Object.entries(packages).flatMap(([place, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !isInLock(place, name))
      .map(
        (name) =>
          `${place || "package.json"} names ${name}, which is not in the lock: npm ci will fail ` +
          "elsewhere; choose a version of which every platform can be had",
      ),
  );
}

/** Node's own rule: the node_modules folder beside the package, then of each folder above it. */
function isInLock(place, name) {
  const segments = place.split("/");
  for (let depth = segments.length; depth >= 0; depth -= 1) {
    const folder = segments.slice(0, depth).join("/");
    const candidate = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (packages[candidate] !== undefined) return true;
  }
  return false;
}

function outsideTheirRange() {
  // Looks at the lock alone, not at what happens to be installed, and asks no registry.
  const npm = spawnSync("npm", ["ls", "--all", "--package-lock-only"], {
    encoding: "utf8",
    timeout: 60_000,
  });
  if (npm.status === 0) return [];
  const lines = `${npm.error?.message ?? ""}${npm.stderr ?? ""}`.split("\n");
  const named = lines.filter((line) => /^npm error (?:invalid|missing|extraneous)/u.test(line));
  return named.length > 0 ? [...named, "mend it with npm install"] : lines;
}
