/**
 * An effect: a step that reads or changes another system, with its repeat contract. The types
 * refuse what could duplicate an effect: no contract, a retry on `once`, a probeable effect that
 * cannot be probed, a keyed one without its window.
 */
import type { IdempotentReason, KeyReplays, RepeatKind } from "../core/contract.ts";
import { REPEAT_KINDS } from "../core/contract.ts";
import type { Duration } from "../core/duration.ts";
import { HoldfastError } from "../core/error.ts";
import type { Classified } from "../core/failure.ts";
import type { Described } from "../core/journal.ts";
import type { Attempt } from "./attempt.ts";
import { checkClassOwners, type ClassOwners } from "./class-owners.ts";
import { checkDefinition, checkNamed } from "./definition-check.ts";
import { checkEditable, type Editable } from "./editable.ts";
import { checkEffectOptions } from "./effect-options.ts";
import { effectPlan, type EffectPlan } from "./effect-plan.ts";
import type { Integration } from "./integration.ts";
import type { In, Out, Schema } from "./schema.ts";
import type { Pending, Seen } from "./seen.ts";

export interface RetryOptions {
  /** Attempts that count, the first included. */
  readonly attempts?: number;
  /** No attempt starts later than this after the first. */
  readonly within?: Duration;
  /** Wait before the second attempt at most this; doubles from there. Default 1 s. */
  readonly first?: Duration;
}

export type Probe<I extends Schema, O extends Schema> = (
  input: Out<I>,
  attempt: Attempt,
) => Promise<Seen<In<O>>>;

type UndoCall<I extends Schema, O extends Schema> = (
  input: Out<I>,
  output: Out<O>,
  attempt: Attempt,
) => Promise<void>;

/** Undo by another effect, which has its own contract. `input` is parsed by that effect's schema. */
export interface UndoEffect<I extends Schema, O extends Schema> {
  readonly effect: AnyEffect;
  readonly input: (input: Out<I>, output: Out<O>) => unknown;
}

/**
 * Nothing need be undone when the run is taken back: it does no harm where it stays. Without this and
 * without an undoing, an effect that stays is given to its owner (HF3004).
 */
type NoUndoing = "none";

/** What stays outside even after it was undone, in words: "the card fee". Shown where the run ends. */
type Leaves = string;

interface CommonOptions<I extends Schema, O extends Schema> extends Editable {
  readonly on: Integration;
  /**
   * Names a part of the integration that may be down by itself, for example its invoicing. Effects of
   * one group have a gate of their own, with the integration's limits. Without it: the whole.
   */
  readonly group?: string;
  readonly input: I;
  readonly output: O;
  /** How long one attempt may take. Default 30 s. */
  readonly timeout?: Duration;
  /** The team that owns its exceptions. Default: the integration's owner. */
  readonly owner?: string;
  readonly classify?: (error: unknown) => Classified | undefined;
  /**
   * True if `run` leaves out the parts that `attempt.partsDone` names: where some parts of a batch were
   * done and the others surely were not, the others are sent alone, under a key of their own. What `classify`
   * does not name counts as not done: name every part. Not given: a person decides.
   */
  readonly byParts?: boolean;
  /** True if `run` makes one outside call and marks its phases itself (settled point 15). */
  readonly single?: boolean;
  readonly describe?: (input: Out<I>) => Described;
  /** Who has its exceptions of a class, where that is not its owner: `{ data: "master-data" }`. */
  readonly owners?: ClassOwners;
  /** JSON pointers of fields that are masked wherever they are shown. */
  readonly sensitive?: readonly string[];
  readonly run: (input: Out<I>, attempt: Attempt) => Promise<In<O> | Pending>;
}

interface Probing<I extends Schema, O extends Schema> {
  readonly probe?: Probe<I, O>;
  /** After this long a request can no longer land. Default 2 x timeout + 60 s. */
  readonly settle?: Duration;
}

interface RepeatRules<I extends Schema, O extends Schema> {
  read: {
    readonly retry?: RetryOptions;
    readonly probe?: "a read changes nothing, so there is nothing to probe";
  };
  idempotent: Probing<I, O> & {
    readonly why: IdempotentReason;
    readonly retry?: RetryOptions;
    readonly compensate?: UndoCall<I, O> | UndoEffect<I, O> | NoUndoing;
    readonly leaves?: Leaves;
  };
  keyed: Probing<I, O> & {
    /** They drop repeats of our key for this long. */
    readonly keyWindow: Duration;
    readonly replays?: KeyReplays;
    readonly retry?: RetryOptions;
    readonly compensate?: UndoCall<I, O> | UndoEffect<I, O> | NoUndoing;
    readonly leaves?: Leaves;
  };
  probeable: {
    readonly probe: Probe<I, O>;
    readonly settle?: Duration;
    readonly retry?: RetryOptions;
    readonly compensate?: UndoEffect<I, O> | NoUndoing;
    readonly leaves?: Leaves;
  };
  once: Probing<I, O> & {
    readonly retry?: "an effect with repeat: 'once' is never retried; make it 'keyed' or 'probeable' first";
    readonly compensate?: UndoEffect<I, O> | NoUndoing;
    readonly leaves?: Leaves;
  };
}

export type EffectOptions<I extends Schema, O extends Schema, R extends keyof RepeatRules<I, O>> = {
  readonly repeat: R;
} & CommonOptions<I, O> &
  RepeatRules<I, O>[R];

/** What every effect's options look like once the compiler has done its part. */
export interface EffectDefinition extends Editable {
  readonly on: Integration;
  readonly group?: string;
  readonly repeat: RepeatKind;
  readonly input: Schema;
  readonly output: Schema;
  readonly timeout?: Duration;
  readonly owner?: string;
  readonly owners?: ClassOwners;
  readonly classify?: (error: unknown) => Classified | undefined;
  readonly byParts?: boolean;
  readonly single?: boolean;
  readonly describe?: (input: unknown) => Described;
  readonly sensitive?: readonly string[];
  readonly run: (input: unknown, attempt: Attempt) => Promise<unknown>;
  readonly retry?: RetryOptions;
  readonly probe?: (input: unknown, attempt: Attempt) => Promise<Seen<unknown>>;
  readonly settle?: Duration;
  readonly keyWindow?: Duration;
  readonly replays?: KeyReplays;
  readonly why?: IdempotentReason;
  readonly compensate?:
    | ((input: unknown, output: unknown, attempt: Attempt) => Promise<void>)
    | { readonly effect: AnyEffect; readonly input: (i: unknown, o: unknown) => unknown }
    | NoUndoing;
  readonly leaves?: Leaves;
}

/** The undoing that is declared; null if there is none. */
export function undoingOf({
  compensate,
}: EffectDefinition): Exclude<EffectDefinition["compensate"], NoUndoing | undefined> | null {
  return compensate === undefined || compensate === "none" ? null : compensate;
}

/** True if it changes something, and nobody has said how that is undone or that it need not be. */
export function staysWhenDone({ repeat, compensate }: EffectDefinition): boolean {
  return repeat !== "read" && compensate === undefined;
}

export interface AnyEffect {
  readonly kind: "effect";
  readonly name: string;
  readonly definition: EffectDefinition;
  readonly plan: EffectPlan;
  /** Its code was made inside a run and may hold that run's values: no other run is undone by it. */
  readonly isInline?: true;
}

export interface Effect<I extends Schema, O extends Schema> extends AnyEffect {
  /** Types only; never set. */
  readonly types?: { readonly input: I; readonly output: O };
}

/**
 * Declares an effect. Ask of it: if I send it twice, what happens?
 *
 * @throws {HoldfastError} HF1101 if `repeat` is missing or unknown (untyped callers), HF1001 for
 *   other options that are not valid, HF1107 for a retry beyond what the contract allows.
 */
export function effect<I extends Schema, O extends Schema, R extends keyof RepeatRules<I, O>>(
  name: string,
  options: EffectOptions<I, O, R>,
): Effect<I, O> {
  checkNamed("effect", name, options);
  if (!(REPEAT_KINDS as readonly string[]).includes(options.repeat)) {
    throw new HoldfastError(
      "HF1101",
      options.repeat === undefined
        ? `Effect "${name}" does not say how it may be repeated.`
        : `Effect "${name}": "${options.repeat}" is no repeat contract.`,
      'Choose: read | idempotent | keyed | probeable | once. Ask: "If I send it twice, what happens?"',
    );
  }
  checkDefinition(
    `effect "${name}"`,
    {
      on: ["integration", options.on],
      input: ["schema", options.input],
      output: ["schema", options.output],
      run: ["function", options.run],
    },
    options.sensitive,
  );
  checkEffectOptions(name, options.repeat, { ...options });
  checkEditable(`effect "${name}"`, options);
  checkClassOwners(`effect "${name}"`, options.owners);
  // The cast forgets I and O: the engine parses by the schemas instead of trusting the types.
  const definition = options as unknown as EffectDefinition;
  return { kind: "effect", name, definition, plan: effectPlan(name, definition) };
}
