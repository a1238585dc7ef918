/**
 * Options of an app, for callers whom no compiler tells: a name that is not known is refused at the
 * call that gives it, because what it was meant to say would silently not hold.
 */
import { requireCellNames } from "./core/cell-list.ts";
import { HoldfastError } from "./core/error.ts";
import { checkRetention } from "./core/retention.ts";
import { DEFAULT_LIMITS, type EngineLimits } from "./engine/limits.ts";
import { placeOf, shownAddress } from "./store-address.ts";
import { COMMAND_KEPT_MS_MIN } from "./store/forgotten-commands.ts";
import { requireDefinition } from "./workflow/definition-check.ts";
import { checkOptions, type OptionKinds } from "./workflow/known-options.ts";

const APP: OptionKinds = {
  store: "any",
  postgres: "object",
  payloads: "object",
  workflows: "any",
  effects: "any",
  version: "text",
  earlierVersions: "any",
  limits: "object",
  owner: "text",
  exceptions: "object",
  retention: "object",
  log: "function",
};

const POSTGRES: OptionKinds = {
  key: "any",
  keyFile: "text",
  anchorFile: "text",
  shared: "truth value",
  leaseMs: "number",
};

const PAYLOADS: OptionKinds = { keyRing: "text", directory: "text", inlineBytesMax: "number" };

const RETENTION = ["completed", "failed", "keys"] as const;

const LIMITS: OptionKinds = Object.fromEntries(
  Object.keys(DEFAULT_LIMITS).map((name) => [name, "number"]),
);

/** @throws {HoldfastError} HF1001 for an option that is missing, not known, or of another kind. */
export function checkAppOptions(options: unknown): void {
  checkOptions("holdfast()", options, APP);
  // Checked to be an object above.
  const {
    store,
    workflows,
    effects,
    version,
    earlierVersions,
    postgres,
    payloads,
    limits,
    retention,
  } = options as Record<string, unknown>;
  if (store === undefined) {
    throw missing("store", "where runs are kept", 'store: "sqlite:./holdfast.db"');
  }
  checkStore(store);
  checkVersion(version);
  checkEarlierVersions("holdfast()", version, earlierVersions);
  if (!Array.isArray(workflows)) {
    throw missing("workflows", "a list of workflows", "workflows: [order]");
  }
  checkDefinitions(workflows, effects);
  if (postgres !== undefined) {
    checkOptions("postgres of holdfast()", postgres, POSTGRES);
    requireAbove(0, "postgres", "leaseMs", postgres);
  }
  if (payloads !== undefined) {
    checkOptions("payloads of holdfast()", payloads, PAYLOADS);
    requireAbove(-1, "payloads", "inlineBytesMax", payloads);
  }
  if (retention !== undefined) {
    checkRetention("retention of holdfast()", retention as object, RETENTION);
  }
  if (limits !== undefined) {
    checkLimits(limits);
    checkCommandsKept(limits as Partial<EngineLimits>);
  }
}

function requireAbove(min: number, of: string, name: string, options: unknown): void {
  // An object, as was just seen.
  const value: unknown = Reflect.get(options as object, name);
  if (value === undefined || (Number.isInteger(value) && Number(value) > min)) return;
  throw new HoldfastError(
    "HF1001",
    `${of} of holdfast(): "${name}" is not valid: expected a whole number above ${String(min)}, got ${typeof value === "number" ? String(value) : typeof value}.`,
    `Give a whole number above ${String(min)}, or leave it out.`,
  );
}

/** A limit that lets nothing through would refuse all work, with errors that say to wait. */
function checkLimits(limits: unknown): void {
  checkOptions("limits of holdfast()", limits, LIMITS);
  // An object of numbers, as was just seen.
  const given = Object.entries(limits as Readonly<Record<string, number | undefined>>);
  for (const [name, value] of given) {
    if (value === undefined || isLimit(name, value)) continue;
    const expected = name.endsWith("Ms")
      ? "milliseconds, 0 or more"
      : name === "intakeShare"
        ? "a share above 0, up to 1"
        : `a whole number ${name === CLOSES ? "of 0 or more" : "above 0"}`;
    throw new HoldfastError(
      "HF1001",
      `limits of holdfast(): "${name}" is not valid: expected ${expected}, got ${String(value)}.`,
      `Give ${expected}, or leave it out.`,
    );
  }
}

/** At 0 it takes nothing in, and carries on what is under way. */
const CLOSES = "liveRunsMax";

function isLimit(name: string, value: number): boolean {
  if (!Number.isFinite(value)) return false;
  if (name.endsWith("Ms")) return value >= 0;
  return name === "intakeShare"
    ? value > 0 && value <= 1
    : Number.isInteger(value) && value >= (name === CLOSES ? 0 : 1);
}

function checkDefinitions(workflows: readonly unknown[], effects: unknown): void {
  for (const [index, one] of workflows.entries())
    requireDefinition("workflow", one, `workflows[${String(index)}] of holdfast()`);
  if (effects === undefined) return;
  if (!Array.isArray(effects)) {
    throw new HoldfastError(
      "HF1001",
      'The option "effects" of holdfast() is not valid: expected a list of effects.',
      "Give effects: [refund], or leave it out.",
    );
  }
  for (const [index, one] of effects.entries())
    requireDefinition("effect", one, `effects[${String(index)}] of holdfast()`);
}

/** One address, or several by the names of their cells. */
function checkStore(store: unknown): void {
  if (typeof store === "string") return;
  if (typeof store !== "object" || store === null || Array.isArray(store)) {
    throw new HoldfastError(
      "HF1001",
      'The option "store" of holdfast() is not valid: expected an address, or an object of addresses by the names of cells.',
      'Give store: "sqlite:./holdfast.db", or store: { north: "sqlite:./north.db", south: "sqlite:./south.db" }.',
    );
  }
  requireCellNames(Object.keys(store));
  const addresses: [string, unknown][] = Object.entries(store);
  for (const [name, address] of addresses) requireLasting(name, address);
}

/** A store lets none go sooner: who set it lower would rely on what does not happen. */
function checkCommandsKept({ commandsKeptMs = COMMAND_KEPT_MS_MIN }: Partial<EngineLimits>): void {
  if (commandsKeptMs >= COMMAND_KEPT_MS_MIN) return;
  throw new HoldfastError(
    "HF1001",
    `The option "commandsKeptMs" of limits of holdfast() is not valid: expected at least ${String(COMMAND_KEPT_MS_MIN)} (an hour), got ${String(commandsKeptMs)}.`,
    "Give an hour or more. To keep fewer commands, set commandsKeptMax.",
  );
}

/** Characters of a version: it is shown in lists, and is a part of every run's row. */
const VERSION_CHARS_MAX = 100;

/** What could not be told from another on a screen, or be given on a command line, is none. */
function checkVersion(version: unknown): void {
  if (version === undefined) return;
  if (isVersionName(version)) return;
  throw new HoldfastError(
    "HF1001",
    `The option "version" of holdfast() is not valid: expected 1 to ${String(VERSION_CHARS_MAX)} printable characters without a space.`,
    'Give it a name that changes with each deployment, for example version: "v45".',
  );
}

/** Of a list that is written by hand. */
const EARLIER_VERSIONS_MAX = 1_000;

/** @throws {HoldfastError} HF1001 for anything but a list of other versions, each named once. */
function checkEarlierVersions(what: string, version: unknown, earlier: unknown): void {
  if (earlier === undefined) return;
  const names: readonly unknown[] = Array.isArray(earlier) ? earlier : [null];
  const isList =
    version !== undefined &&
    names.length <= EARLIER_VERSIONS_MAX &&
    names.every(isVersionName) &&
    new Set([...names, version]).size === names.length + 1;
  if (isList) return;
  throw new HoldfastError(
    "HF1001",
    `The option "earlierVersions" of ${what} is not valid: expected a list of at most ${String(EARLIER_VERSIONS_MAX)} names of versions before "version", each once, the oldest first.`,
    'Give both: version: "v47", earlierVersions: ["v44", "v45", "v46"].',
  );
}

function isVersionName(name: unknown): boolean {
  const isPrintable = typeof name === "string" && /^[\x21-\x7e]+$/.test(name);
  return isPrintable && name.length <= VERSION_CHARS_MAX;
}

function requireLasting(name: string, address: unknown): void {
  if (typeof address === "string" && placeOf(address) !== null) return;
  const shown = typeof address === "string" ? shownAddress(address) : typeof address;
  throw new HoldfastError(
    "HF1001",
    `The address of cell "${name}" is not valid: expected sqlite:PATH or postgres://USER@HOST/DATABASE, got ${shown}.`,
    "Give each cell a store that lasts: its list of cells has to be found again.",
  );
}

function missing(name: string, expected: string, example: string): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `holdfast() needs "${name}": expected ${expected}.`,
    `Give ${example}.`,
  );
}

const CALLS = {
  start: { by: "any", correlationId: "any" },
  startIn: { by: "any", correlationId: "any" },
  send: { key: "any", id: "any", payload: "any" },
  sendIn: { key: "any", id: "any", payload: "any" },
  cancel: { by: "any", reason: "any" },
  answer: { by: "any", reason: "any" },
  resume: { by: "any", reason: "any", step: "any" },
  decide: { by: "any", reason: "any" },
  closeException: { by: "any", reason: "any" },
  settle: { happened: "any", value: "any", ref: "any" },
  pruneLocal: { olderThan: "any" },
  listen: { signals: "any" },
} as const satisfies Record<string, OptionKinds>;

/** Calls that need not be given any. */
const WITHOUT: readonly (keyof typeof CALLS)[] = ["start", "startIn", "listen"];

/**
 * The options, all of which the call has. What their values have to be is the call's to say.
 *
 * @throws {HoldfastError} HF1001 for an option that is not known, and where there are none.
 */
export function known<T>(call: keyof typeof CALLS, options: T): T {
  if (options !== undefined || !WITHOUT.includes(call))
    checkOptions(`app.${call}`, options, CALLS[call]);
  return options;
}
