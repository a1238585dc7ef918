/** The app that is simulated: effects on the other systems, a review, and workflows that carry out programs. */
import { effect } from "#src/workflow/effect.ts";
import { integration, type Integration } from "#src/workflow/integration.ts";
import { review } from "#src/workflow/review.ts";
import type { Schema } from "#src/workflow/schema.ts";
import { workflow, type AnyWorkflow } from "#src/workflow/workflow.ts";
import { pending, type Seen } from "#src/workflow/seen.ts";
import type { Attempt } from "#src/workflow/attempt.ts";
import type { Effect } from "#src/workflow/effect.ts";
import type { Run } from "#src/workflow/run.ts";
import type { Definitions } from "./process.ts";
import { POISON_KEY } from "./model/bound-rules.ts";
import { DEADLY_STEP, type EffectName, type Node, type Program } from "./programs.ts";
import { KEY_WINDOW, KIND_OF, SETTLE_SECONDS, type SystemKind } from "./systems.ts";
import { ADDED, asksSince, askedAt, type CodeVersion } from "./versions.ts";

/** The way of one process to the other systems. */
interface Calls {
  readonly call: (
    of: { readonly kind: SystemKind; readonly action: string; readonly id: string },
    attempt: Attempt,
  ) => Promise<Answer>;
  readonly look: (action: string, id: string, signal: AbortSignal) => Promise<Seen<Answer>>;
}

export interface World {
  readonly transport: Calls;
  readonly programs: ReadonlyMap<string, Program>;
  readonly version: CodeVersion;
  /** Code that ends its process. */
  readonly crash: (key: string) => void;
  /** An order was accepted and will be answered later, under this reference. */
  readonly accepted: (ref: string) => void;
}

interface Reference {
  readonly id: string;
}
interface Answer {
  readonly ref: string;
}
interface Input {
  readonly key: string;
}

const REFERENCE = taken<Reference>();
const ANSWER = taken<Answer>();
const INPUT = taken<Input>();
const ANY = taken<unknown>();
const DECISION = taken<{ readonly ok: boolean }>();

export const PAID = {
  name: "paid",
  schema: taken<{ readonly amount: number }>(),
  sensitive: [],
};

type SimEffect = Effect<typeof REFERENCE, typeof ANSWER>;

interface Taken<T> {
  readonly "~standard": { readonly types?: { readonly input: T; readonly output: T } };
}

/** Takes what it is given: its values are made here. */
function taken<T>(): Schema & Taken<T> {
  return { "~standard": { version: 1, vendor: "simulation", validate: (value) => ({ value }) } };
}

/** Effects and workflows of one process: its calls end with it. */
export function define(world: World): Definitions {
  const effects = effectsOf(world);
  const approve = review("approve", {
    subject: ANY,
    decision: DECISION,
    by: "boss",
    sensitive: [],
  });
  const workflows: AnyWorkflow[] = [];
  const children = new Map<string, AnyWorkflow>();
  const body = async (input: Input, run: Run): Promise<unknown> => {
    const program = world.programs.get(input.key);
    if (program === undefined) throw new Error(`no program for ${input.key}`);
    if (asksSince(world.version) && (await run.since("2")))
      await run.do(...asked(program, ADDED.as));
    await carryOut(program.nodes, program, run);
    return input.key;
  };
  const carryOut = async (nodes: readonly Node[], of: Program, run: Run): Promise<void> => {
    for (const node of nodes) await act(node, of, run);
  };
  /** The effect step of a name, as this version of the code has it. */
  const asked = (of: Program, as: string) => {
    const step = askedAt(world.version, of, as);
    if (step === null) throw new Error(`no effect under ${as}`);
    return [effects[step.effect], { id: step.id }, { as }] as const;
  };
  const act = async (node: Node, of: Program, run: Run): Promise<void> => {
    const { key } = of;
    switch (node.kind) {
      case "do":
        await run.do(...asked(of, node.as));
        return;
      case "try":
        await run.try(...asked(of, node.as));
        return;
      case "crash":
        world.crash(key);
        await new Promise(() => undefined);
        return;
      case "all":
        await Promise.all(node.of.map((one) => act(one, of, run)));
        return;
      case "sleep":
        await run.sleep(`${node.seconds}s`, { as: node.as });
        return;
      case "step":
        await run.step(node.as, () => node.as, { durable: node.durable, sensitive: [] });
        return;
      case "ask":
        await run.ask(approve, { of: `${key}.${node.as}` }, { as: node.as });
        return;
      case "wait":
        await run.wait(PAID, {
          as: node.as,
          key: `${key}.${node.as}`,
          ...(node.seconds === null ? {} : { within: `${node.seconds}s` }),
        });
        return;
      case "call": {
        const child = children.get(node.child.workflow) as ReturnType<typeof flow> | undefined;
        if (child === undefined) throw new Error(`no workflow ${node.child.workflow}`);
        const called = run.call(child, { key: node.child.key }, { as: node.as });
        await (node.isGuarded ? called.then(undefined, ifChildFailed) : called);
        return;
      }
      case "scope":
        await run.scope(
          node.as,
          async (unit) => {
            await carryOut(node.of, of, unit);
          },
          { onFailure: "compensate" },
        );
        return;
      case "stop":
        run.stop("enough", { compensate: node.compensate });
    }
  };
  const flow = (name: Program["workflow"]) =>
    workflow(
      name,
      {
        input: INPUT,
        output: ANY,
        key: (input) => input.key,
        owner: "team-flow",
        sensitive: [],
        onFailure: name === "strict" ? "compensate" : "ask",
        ...(name === "laned"
          ? { lane: (input: Input) => world.programs.get(input.key)?.lane ?? "lane" }
          : {}),
      },
      body,
    );
  for (const name of ["flow", "laned", "strict"] as const) {
    const one = flow(name);
    workflows.push(one);
    children.set(name, one);
  }
  return { workflows, effects: Object.values(effects) };
}

function deadlyId(key: string): string {
  return `${key}.${DEADLY_STEP}`;
}

/** A child that has not completed is no reason to give up. */
function ifChildFailed(error: unknown): void {
  if (!(error instanceof Error) || error.name !== "ChildFailed") throw error;
}

const SETTLE = `${SETTLE_SECONDS}s` as const;
const RETRY = { attempts: 6, within: "8m", first: "2s" } as const;
/** Within the window of its key. */
const RETRY_KEYED = { ...RETRY, within: "150s" } as const;

const systems = new Map<string, Integration>();

/** It keeps nothing, so one is enough for all processes. */
function system(name: string): Integration {
  const known = systems.get(name);
  if (known !== undefined) return known;
  const made = integration(name, {
    owner: `team-${name}`,
    breaker: { openAt: "60%", of: 6, probeEvery: "20s" },
  });
  systems.set(name, made);
  return made;
}

function effectsOf({ transport, accepted, crash }: World): Record<EffectName, SimEffect> {
  const call = (name: EffectName, input: Reference, attempt: Attempt, action: string = name) => {
    if (input.id !== deadlyId(POISON_KEY))
      return transport.call({ kind: KIND_OF[name], action, id: input.id }, attempt);
    crash(POISON_KEY);
    return new Promise<never>(() => undefined);
  };
  const base = (name: EffectName) => ({
    on: system(name),
    timeout: "5s" as const,
    input: REFERENCE,
    output: ANSWER,
    sensitive: [],
    run: (input: Reference, attempt: Attempt) => call(name, input, attempt),
  });
  const undo =
    (name: EffectName) => async (input: Reference, _output: Answer, attempt: Attempt) => {
      await call(name, input, attempt, `undo-${name}`);
    };
  const probe = (name: EffectName) => (input: Reference, attempt: Attempt) =>
    transport.look(name, input.id, attempt.signal);
  const undoEffect = (name: EffectName, on: ReturnType<typeof system>) =>
    effect(`undo-${name}`, {
      ...base(name),
      on,
      repeat: "idempotent",
      why: "upsert",
      settle: SETTLE,
      retry: RETRY,
      run: (input: Reference, attempt: Attempt) =>
        transport.call({ kind: "upsert", action: `undo-${name}`, id: input.id }, attempt),
    });
  const invoice = base("invoice");
  const stamp = base("stamp");
  return {
    look: effect("look", { ...base("look"), repeat: "read", retry: RETRY }),
    set: effect("set", {
      ...base("set"),
      repeat: "idempotent",
      why: "upsert",
      settle: SETTLE,
      retry: RETRY,
      compensate: undo("set"),
    }),
    charge: effect("charge", {
      ...base("charge"),
      repeat: "keyed",
      keyWindow: KEY_WINDOW,
      settle: SETTLE,
      retry: RETRY_KEYED,
      compensate: undo("charge"),
    }),
    order: effect("order", {
      ...base("order"),
      repeat: "keyed",
      keyWindow: KEY_WINDOW,
      settle: SETTLE,
      retry: RETRY_KEYED,
      compensate: "none",
      run: async (input: Reference, attempt: Attempt) => {
        const { ref } = await call("order", input, attempt);
        accepted(ref);
        return pending({ ref, within: "3m" });
      },
    }),
    invoice: effect("invoice", {
      ...invoice,
      repeat: "probeable",
      probe: probe("invoice"),
      settle: SETTLE,
      retry: RETRY,
      compensate: {
        effect: undoEffect("invoice", invoice.on),
        input: ({ id }: Reference) => ({ id }),
      },
    }),
    mail: effect("mail", { ...base("mail"), repeat: "once", settle: SETTLE }),
    stamp: effect("stamp", {
      ...stamp,
      repeat: "once",
      probe: probe("stamp"),
      settle: SETTLE,
      compensate: {
        effect: undoEffect("stamp", stamp.on),
        input: ({ id }: Reference) => ({ id }),
      },
    }),
  };
}
