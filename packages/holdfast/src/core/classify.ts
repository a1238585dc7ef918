/**
 * Makes a failure out of what several sources say about one bad end of an attempt.
 *
 * The strongest source that speaks decides the class; gaps are filled by weaker ones, then by the
 * class, then by how far the attempt got. The effect is guarded: to say `never` is to say that a
 * repeat is safe, so it needs proof. Source: failure model 2.3, settled points 6 and 15.
 */
import { assertNever } from "./assert.ts";
import {
  CLASSIFIER_SOURCES,
  type Classified,
  type ClassifierSource,
  type EffectProof,
  type Evidence,
  type Failure,
  type FailureClass,
  type FailureOrigin,
  type FailureScope,
  type RuleReference,
} from "./failure.ts";
import { proofOfParts } from "./parts.ts";

export interface ClassifierInput {
  readonly source: ClassifierSource;
  /** Null if this source knows nothing about this failure. */
  readonly says: Classified | null;
  /** For example `http-status/503`. */
  readonly id: string;
  readonly version: number;
  /** The answer means "it is there already": see `ClassificationRow.echo`. */
  readonly echo?: boolean;
  /**
   * What has to be known for this source's `never` to count: that no request left, or that the
   * other system answered. A code of our own runtime (`ECONNRESET`) is no answer, so the default
   * is the stricter one.
   */
  readonly neverNeeds?: "unsent" | "answered";
}

export interface ClassifyContext {
  readonly evidence: Evidence;
  /** An earlier attempt of this operation may have happened: see `EffectState.maybeBefore`. */
  readonly maybeBefore: boolean;
  /** Whether a connector reported it, or user code threw something of its own. */
  readonly thrownBy: "connector" | "code";
  /** What was said, for people. */
  readonly message: string;
  /** Machine-made name of what was thrown, used where no rule gives a reason code. */
  readonly code?: string;
}

/** Longest `message` of a failure and of its evidence, in UTF-16 units. */
const MESSAGE_MAX = 500;

export function classify(inputs: readonly ClassifierInput[], context: ClassifyContext): Failure {
  const spoken = inputs.filter(speaks).toSorted((a, b) => rank(a) - rank(b));
  const strongest = spoken[0];
  if (strongest === undefined) return unknownFailure(context);
  const teller = echoOf(spoken, context);
  if (teller !== null) return echo(teller, context);
  const failureClass = strongest.says.class;
  const filled = fill(spoken, failureClass, context);
  const guarded = guardEffect(spoken, context);
  return { ...filled, class: failureClass, effect: guarded };
}

interface Speaking extends ClassifierInput {
  readonly says: Classified;
}

function speaks(input: ClassifierInput): input is Speaking {
  return input.says !== null;
}

function rank(input: ClassifierInput): number {
  return CLASSIFIER_SOURCES.indexOf(input.source);
}

/** Classes of "it is there already": whoever says one of these of it says nothing against an echo. */
const OF_ECHOES: readonly FailureClass[] = ["data", "contention", "permanent", "ambiguous"];

/**
 * Who says "it is there already" where that is presumed to be our own earlier attempt, else null. Of
 * attempts that are all proven never to have happened it cannot be the echo. A stronger source
 * overrules the presumption if it says what happened outside, or that the reason is another one (a
 * limit, a rule).
 */
function echoOf(spoken: readonly Speaking[], { maybeBefore }: ClassifyContext): Speaking | null {
  if (!maybeBefore) return null;
  for (const input of spoken) {
    if (input.echo === true) return input;
    if (input.says.effect !== undefined || !OF_ECHOES.includes(input.says.class)) return null;
  }
  return null;
}

/**
 * A presumption is no proof: somebody else may have got there first. So it is looked up like any
 * other unknown outcome, and if nothing of ours is found the answer means what it says.
 */
function echo(teller: Speaking, context: ClassifyContext): Failure {
  const failureClass = teller.says.class;
  return {
    ...fill([teller], "ambiguous", context),
    scope: DEFAULT_SCOPE.ambiguous,
    class: "ambiguous",
    effect: "maybe",
    unlessOurs: { class: failureClass, scope: fill([teller], failureClass, context).scope },
  };
}

type Filled = Omit<Failure, "class" | "effect">;

function fill(
  spoken: readonly Speaking[],
  failureClass: FailureClass,
  context: ClassifyContext,
): Filled {
  const first = <K extends keyof Classified>(key: K): Classified[K] | undefined =>
    spoken.find((input) => input.says[key] !== undefined)?.says[key];
  const strongest = spoken[0];
  const mayComeWithinMs = strongest?.says.mayComeWithinMs;
  const rule: RuleReference =
    strongest === undefined
      ? FALLBACK_RULE
      : { source: strongest.source, id: strongest.id, version: strongest.version };
  return {
    scope: first("scope") ?? DEFAULT_SCOPE[failureClass],
    origin: first("origin") ?? originOf(failureClass, context),
    reasonCode: first("reasonCode") ?? reasonCodeOf(rule, context),
    message: clip(first("message") ?? context.message),
    evidence: clipEvidence(context.evidence),
    ...partsOf(spoken),
    ...(mayComeWithinMs === undefined ? {} : { mayComeWithinMs }),
    rule,
  };
}

function partsOf(spoken: readonly Speaking[]): Pick<Failure, "parts"> {
  const parts = spoken.find(({ says }) => says.parts !== undefined)?.says.parts;
  return parts === undefined ? {} : { parts };
}

/**
 * The strongest statement about the effect that is allowed to stand.
 *
 * - An operator's rule may only raise caution; it cannot make `never` or `surely`.
 * - `classify` in code is the approved assertion that the guard asks for: it stands as it is.
 * - Signals and tables may say `never` only where the evidence proves it.
 */
function guardEffect(spoken: readonly Speaking[], context: ClassifyContext): EffectProof {
  for (const input of spoken) {
    const said = proofOfParts(input.says.parts ?? []) ?? input.says.effect;
    if (said === undefined) continue;
    if (input.source === "effect" || input.source === "integration") return said;
    if (input.source === "operator-rule") {
      if (said === "maybe" || said === "partial") return said;
      continue;
    }
    if (said !== "never") return said;
    return proves(input.neverNeeds ?? "unsent", context.evidence) ? "never" : "maybe";
  }
  return isUnsent(context.evidence) ? "never" : "maybe";
}

function proves(needs: "unsent" | "answered", evidence: Evidence): boolean {
  if (isUnsent(evidence)) return true;
  return needs === "answered" && evidence.phase === "answered" && isOnlyCall(evidence);
}

/**
 * Whether no request left in this attempt. True only for evidence of a Holdfast connector that
 * made the attempt's only outside call (settled point 15).
 */
function isUnsent(evidence: Evidence): boolean {
  return (evidence.phase === "none" || evidence.phase === "created") && isOnlyCall(evidence);
}

/** An unknown number of calls proves nothing: another one may have left before this one failed. */
function isOnlyCall(evidence: Evidence): boolean {
  return evidence.callCount !== undefined && evidence.callCount <= 1;
}

const FALLBACK_RULE: RuleReference = { source: "fallback", id: "fallback", version: 1 };

/** No rule knows it: our own code is wrong, or a connector met something new. */
function unknownFailure(context: ClassifyContext): Failure {
  const effect: EffectProof = isUnsent(context.evidence) ? "never" : "maybe";
  if (context.thrownBy === "code") {
    const filled = fill([], "defect", context);
    return { ...filled, rule: { ...FALLBACK_RULE, id: "fallback/code" }, class: "defect", effect };
  }
  return {
    ...fill([], "transient", context),
    rule: { ...FALLBACK_RULE, id: "fallback/connector" },
    class: "transient",
    effect,
    unclassified: true,
  };
}

/** What has to be paused where nobody says so. Source: failure model 2.2. */
const DEFAULT_SCOPE: Readonly<Record<FailureClass, FailureScope>> = {
  transient: "item",
  throttled: "dependency",
  contention: "key",
  unavailable: "dependency",
  permanent: "item",
  misconfigured: "dependency",
  defect: "item",
  exhausted: "dependency",
  data: "item",
  policy: "item",
  expired: "item",
  ambiguous: "key",
  poison: "item",
  cancelled: "item",
  interrupted: "system",
};

/** What has to be paused for a failure of this class, where nobody says so. */
export function scopeOf(failureClass: FailureClass): FailureScope {
  return DEFAULT_SCOPE[failureClass];
}

function originOf(failureClass: FailureClass, context: ClassifyContext): FailureOrigin {
  switch (failureClass) {
    case "defect":
    case "poison":
      return "code";
    case "cancelled":
      return "human";
    case "interrupted":
      return "local";
    case "expired":
      return "rule";
    case "transient":
    case "throttled":
    case "contention":
    case "unavailable":
    case "permanent":
    case "misconfigured":
    case "exhausted":
    case "data":
    case "policy":
    case "ambiguous":
      if (context.thrownBy === "code") return "code";
      return context.evidence.phase === "answered" ? "remote" : "network";
    default:
      return assertNever(failureClass);
  }
}

/** UPPER_SNAKE, qualified by its source, so that operators can group by it. */
function reasonCodeOf(rule: RuleReference, context: ClassifyContext): string {
  const code = context.code ?? context.evidence.code;
  const from = rule.source === "fallback" ? (context.thrownBy === "code" ? "CODE" : "UNKNOWN") : "";
  if (from !== "") return `${from}:${upperSnake(code ?? "NO_CODE")}`;
  const [domain = "", ...rest] = rule.id.split("/");
  const reason = rest.length > 0 ? rest.join("_") : (code ?? "NO_CODE");
  return `${upperSnake(domain)}:${upperSnake(reason)}`;
}

/** "TypeError" -> "TYPE_ERROR", "http-status" -> "HTTP_STATUS", "other side closed" -> ... */
export function upperSnake(text: string): string {
  const words = text
    .slice(0, 100)
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replaceAll(/[^A-Za-z0-9]+/g, "_")
    .replaceAll(/^_|_$/g, "");
  return words === "" ? "NO_CODE" : words.toUpperCase();
}

function clipEvidence(evidence: Evidence): Evidence {
  if (evidence.message === undefined) return evidence;
  return { ...evidence, message: clip(evidence.message) };
}

function clip(text: string): string {
  if (text.length <= MESSAGE_MAX) return text;
  // Not in the middle of a surrogate pair.
  return `${text.slice(0, MESSAGE_MAX - 3).replace(/[\uD800-\uDBFF]$/, "")}...`;
}
