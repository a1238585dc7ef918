/** Builds the `run` object that a workflow's code gets. Each verb is a file of its own. */
import {
  requireDefinition,
  requireEventType,
  requireFunction,
} from "../../workflow/definition-check.ts";
import { checkSensitive } from "../../core/sensitive.ts";
import { stepDefinitionName, stepPath, type StepName } from "../../core/step-path.ts";
import type { AnyEffect } from "../../workflow/effect.ts";
import type { AnyReview } from "../../workflow/review.ts";
import type { EventType, Named, Run } from "../../workflow/run.ts";
import { checkOptions, type OptionKinds } from "../../workflow/known-options.ts";
import type { Schema } from "../../workflow/schema.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import { AskStep } from "../steps/ask-step.ts";
import { CallStep } from "../steps/call-step.ts";
import { derivedRandom, derivedUuid, recordedNow } from "../steps/derived-values.ts";
import { EffectStep } from "../effects/effect-step.ts";
import { EventStep } from "../steps/event-step.ts";
import type { LiveRun } from "./live-run.ts";
import { LocalStep, type StepOptions } from "../steps/local-step.ts";
import { RunStopped } from "./unwinding.ts";
import {
  transactEffect,
  type AnyLocalDatabase,
  type AnyTransactOptions,
} from "../effects/transact.ts";
import { ScopeStep } from "../steps/scope-step.ts";
import { sinceName, sinceVersion } from "../steps/since-value.ts";
import { SleepStep } from "../steps/sleep-step.ts";
import { thrownText } from "../exceptions/thrown-text.ts";

/** A verb of a run that has left memory, or that is being taken back, never answers. */
const NEVER = new Promise<never>(() => undefined);

/**
 * The untyped form of `Run`: the types are kept by the interface, the values by the schemas.
 *
 * @param scopes - those in which the code is, the outermost first.
 * @param listens - false once the code may use no verb any more.
 */
export function makeRunApi(
  run: LiveRun,
  scopes: readonly StepName[] = [],
  listens = () => run.listens,
): Run {
  const enter = <T>(makeStep: () => { readonly promise: Promise<T> }): Promise<T> =>
    listens() ? rejecting(makeStep) : NEVER;
  const path = (name: string, named?: Named) => stepPath(scopes, name, named?.as);
  const inner = (within: readonly StepName[], isAtWork: () => boolean) =>
    makeRunApi(run, within, () => listens() && isAtWork());
  const api = {
    ...valueVerbs(run, path),
    ...effectVerbs(run, path, enter),
    ...localVerbs(run, path, enter),
    id: run.id,
    key: run.row.key,
    correlationId: run.row.correlationId,
    ask: (review: AnyReview, subject: unknown, named?: Named) =>
      enter(() => {
        known("ask", named);
        requireDefinition("review", review, "The review of run.ask");
        return new AskStep(run, path(review.name, named), review, subject);
      }),
    wait: (
      event: EventType<Schema>,
      options: Named & { readonly key: string; readonly within?: string },
    ) =>
      enter(() => {
        known("wait", options ?? null);
        requireEventType(event, "The event of run.wait");
        return new EventStep(run, path(event.name, options), event, options);
      }),
    call: (workflow: AnyWorkflow, input: unknown, named?: Named) =>
      enter(() => {
        known("call", named);
        requireDefinition("workflow", workflow, "The workflow of run.call");
        return new CallStep(run, path(workflow.name, named), workflow, input);
      }),
    sleep: (until: string | Date, named?: Named) =>
      enter(() => {
        known("sleep", named);
        return new SleepStep(run, path("sleep", named), until);
      }),
    scope: (
      name: string,
      work: (unit: Run) => Promise<unknown>,
      options: Named & { readonly onFailure?: "compensate" } = {},
    ) =>
      enter(() => {
        known("scope", options);
        requireFunction(work, `The work of scope "${name}"`);
        return new ScopeStep(run, { scopes, name, options, api: inner, work });
      }),
    stop(reason: string, options: { readonly compensate?: boolean } = {}): never {
      known("stop", options);
      run.ending.stop(reason, options.compensate);
      throw new RunStopped(reason);
    },
  };
  // The cast restores the types that the verbs above forget: schemas check what they carry.
  return api as unknown as Run;
}

type PathOf = (name: string, named?: Named) => string;
type Enter = <T>(makeStep: () => { readonly promise: Promise<T> }) => Promise<T>;

/** What asks another system for something. */
function effectVerbs(run: LiveRun, path: PathOf, enter: Enter) {
  return {
    do: (effect: AnyEffect, input: unknown, named?: Named) =>
      enter(() => {
        known("do", named);
        requireDefinition("effect", effect, "The effect of run.do");
        return new EffectStep(run, path(effect.name, named), effect, input, "do");
      }),
    try: (effect: AnyEffect, input: unknown, named?: Named & { readonly handOver?: boolean }) =>
      enter(() => {
        known("try", named);
        requireDefinition("effect", effect, "The effect of run.try");
        const mode = named?.handOver === true ? "tryHandOver" : "try";
        return new EffectStep(run, path(effect.name, named), effect, input, mode);
      }),
  };
}

/** What asks nobody: work in this process, which version it is, and writes to a database of the user's. */
function localVerbs(run: LiveRun, path: PathOf, enter: Enter) {
  return {
    step: (name: string, work: () => unknown, options: StepOptions = {}) =>
      enter(() => {
        known("step", options);
        requireFunction(work, `The work of step "${name}"`);
        declareStep(run, name, options);
        return new LocalStep(run, path(name, options), work, options);
      }),
    since: (version: string, named?: Named) =>
      enter(() => {
        known("since", named);
        return { promise: sinceVersion(run, path(sinceName(version), named), version) };
      }),
    transact: (
      name: string,
      database: AnyLocalDatabase,
      work: (tx: unknown, input: unknown) => unknown,
      options: AnyTransactOptions = {},
    ) =>
      enter(() => {
        const at = path(name, options);
        const effect = transactEffect(name, { run, path: at, database, work }, options);
        return new EffectStep(run, at, effect, options.input ?? null, "do");
      }),
  };
}

/** What answers at once. */
function valueVerbs(run: LiveRun, path: PathOf) {
  return {
    now: (name: string) => recordedNow(run, path(name)),
    random: (name: string) => derivedRandom(run, path(name)),
    uuid: (name: string) => derivedUuid(run, path(name)),
  };
}

/** One that says nothing is not on record: what nobody declared is masked whole. */
function declareStep(run: LiveRun, name: string, { sensitive }: StepOptions): void {
  if (sensitive === undefined) return;
  checkSensitive(`step "${name}"`, sensitive);
  const { declarations } = run.host;
  declarations.declare(
    "step",
    stepDefinitionName(run.workflow.name, name),
    { sensitive },
    sensitive,
  );
}

/** Values that mean nothing are the verb's to refuse. */
const OPTIONS = {
  do: { as: "any" },
  try: { as: "any", handOver: "truth value" },
  step: { as: "any", durable: "truth value", sensitive: "any" },
  ask: { as: "any" },
  wait: { as: "any", key: "any", within: "any" },
  call: { as: "any" },
  since: { as: "any" },
  sleep: { as: "any" },
  scope: { as: "any", onFailure: ["compensate"] },
  stop: { compensate: "truth value" },
} as const satisfies Record<string, OptionKinds>;

/** @throws {HoldfastError} HF1001 for an option that the verb does not have. */
function known(verb: keyof typeof OPTIONS, options: unknown): void {
  if (options !== undefined) checkOptions(`run.${verb}`, options, OPTIONS[verb]);
}

/**
 * A wrong use (a name twice) rejects the verb's promise instead of throwing past an `await`. A
 * rejection that the code looks at later, or never, is not an unhandled one: it would end the
 * process and all other runs with it.
 */
function rejecting<T>(makeStep: () => { readonly promise: Promise<T> }): Promise<T> {
  const promise = promiseOf(makeStep);
  promise.catch(() => undefined);
  return promise;
}

function promiseOf<T>(makeStep: () => { readonly promise: Promise<T> }): Promise<T> {
  try {
    return makeStep().promise;
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : new Error(thrownText(error).message));
  }
}
