/**
 * A replay plan: a frozen list of exceptions whose runs shall go on, with everything that was shown of
 * it. It is the input of a run of the engine's own workflow, so it is journalled, taken over and
 * archived like any other run. Source: failure model R34 to R36; decision 0028.
 */
import { areChangedFields, type ChangedField } from "./changed-fields.ts";
import { isAtLeast } from "../amount.ts";
import { base32OfHex } from "../base32.ts";
import { canonicalJson } from "../canonical-json.ts";
import type { JsonChange } from "../json-edit.ts";
import type { Rate } from "../rate.ts";

/** Name of the engine's own workflow; no app can have one of this name beside it. */
export const REPLAY_WORKFLOW = "holdfast.replay";
/** Name of the event by which people decide about a plan; its key is the plan's id. */
export const REPLAY_EVENT = "holdfast.replay";

/** Steps that carry out items and that look whether a plan may be started; each has a number. */
export const REPLAY_ITEM_STEP = "item";
export const REPLAY_CHECK_STEP = "checked";

/** Items of one plan. */
export const REPLAY_ITEMS_MAX = 10_000;
/** What one person may start alone: source failure model 4.5. */
const REPLAY_ALONE_ITEMS_MAX = 50;
/** From this on, in units of any one currency as `describe` gives them, a second person approves. */
const REPLAY_SECOND_PERSON_AMOUNT = "10000";
/** From its making until it has to be started, milliseconds. Source: failure model 4.5. */
export const REPLAY_EXPIRES_MS = 86_400_000;
/** How long no plan of the same cause is started after one has stopped itself, milliseconds (R36). */
export const REPLAY_COOL_DOWN_MS = 600_000;
/** Decisions about one plan. */
export const REPLAY_DECISIONS_MAX = 1_000;
/** Waves before the rest. */
export const REPLAY_WAVES_MAX = 20;
/** Items of one plan that are under way at a time: by default, and at most. */
export const REPLAY_AT_ONCE_DEFAULT = 20;
export const REPLAY_AT_ONCE_MAX = 50;

/** Sizes of the first waves; then comes the rest. Source: R35. */
export const DEFAULT_CANARY: readonly number[] = [1, 2, 5, 20, 50];

/**
 * Run, number of its exception, and which of the plan's fingerprints that has; where it is repaired, also
 * where its run stood, as `versionOf` says.
 */
type ReplayItem = readonly [run: string, exception: number, fingerprint: number, version?: number];

/** Why an item does not run, in words for people. */
export const REPLAY_REFUSALS = {
  // Going on could do an effect a second time.
  "unknown-outcome": "the outcome is unknown: settle first",
  "same-version": "a defect, and the version that has it still runs",
  "nothing-waits": "no resume is taken about it",
  "no-repair": "what shall be done to each does not fit it",
  "does-not-fit": "the code of that version does not fit it",
} as const;
export type ReplayRefusal = keyof typeof REPLAY_REFUSALS;

/** Run, number of its exception, and why; with what was found where that says more. */
type ReplayRefused = readonly [run: string, exception: number, why: ReplayRefusal, found?: string];

/** Characters of what was found about one item. */
export const REPLAY_FOUND_CHARS_MAX = 300;

export type ReplayMode =
  /** Its effect is tried again with a corrected input. */
  | { readonly act: "edit"; readonly changes: readonly JsonChange[] }
  /** The input of its run is corrected, and the run done again from its beginning. */
  | { readonly act: "correct"; readonly changes: readonly JsonChange[] }
  /** Its run is done again from this step on. */
  | { readonly act: "again"; readonly step: string }
  /** Its effect gets this result, or is skipped with it: nothing is sent. A second person approves. */
  | { readonly act: "supply"; readonly value: unknown }
  | { readonly act: "skip"; readonly value: unknown };

/** Places in the inputs of the items that are changed; none for what changes no input. */
export function changesOfMode(how: ReplayMode | null): readonly JsonChange[] {
  return how?.act === "edit" || how?.act === "correct" ? how.changes : [];
}

/**
 * What is asked for one item: at which step, null for its run as a whole, and with which value.
 *
 * @param failed - path of the step that has failed; "" for the run as a whole.
 */
export function repairBy(
  how: ReplayMode,
  failed: string,
): { readonly step: string | null; readonly value: unknown } {
  switch (how.act) {
    case "supply":
    case "skip":
      return { step: failed === "" ? null : failed, value: how.value };
    case "edit":
      return { step: failed === "" ? null : failed, value: how.changes };
    case "correct":
      return { step: null, value: how.changes };
    case "again":
      return { step: how.step, value: null };
  }
}

/** What else was shown of the items when the plan was made: a part of what is approved. */
export interface ReplayShown {
  /** Business keys: fewer than items where runs have several exceptions. */
  readonly keyCount: number;
  /** How long the exceptions had been open, by the buckets of failure model 4.4. */
  readonly ages: readonly (readonly [bucket: string, count: number])[];
  /** Repeat contracts of the effects that run again; "none" where workflow code does. */
  readonly contracts: readonly (readonly [contract: string, count: number])[];
  /** Effects that run again, with how many of them had been sent before. */
  readonly again: readonly (readonly [effect: string, count: number, sentCount: number])[];
  /** Items that could be done a second time: their key is too old, or may be sent once only. */
  readonly duplicateCount: number;
  /**
   * Items of which some parts were done, and that are sent again as a whole: their code leaves out no
   * parts. Absent where there are none.
   */
  readonly wholeCount?: number;
  /** Fields that are changed, with what stood there. Absent where nothing is changed. */
  readonly changes?: readonly ChangedField[];
  /** Systems whose effects run again. */
  readonly needs: readonly string[];
  /** Those of them that were parked then: items that need them wait. */
  readonly parked: readonly string[];
}

/** Buckets of age; the last has no end. Source: failure model 4.4. */
const AGES: readonly (readonly [bucket: string, underMs: number])[] = [
  ["0-4 h", 4 * 3_600_000],
  ["4-24 h", 86_400_000],
  ["1-3 d", 3 * 86_400_000],
  ["3-7 d", 7 * 86_400_000],
  ["7-30 d", 30 * 86_400_000],
  [">30 d", Number.POSITIVE_INFINITY],
];

/** Ages in milliseconds as a histogram, without the buckets that are empty. */
export function agesOf(agesMs: readonly number[]): ReplayShown["ages"] {
  const counts = AGES.map(() => 0);
  for (const ageMs of agesMs) {
    const at = AGES.findIndex(([, underMs]) => ageMs < underMs);
    counts[at] = (counts[at] ?? 0) + 1;
  }
  return AGES.flatMap(([bucket], at) => {
    const count = counts[at] ?? 0;
    return count === 0 ? [] : [[bucket, count] as const];
  });
}

export interface ReplayPlan {
  /** `rpl_...`, made of the digest of all the rest: what is started is what was shown. */
  readonly id: string;
  readonly query: string;
  readonly by: string;
  readonly reason: string;
  readonly madeAtMs: number;
  /** Sizes of the first waves. */
  readonly canary: readonly number[];
  /** Items that are begun in a period; null: as fast as the limits let them. */
  readonly rate: Rate | null;
  /** Items that are under way at a time. */
  readonly atOnce: number;
  readonly items: readonly ReplayItem[];
  readonly refused: readonly ReplayRefused[];
  readonly fingerprints: readonly string[];
  /** Of the items, by currency. */
  readonly money: readonly { readonly currency: string; readonly amount: string }[];
  readonly shown: ReplayShown;
  /** What is done to each item; absent: it is resumed at the step that has failed (R34). */
  readonly how?: ReplayMode;
  /** The version of the code that each goes on with; absent: the one that its worker has. */
  readonly to?: string;
  /** Set if defects are replayed on the version of the code that has them. */
  readonly evenSameVersion?: true;
}

/** Items that would run and items that were refused. */
export function totalOf({ items, refused }: Pick<ReplayPlan, "items" | "refused">): number {
  return items.length + refused.length;
}

/** Why nothing of the plan would run, as a sentence; null if something would. */
export function nothingRuns({
  items,
  refused,
}: Pick<ReplayPlan, "items" | "refused">): string | null {
  if (items.length > 0) return null;
  const counts = new Map<ReplayRefusal, number>();
  for (const [, , why] of refused) counts.set(why, (counts.get(why) ?? 0) + 1);
  const reasons = [...counts].map(([why, count]) => `${String(count)}: ${REPLAY_REFUSALS[why]}`);
  return `nothing of it would run, each of its ${String(refused.length)} items is refused (${reasons.join("; ")})`;
}

/** Why a second person has to approve the plan; null if one may start it alone. */
export function secondPersonFor(plan: Pick<ReplayPlan, "items" | "money" | "how">): string | null {
  const { items, money, how } = plan;
  // Failure model 4.5: however few they are.
  if (how?.act === "supply" || how?.act === "skip") return "results are given by hand";
  if (items.length > REPLAY_ALONE_ITEMS_MAX)
    return `${String(items.length)} items are more than ${String(REPLAY_ALONE_ITEMS_MAX)}`;
  const large = money.find(({ amount }) => isAtLeast(amount, REPLAY_SECOND_PERSON_AMOUNT));
  if (large === undefined) return null;
  return `${large.amount} ${large.currency} are at stake, ${REPLAY_SECOND_PERSON_AMOUNT} or more`;
}

/** Sizes of all waves: the given ones as far as there are items, then the rest as one. */
export function wavesOf(itemCount: number, canary: readonly number[]): readonly number[] {
  const waves: number[] = [];
  let left = itemCount;
  for (const size of canary) {
    if (left === 0) break;
    waves.push(Math.min(size, left));
    left -= Math.min(size, left);
  }
  return left === 0 ? waves : [...waves, left];
}

/** Id of the command by which an item goes on: taken again after a crash, it is recognised. */
export function replayCommandId(plan: string, index: number): string {
  return `${plan}/${String(index)}`;
}

/** Characters of the digest in an id: 80 bits, which nobody meets by chance. */
const ID_CHARS = 16;

/** @param sha256 - hex of a text. */
export function replayIdOf(plan: Omit<ReplayPlan, "id">, sha256: (text: string) => string): string {
  return `rpl_${base32OfHex(sha256(canonicalJson(plan))).slice(0, ID_CHARS)}`;
}

/** True for the id of a plan, however it is written. */
export function isReplayId(text: string): boolean {
  return /^rpl_[0-9a-z]{16}$/.test(text);
}

/** What is wrong with the shape of a plan that came from outside; null if it is one. */
export function planProblem(value: unknown): string | null {
  if (typeof value !== "object" || value === null) return "expected an object";
  const field = (name: string): unknown =>
    Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
  for (const name of ["id", "query", "by", "reason"])
    if (typeof field(name) !== "string" || field(name) === "") return `expected text at /${name}`;
  if (!isReplayId(String(field("id")))) return "expected rpl_ and 16 characters at /id";
  if (!Number.isSafeInteger(field("madeAtMs"))) return "expected a whole number at /madeAtMs";
  const canary = field("canary");
  if (!isListOf(canary, REPLAY_WAVES_MAX, (one) => Number.isSafeInteger(one) && Number(one) >= 1))
    return `expected at most ${String(REPLAY_WAVES_MAX)} sizes of waves at /canary`;
  const atOnce = Number(field("atOnce"));
  if (!Number.isSafeInteger(atOnce) || atOnce < 1 || atOnce > REPLAY_AT_ONCE_MAX)
    return `expected a whole number from 1 to ${String(REPLAY_AT_ONCE_MAX)} at /atOnce`;
  if (field("rate") !== null && !isRate(field("rate"))) return "expected a rate or null at /rate";
  const fingerprints = field("fingerprints");
  if (!isListOf(fingerprints, REPLAY_ITEMS_MAX, (one) => typeof one === "string"))
    return "expected texts at /fingerprints";
  const kinds = Array.isArray(fingerprints) ? fingerprints.length : 0;
  const isKind = (one: unknown) =>
    Number.isSafeInteger(one) && Number(one) >= 0 && Number(one) < kinds;
  const isRepair = field("how") !== undefined;
  if (!isListOf(field("items"), REPLAY_ITEMS_MAX, (one) => isItem(one, isKind, isRepair)))
    return `expected at most ${String(REPLAY_ITEMS_MAX)} items at /items`;
  if (!isListOf(field("refused"), REPLAY_ITEMS_MAX, isRefused))
    return `expected at most ${String(REPLAY_ITEMS_MAX)} refusals at /refused`;
  const shown = field("shown");
  if (typeof shown !== "object" || shown === null) return "expected an object at /shown";
  const changes: unknown = Reflect.get(shown, "changes");
  if (changes !== undefined && !areChangedFields(changes))
    return "expected fields with what stood there at /shown/changes";
  const to = field("to");
  if (to !== undefined && (typeof to !== "string" || to === "")) return "expected text at /to";
  if (field("how") !== undefined && !isMode(field("how")))
    return "expected edit, correct, again, supply or skip at /how";
  if (!isListOf(field("money"), REPLAY_ITEMS_MAX, isMoney)) return "expected sums at /money";
  return null;
}

function isRefused(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 4) return isTuple(value, isWhy);
  const found: unknown = value[3];
  const isFound = typeof found === "string" && found.length <= REPLAY_FOUND_CHARS_MAX;
  return isFound && isTuple(value.slice(0, 3), isWhy);
}

function isWhy(value: unknown): boolean {
  return typeof value === "string" && Object.hasOwn(REPLAY_REFUSALS, value);
}

function isListOf(value: unknown, countMax: number, isOne: (one: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= countMax && value.every(isOne);
}

/** Each that is repaired says where its run stood. */
function isItem(value: unknown, isThird: (one: unknown) => boolean, isRepair: boolean): boolean {
  if (!isRepair || !Array.isArray(value)) return isTuple(value, isThird);
  return Number.isSafeInteger(value[3]) && isTuple(value.toSpliced(3, 1), isThird);
}

function isTuple(value: unknown, isThird: (one: unknown) => boolean): boolean {
  if (!Array.isArray(value) || value.length !== 3) return false;
  return typeof value[0] === "string" && Number.isSafeInteger(value[1]) && isThird(value[2]);
}

function isMoney(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return (
    typeof Reflect.get(value, "currency") === "string" &&
    typeof Reflect.get(value, "amount") === "string"
  );
}

/** The changes themselves are looked at where they are applied, by each effect's own schema. */
function isMode(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const act: unknown = Reflect.get(value, "act");
  if (act === "again") return typeof Reflect.get(value, "step") === "string";
  if (act === "supply" || act === "skip") return Object.hasOwn(value, "value");
  const isChanged = act === "edit" || act === "correct";
  return isChanged && Array.isArray(Reflect.get(value, "changes"));
}

function isRate(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return ["count", "periodMs", "burst"].every((name) => {
    const number: unknown = Reflect.get(value, name);
    return Number.isSafeInteger(number) && Number(number) >= 1;
  });
}
