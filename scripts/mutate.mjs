/**
 * `npm run mutate [PART [FILE...]]`: changes the sources in small ways (stryker.config.mjs says which files and
 * which tests), and counts what no test has noticed; FILE is the name of a file without its ending. What is
 * found is kept as var/mutation/PART.json. Minutes for each part; at most half an hour.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { PARTS } from "../stryker.config.mjs";

const MINUTES_MAX = 30;
/** Of 100 mutants of a file. */
const NOTICED_MIN = 85;

const [wanted, ...names] = process.argv.slice(2);
const parts = Object.keys(PARTS).filter((part) => wanted === undefined || part === wanted);
if (parts.length === 0) {
  console.error(`no part is called ${wanted}; there are ${Object.keys(PARTS).join(", ")}`);
  process.exit(2);
}
process.exitCode = parts.map(mutate).every(Boolean) ? 0 : 1;

function mutate(part) {
  const report = `var/mutation/${part}.json`;
  rmSync(report, { force: true });
  const files = PARTS[part].files.filter(
    (file) => names.length === 0 || names.some((name) => file.endsWith(`/${name}.ts`)),
  );
  const env = { ...process.env, MUTATED_PART: part, MUTATED_FILES: files.join(",") };
  const timeout = MINUTES_MAX * 60_000;
  spawnSync("stryker", ["run"], { stdio: "inherit", env, timeout });
  if (files.length === 0 || !existsSync(report)) {
    console.error(
      `${part}: there is no report: no such file, it was cut off, or a test fails without a mutant`,
    );
    return false;
  }
  return Object.entries(JSON.parse(readFileSync(report, "utf8")).files)
    .map(told)
    .every(Boolean);
}

function told([file, { mutants }]) {
  const count = (...statuses) => mutants.filter(({ status }) => statuses.includes(status)).length;
  const noticed = count("Killed", "Timeout");
  const all = noticed + count("Survived", "NoCoverage");
  const share = all === 0 ? 100 : (100 * noticed) / all;
  console.log(
    `${file}: ${noticed} of ${all} noticed (${share.toFixed(1)} %), ${count("Ignored")} left out`,
  );
  for (const { status, location, mutatorName, replacement } of mutants) {
    if (status !== "Survived" && status !== "NoCoverage") continue;
    console.log(
      `  line ${location.start.line}: ${mutatorName}: ${JSON.stringify(replacement).slice(0, 100)}`,
    );
  }
  return share >= NOTICED_MIN;
}
