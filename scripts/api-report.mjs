/**
 * The public API as text: one file in api/ for each entry point of the package, with the
 * declaration of every name that it exports, and of every type of ours that those mention without
 * being exported, since a change there reaches users too. Comments are left out: only what the
 * compiler of a user sees counts.
 *
 * Reads the declarations in packages/holdfast/dist, so the build comes first. Without arguments it
 * compares with api/ and fails on a difference; with --write it writes.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import ts from "typescript";

const packageDir = resolve("packages/holdfast");
const distDir = join(packageDir, "dist");
const apiDir = resolve("api");
const write = process.argv.includes("--write");

const printer = ts.createPrinter({ removeComments: true });
const entries = readEntries();
const unbuilt = entries.filter((entry) => !existsSync(entry.declarations));
if (unbuilt.length > 0) {
  const lines = unbuilt.map(
    ({ name, declarations }) => `${name}: no ${relative(".", declarations)}`,
  );
  fail(lines, "Build first: npm run build. If that writes nothing, remove dist and *.tsbuildinfo.");
}

const program = ts.createProgram({
  rootNames: entries.map((entry) => entry.declarations),
  options: {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    noLib: true,
    types: [],
  },
});
const checker = program.getTypeChecker();

const exportsOf = new Map(entries.map((entry) => [entry.name, exportedSymbols(entry)]));
const exportedAnywhere = new Set([...exportsOf.values()].flatMap((names) => [...names.values()]));
const reports = new Map(entries.map((entry) => [entry.file, report(entry)]));
settle();

/** [{ name: "holdfast/sqlite", file: "sqlite.txt", declarations: path of the .d.ts }] */
function readEntries() {
  const manifest = JSON.parse(readFileSync(join(packageDir, "package.json"), "utf8"));
  return Object.entries(manifest.exports)
    .filter(([, target]) => target.types !== undefined)
    .map(([path, target]) => ({
      name: `${manifest.name}${path.slice(1)}`,
      file: `${path === "." ? manifest.name : path.slice(2).replaceAll("/", "-")}.txt`,
      declarations: join(packageDir, target.types),
    }));
}

/** Exported name -> the symbol that it stands for, re-exports followed to their source. */
function exportedSymbols(entry) {
  const source = program.getSourceFile(entry.declarations);
  const module = checker.getSymbolAtLocation(source);
  // A file without a single export is not a module and has no symbol.
  const symbols = module === undefined ? [] : checker.getExportsOfModule(module);
  return new Map(symbols.map((symbol) => [symbol.name, followAlias(symbol)]));
}

function followAlias(symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

function report(entry) {
  const exported = exportsOf.get(entry.name);
  const parts = [`# ${entry.name}: ${exported.size} exports. Made by \`npm run api\`.`];
  const names = [...exported.keys()].toSorted();
  for (const name of names) parts.push(declarationText(exported.get(name), name));

  const mentioned = reachableSymbols([...exported.values()]);
  if (mentioned.length > 0) parts.push("# Mentioned above, but not exported from any entry point.");
  for (const symbol of mentioned) parts.push(declarationText(symbol, symbol.name));
  return `${parts.join("\n\n")}\n`;
}

function declarationText(symbol, name) {
  const ours = (symbol.declarations ?? []).filter(isOurs);
  if (ours.length === 0) return `// ${name}: from another package`;
  const texts = ours.map((declaration) => {
    const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
    return printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile()).trim();
  });
  // `export { a as b }`: the text shows another name than the exported one.
  const renamed = symbol.name === name ? [] : [`// exported as ${name}`];
  return [...renamed, ...texts].join("\n");
}

/** Symbols of our own declarations that are reached from these and exported nowhere, by name. */
function reachableSymbols(symbols) {
  const found = new Set();
  const queue = [...symbols];
  for (let symbol = queue.pop(); symbol !== undefined; symbol = queue.pop()) {
    for (const declaration of symbol.declarations ?? []) {
      if (isOurs(declaration)) visit(declaration);
    }
  }
  return [...found].toSorted((a, b) => (a.name < b.name ? -1 : 1));

  function visit(node) {
    if (ts.isIdentifier(node)) consider(checker.getSymbolAtLocation(node));
    ts.forEachChild(node, visit);
  }

  function consider(mentionedSymbol) {
    if (mentionedSymbol === undefined) return;
    const symbol = followAlias(mentionedSymbol);
    if (exportedAnywhere.has(symbol) || found.has(symbol)) return;
    if (!(symbol.declarations ?? []).some((node) => isOurs(node) && isTopLevel(node))) return;
    found.add(symbol);
    queue.push(symbol);
  }
}

function isOurs(node) {
  return node.getSourceFile().fileName.startsWith(distDir);
}

function isTopLevel(node) {
  const statement = ts.isVariableDeclaration(node) ? node.parent.parent : node;
  return ts.isSourceFile(statement.parent) && !ts.isSourceFile(statement);
}

function settle() {
  mkdirSync(apiDir, { recursive: true });
  const stale = readdirSync(apiDir).filter((file) => file.endsWith(".txt") && !reports.has(file));
  if (write) {
    for (const file of stale) rmSync(join(apiDir, file));
    for (const [file, text] of reports) writeFileSync(join(apiDir, file), text);
    console.log(`${reports.size} files written to api/`);
    return;
  }
  const complaints = stale.map((file) => `api/${file}: no such entry point any more`);
  for (const [file, text] of reports) complaints.push(...differences(file, text));
  if (complaints.length > 0) {
    fail(
      complaints,
      "The public API is not what api/ says. If the change is meant: npm run api, and commit the " +
        "new text as a change of its own, so that the reviewer sees what users gain or lose.",
    );
  }
  console.log(`${reports.size} entry points, ${exportedAnywhere.size} exports`);
}

function differences(file, text) {
  const path = join(apiDir, file);
  const before = existsSync(path) ? readFileSync(path, "utf8") : "";
  if (before === text) return [];
  const old = new Set(before.split("\n"));
  const now = new Set(text.split("\n"));
  return [
    `api/${file}:`,
    ...[...old].filter((line) => !now.has(line)).map((line) => `  - ${line}`),
    ...[...now].filter((line) => !old.has(line)).map((line) => `  + ${line}`),
  ];
}

function fail(complaints, remedy) {
  console.log([...complaints, remedy].join("\n"));
  process.exit(1);
}
