/** What a rehearsal is and what it finds, as those see it who show it. */

/** A law that was broken in one scenario. */
export interface RehearsalFinding {
  readonly law: string;
  /** What is wrong, in words. */
  readonly what: string;
  /** How that is usually mended; empty for laws of the user. */
  readonly hint: string;
  /** Plays this one alone: `holdfast rehearse MODULE --only ID`. */
  readonly scenario: string;
  /** What happens in it. */
  readonly story: string;
  /** What was done over there in the end, by effect. */
  readonly world: Readonly<Record<string, number>>;
  /** The journals of its runs, a line each record. */
  readonly journal: readonly string[];
}

/** A law that some scenarios break, for a reason that is accepted. */
export interface KnownLimit {
  /** As findings name it. */
  readonly law: string;
  /** Id of the scenario; with `*` at its end all whose ids begin so. */
  readonly scenario: string;
  /** Why that is accepted: stands in the report. */
  readonly reason: string;
}

/** A finding that was listed as known. */
export interface KnownFinding extends RehearsalFinding {
  readonly reason: string;
}

/** A scenario that ends with somebody being asked: the first exception that is open then. */
export interface RehearsalAsked {
  readonly scenario: string;
  readonly step: string;
  readonly class: string;
  readonly owner: string;
  readonly because: string;
}

export interface RehearsalReport {
  readonly workflow: string;
  readonly seed: number;
  /** Ids of all scenarios that were played, in order. */
  readonly scenarios: readonly string[];
  /** Scenarios that are left with a person: no law is broken by that. */
  readonly withPerson: readonly RehearsalAsked[];
  /** Each broken law of each scenario, but for those that are listed as known. */
  readonly failed: readonly RehearsalFinding[];
  readonly known: readonly KnownFinding[];
}

export interface RehearsalRun {
  /** Only the scenario with this id. */
  readonly only?: string;
  /** One that has no scenario with the id of `only` plays none, and is no error. Default false. */
  readonly mayLack?: boolean;
  readonly seed?: number;
  /** Told after each scenario. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Rehearsal {
  readonly kind: "rehearsal";
  readonly workflow: string;
  run(options?: RehearsalRun): Promise<RehearsalReport>;
}

/** Scenarios by what came of them; one with a broken law and a known one counts as broken. */
export function countsOf({ scenarios, failed, known }: RehearsalReport): {
  readonly hold: number;
  readonly broken: number;
  readonly known: number;
} {
  const broken = new Set(failed.map(({ scenario }) => scenario));
  const onlyKnown = new Set(known.map(({ scenario }) => scenario).filter((id) => !broken.has(id)));
  const hold = scenarios.length - broken.size - onlyKnown.size;
  return { hold, broken: broken.size, known: onlyKnown.size };
}
