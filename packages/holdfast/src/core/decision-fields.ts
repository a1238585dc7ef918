/**
 * What a review's answer looks like, in words: made from the JSON Schema of its decision, so that
 * whoever answers needs no source code.
 */

export interface DecisionField {
  /** "" for a decision that is one value and no object. */
  readonly name: string;
  /** What may stand there, for example `true|false`, `TEXT`, `"a"|"b"`. */
  readonly expects: string;
  readonly isRequired: boolean;
}

/** Fields and alternatives that are told; the rest of a larger decision is only counted. */
const FIELDS_MAX = 50;
const ALTERNATIVES_MAX = 12;
/** Depth to which alternatives are followed. */
const DEPTH_MAX = 4;

type JsonSchema = Readonly<Record<string, unknown>>;

/** Null if the schema says nothing that could be told. */
export function decisionFields(schema: unknown): readonly DecisionField[] | null {
  if (!isSchema(schema)) return null;
  const { properties } = schema;
  if (!isSchema(properties)) return [{ name: "", expects: expected(schema, 0), isRequired: true }];
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  const entries = Object.entries(properties);
  const fields = entries.slice(0, FIELDS_MAX).map(([name, property]) => ({
    name,
    expects: expected(property, 0),
    isRequired: required.includes(name),
  }));
  const rest = entries.length - fields.length;
  if (rest > 0) return [...fields, restField(`${String(rest)} more fields`)];
  const others = schema["additionalProperties"];
  return others === true || isSchema(others) ? [...fields, restField("any other field")] : fields;
}

/** Stands for fields that are not named. */
const REST = "...";

function restField(expects: string): DecisionField {
  return { name: REST, expects, isRequired: false };
}

/** True if there is one value and no fields. */
export function isWhole({ name }: DecisionField): boolean {
  return name === "";
}

/** True if it takes more than is told, so that nothing is known of what is missing. */
export function isOpenEnded(fields: readonly DecisionField[]): boolean {
  return fields.some(({ name }) => name === REST);
}

/**
 * Fields of a decision that its review does not have: usually slips of the keyboard, which a schema
 * may drop without a word. None where the review has not said all that it takes.
 */
export function unknownFields(
  decision: unknown,
  fields: readonly DecisionField[] | null,
): readonly string[] {
  if (fields === null || !isSchema(decision)) return [];
  const known = new Set(fields.map(({ name }) => name));
  if (known.has(REST) || known.has("")) return [];
  return Object.keys(decision).filter((name) => !known.has(name));
}

/** From what a schema says that was given an empty object: which fields it misses, and why. */
export function missingFields(
  problems: readonly { readonly at: string; readonly message: string }[],
): readonly DecisionField[] | null {
  const fields = problems.flatMap(({ at, message }) => {
    const [, name] = /^\/([^/]+)$/.exec(at) ?? [];
    return name === undefined
      ? []
      : [
          {
            name: name.replaceAll("~1", "/").replaceAll("~0", "~"),
            expects: message,
            isRequired: true,
          },
        ];
  });
  if (fields.length === 0) return null;
  // Those that may be left out are not missed, so they are not known.
  return [...fields.slice(0, FIELDS_MAX), restField("perhaps more fields")];
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const WORDS: Readonly<Record<string, string>> = {
  boolean: "true|false",
  string: "TEXT",
  number: "NUMBER",
  integer: "WHOLE-NUMBER",
  array: "JSON-LIST",
  object: "JSON-OBJECT",
  null: "null",
};

function expected(schema: unknown, depth: number): string {
  if (!isSchema(schema)) return "JSON";
  if ("const" in schema) return JSON.stringify(schema["const"]);
  const listed = schema["enum"];
  if (Array.isArray(listed)) return alternatives(listed.map((one) => JSON.stringify(one)));
  const among = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(among) && depth < DEPTH_MAX) {
    return alternatives(among.map((one) => expected(one, depth + 1)));
  }
  const { type } = schema;
  if (Array.isArray(type)) return alternatives(type.map((one) => WORDS[String(one)] ?? "JSON"));
  if (type === "object" && isSchema(schema["properties"]) && depth < DEPTH_MAX) {
    const members = Object.entries(schema["properties"]).slice(0, ALTERNATIVES_MAX);
    const texts = members.map(([name, member]) => `"${name}":${expected(member, depth + 1)}`);
    return `{${texts.join(",")}}`;
  }
  return `${WORDS[String(type)] ?? "JSON"}${boundsOf(schema)}`;
}

function alternatives(texts: readonly string[]): string {
  const known = [...new Set(texts)];
  const told = known.slice(0, ALTERNATIVES_MAX).join("|");
  return known.length > ALTERNATIVES_MAX ? `${told}|...` : told;
}

/** Bounds of numbers and lengths, where the schema has any that a person could run into. */
function boundsOf(schema: JsonSchema): string {
  const { minimum, maximum, minLength, maxLength, format } = schema;
  const parts = [
    numberOf(minimum) === null ? null : `>=${String(minimum)}`,
    numberOf(maximum) === null ? null : `<=${String(maximum)}`,
    numberOf(minLength) === null || minLength === 0 ? null : `${String(minLength)}+ characters`,
    numberOf(maxLength) === null ? null : `at most ${String(maxLength)} characters`,
    typeof format === "string" ? format : null,
  ].filter((part) => part !== null);
  return parts.length === 0 ? "" : `(${parts.join(", ")})`;
}

/** A limit that is not one of the number format itself. */
function numberOf(value: unknown): number | null {
  return typeof value === "number" && Math.abs(value) < Number.MAX_SAFE_INTEGER ? value : null;
}

/**
 * The decision as it is typed: `approve=true|false [note=TEXT]`; "DECISION" where nothing is known,
 * and JSON for the shell where there are no fields to name.
 */
export function decisionWords(fields: readonly DecisionField[] | null): string {
  if (fields === null) return "DECISION";
  if (fields.length === 0) return "'{}'";
  return fields
    .map(({ name, expects, isRequired }) => {
      const word = name === "" ? expects : `${name}=${expects}`;
      return isRequired ? word : `[${word}]`;
    })
    .join(" ");
}
