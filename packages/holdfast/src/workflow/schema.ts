/** Any schema library that speaks Standard Schema (zod, valibot, arktype ...). */
import type { StandardSchemaV1 } from "@standard-schema/spec";

export type Schema = StandardSchemaV1;
export type In<S extends Schema> = StandardSchemaV1.InferInput<S>;
export type Out<S extends Schema> = StandardSchemaV1.InferOutput<S>;

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  /** JSON pointer and message of each problem, at most ten. */
  | {
      readonly ok: false;
      readonly problems: readonly { readonly at: string; readonly message: string }[];
    };

/** How many problems of one value are reported. */
const PROBLEMS_MAX = 10;

/**
 * Parses by the schema; a schema that answers with a promise is awaited. One that throws (a
 * transformation that fails) has a problem with the value like any other.
 */
export function parse<S extends Schema>(
  schema: S,
  value: unknown,
): Parsed<Out<S>> | Promise<Parsed<Out<S>>> {
  try {
    const result = schema["~standard"].validate(value);
    return result instanceof Promise ? result.then(parsed<S>, threw) : parsed<S>(result);
  } catch (error) {
    return threw(error);
  }
}

function threw(error: unknown): Parsed<never> {
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { ok: false, problems: [{ at: "", message: `the schema threw ${what}` }] };
}

function parsed<S extends Schema>(result: StandardSchemaV1.Result<unknown>): Parsed<Out<S>> {
  if (result.issues === undefined) {
    // The cast is the schema's own promise: Standard Schema ties its output type to `validate`.
    return { ok: true, value: result.value as Out<S> };
  }
  const problems = result.issues.slice(0, PROBLEMS_MAX).map((issue) => ({
    at: pointer(issue.path),
    message: issue.message,
  }));
  return { ok: false, problems };
}

function pointer(path: StandardSchemaV1.Issue["path"]): string {
  if (path === undefined) return "";
  return path
    .map((part) => (typeof part === "object" ? part.key : part))
    .map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}

/** "expected string at /orderId; ..." for messages. */
export function problemText(problems: readonly { at: string; message: string }[]): string {
  return problems.map((p) => `${p.message}${p.at === "" ? "" : ` at ${p.at}`}`).join("; ");
}
