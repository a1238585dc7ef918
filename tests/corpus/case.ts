/**
 * One case of the corpus: an exchange with a real counterpart under one fault, what the client saw of
 * it, what the counterpart's ledger says, and what a careful engineer would call it.
 *
 * The labels are made without looking at the tables that they test (settled 33). They are words of
 * the failure model, 2.1 and 2.2, for a write that may not be repeated (contract `once`).
 */

const PROOFS = ["never", "maybe", "partial", "surely"] as const;
export type Proof = (typeof PROOFS)[number];

const REASONS = [
  "transient",
  "throttled",
  "contention",
  "unavailable",
  "permanent",
  "misconfigured",
  "defect",
  "exhausted",
  "data",
  "policy",
  "expired",
  "ambiguous",
] as const;
export type Reason = (typeof REASONS)[number];

/** What the counterpart had committed when the client's call was over. */
const LEDGERS = ["happened", "not", "partial"] as const;
export type Ledger = (typeof LEDGERS)[number];

const PROTOCOLS = ["http", "grpc", "postgres", "mysql", "smtp", "file", "sqlite"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** An error and its causes, as data. Ports and names of folders are replaced, so that it can be made again. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** What the client saw. */
export interface Seen {
  /** How far the call had got, in the words of the client that made it. */
  readonly phase: string;
  readonly error?: PlainError;
  readonly answer?: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    /** The first characters of the body. */
    readonly body: string;
    readonly bodyBytes: number;
    readonly bodySha256: string;
  };
}

/** What can be told of a case where the definitions (2.1, 2.2) allow more than one answer. */
interface Answer {
  readonly effect: Proof;
  readonly reason: Reason;
}

/**
 * What tells the class: the `wire`, that is codes, statuses, fields and how far it had got; or only
 * the `words` of a message for people, which no table reads.
 */
type ToldBy = "wire" | "words";

export interface Label {
  /** What can be proved from what the client saw. */
  readonly effect: Proof;
  /** `ambiguous` wherever the effect is `maybe`, or the result of a `surely` is lost (2.2). */
  readonly class: Reason;
  /** Whose move it is where a repeat is proven harmless: why it failed. */
  readonly reason: Reason;
  readonly why: string;
  /** Of held-out cases, fixed with the label: these are right as well. */
  readonly also?: readonly Answer[];
  /** Of held-out cases, fixed with the label. */
  readonly told?: ToldBy;
}

export interface CorpusCase {
  readonly id: string;
  /** `held`: made after the tables had been mended by the first two; `fourth`: by somebody who has not seen them. */
  readonly part: "first" | "last" | "held" | "fourth";
  readonly protocol: Protocol;
  /** Of the counterpart. */
  readonly server: string;
  readonly fault: string;
  readonly contract: "once";
  readonly ledger: Ledger;
  readonly seen: Seen;
  readonly label: Label;
}

/** A case before it is played. */
export interface Scenario extends Pick<CorpusCase, "id" | "protocol" | "server" | "fault"> {
  readonly label: Label;
  /** Makes the exchange and says what was seen and what the ledger holds afterwards. */
  readonly play: () => Promise<{ readonly seen: Seen; readonly ledger: Ledger }>;
}

/** The label for an effect, a reason and a sentence; its class follows from them (2.2, `ambiguous`). */
export function label(effect: Proof, reason: Reason, why: string): Label {
  const isOpen = effect === "maybe" || effect === "surely";
  return { effect, class: isOpen ? "ambiguous" : reason, reason, why };
}

/** @param reasons - the first is the label's; the definitions allow the others as well. */
export function heldLabel(
  effect: Proof,
  reasons: Reason | readonly [Reason, ...Reason[]],
  why: string,
  told: ToldBy = "wire",
): Label {
  const [reason, ...others] = typeof reasons === "string" ? ([reasons] as const) : reasons;
  const also = others.map((other) => ({ effect, reason: other }));
  return { ...label(effect, reason, why), ...(also.length === 0 ? {} : { also }), told };
}

/** What a label of the fourth part says beside effect, reasons and why. */
export interface FourthMore {
  /** Answers with another effect that the definitions allow as well. */
  readonly or?: readonly (readonly [Proof, Reason])[];
  readonly told?: ToldBy;
}

/** @param reasons - the first is the label's; the definitions allow the others as well. */
export function fourthLabel(
  effect: Proof,
  reasons: Reason | readonly [Reason, ...Reason[]],
  why: string,
  { or = [], told = "wire" }: FourthMore = {},
): Label {
  const held = heldLabel(effect, reasons, why, told);
  const also = [
    ...(held.also ?? []),
    ...or.map(([otherEffect, reason]) => ({ effect: otherEffect, reason })),
  ];
  return { ...held, ...(also.length === 0 ? {} : { also }) };
}

/**
 * Holds a label against the ledger: a proof that the ledger belies is a mistake of the label.
 *
 * @throws {Error} naming the case.
 */
export function assertProved(id: string, proof: Proof, ledger: Ledger): void {
  const allowed: Readonly<Record<Proof, readonly Ledger[]>> = {
    never: ["not"],
    maybe: LEDGERS,
    partial: ["partial"],
    surely: ["happened"],
  };
  if (allowed[proof].includes(ledger)) return;
  throw new Error(`case ${id} is labelled ${proof}, but its ledger says ${ledger}`);
}
