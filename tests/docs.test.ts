/**
 * What the documents show compiles, and the API page has a section for each name and verb. A block
 * ```ts stands alone; ```ts continues goes on from the blocks before it in the same document. What
 * a block takes for granted is declared in a comment right before it: <!-- ts: declare const ... -->
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import ts from "typescript";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Example {
  /** Where it stands, for messages. */
  readonly name: string;
  readonly code: string;
}

function documents(): readonly string[] {
  const folders = ["docs", "packages/holdfast/src", "examples"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((file) =>
      join(folder, file),
    ),
  );
  const all = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", ...folders];
  return all.filter((file) => file.endsWith(".md") && !file.includes("node_modules"));
}

const FENCE = /(?:<!-- ts:\s+([^]*?)\s*-->\s*)?^```(ts[^\n]*)\n([^]*?)^```$/gm;

function examplesOf(file: string): readonly Example[] {
  const text = readFileSync(join(root, file), "utf8");
  const examples: Example[] = [];
  for (const { 1: given = "", 2: kind = "", 3: code = "", index } of text.matchAll(FENCE)) {
    const line = text.slice(0, index).split("\n").length;
    const own = `${given}\n${code}`;
    const before = examples.at(-1);
    if (kind.trim() === "ts continues" && before !== undefined) {
      examples[examples.length - 1] = { name: before.name, code: `${before.code}\n${own}` };
    } else {
      examples.push({ name: `${file}:${String(line)}`, code: own });
    }
  }
  return examples;
}

/** Errors of the compiler, each with where its example stands. */
function problemsOf(examples: readonly Example[]): readonly string[] {
  const { config } = ts.readConfigFile(join(root, "tsconfig.base.json"), (file) =>
    ts.sys.readFile(file),
  ) as {
    readonly config: { readonly compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(
    {
      ...config.compilerOptions,
      noEmit: true,
      rewriteRelativeImportExtensions: false,
      allowImportingTsExtensions: true,
      // An example shows a declaration without using it.
      noUnusedLocals: false,
    },
    root,
  );
  // In a folder of the workspace, so that "holdfast" and "zod" are found as a user finds them.
  const files = new Map(
    examples.map(({ code }, index) => [join(root, "tests", `example-${String(index)}.ts`), code]),
  );
  const disk = ts.createCompilerHost(options);
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (file) => files.has(file) || disk.fileExists(file),
    readFile: (file) => files.get(file) ?? disk.readFile(file),
    getSourceFile: (file, target, ...rest) => {
      const code = files.get(file);
      return code === undefined
        ? disk.getSourceFile(file, target, ...rest)
        : ts.createSourceFile(file, `${code}\nexport {};\n`, target);
    },
  };
  const program = ts.createProgram({ rootNames: [...files.keys()], options, host });
  const names = [...files.keys()];
  return [...files.keys()].flatMap((file) => {
    const source = program.getSourceFile(file);
    const found = [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ];
    return found.map(({ messageText, start }) => {
      const code = files.get(file) ?? "";
      const line =
        code
          .slice(0, start ?? 0)
          .split("\n")
          .at(-1) ?? "";
      const where = examples[names.indexOf(file)]?.name ?? file;
      return `${where}: ${ts.flattenDiagnosticMessageText(messageText, " ")} (${line.trim()})`;
    });
  });
}

describe("the documents", () => {
  test("show TypeScript that compiles against the package", () => {
    const examples = documents().flatMap(examplesOf);
    expect(examples.length).toBeGreaterThan(4);
    expect(problemsOf(examples)).toEqual([]);
  });

  test("would be found out if it did not", () => {
    const wrong = 'import { effect } from "holdfast";\neffect("x", { repeat: "sometimes" });';
    expect(problemsOf([{ name: "here", code: wrong }]).join()).toContain("here: ");
  });

  test("link to what is there", () => {
    const broken = documents().flatMap((file) => {
      const text = readFileSync(join(root, file), "utf8").replaceAll(/```[^]*?```/g, "");
      return [...text.matchAll(/\]\(([^)#\s:]+)(?:#[^)]*)?\)/g)]
        .map(([, target = ""]) => join(root, file, "..", target))
        .filter((target) => ts.sys.fileExists(target) === ts.sys.directoryExists(target))
        .map((target) => `${file} -> ${relative(root, target)}`);
    });
    expect(broken).toEqual([]);
  });
});

describe("the API page", () => {
  const page = readFileSync(join(root, "docs/reference/api.md"), "utf8");
  const headings = new Set([...page.matchAll(/^### (\S+)$/gm)].map(([, name = ""]) => name));

  function report(name: string): string {
    const text = readFileSync(join(root, "api", `${name}.txt`), "utf8");
    return text.slice(0, text.indexOf("# Mentioned above"));
  }

  /** Members of one interface, by its declaration in the report. */
  function membersOf(name: string): readonly string[] {
    const body = new RegExp(`^export interface ${name} \\{\\n([^]*?)^\\}`, "m").exec(
      report("holdfast"),
    );
    return [...(body?.[1] ?? "").matchAll(/^ {4}(?:readonly )?(\w+)/gm)].map(
      ([, member = ""]) => member,
    );
  }

  test("has a section for each verb of an app and of a run, and for no other", () => {
    const wanted = ["App", "Run"].flatMap((name) =>
      membersOf(name).map((member) => `${name.toLowerCase()}.${member}`),
    );
    expect(wanted.length).toBeGreaterThan(20);
    const there = [...headings].filter((heading) => heading.includes("."));
    expect(there.toSorted()).toEqual([...new Set(wanted)].toSorted());
  });

  test("has a section for each value that is exported, and for no other", () => {
    const reports = ["holdfast", "connectors-http", "connectors-mail"].map(report).join("\n");
    const values = [...reports.matchAll(/^export declare (?:function|class|const) (\w+)/gm)].map(
      ([, name = ""]) => name,
    );
    const errors = ["HttpCallFailed", "MailCallFailed"];
    const wanted = new Set(values.filter((name) => !errors.includes(name)));
    const there = [...headings].filter((heading) => !heading.includes("."));
    expect(there.toSorted()).toEqual([...wanted].toSorted());
  });
});
