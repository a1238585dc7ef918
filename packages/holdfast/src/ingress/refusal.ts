/** A request that is not taken: what its sender is told, as a problem document (RFC 9457). */
import { ERROR_CODES, HoldfastError, type ErrorCode } from "../core/error.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

/** Of a status of its own: what is wrong with a request says HTTP, not our code alone. */
export class Refusal extends HoldfastError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: ErrorCode,
    message: string,
    remedy: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(code, message, remedy);
    this.status = status;
    this.headers = headers;
  }
}

/** Seconds after which a sender is asked to come again: while the same is taken, and while there is no room. */
const AGAIN_SOON_S = 1;
const AGAIN_S = 5;

interface Told {
  readonly status: number;
  readonly retryS?: number;
  /** What is said of us and not of the message stays with us. */
  readonly isOurs?: true;
}

const TOLD: Partial<Record<ErrorCode, Told>> = {
  HF4102: { status: 400 },
  HF4103: { status: 400 },
  HF4104: { status: 413 },
  HF4105: { status: 400 },
  HF4110: { status: 422 },
  HF4111: { status: 409, retryS: AGAIN_SOON_S },
  HF4207: { status: 429, retryS: AGAIN_SOON_S },
};

const NO_ROOM: Told = { status: 503, retryS: AGAIN_S, isOurs: true };
const OURS: Told = { status: 500, isOurs: true };

export function problemOf(error: unknown): Answer {
  if (!(error instanceof HoldfastError)) return problem("about:blank", OURS, "Internal error", "");
  const { code, message, remedy } = error;
  const told = toldOf(error);
  const detail = told.isOurs === true ? "" : `${message} ${remedy}`;
  const answer = problem(`urn:holdfast:${code}`, told, ERROR_CODES[code], detail);
  const headers =
    error instanceof Refusal ? { ...answer.headers, ...error.headers } : answer.headers;
  return { ...answer, headers, body: { ...answer.body, code } };
}

/** True if the fault is ours, and nobody hears of it but by us. */
export function isOurFault(error: unknown): boolean {
  return !(error instanceof HoldfastError) || toldOf(error) === OURS;
}

function toldOf(error: HoldfastError): Told {
  if (error instanceof Refusal) return error.status < 500 ? { status: error.status } : OURS;
  const { code } = error;
  return TOLD[code] ?? (/^HF(42|5)/u.test(code) ? NO_ROOM : OURS);
}

function problem(type: string, told: Told, title: string, detail: string): Answer {
  const { status, retryS } = told;
  return {
    status,
    headers: {
      "content-type": "application/problem+json",
      ...(retryS === undefined ? {} : { "retry-after": String(retryS) }),
    },
    body: { type, title, status, ...(detail === "" ? {} : { detail }) },
  };
}
