/**
 * Words and paths that no tool of the compiler's kind looks for, in every file that git would take.
 *
 * Each rule says which files it reads, what it looks for, and why a find is wrong. There is no way
 * to silence one finding: a rule that is wrong is changed here, for everybody.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";

const CODE = /\.(?:ts|mjs|cjs|js)$/u;
const PROSE = /\.md$/u;
const ANY = /(?:)/u;
/**
 * Who may ask the machine for the time or a random number: the one file of the engine (lint knows it
 * too), and the programs in the examples that play other people's systems, which have their own clock.
 */
const CLOCK_AND_RANDOM =
  /^packages\/holdfast\/src\/engine\/clock\.ts$|^examples\/[^/]+\/src\/systems\//u;
const DENIAL = /\b(?:no|not|never|nobody|cannot|nor|neither)\b/iu;

const RULES = [
  {
    files: ANY,
    find: /(?:\/(?:work|root|farm)|\/(?:home|Users)\/[\w.-]+)\/|\.library\//u,
    because: "names a folder of one machine; use a path relative to the checkout",
  },
  {
    files: ANY,
    find: machineOfToday(),
    because: "names a folder of this machine; use a path relative to the checkout",
  },
  {
    files: ANY,
    find: /registry\.(?:npmjs|yarnpkg)|npmjs\.(?:org|com)|(?:deb|security)\.debian/u,
    because:
      "names a registry, which everybody sets for themselves; for the lock: npm config set omit-lockfile-registry-resolved true",
  },
  {
    files: /\.(?:ts|mjs|cjs|js|sql|json)$/u,
    find: /exactly[\s-]+once/iu,
    because: 'is a promise nobody can keep; say "one effect per key, proven"',
  },
  {
    files: PROSE,
    find: /exactly[\s-]+once/iu,
    unless: (line) => DENIAL.test(line),
    because: "may stand only in a sentence, on one line, that says we do not claim it",
  },
  {
    files: CODE,
    find: /(?:ox|es)lint-disable|@ts-(?:ignore|nocheck)/u,
    because: "silences a check; mend the code, or change the rule by a decision record",
  },
  {
    files: CODE,
    find: /\bvi\.(?:do)?mock\(/iu,
    because: "replaces a module of ours; pass the part in, and fake only the border",
  },
  {
    files: CODE,
    find: /\b(?:test|it|describe|suite|bench)(?:\.\w+)*\.(?:skip|only|todo|fails)\b|\b(?:ctx|context|task)\.skip\(/u,
    because: "leaves a test out; a test that cannot run says why and fails, or is deleted",
  },
  {
    files: CODE,
    except: CLOCK_AND_RANDOM,
    find: /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(/u,
    because: "reads the machine's clock or dice; take the clock or the number as an argument",
  },
  {
    files: CODE,
    find: /\b(?:TO|FIX)(?:DO|ME)\b(?!.*#\d)/u,
    because: "has no issue number",
  },
  {
    files: CODE,
    find: /^\s*(?:export )?(?:declare |abstract |async |default )*(?:class|interface|type|function) \w*(?:Manager|Helper|Utils?|Processor|Handler|Data|Info|Base)\b/u,
    because: "is a name for two jobs; split it, or name the job",
  },
];
/** Files split by kind instead of by reason to change. */
const BUCKET = /(?:^|\/)(?:types|utils?|helpers?|constants|common|misc)\.(?:ts|mjs)$/u;

const files = filesOfGit();
const findings = files.flatMap((file) => {
  const bucket = BUCKET.test(file) ? [`${file}: name it after what it exports`] : [];
  return [...bucket, ...findingsIn(file)];
});
if (files.length === 0) findings.push("git lists no file: is this the root of a checkout?");

console.log([...findings, `${files.length} files`].join("\n"));
process.exitCode = findings.length > 0 ? 1 : 0;

/** What is committed or would be by `git add`: not what .gitignore leaves out. */
function filesOfGit() {
  const options = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const names = execFileSync("git", options, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  return [...new Set(names.split("\0"))].filter((name) => name !== "" && existsSync(name));
}

function findingsIn(file) {
  const rules = RULES.filter((rule) => rule.files.test(file) && !rule.except?.test(file));
  const text = readFileSync(file, "utf8");
  if (text.includes("\0")) return [];
  return text
    .split("\n")
    .flatMap((line, index) =>
      rules
        .filter((rule) => rule.find.test(line) && !rule.unless?.(line))
        .map((rule) => `${file}:${index + 1}: "${rule.find.exec(line)[0]}" ${rule.because}`),
    );
}

/** Where this checkout and the home folder are today, unless that is too short to mean anything. */
function machineOfToday() {
  const folders = [process.cwd(), homedir()].filter((path) => path.split("/").length > 2);
  const patterns = folders.map((path) => `${RegExp.escape(path)}(?![\\w-])`);
  return patterns.length > 0 ? new RegExp(patterns.join("|"), "u") : /(?!)/u;
}
