/** What a rehearsal is declared with, and what is refused of it. */
import { requireDefinition } from "../../workflow/definition-check.ts";
import { checkOptions } from "../../workflow/known-options.ts";
import type { KnownLimit } from "../../core/rehearsal.ts";
import type { AnyEffect } from "../../workflow/effect.ts";
import type { In, Schema } from "../../workflow/schema.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import { checkLimits } from "./known-limits.ts";
import type { Testbed } from "../bed/testbed.ts";
import type { Variety } from "./scenario.ts";

/** True if it holds. Asked when nothing happens any more before somebody acts. */
export type Law = (bed: Testbed) => boolean | Promise<boolean>;

export interface OwnLaws {
  /** Laws of your own, by name, that hold also where a person is asked. */
  readonly always?: Readonly<Record<string, Law>>;
  /** Laws of your own, by name, that hold where every run has ended. */
  readonly atEnd?: Readonly<Record<string, Law>>;
}

export interface RehearsalOptions<I extends Schema> extends OwnLaws {
  readonly input: In<I>;
  /** Says what the other systems answer, and what people decide: called for each scenario anew. */
  readonly world: (bed: Testbed) => void;
  /** Workflows that are called besides the one that is rehearsed. */
  readonly workflows?: readonly AnyWorkflow[];
  /** As `effects` of `holdfast`. */
  readonly effects?: readonly AnyEffect[];
  /** Whether the process dies at each write. Default "every-checkpoint". */
  readonly crash?: Variety["crash"];
  /** Whether each call of each effect meets each fault. Default "each-effect". */
  readonly faults?: Variety["faults"];
  /** Whether the input is given twice. Default true. */
  readonly duplicates?: boolean;
  /** Whether the run is cancelled at each write. Default true. */
  readonly cancels?: boolean;
  /** Laws that some scenarios break for a reason that is accepted: reported, and no failure. */
  readonly known?: readonly KnownLimit[];
  /** Default 1. */
  readonly seed?: number;
}

const KNOWN = {
  input: "any",
  world: "function",
  workflows: "any",
  effects: "any",
  crash: ["every-checkpoint", "none"],
  faults: ["each-effect", "none"],
  duplicates: "truth value",
  cancels: "truth value",
  always: "object",
  atEnd: "object",
  known: "any",
  seed: "number",
  // Of `rehearse`, which plays at once.
  only: "text",
  mayLack: "truth value",
  onProgress: "function",
} as const;

/** @throws {HoldfastError} HF1001 for an option that is not known, or of another kind. */
export function checkRehearsal(workflow: AnyWorkflow, options: object): void {
  requireDefinition("workflow", workflow, "The workflow of rehearse");
  const what = `rehearsal of "${workflow.name}"`;
  checkOptions(what, options, KNOWN);
  if ("known" in options && options.known !== undefined) checkLimits(what, options.known);
}

/** Each scenario, unless options say otherwise. */
export function varietyOf<I extends Schema>({
  crash = "every-checkpoint",
  faults = "each-effect",
  duplicates = true,
  cancels = true,
}: RehearsalOptions<I>): Variety {
  return { crash, faults, duplicates, cancels };
}
