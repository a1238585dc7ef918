/**
 * Puts the documents into the package, as npm packs it: whoever operates an app at night has the
 * package and not the repository, and error messages name pages of docs/. Runs before `npm pack` and
 * `npm publish`; what it writes is not in git.
 *
 * A link to something that the package does not have becomes its text.
 *
 * `node scripts/pack-docs.mjs [FOLDER]`; the folder is that of the package unless it is given.
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const target = resolve(process.argv[2] ?? join(root, "packages/holdfast"));

/** Files and folders that the package gets. */
const PACKED = ["README.md", "CHANGELOG.md", "docs"];

for (const name of PACKED) {
  rmSync(join(target, name), { recursive: true, force: true });
  cpSync(join(root, name), join(target, name), { recursive: true });
}
const packed = readdirSync(join(target, "docs"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".md"))
  .map((file) => join("docs", file));
for (const file of ["README.md", "CHANGELOG.md", ...packed]) unlink(join(target, file));

function unlink(path) {
  const text = readFileSync(path, "utf8");
  const whole = text.replaceAll(/\[([^\]]+)\]\(([^)#\s:]+)(#[^)]*)?\)/g, (link, words, address) =>
    existsSync(join(dirname(path), address)) ? link : words,
  );
  if (whole !== text) writeFileSync(path, whole);
}
