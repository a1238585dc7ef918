/** A process that works on runs: the workflows of a user's module, on a store. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { HoldfastError } from "./core/error.ts";
import type { Rehearsal } from "./core/rehearsal.ts";
import type { HoldfastOptions } from "./app-settings.ts";
import { holdfast } from "./holdfast.ts";
import { loaded, mayWork } from "./looking-only.ts";

/** What the module exports as its default: an app without its store, which the worker names. */
export type WorkerDefinition = Omit<HoldfastOptions, "store">;

/**
 * Imports the module, opens the store and works until SIGTERM. On PostgreSQL it shares the store with
 * other workers, unless the module says otherwise.
 *
 * @throws {HoldfastError} HF4102 if the module cannot be used, else as `holdfast` does.
 */
export async function startWorker(
  path: string,
  address: string | Readonly<Record<string, string>>,
) {
  mayWork();
  const definition = await definitionIn(path);
  const postgres = { shared: true, ...definition.postgres };
  // Whatever it is, the app says what it expects.
  const store = address as HoldfastOptions["store"];
  await holdfast({ ...definition, postgres, store }).listen();
  return { workflows: definition.workflows.map(({ name }) => name) };
}

/** @throws {HoldfastError} HF4102 if the module cannot be used, HF1112 if it works as it is loaded. */
export async function definitionIn(path: string): Promise<WorkerDefinition> {
  const found: unknown = await imported(path);
  if (isDefinition(found)) return found;
  throw new HoldfastError(
    "HF4102",
    `The module ${path} does not say which workflows there are.`,
    "Let it export them as its default: export default { workflows: [...] }; with version, limits and owner as an app has them.",
  );
}

/**
 * What a module exports for `holdfast rehearse`.
 *
 * @throws {HoldfastError} HF4102 if it exports no rehearsal.
 */
export async function rehearsalsIn(path: string): Promise<readonly Rehearsal[]> {
  const found = await imported(path);
  const rehearsals: readonly unknown[] = Array.isArray(found) ? found : [found];
  if (rehearsals.length > 0 && rehearsals.every(isRehearsal)) return rehearsals;
  throw new HoldfastError(
    "HF4102",
    `The module ${path} exports no rehearsal.`,
    'Let it export one as its default: export default rehearsal(workflow, { input, world }), from "holdfast/testing"; or a list of them.',
  );
}

function isRehearsal(value: unknown): value is Rehearsal {
  return (
    typeof value === "object" && value !== null && "kind" in value && value.kind === "rehearsal"
  );
}

async function imported(path: string): Promise<unknown> {
  try {
    const { href } = pathToFileURL(resolve(path));
    const module = await loaded(path, async () => (await import(href)) as { default?: unknown });
    return module.default;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "HF1112") throw error;
    const because = error instanceof Error ? error.message : String(error);
    throw new HoldfastError(
      "HF4102",
      `The module ${path} cannot be imported: ${because}.`,
      remedyOf(path, error),
      { cause: error },
    );
  }
}

/** Codes of Node.js for a file that it cannot run as it is. */
const NOT_RUNNABLE = [
  "ERR_UNKNOWN_FILE_EXTENSION",
  "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX",
  "ERR_INVALID_TYPESCRIPT_SYNTAX",
  "ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING",
  "ERR_UNSUPPORTED_DIR_IMPORT",
];
const NOT_FOUND = ["ERR_MODULE_NOT_FOUND", "ERR_PACKAGE_PATH_NOT_EXPORTED"];

/** Whether the file is wrong, what it imports, or what its own code does as it is loaded. */
function remedyOf(path: string, error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (NOT_RUNNABLE.includes(code) || !existsSync(path)) return NAME_A_FILE;
  if (NOT_FOUND.includes(code))
    return "Mend the import that it names, in this file or in one that it imports; a package has to be installed here.";
  if (error instanceof SyntaxError) return "Mend the file that this Node.js cannot read as code.";
  if (error instanceof HoldfastError) return error.remedy;
  return "Its own code has thrown this as it was loaded, or that of a file that it imports. Mend it, or give it what it needs here as it has it in production: a variable of the environment, a file.";
}

const NAME_A_FILE =
  "Name a file that this Node.js can run: .js, .mjs, or .ts with types that can be stripped.";

function isDefinition(value: unknown): value is WorkerDefinition {
  if (typeof value !== "object" || value === null || !("workflows" in value)) return false;
  const { workflows } = value;
  return Array.isArray(workflows) && workflows.length > 0 && workflows.every(isWorkflow);
}

function isWorkflow(value: unknown): boolean {
  return typeof value === "object" && value !== null && "name" in value && "definition" in value;
}
