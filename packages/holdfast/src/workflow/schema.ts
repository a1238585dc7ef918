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

/**
 * The JSON Schema of what the schema takes, if it can say that: by Standard JSON Schema (zod from
 * 4.2), or by a method of its own (arktype). Null if it cannot.
 */
export function jsonSchemaOf(schema: Schema): unknown {
  // A library that speaks Standard JSON Schema too has it beside `validate`.
  const standard: object = schema["~standard"];
  const options = { target: "draft-2020-12" };
  try {
    const jsonSchema: unknown = Reflect.get(standard, "jsonSchema");
    if (hasMethod(jsonSchema, "input")) return jsonSchema.input(options);
    if (hasMethod(schema, "toJsonSchema")) return schema.toJsonSchema();
    if (hasMethod(schema, "toJSONSchema")) return schema.toJSONSchema();
    return null;
  } catch (error) {
    // Not every type has a JSON form (a date, a transformation): it is then told otherwise.
    if (error instanceof Error) return null;
    throw error;
  }
}

function hasMethod<Name extends string>(
  value: unknown,
  name: Name,
): value is Record<Name, (options?: unknown) => unknown> {
  const isObject = typeof value === "object" || typeof value === "function";
  return isObject && value !== null && typeof Reflect.get(value, name) === "function";
}

/** "expected string at /orderId; ..." for messages. */
export function problemText(problems: readonly { at: string; message: string }[]): string {
  return problems.map((p) => `${p.message}${p.at === "" ? "" : ` at ${p.at}`}`).join("; ");
}
