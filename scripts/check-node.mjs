/**
 * Runs the test suite on other Node versions than the pinned one: `npm run check:node`, or with
 * versions of one's choice: `npm run check:node -- 22.22.3 24.15.0`.
 *
 * The versions come from npm, where each is a package without dependencies and without an install
 * script, into a temporary folder that is removed at the end (about 200 MB each, one at a time).
 * Best effort: not every system has such a package; then it says so and fails.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { arch, platform, tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";

const INSTALL_MINUTES_MAX = 10;
const TESTS_MINUTES_MAX = 20;
const versions = process.argv.length > 2 ? process.argv.slice(2) : ["22", "26"];

const failed = [];
for (const version of versions) {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-node-"));
  try {
    if (!(await passesOn(version, folder))) failed.push(version);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
const verdict = failed.length === 0 ? "all well" : `failed: ${failed.join(", ")}`;
console.log(`check:node ${versions.join(", ")}: ${verdict}`);
process.exitCode = failed.length === 0 ? 0 : 1;

async function passesOn(version, folder) {
  const name = `node-${platform() === "win32" ? "win" : platform()}-${arch()}`;
  console.log(`check:node ${version}: installing ${name}`);
  const options = ["--prefix", folder, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts"];
  if (
    !(await succeeds(INSTALL_MINUTES_MAX, "npm", ["install", ...options, `${name}@${version}`]))
  ) {
    console.log(`check:node ${version}: cannot install ${name}@${version} on this system`);
    return false;
  }
  const bin = join(folder, "node_modules", name, "bin");
  // Tests start programs with process.execPath or with the first `node` of PATH: both are this one.
  const env = {
    PATH: `${bin}${delimiter}${resolve("node_modules/.bin")}${delimiter}${process.env["PATH"]}`,
  };
  const versionLine = "`Node ${process.versions.node}, SQLite ${process.versions.sqlite}`";
  await succeeds(1, join(bin, "node"), ["-p", versionLine], env);
  const vitest = resolve("node_modules/vitest/vitest.mjs");
  return succeeds(TESTS_MINUTES_MAX, join(bin, "node"), [vitest, "run"], env);
}

/** Runs it with our terminal; true if it ends by itself, in time, with exit code 0. */
function succeeds(minutesMax, command, args, env = {}) {
  const { promise, resolve: settle } = Promise.withResolvers();
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "inherit"],
    timeout: minutesMax * 60_000,
    killSignal: "SIGKILL",
  });
  child.on("error", (error) => {
    console.log(error.message);
    settle(false);
  });
  child.on("close", (code) => settle(code === 0));
  return promise;
}
