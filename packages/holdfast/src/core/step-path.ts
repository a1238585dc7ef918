/**
 * The name under which a run finds its past: scopes, step name and `as`. Source: settled points 8
 * and 12. It is stored, shown to operators and part of the operation key, so its form never
 * changes: `charge-card`, `charge-card#line-2`, `order/charge-card`.
 */
import { HoldfastError } from "./error.ts";

export interface StepName {
  readonly name: string;
  readonly as?: string;
}

/** Longest name of a step, scope or `as`, in UTF-16 units. */
const STEP_NAME_MAX = 200;
/** Deepest nesting of scopes. */
const SCOPES_MAX = 32;

/**
 * The path of a step. Different scopes, names and `as` never give the same path: the separators
 * are escaped inside names (`/` as `%2F`, `#` as `%23`, `%` as `%25`).
 *
 * @throws {HoldfastError} HF1001 for an empty or long name, control characters, lone surrogates.
 */
export function stepPath(scopes: readonly StepName[], name: string, as?: string): string {
  const last = segment(name, as);
  if (scopes.length === 0) return last;
  if (scopes.length > SCOPES_MAX) {
    throw refused("a scope", name, `at most ${String(SCOPES_MAX)} scopes inside each other`);
  }
  return `${scopes.map((scope) => segment(scope.name, scope.as)).join("/")}/${last}`;
}

/** Under this name a step's declarations are on record: its name means nothing without its workflow. */
export function stepDefinitionName(workflow: string, step: string): string {
  return `${workflow}/${step}`;
}

/** No name of a step begins like this: a slash inside a name is escaped, and no scope is called so. */
export const UNDO = "undo/";

/**
 * The path of a scope: the paths of its steps begin with it.
 *
 * @throws {HoldfastError} HF1001 as for steps, and for a name under which undoings are on record.
 */
export function scopePath(scopes: readonly StepName[], name: string, as?: string): string {
  if (scopes.length === 0 && `${name}/` === UNDO)
    throw refused("a scope", name, `another name: what is undone is on record under "${name}"`);
  return stepPath(scopes, name, as);
}

/** True for a step, or a scope, inside this scope. */
export function isWithin(path: string, scope: string): boolean {
  return path.startsWith(`${scope}/`);
}

/** Path of the effect that undoes a step. */
export function undoPath(step: string): string {
  return `${UNDO}${step}`;
}

/** True for the path of an effect that undoes a step of a run that is taken back. */
export function isUndoPath(path: string): boolean {
  return path.startsWith(UNDO);
}

/** The step's own name and `as`, without scopes, as written by the author. */
export function stepNameOf(path: string): StepName {
  const last = path.slice(path.lastIndexOf("/") + 1);
  const [name = "", as] = last.split("#", 2);
  return as === undefined ? { name: unescape(name) } : { name: unescape(name), as: unescape(as) };
}

/**
 * The name of a definition: the same rule as for steps, whose names are made of it.
 *
 * @param what - for example `a workflow`.
 * @throws {HoldfastError} HF1001 for anything but 1 to 200 characters without control characters.
 */
export function checkName(name: unknown, what: string): void {
  // `checked` looks at the type itself.
  checked(name as string, what);
}

function segment(name: string, as: string | undefined): string {
  const first = escape(checked(name, "a step"));
  return as === undefined ? first : `${first}#${escape(checked(as, `"as" of step ${name}`))}`;
}

/** Control characters would break screens and logs; a lone surrogate has no UTF-8. */
const REFUSED = /[\p{Cc}\p{Cs}\u2028\u2029]/u;

function checked(text: string, what: string): string {
  if (typeof text !== "string" || text.length === 0 || text.length > STEP_NAME_MAX) {
    throw refused(what, text, `1 to ${String(STEP_NAME_MAX)} characters`);
  }
  if (REFUSED.test(text)) throw refused(what, text, "text without control characters");
  return text;
}

function escape(text: string): string {
  return /[%/#]/.test(text)
    ? text.replaceAll("%", "%25").replaceAll("/", "%2F").replaceAll("#", "%23")
    : text;
}

function unescape(text: string): string {
  return text.replaceAll("%23", "#").replaceAll("%2F", "/").replaceAll("%25", "%");
}

function refused(what: string, text: unknown, expected: string): HoldfastError {
  const got =
    typeof text === "string"
      ? `${JSON.stringify(text.slice(0, 40))} (${String(text.length)} characters)`
      : typeof text;
  return new HoldfastError(
    "HF1001",
    `The name of ${what} is not valid: expected ${expected}, got ${got}.`,
    "Choose a short readable name; put long or foreign text into the input instead.",
  );
}
