/**
 * Errors that Holdfast itself raises. What ends a step badly is a `Failure`, not one of these.
 *
 * `message` says what happened in one line, with the names involved; `remedy` says what to do, in
 * whole sentences. The command line prints both; docs/reference/errors.md is checked against
 * `ERROR_CODES` by a test, in both directions.
 *
 * Hundreds: 1 definitions, 2 versions and recovery, 3 effects and outcomes, 4 input, 5 stores and
 * machine, 6 operators' actions.
 */
export const ERROR_CODES = {
  HF1001: "An option is not valid.",
  HF1002: "Two definitions have the same name.",
  HF1003: "A workflow, effect or review is used that this app does not know.",
  HF1101: "An effect does not say how it may be repeated.",
  HF1107: "A retry policy reaches beyond what the repeat contract allows.",
  HF1108: "A review excludes the starter of a run that nobody is on record as having started.",
  HF1109: "A message may be repeated for longer than it is remembered.",
  HF1110: "No version can be made of these files.",
  HF1111: "A version cannot be placed before or after another.",
  HF1112: "A module works as it is loaded, where code is only looked at.",
  HF1113: "A function of a workflow fails over messages that fit.",
  HF1203: "Two steps in one run have the same name.",
  HF1204: "Runs that call each other would wait for ever.",
  HF1205: "The work of a local transaction has left it.",
  HF2104: "The code does not fit the history of a run.",
  HF2105: "A run needs a workflow that this app does not have.",
  HF2106: "The journal of a run cannot be read.",
  HF2107: "A run cannot be checked against code.",
  HF2108: "The code of a run hangs.",
  HF3001: "An effect may or may not have happened.",
  HF3002: "An effect has failed for good.",
  HF3003: "An effect answered with something that breaks its output schema.",
  HF3004: "An effect of a run that was taken back stays.",
  HF3005: "It is too late for it.",
  HF3006: "An integration is not called until somebody has acted.",
  HF3007: "The other system has something else under our reference.",
  HF3008: "A late answer contradicts what a person has said.",
  HF3009: "An integration has been out of reach for long.",
  HF4102: "An input does not fit its schema.",
  HF4103: "A value cannot be kept as JSON.",
  HF4104: "A payload is larger than a named limit.",
  HF4105: "A payload is nested deeper than the named limit.",
  HF4106: "An event's id was used before, for another event.",
  HF4107: "A run was started again with another input.",
  HF4108: "An answer came that no request has asked for.",
  HF4109: "A request cannot be taken as a message.",
  HF4110: "A message's id was used before, for another payload.",
  HF4111: "A message with this id is being taken just now.",
  HF4112: "A message is not signed as its sender signs.",
  HF4113: "A second message came about the same fact.",
  HF4114: "What a message follows has not come.",
  HF4115: "A message does not fit, and was kept.",
  HF4120: "A classification rule is not valid.",
  HF4121: "A classification rule would lower caution on nobody's word.",
  HF4201: "The intake is full.",
  HF4202: "No more ids of events can be remembered.",
  HF4203: "Too many exceptions are open in one place.",
  HF4204: "No more events can be kept that nobody waits for.",
  HF4205: "Too many commands wait for an engine.",
  HF4206: "Too many messages wait for what they follow.",
  HF4207: "Too many requests are at one ingress at once.",
  HF4208: "Too many proposals for one run wait for a second person.",
  HF4210: "Too many versions of classification rules are kept.",
  HF5001: "This Node.js is too old.",
  HF5002: "The store cannot be opened.",
  HF5003: "The store is on a network disk.",
  HF5004: "Another engine holds this store.",
  HF5005: "The store is not durable as configured.",
  HF5006: "The store is damaged.",
  HF5007: "The store is older than its anchor.",
  HF5008: "A write to the store failed and nothing more may be written.",
  HF5009: "The key file of the store is missing or not its own.",
  HF5010: "The store was written by a newer Holdfast.",
  HF5011: "A client library is not installed.",
  HF5012: "This worker has been replaced.",
  HF5013: "Too many workers share this store.",
  HF5014: "No transaction is open.",
  HF5015: "The transaction is not one of the store's database.",
  HF5016: "The store holds archived runs, for looking only.",
  HF5017: "The file is no archive of Holdfast's, or it is damaged.",
  HF5020: "The key ring is missing, is none, or lacks a key that the store needs.",
  HF5021: "A payload cannot be read.",
  HF5022: "A database cannot hold local transactions as it is.",
  HF5023: "A cell cannot be reached.",
  HF5024: "The list of cells is another one.",
  HF5025: "The file is no pulled run, or it was changed.",
  HF5026: "The pulled run was written by a newer Holdfast.",
  HF6001: "There is nothing with that name.",
  HF6002: "This person may not do that.",
  HF6003: "The action does not fit the present state.",
  HF6004: "The action is refused while an outcome is unknown.",
  HF6005: "No engine answered in time.",
  HF6006: "The run has left the store for an archive.",
  HF6007: "The run has moved since it was looked at.",
} as const;
export type ErrorCode = keyof typeof ERROR_CODES;

/** Whether this version knows the code: an engine that is newer may answer with another. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text);
}

export interface HoldfastErrorOptions {
  /** Where: file and line, JSON pointer, run and step. */
  readonly where?: string;
  readonly cause?: unknown;
}

export class HoldfastError extends Error {
  declare readonly name: string;
  declare readonly code: ErrorCode;
  declare readonly remedy: string;
  declare readonly where: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    remedy: string,
    options: HoldfastErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    // Not enumerable: who prints the error with its properties would say everything twice.
    const parts = { name: "HoldfastError", code, remedy, where: options.where };
    for (const [name, value] of Object.entries(parts))
      Object.defineProperty(this, name, { value, enumerable: false, configurable: true });
    this.stack = stackOf(this, framesOf(this.stack, message));
  }

  /** With code and remedy: `String(error)` and an uncaught error's stack are all that many see. */
  override toString(): string {
    return `${this.name}: ${formatError(this)}`;
  }
}

/**
 * What an uncaught error shows: the form of every error, with the places in the user's own code. It is
 * found by them; how our own code came to refuse it helps nobody. Where none is in it, all are kept.
 */
function stackOf(error: HoldfastError, frames: string): string {
  const own = frames.split("\n").filter(isUsersPlace);
  if (own.length === 0) return `${String(error)}${frames}`;
  return [`${error.name}: ${headOf(error)}`, ...own, tailOf(error)].join("\n");
}

function isUsersPlace(frame: string): boolean {
  const isFrame = frame.startsWith("    at ");
  return isFrame && !/[\\/]node_modules[\\/]|\bnode:|<anonymous>/u.test(frame);
}

/** The stack without its head, which is the message and may have lines of its own. */
function framesOf(stack: string | undefined, message: string): string {
  if (stack === undefined) return "";
  const headEnd = stack.indexOf(message) + message.length;
  const frames = stack.indexOf("\n    at ", headEnd);
  return frames === -1 ? "" : stack.slice(frames);
}

/** The one form in which an error is shown, in log, console and command line. */
export function formatError(error: HoldfastError): string {
  return `${headOf(error)}\n${tailOf(error)}`;
}

function headOf({ code, message, where }: HoldfastError): string {
  return `${code}  ${message}${where === undefined ? "" : `\n        ${where}`}`;
}

function tailOf({ code, remedy }: HoldfastError): string {
  return `        Fix: ${remedy}\n        See docs/reference/errors.md#${code.toLowerCase()}`;
}
