/** Which options an effect takes, by its repeat contract: what the types say, for JavaScript. */
import { IDEMPOTENT_REASONS, KEY_REPLAYS, type RepeatKind } from "../core/contract.ts";
import { HoldfastError } from "../core/error.ts";
import { checkOptions, type OptionKinds } from "./known-options.ts";

const COMMON: OptionKinds = {
  on: "any",
  group: "text",
  repeat: "any",
  input: "any",
  output: "any",
  run: "any",
  sensitive: "any",
  editable: "any",
  fourEyes: "any",
  timeout: "duration",
  owner: "text",
  owners: "object",
  classify: "function",
  byParts: "truth value",
  single: "truth value",
  describe: "function",
};

const PROBING: OptionKinds = { probe: "function", settle: "duration" };
const REPEATED: OptionKinds = { retry: "object", compensate: "any", leaves: "text" };

const OF_CONTRACT: Readonly<Record<RepeatKind, OptionKinds>> = {
  read: { retry: "object" },
  idempotent: { ...PROBING, ...REPEATED, why: IDEMPOTENT_REASONS },
  keyed: { ...PROBING, ...REPEATED, keyWindow: "duration", replays: KEY_REPLAYS },
  probeable: { ...PROBING, ...REPEATED },
  // A retry on it has a code of its own (HF1107).
  once: { ...PROBING, ...REPEATED, retry: "any" },
};

const RETRY: OptionKinds = { attempts: "any", within: "duration", first: "duration" };

/** Contracts under which an undoing may be a mere call: it is repeated as they allow. */
const UNDO_CALLS: readonly RepeatKind[] = ["idempotent", "keyed"];

/**
 * @throws {HoldfastError} HF1001 for an option that is not known, not valid, or of another
 *   contract than this effect's.
 */
export function checkEffectOptions(
  name: string,
  repeat: RepeatKind,
  options: Readonly<Record<string, unknown>>,
): void {
  const what = `effect "${name}"`;
  refuseOfOtherContract(what, repeat, options);
  checkOptions(what, options, { ...COMMON, ...OF_CONTRACT[repeat] });
  const { retry, compensate } = options;
  if (repeat !== "once" && retry !== undefined) checkOptions(`retry of ${what}`, retry, RETRY);
  checkUndoing(what, repeat, compensate);
  checkLeaves(what, options);
}

/** What an undoing leaves says nothing where nothing is undone. */
function checkLeaves(
  what: string,
  { leaves, compensate }: Readonly<Record<string, unknown>>,
): void {
  if (leaves === undefined || (compensate !== undefined && compensate !== "none")) return;
  throw new HoldfastError(
    "HF1001",
    `${what} says what its undoing leaves, and declares no undoing.`,
    "Say with compensate how it is undone, or leave `leaves` out.",
  );
}

/** A word of another contract is no slip of the keyboard: the message says whose it is. */
function refuseOfOtherContract(
  what: string,
  repeat: RepeatKind,
  options: Readonly<Record<string, unknown>>,
): void {
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined || Object.hasOwn(COMMON, option)) continue;
    if (Object.hasOwn(OF_CONTRACT[repeat], option)) continue;
    const owners = Object.entries(OF_CONTRACT)
      .filter(([, kinds]) => Object.hasOwn(kinds, option))
      .map(([contract]) => `"${contract}"`);
    if (owners.length === 0) continue;
    throw new HoldfastError(
      "HF1001",
      `${what} has repeat "${repeat}", to which "${option}" does not belong.`,
      `Leave ${option} out, or declare the contract that has it: ${owners.join(", ")}.`,
    );
  }
}

/** An undoing that is none would be found when it is needed. */
function checkUndoing(what: string, repeat: RepeatKind, compensate: unknown): void {
  if (compensate === undefined || compensate === "none") return;
  if (typeof compensate === "function") {
    if (UNDO_CALLS.includes(repeat)) return;
    throw new HoldfastError(
      "HF1001",
      `${what} has repeat "${repeat}", and "compensate" is a function: a call under that contract could not be repeated after a lost answer.`,
      "Declare the undoing as an effect with a contract of its own: compensate: { effect, input }.",
    );
  }
  const isEffect =
    typeof compensate === "object" &&
    compensate !== null &&
    "effect" in compensate &&
    "input" in compensate &&
    typeof compensate.input === "function";
  if (!isEffect) {
    throw new HoldfastError(
      "HF1001",
      `${what}: "compensate" is not valid: expected a function, { effect, input }, or "none", got ${typeof compensate}.`,
      'Say how it is undone; "none" if nothing need be undone.',
    );
  }
  checkOptions(`compensate of ${what}`, compensate, { effect: "any", input: "function" });
}
