/**
 * What stands around runs whose histories are only held against code: everything that recovery asks
 * for, and nothing by which something could be sent or kept. What is written goes nowhere.
 */
import { Refusals } from "../effects/refusals.ts";
import { HoldfastError } from "../../core/error.ts";
import type { Store } from "../../store/store.ts";
import type { AnyEffect } from "../../workflow/effect.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import type { Clock, Random } from "../clock.ts";
import { KnownEffects } from "../effects/known-effects.ts";
import { Committer } from "../journal/committer.ts";
import { Declarations } from "../journal/declarations.ts";
import { digestsWith, type Digests } from "../journal/digest.ts";
import { SystemJournal } from "../journal/system-journal.ts";
import { DEFAULT_LIMITS, type EngineLimits } from "../limits.ts";
import { RestQueue } from "../run/rest-queue.ts";
import type { LiveRun } from "../run/live-run.ts";
import type { RunHost } from "../run-host.ts";
import type { FitWatch } from "./fit-watch.ts";

export interface CheckOptions {
  readonly storeId: string;
  /** The store's key: inputs are told apart by digests that are made with it. */
  readonly secret: Uint8Array;
  readonly declarations: Store["declarations"];
  readonly workflows: readonly AnyWorkflow[];
  readonly effects: readonly AnyEffect[];
  readonly version: string;
  readonly earlierVersions?: readonly string[];
  readonly limits: Partial<EngineLimits>;
  readonly clock: Clock;
  readonly random: Random;
  /** Of a history that has left its store; a completed run is then held to its result, too. */
  readonly pulled?: { readonly digests: Digests; readonly isSame: FitWatch["isSame"] };
}

/** A flush that is durable at once, because nothing of it is kept. */
const NOWHERE = { flush: () => Promise.resolve() };

export class CheckHost implements RunHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: EngineLimits;
  readonly digests: Digests;
  readonly store: Pick<Store, "storeId">;
  readonly committer: Committer;
  readonly rest = new RestQueue();
  readonly caution = { isOn: false };
  readonly version: string;
  readonly earlierVersions: readonly string[];
  readonly declarations: Declarations;
  readonly effects: KnownEffects;
  readonly check: FitWatch;
  readonly foreign = () => null;
  readonly refusals = new Refusals();
  readonly draining = false;
  readonly #options: CheckOptions;

  constructor(options: CheckOptions, check: FitWatch) {
    const {
      clock,
      random,
      limits,
      secret,
      storeId,
      version,
      earlierVersions = [],
      effects,
    } = options;
    this.#options = options;
    this.check = check;
    this.clock = clock;
    this.random = random;
    this.limits = { ...DEFAULT_LIMITS, ...limits };
    this.digests = options.pulled?.digests ?? digestsWith(secret);
    this.store = { storeId };
    this.version = version;
    this.earlierVersions = earlierVersions;
    this.effects = new KnownEffects(effects);
    this.committer = new Committer(NOWHERE, clock, this.limits, ignore, ignore);
    const journal = new SystemJournal(this.committer, 0);
    this.declarations = new Declarations(journal, this.limits.declarationsMax);
  }

  /** Reads which versions there were. */
  async begin(): Promise<void> {
    const { declarations, workflows, version } = this.#options;
    await this.declarations.begin({ declarations }, workflows, version);
  }

  get outside(): never {
    throw outside("calls of other systems");
  }

  get exceptions(): never {
    throw outside("exceptions");
  }

  get rules(): never {
    throw outside("classification rules");
  }

  emit(): void {}

  get gates(): never {
    throw outside("a gate");
  }

  departed(): void {}

  unreadable(run: LiveRun, error: unknown): void {
    const because = error instanceof Error ? error.message : String(error);
    this.check.misfits(
      run,
      new HoldfastError(
        "HF2106",
        `The journal of run ${run.id} cannot be read: ${because}.`,
        "Run `holdfast store verify`; where payloads are sealed, name the key ring with --key-ring.",
      ),
    );
  }

  /** What is left under way belongs to a run that has been judged. */
  background(work: Promise<unknown>): void {
    work.catch(() => undefined);
  }

  get suspects(): never {
    throw outside("a call");
  }

  startChild(): Promise<never> {
    return Promise.reject(outside("a child"));
  }

  findChild(): Promise<null> {
    return Promise.resolve(null);
  }

  takeBackChild(): Promise<never> {
    return Promise.reject(outside("a child"));
  }

  childEnd(): Promise<null> {
    return Promise.resolve(null);
  }

  pendingWritten(): void {}

  keptEvent(): Promise<null> {
    return Promise.resolve(null);
  }

  keptEventOffered(): void {}

  drains(): boolean {
    return false;
  }

  confirmed(): null {
    return null;
  }
}

function ignore(): void {}

/** A bug of ours: nothing goes live in a check. */
function outside(what: string): Error {
  return new Error(`a check has come to ${what}, which is executed`);
}
