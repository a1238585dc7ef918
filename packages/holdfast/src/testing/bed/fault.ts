/** What may go wrong with one call of an effect, as test code asks for it. */
import { HoldfastError } from "../../core/error.ts";
import { checkOptions } from "../../workflow/known-options.ts";
import { durationMs, type Duration } from "../../core/duration.ts";

export type Fault =
  | { readonly kind: "refused" }
  | { readonly kind: "lostAnswer"; readonly happened: boolean }
  | { readonly kind: "late"; readonly afterMs: number }
  | { readonly kind: "slow"; readonly takesMs: number }
  | { readonly kind: "silent"; readonly happened: boolean }
  | {
      readonly kind: "status";
      readonly status: number;
      readonly body: unknown;
      readonly headers: Readonly<Record<string, string>>;
      readonly happened: boolean;
    }
  | { readonly kind: "malformed"; readonly body: unknown };

/** Faults for `bed.on(effect).fail(...)`. Each is what the other system does, and what we see of it. */
export const fault = {
  /** The request never arrived: nobody listens. */
  refused: (): Fault => ({ kind: "refused" }),
  /** The connection is cut after the request has left. Whether it was done, the caller cannot know. */
  lostAnswer: (over: { readonly happened: boolean }): Fault => ({
    kind: "lostAnswer",
    happened: happenedOf("lostAnswer", over),
  }),
  /** The connection is cut, and the request is done that much later, when the caller has given up. */
  late: (after: Duration): Fault => ({ kind: "late", afterMs: durationMs(after, "fault.late") }),
  /** It is done after that long; the caller may have given up by then. */
  slow: (takes: Duration): Fault => ({ kind: "slow", takesMs: durationMs(takes, "fault.slow") }),
  /** No answer at all: the call ends at its timeout. */
  silent: (over: { readonly happened: boolean }): Fault => ({
    kind: "silent",
    happened: happenedOf("silent", over),
  }),
  /**
   * An answer with this HTTP status, classified as the HTTP connector does.
   *
   * @param options - `body`: as JSON; `happened`: whether it was done all the same, default false.
   */
  status: (
    status: number,
    options: { readonly body?: unknown; readonly happened?: boolean } = {},
  ): Fault => ({
    kind: "status",
    status,
    body: options.body ?? null,
    headers: {},
    happened: options.happened ?? false,
  }),
  /** 429 with Retry-After. */
  rateLimited: (after: Duration): Fault => ({
    kind: "status",
    status: 429,
    body: null,
    headers: { "retry-after": String(Math.ceil(durationMs(after, "fault.rateLimited") / 1000)) },
    happened: false,
  }),
  /** It was done, and this is answered in the place of what was agreed. */
  malformed: (body: unknown): Fault => ({ kind: "malformed", body }),
} as const;

/** Whether it was done all the same: what a test is about, so there is no default. */
function happenedOf(name: string, over: unknown): boolean {
  checkOptions(`fault.${name}`, over, { happened: "truth value" });
  // An object, as was just seen.
  const { happened } = over as { readonly happened?: boolean };
  if (happened !== undefined) return happened;
  throw new HoldfastError(
    "HF1001",
    `fault.${name} needs "happened": expected true or false.`,
    `Write fault.${name}({ happened: true }): it was done over there, and the answer was lost.`,
  );
}
