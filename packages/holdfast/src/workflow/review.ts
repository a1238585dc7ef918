/** A request for a person's decision, with what it is about and who may decide. */
import type { Duration } from "../core/duration.ts";
import { HoldfastError } from "../core/error.ts";
import { isNobody } from "../core/person.ts";
import { PROPOSAL_PREFIX } from "../core/repaired.ts";
import type { Described } from "../core/journal.ts";
import { checkDefinition, checkNamed } from "./definition-check.ts";
import { checkOptions } from "./known-options.ts";
import { parse, problemText, type In, type Out, type Schema } from "./schema.ts";

export interface ReviewOptions<S extends Schema, D extends Schema> {
  /** What the person sees. */
  readonly subject: S;
  /** What the person answers. */
  readonly decision: D;
  /** Role or team that may answer. */
  readonly by: string;
  /**
   * Who may not: the one who started the run (of a child: who started the first of its parents),
   * or a named person. A run whose starter is not on record cannot ask it (HF1108).
   */
  readonly notBy?: "starter" | (string & {});
  readonly within?: Duration;
  /**
   * What happens when nobody has answered within that time: somebody else may (and is told), or the
   * default is decided. Not given: it stays open, and the owner of the run is told.
   */
  readonly onTimeout?: { readonly escalateTo: string } | { readonly default: In<D> };
  readonly describe?: (subject: Out<S>) => Described;
  readonly sensitive?: readonly string[];
}

interface ReviewDefinition {
  readonly subject: Schema;
  readonly decision: Schema;
  readonly by: string;
  readonly notBy?: string;
  readonly within?: Duration;
  readonly onTimeout?: { readonly escalateTo: string } | { readonly default: unknown };
  readonly describe?: (subject: unknown) => Described;
  readonly sensitive?: readonly string[];
}

export interface AnyReview {
  readonly kind: "review";
  readonly name: string;
  readonly definition: ReviewDefinition;
}

export interface Review<S extends Schema, D extends Schema> extends AnyReview {
  /** Types only; never set. */
  readonly types?: { readonly subject: S; readonly decision: D };
}

export function review<S extends Schema, D extends Schema>(
  name: string,
  options: ReviewOptions<S, D>,
): Review<S, D> {
  checkNamed("review", name, options);
  checkDefinition(
    `review "${name}"`,
    {
      subject: ["schema", options.subject],
      decision: ["schema", options.decision],
      by: ["text", options.by],
    },
    options.sensitive,
  );
  checkOptions(`review "${name}"`, options, {
    subject: "any",
    decision: "any",
    by: "any",
    sensitive: "any",
    notBy: "text",
    within: "duration",
    onTimeout: "object",
    describe: "function",
  });
  checkExcluded(name, options.notBy);
  checkTimeout(name, options.within, options.onTimeout);
  checkDefault(name, options.decision, options.onTimeout);
  if (name.startsWith(PROPOSAL_PREFIX)) {
    throw new HoldfastError(
      "HF1001",
      `The name of review "${name.slice(0, 80)}" is not valid: "${PROPOSAL_PREFIX}" begins the names of proposals.`,
      "Choose another name.",
    );
  }
  return { kind: "review", name, definition: options };
}

/** Who answered another review of the run is not known to a review: as a name it would exclude nobody. */
const PREVIOUS = "previous-reviewer";

/** An exclusion that excludes nobody is refused: four-eyes would not hold. */
function checkExcluded(name: string, notBy: string | undefined): void {
  if (notBy === undefined || (notBy !== PREVIOUS && !isNobody(notBy))) return;
  throw new HoldfastError(
    "HF1001",
    `review "${name}": "notBy" is not valid: expected "starter" or the name of a person, got ${JSON.stringify(notBy.slice(0, 40))}.`,
    notBy === PREVIOUS
      ? 'Whoever has answered another review cannot be excluded yet: give notBy: "starter", or let another team answer (by).'
      : 'Give notBy: "starter", or leave it out.',
  );
}

/**
 * A default is a decision as any other. A schema that answers later is asked when the time is up.
 *
 * @throws {HoldfastError} HF1001 if it does not fit.
 */
function checkDefault(
  name: string,
  decision: Schema,
  onTimeout: ReviewDefinition["onTimeout"],
): void {
  if (onTimeout === undefined || !("default" in onTimeout)) return;
  const parsed = parse(decision, onTimeout.default);
  if (parsed instanceof Promise) {
    // Its refusal, too, is heard then.
    parsed.catch(() => undefined);
    return;
  }
  if (!parsed.ok) throw misfitDefault(name, parsed.problems);
}

/** @throws {HoldfastError} HF1001 if it does not fit. */
export function misfitDefault(
  name: string,
  problems: Parameters<typeof problemText>[0],
): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `review "${name}": the default of "onTimeout" is no decision: ${problemText(problems)}.`,
    "Give a default that the schema of its decision takes.",
  );
}

/** What happens when nobody has answered in time, where there is a time. */
function checkTimeout(name: string, within: unknown, onTimeout: object | undefined): void {
  if (onTimeout === undefined) return;
  const what = `review "${name}"`;
  checkOptions(`onTimeout of ${what}`, onTimeout, { escalateTo: "text", default: "any" });
  if ("escalateTo" in onTimeout === "default" in onTimeout) {
    throw new HoldfastError(
      "HF1001",
      `onTimeout of ${what} is not valid: expected either escalateTo or default.`,
      "Say who decides then (escalateTo), or what is decided then (default).",
    );
  }
  if (within !== undefined) return;
  throw new HoldfastError(
    "HF1001",
    `${what} has "onTimeout" and no "within": that time would never come.`,
    'Say within which time it has to be answered, for example within: "4h"; or leave onTimeout out.',
  );
}
