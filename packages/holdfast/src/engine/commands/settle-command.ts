/** What somebody says of an outcome, as it comes to the engine and as it goes to the step. */
import type { DecidedHead } from "../../core/repaired.ts";
import type { SaidParts } from "../../core/said-parts.ts";

export interface SettleCommand {
  readonly run: number;
  /** Sequence number of the operation's first intent. */
  readonly operation: number;
  readonly happened: boolean;
  /** Which parts of it happened; `happened` is false then. */
  readonly parts?: SaidParts;
  readonly value: unknown;
  readonly ref: string | null;
  readonly by: string;
  readonly reason: string;
  /** Attempts that the ledger showed to who says this; not given: those that it shows at the call. */
  readonly attempts?: number;
  /** Number of the exception that was seen; not given: whichever is open. */
  readonly exception?: number;
  /** Id of the command in the inbox. */
  readonly command?: string;
  /** A second person's word, where one was needed: on record in the same turn. */
  readonly decided?: DecidedHead;
  /** Where the run stood when that was proposed: what has moved since is not settled. */
  readonly version?: number;
}

/** @param attempts - that the ledger showed to who says it. */
export function settleAtStep(said: SettleCommand, attempts: number) {
  const {
    happened,
    value,
    ref,
    by,
    reason,
    parts = null,
    exception = null,
    command = null,
    decided = null,
    version = null,
  } = said;
  const what = { attempts, exception, happened, parts, value, ref };
  return { kind: "settle", ...what, by, reason, command, decided, version } as const;
}
