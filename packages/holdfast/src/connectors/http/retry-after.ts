/**
 * How long the other side asks us to wait, in all the forms in use (failure model R4).
 *
 * The answer is a minimum: the engine adds jitter, and honours hours as well as seconds because a
 * durable timer costs nothing. What cannot be understood is ignored, never guessed at.
 */

/** Names in lower case; a field that came more than once is an array. */
export type HeaderFields = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A longer wait than this is taken for garbage: no receiver means "come back in two years". */
const WAIT_MAX_MS = 366 * 86_400_000;

/** Numbers beyond this are points in time (seconds since 1970), not durations: 2001 and later. */
const EPOCH_SECONDS_MIN = 1_000_000_000;
const EPOCH_MS_MIN = 1_000_000_000_000;

/**
 * The smallest wait that the answer asks for, in whole milliseconds, or null if it asks for none.
 *
 * `retry-after-ms`, `x-amz-retry-after` (milliseconds) and `Retry-After` (seconds or HTTP-date) come
 * first, then the rate limit fields of answers that state no wait but say when a used-up limit is
 * reset. Points in time are compared with the answer's own `Date`, so that the two clocks need not
 * agree; without a `Date` with `nowMs`.
 */
export function retryAfterMs(headers: HeaderFields, nowMs: number): number | null {
  return statedWaitMs(headers, nowMs) ?? limitResetMs(headers, theirNowMs(headers, nowMs));
}

/** The same without the rate limit fields, which many servers send with every answer. */
export function statedWaitMs(headers: HeaderFields, nowMs: number): number | null {
  return (
    first(headers, "retry-after-ms", (text) => bounded(decimal(text))) ??
    first(headers, "x-amz-retry-after", (text) => bounded(decimal(text))) ??
    first(headers, "retry-after", (text) => waitOf(text, theirNowMs(headers, nowMs)))
  );
}

function theirNowMs(headers: HeaderFields, nowMs: number): number {
  return first(headers, "date", (text) => httpDateMs(text, nowMs)) ?? nowMs;
}

/** True if the answer says that a rate limit has nothing left: `remaining` is 0. */
export function isLimitUsedUp(headers: HeaderFields): boolean {
  return (
    ["", "-requests", "-tokens"].some((kind) => remaining(headers, kind) === 0) ||
    values(headers, "ratelimit").some((text) =>
      structuredLimits(text).some(({ left }) => left === 0),
    )
  );
}

function limitResetMs(headers: HeaderFields, sinceMs: number): number | null {
  const waits: (number | null)[] = [];
  for (const kind of ["", "-requests", "-tokens"]) {
    // A limit with something left is not the one that refused us.
    if ((remaining(headers, kind) ?? 0) > 0) continue;
    waits.push(first(headers, `x-ratelimit-reset${kind}`, (text) => resetOf(text, sinceMs)));
  }
  if ((remaining(headers, "") ?? 0) === 0) {
    waits.push(first(headers, "ratelimit-reset", (text) => resetOf(text, sinceMs)));
  }
  for (const text of values(headers, "ratelimit")) {
    for (const { left, resetSeconds } of structuredLimits(text)) {
      if ((left ?? 0) === 0) waits.push(bounded(secondsToMs(resetSeconds)));
    }
  }
  const known = waits.filter((wait) => wait !== null);
  // Every used-up limit has to be reset before a repeat can pass.
  return known.length === 0 ? null : Math.max(...known);
}

function remaining(headers: HeaderFields, kind: string): number | null {
  return (
    first(headers, `x-ratelimit-remaining${kind}`, decimal) ??
    (kind === "" ? first(headers, "ratelimit-remaining", decimal) : null)
  );
}

/**
 * Members of the `RateLimit` field: `limit=100, remaining=0, reset=50` up to draft 7 of
 * draft-ietf-httpapi-ratelimit-headers, `"default";r=0;t=30, "daily";r=5` from draft 8 on.
 */
function structuredLimits(
  text: string,
): { readonly left: number | null; readonly resetSeconds: number | null }[] {
  if (/^\s*(limit|remaining|reset)\s*=/iu.test(text)) {
    return [{ left: parameter(text, "remaining"), resetSeconds: parameter(text, "reset") }];
  }
  return text
    .split(",")
    .map((member) => ({ left: parameter(member, "r"), resetSeconds: parameter(member, "t") }));
}

function parameter(text: string, name: string): number | null {
  const found = new RegExp(`(?:^|[;,])\\s*${name}\\s*=\\s*(\\d{1,15})\\s*(?:$|[;,])`, "iu").exec(
    text,
  );
  return found?.[1] === undefined ? null : Number(found[1]);
}

function waitOf(text: string, sinceMs: number): number | null {
  const seconds = decimal(text);
  if (seconds !== null) return bounded(secondsToMs(seconds));
  const atMs = httpDateMs(text, sinceMs);
  return atMs === null ? null : bounded(atMs - sinceMs);
}

/** Seconds from now, a point in time (Unix seconds or milliseconds, RFC 3339), or `6m0s`. */
function resetOf(text: string, sinceMs: number): number | null {
  const number = decimal(text);
  if (number !== null) {
    if (number >= EPOCH_MS_MIN) return bounded(number - sinceMs);
    if (number >= EPOCH_SECONDS_MIN) return bounded(number * 1_000 - sinceMs);
    return bounded(secondsToMs(number));
  }
  const duration = goDurationMs(text);
  if (duration !== null) return bounded(duration);
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/u.test(text)) {
    return bounded(Date.parse(text) - sinceMs);
  }
  return null;
}

const GO_UNIT_MS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

/** A duration as Go prints it: `1h2m3.5s`, `6m0s`, `250ms`. */
function goDurationMs(text: string): number | null {
  if (!/^(?:\d+(?:\.\d+)?(?:h|ms|m|us|µs|ns|s))+$/u.test(text)) return null;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|us|µs|ns|s)/gu)) {
    totalMs += Number(amount) * (GO_UNIT_MS[unit ?? ""] ?? Number.NaN);
  }
  return totalMs;
}

const DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
const MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
const IMF_DATE = new RegExp(`^${DAY}, \\d\\d ${MONTH} \\d{4} \\d\\d:\\d\\d:\\d\\d GMT$`, "u");
const RFC850_DATE = new RegExp(
  `^[A-Z][a-z]{5,8}, (\\d\\d)-(${MONTH})-(\\d\\d) (\\d\\d:\\d\\d:\\d\\d) GMT$`,
  "u",
);
const ASCTIME_DATE = new RegExp(
  `^${DAY} (${MONTH}) ([ \\d]\\d) (\\d\\d:\\d\\d:\\d\\d) (\\d{4})$`,
  "u",
);

/** The three forms of RFC 9110 5.6.7. Anything else is null: `Date.parse` would read too much. */
function httpDateMs(text: string, nowMs: number): number | null {
  if (IMF_DATE.test(text)) return valid(Date.parse(text));
  const old = RFC850_DATE.exec(text);
  if (old !== null) {
    const century = Math.floor(new Date(nowMs).getUTCFullYear() / 100) * 100;
    const year = century + Number(old[3]);
    // "more than 50 years in the future" means the most recent past year with these digits
    const adjusted = year > new Date(nowMs).getUTCFullYear() + 50 ? year - 100 : year;
    return valid(
      Date.parse(`${old[1] ?? ""} ${old[2] ?? ""} ${String(adjusted)} ${old[4] ?? ""} GMT`),
    );
  }
  const asctime = ASCTIME_DATE.exec(text);
  if (asctime === null) return null;
  const [, month = "", day = "", time = "", year = ""] = asctime;
  return valid(Date.parse(`${day.trim()} ${month} ${year} ${time} GMT`));
}

function first(
  headers: HeaderFields,
  name: string,
  read: (text: string) => number | null,
): number | null {
  for (const text of values(headers, name)) {
    const value = read(text);
    if (value !== null) return value;
  }
  return null;
}

function values(headers: HeaderFields, name: string): string[] {
  const value = headers[name];
  if (value === undefined) return [];
  return (typeof value === "string" ? [value] : [...value]).map((text) => text.trim());
}

function decimal(text: string): number | null {
  return /^\d{1,15}(\.\d{1,9})?$/u.test(text) ? Number(text) : null;
}

function secondsToMs(seconds: number | null): number | null {
  return seconds === null ? null : seconds * 1_000;
}

function valid(ms: number): number | null {
  return Number.isNaN(ms) ? null : ms;
}

function bounded(ms: number | null): number | null {
  return ms === null || !(ms >= 0 && ms <= WAIT_MAX_MS) ? null : Math.ceil(ms);
}
