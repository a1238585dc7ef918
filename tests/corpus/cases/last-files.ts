/** The last third of files: a process without rights or with small limits, and SQLite in such places. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { label, type PlainError, type Protocol, type Reason, type Scenario } from "../case.ts";
import { plain } from "../capture.ts";

/** Everybody's lowest user on Linux. */
const NOBODY = 65_534;

interface NobodyCase {
  readonly name: string;
  readonly reason: Reason;
  readonly why: string;
  /** JavaScript that runs in the folder `at`, as nobody; `fs` and `sqlite` are there. */
  readonly code: string;
  readonly protocol?: Protocol;
  /** Of the shell, in its own units. */
  readonly limit?: string;
}

const RIGHTS = "we may not do this here until somebody lets us";
const LIMIT = "a limit of our own process is reached";

const one = (
  name: string,
  reason: Reason,
  why: string,
  code: string,
  rest: Partial<NobodyCase> = {},
): NobodyCase => ({ name, reason, why, code, ...rest });

const CASES: readonly NobodyCase[] = [
  one("folder not ours", "misconfigured", RIGHTS, "fs.writeFileSync(at + '/shut/out', 'x')"),
  one(
    "folder only for reading",
    "misconfigured",
    RIGHTS,
    "fs.writeFileSync(at + '/read/out', 'x')",
  ),
  one(
    "file only for reading",
    "misconfigured",
    RIGHTS,
    "fs.writeFileSync(at + '/read/plain', 'x')",
  ),
  one("file not readable", "misconfigured", RIGHTS, "fs.readFileSync(at + '/read/secret')"),
  one("list a folder not ours", "misconfigured", RIGHTS, "fs.readdirSync(at + '/shut')"),
  one(
    "make in a folder only for reading",
    "misconfigured",
    RIGHTS,
    "fs.mkdirSync(at + '/read/new')",
  ),
  one(
    "remove from a folder only for reading",
    "misconfigured",
    RIGHTS,
    "fs.unlinkSync(at + '/read/plain')",
  ),
  one(
    "rename in a folder only for reading",
    "misconfigured",
    RIGHTS,
    "fs.renameSync(at + '/read/plain', at + '/read/other')",
  ),
  one("rights of others", "misconfigured", RIGHTS, "fs.chmodSync(at + '/read/plain', 0o777)"),
  one("owner of others", "misconfigured", RIGHTS, "fs.chownSync(at + '/read/plain', 0, 0)"),
  one("temporary folder of others", "misconfigured", RIGHTS, "fs.mkdtempSync(at + '/read/t-')"),
  one(
    "too many open files",
    "transient",
    LIMIT,
    "const held = []; for (;;) held.push(fs.openSync(at + '/read/plain'))",
    { limit: "-n 40" },
  ),
  one(
    "file larger than allowed",
    "exhausted",
    LIMIT,
    "process.on('SIGXFSZ', () => {}); fs.writeFileSync(at + '/mine/out', 'x'.repeat(5000000))",
    { limit: "-f 1" },
  ),
  one(
    "database only for reading",
    "misconfigured",
    RIGHTS,
    "new sqlite.DatabaseSync(at + '/read/orders.db').exec('create table t (id)')",
    { protocol: "sqlite" },
  ),
  one(
    "database in a folder not ours",
    "misconfigured",
    RIGHTS,
    "new sqlite.DatabaseSync(at + '/shut/orders.db')",
    { protocol: "sqlite" },
  ),
  one(
    "database's folder only for reading",
    "misconfigured",
    RIGHTS,
    "new sqlite.DatabaseSync(at + '/read/new.db').exec('create table t (id)')",
    { protocol: "sqlite" },
  ),
  one(
    "too large a value",
    "data",
    "this value is larger than the database takes",
    "new sqlite.DatabaseSync(':memory:').exec('select zeroblob(2000000000)')",
    { protocol: "sqlite" },
  ),
  one(
    "too deep an expression",
    "defect",
    "the statement we wrote is wrong",
    "new sqlite.DatabaseSync(':memory:').exec('select ' + '('.repeat(3000) + '1' + ')'.repeat(3000))",
    { protocol: "sqlite" },
  ),
  one(
    "too many parameters",
    "defect",
    "the statement we wrote is wrong",
    "new sqlite.DatabaseSync(':memory:').prepare('select ?').run(1, 2)",
    { protocol: "sqlite" },
  ),
  one(
    "a value of no kind",
    "defect",
    "our code gives what cannot be stored",
    "new sqlite.DatabaseSync(':memory:').prepare('select ?').run({ a: 1 })",
    { protocol: "sqlite" },
  ),
  one(
    "overflow of a sum",
    "data",
    "these values are larger than a number can be",
    "new sqlite.DatabaseSync(':memory:').exec('select sum(n) from (select 9223372036854775807 as n union all select 1)')",
    { protocol: "sqlite" },
  ),
  one(
    "no json",
    "data",
    "this value is no JSON",
    "new sqlite.DatabaseSync(':memory:').exec(`select json_extract('{', '$')`)",
    { protocol: "sqlite" },
  ),
  one(
    "closed database",
    "defect",
    "our code uses what it has closed",
    "const d = new sqlite.DatabaseSync(':memory:'); d.close(); d.exec('select 1')",
    { protocol: "sqlite" },
  ),
];

export function lastFileScenarios(): readonly Scenario[] {
  return CASES.map(({ name, reason, why, code, protocol = "file", limit }): Scenario => ({
    id: `nobody/${name.replaceAll(/[^a-z\d]+/giu, "-")}`,
    protocol,
    server: protocol === "file" ? "operating system" : "SQLite",
    fault: name,
    label: label("never", reason, `${why}; refused as a whole`),
    play: async () => {
      const folder = mkdtempSync(join(tmpdir(), "corpus-nobody-"));
      furnish(folder);
      try {
        const error = await Promise.resolve(thrownAsNobody(folder, code, limit));
        const isWritten =
          existsSync(join(folder, "read/out")) || existsSync(join(folder, "shut/out"));
        return { seen: { phase: "refused", error }, ledger: isWritten ? "happened" : "not" };
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  }));
}

function thrownAsNobody(folder: string, code: string, limit: string | undefined): PlainError {
  const program = `
    const fs = require("node:fs"), sqlite = require("node:sqlite");
    process.setgid(${String(NOBODY)}); process.setuid(${String(NOBODY)});
    const at = ${JSON.stringify(folder)};
    try { ${code} } catch (e) {
      const { name, message, code, errcode, errstr, syscall } = e;
      fs.writeSync(1, JSON.stringify({ name, message, code, syscall, errcode, errstr }));
    }`;
  const shell = limit === undefined ? 'exec "$@"' : `ulimit ${limit}; exec "$@"`;
  const out = execFileSync(
    "sh",
    ["-c", shell, "sh", process.execPath, "--no-warnings", "-e", program],
    { encoding: "utf8" },
  );
  const error = JSON.parse(out) as PlainError;
  return { ...error, message: plain(error.message) };
}

function furnish(folder: string): void {
  chmodSync(folder, 0o755);
  for (const name of ["shut", "read", "mine"]) mkdirSync(join(folder, name));
  for (const name of ["plain", "secret", "orders.db"])
    writeFileSync(join(folder, "read", name), "");
  chmodSync(join(folder, "read/secret"), 0o600);
  chmodSync(join(folder, "shut"), 0o700);
  chownSync(join(folder, "mine"), NOBODY, NOBODY);
}
