/**
 * Everything that is checked without running the code: `npm run check`, or some of it by name:
 * `npm run check -- lint types`. One line for each check with its seconds; the whole output of those
 * that fail, at the end. Exit code 1 if any of them fails.
 *
 * Two run at a time: most of them use more than one thread for a part of their time only. The order
 * starts the long ones first.
 */
import { spawn } from "node:child_process";
import { delimiter, resolve } from "node:path";

/** No check may take longer; the whole is meant to stay well below a minute. */
const SECONDS_MAX = 120;
const AT_A_TIME = 2;

const node = (script, ...args) => ["node", `scripts/${script}.mjs`, ...args];
const CHECKS = [
  { name: "build", command: ["tsc", "-b", "packages/holdfast"] },
  { name: "unused", command: ["knip", "--no-progress"] },
  { name: "lint", command: ["oxlint", "--type-aware"] },
  { name: "api", command: node("api-report"), after: "build" },
  { name: "boundaries", command: node("check-boundaries") },
  { name: "types", command: ["tsc", "-p", "tsconfig.json"] },
  { name: "types-core", command: ["tsc", "-p", "packages/holdfast/src/core"] },
  { name: "format", command: ["oxfmt", "--check", "."] },
  { name: "text", command: node("check-text") },
  { name: "lock", command: node("check-lock") },
];

process.exitCode = await main(process.argv.slice(2));

async function main(wanted) {
  const unknown = wanted.filter((name) => !CHECKS.some((check) => check.name === name));
  if (unknown.length > 0) {
    const names = CHECKS.map((check) => check.name).join(", ");
    console.error(`no check is called ${unknown.join(", ")}; there are ${names}`);
    return 1;
  }
  const startedAt = performance.now();
  const results = await runAll(chosen(wanted));
  const failed = results.filter((result) => !result.ok);
  for (const { check, output } of failed) {
    console.log(`\n--- ${check.name}: ${check.command.join(" ")}\n${output.trimEnd()}`);
  }
  const verdict = failed.length === 0 ? "all well" : `${failed.length} of ${results.length} failed`;
  console.log(`\ncheck: ${verdict} in ${seconds(startedAt)}`);
  return failed.length === 0 ? 0 : 1;
}

/** The checks asked for and what they come after, in the order of the list; all if none is named. */
function chosen(wanted) {
  if (wanted.length === 0) return CHECKS;
  const before = CHECKS.filter((check) => wanted.includes(check.name)).map((check) => check.after);
  return CHECKS.filter((check) => wanted.includes(check.name) || before.includes(check.name));
}

async function runAll(checks) {
  const running = new Map();
  const results = [];
  const waiting = [...checks];
  while (waiting.length > 0 || running.size > 0) {
    const next = waiting.findIndex(({ after }) => after === undefined || isDone(after));
    if (next >= 0 && running.size < AT_A_TIME) {
      const [check] = waiting.splice(next, 1);
      running.set(check.name, run(check, results));
      continue;
    }
    const result = await Promise.race(running.values());
    running.delete(result.check.name);
    results.push(result);
    const mark = result.ok ? "ok    " : "FAILED";
    console.log(`${mark} ${result.check.name.padEnd(12)} ${result.took}`);
  }
  return results;

  function isDone(name) {
    return results.some((result) => result.check.name === name);
  }
}

function run(check, results) {
  const startedAt = performance.now();
  const base = results.find((earlier) => earlier.check.name === check.after);
  if (base?.ok === false) {
    const output = `not run, because ${check.after} failed`;
    return Promise.resolve({ check, ok: false, output, took: "" });
  }
  const { promise, resolve: settle } = Promise.withResolvers();
  const [command, ...args] = check.command;
  // The tools of this checkout and its own Node come first, however this script was started.
  const PATH = `${resolve("node_modules/.bin")}${delimiter}${process.env["PATH"]}`;
  const child = spawn(command, args, {
    env: { ...process.env, PATH, NO_COLOR: "1", FORCE_COLOR: undefined },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: SECONDS_MAX * 1000,
    killSignal: "SIGKILL",
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (output += text));
  child.on("error", (error) => settle(ended(false, error.message)));
  child.on("close", (code, signal) => {
    settle(
      ended(code === 0, signal === null ? "" : `ended by ${signal}, at its limit or from outside`),
    );
  });
  return promise;

  function ended(ok, remark) {
    return { check, ok, output: `${output}${remark}`, took: seconds(startedAt) };
  }
}

function seconds(startedAt) {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}
