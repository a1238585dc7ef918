/** A workflow: a plain async function over `run`, with the schema of its input and its owner. */
import { durationMs, type Duration } from "../core/duration.ts";
import { HoldfastError } from "../core/error.ts";
import type { Described } from "../core/journal.ts";
import { ON_LATE, type OnLate } from "../core/run-late.ts";
import { checkRetention, type RetentionOptions } from "../core/retention.ts";
import { checkClassOwners, type ClassOwners } from "./class-owners.ts";
import { checkDefinition, checkNamed } from "./definition-check.ts";
import { checkEditable, type Editable } from "./editable.ts";
import { checkOptions } from "./known-options.ts";
import { checkLane, type LaneOf } from "./lane.ts";
import type { AnyReview } from "./review.ts";
import type { Run } from "./run.ts";
import type { In, Out, Schema } from "./schema.ts";

/** What happens when the run stops because an effect has failed for good. */
const ON_FAILURE = ["compensate", "ask", "stop"] as const;
export type OnFailure = (typeof ON_FAILURE)[number];

/** What `retention` takes. */
const RETENTION = ["completed", "failed"] as const;

export interface WorkflowOptions<I extends Schema, O extends Schema> extends Editable {
  readonly input: I;
  readonly output: O;
  /** Business identity of the run: a second start with the same key joins the first. */
  readonly key: (input: Out<I>) => string;
  /** The team that owns what nobody else owns. */
  readonly owner: string;
  /** Who has its exceptions of a class, where neither the effect nor a routing rule says so. */
  readonly owners?: ClassOwners;
  /** Default `ask`: the owner decides. */
  readonly onFailure?: OnFailure;
  /**
   * Runs of one lane are done one at a time, in the order in which they were accepted. With
   * `{ of, policy }`: in that order (`strict`), only the newest of those that wait (`latest-wins`),
   * or in no order (`none`).
   */
  readonly lane?: LaneOf<Out<I>>;
  /**
   * Reviews that its runs ask. Where one of them excludes the starter, `start` without `by` is
   * refused at once (HF1108), and not when the run comes to the review.
   */
  readonly reviews?: readonly AnyReview[];
  /**
   * When a run has to be done: so long after its start, or at a time that depends on its input. No
   * attempt of an effect begins that could end later, and a run that is not done then is dealt with
   * as `onLate` says. Children are never due later than their parent. Default: no deadline.
   */
  readonly deadline?: Duration | ((input: Out<I>) => Date | Duration);
  /**
   * What happens to a run that is late. `ask`: it stands still and its owner decides. `compensate`:
   * what was done is undone, newest first. `stop`: it ends as it is. What is unknown is settled
   * before that. Default `ask`.
   */
  readonly onLate?: OnLate;
  /**
   * How long its code may hang before its owner is asked (HF2108): nothing of the run moves, and it waits
   * for nothing that is on record. `never`: for as long as it likes. Holds beside a `deadline`. Default:
   * `limits.stillMs`, 2 hours, or when its `deadline` passes if it has one.
   */
  readonly stillAfter?: Duration | "never";
  readonly describe?: (input: Out<I>) => Described;
  readonly sensitive?: readonly string[];
  /** How long its runs are kept at least; what is not said here is as the app's `retention` says. */
  readonly retention?: RetentionOptions;
}

interface WorkflowDefinition extends Editable {
  readonly input: Schema;
  readonly output: Schema;
  readonly key: (input: unknown) => string;
  readonly owner: string;
  readonly owners?: ClassOwners;
  readonly onFailure?: OnFailure;
  readonly lane?: LaneOf<unknown>;
  readonly reviews?: readonly AnyReview[];
  readonly deadline?: Duration | ((input: unknown) => Date | Duration);
  readonly onLate?: OnLate;
  readonly stillAfter?: Duration | "never";
  readonly describe?: (input: unknown) => Described;
  readonly sensitive?: readonly string[];
  readonly retention?: RetentionOptions;
}

export interface AnyWorkflow {
  readonly kind: "workflow";
  readonly name: string;
  readonly definition: WorkflowDefinition;
  readonly body: (input: unknown, run: Run) => Promise<unknown>;
}

export interface Workflow<
  N extends string,
  I extends Schema,
  O extends Schema,
> extends AnyWorkflow {
  readonly name: N;
  /** Types only; never set. */
  readonly types?: { readonly input: I; readonly output: O };
}

export function workflow<N extends string, I extends Schema, O extends Schema>(
  name: N,
  options: WorkflowOptions<I, O>,
  body: (input: Out<I>, run: Run) => Promise<In<O>>,
): Workflow<N, I, O> {
  checkNamed("workflow", name, options);
  checkDefinition(
    `workflow "${name}"`,
    {
      input: ["schema", options.input],
      output: ["schema", options.output],
      key: ["function", options.key],
      owner: ["text", options.owner],
      body: ["function", body],
    },
    options.sensitive,
  );
  checkOptions(`workflow "${name}"`, options, {
    input: "any",
    output: "any",
    key: "any",
    owner: "any",
    owners: "object",
    sensitive: "any",
    editable: "any",
    fourEyes: "any",
    deadline: "any",
    stillAfter: "any",
    onFailure: ON_FAILURE,
    lane: "any",
    reviews: "any",
    onLate: ON_LATE,
    describe: "function",
    retention: "object",
  });
  checkRetention(`retention of workflow "${name}"`, options.retention ?? {}, RETENTION);
  checkEditable(`workflow "${name}"`, options);
  checkClassOwners(`workflow "${name}"`, options.owners);
  checkLane(`workflow "${name}"`, options.lane);
  checkReviews(name, options.reviews);
  checkDeadline(name, options.deadline);
  checkStillAfter(name, options.stillAfter);
  return {
    kind: "workflow",
    name,
    definition: options,
    body,
  };
}

/** For callers in JavaScript; and a duration with a slip of the keyboard compiles. */
function checkDeadline(name: string, deadline: unknown): void {
  if (deadline === undefined || typeof deadline === "function") return;
  durationMs(deadline as string, `deadline of workflow "${name}"`);
}

function checkStillAfter(name: string, stillAfter: unknown): void {
  if (stillAfter === undefined || stillAfter === "never") return;
  const what = `stillAfter of workflow "${name}"`;
  if (durationMs(stillAfter as string, what) > 0) return;
  throw new HoldfastError(
    "HF1001",
    `${what} is not valid: expected more than 0.`,
    'Give a time such as "2h", or "never".',
  );
}

function checkReviews(name: string, reviews: unknown): void {
  if (reviews === undefined) return;
  if (Array.isArray(reviews) && reviews.every(isReview)) return;
  throw new HoldfastError(
    "HF1001",
    `workflow "${name}": "reviews" is not valid: expected a list of reviews, got ${Array.isArray(reviews) ? "a list with something else in it" : typeof reviews}.`,
    "Give the reviews themselves, as review(...) has made them: reviews: [bigOrder].",
  );
}

function isReview(value: unknown): boolean {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "review";
}
