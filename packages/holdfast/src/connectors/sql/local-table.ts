/** The table in the user's database, and what its rows mean: the same on every database. */
import { HoldfastError } from "../../core/error.ts";
import { CallFailed } from "../../workflow/attempt.ts";
import type { LocalOperation, LocalSeen } from "../../workflow/local-database.ts";

/**
 * `open` is seen by nobody but the transaction that wrote it, unless its work has ended that
 * transaction behind our back. `fenced`: no attempt up to this one may do it any more.
 */
export const SCHEMA_SQL = `create table if not exists holdfast_local_tx (
  key text primary key,
  store text not null,
  run text not null,
  step text not null,
  digest text not null,
  attempt integer not null,
  state text not null check (state in ('open', 'fenced', 'done')),
  result text,
  at_ms bigint not null,
  check ((state = 'done') = (result is not null))
);
-- app.prune: rows of one store, oldest first
create index if not exists holdfast_local_tx_age on holdfast_local_tx (store, at_ms, key);
`;

export interface LocalRow {
  readonly digest: string;
  readonly attempt: number;
  readonly state: string;
  readonly result: string | null;
}

/** What a row says that was there before. Undefined where it has gone in between. */
export function seenIn(row: LocalRow | undefined, { digest, step }: LocalOperation): LocalSeen {
  if (row === undefined) return conflict(`the row of "${step}" was removed while it was looked at`);
  if (row.digest !== digest)
    return conflict(`"${step}" was done under this key with another input`);
  if (row.state === "done" && row.result !== null) return { kind: "done", text: row.result };
  if (row.state === "fenced") return { kind: "fenced" };
  return conflict(`the transaction of "${step}" was committed by somebody else, in its middle`);
}

function conflict(why: string): LocalSeen {
  return { kind: "conflict", why };
}

/**
 * What an attempt says that found a row which is not its own and no result of it.
 *
 * @returns the JSON of the result, if that is what it found.
 */
export function adopted(seen: LocalSeen): string {
  switch (seen.kind) {
    case "done":
      return seen.text;
    case "fenced":
      throw new CallFailed({
        message: "a look-up has shut this attempt out: another worker has the run now",
        evidence: { phase: "created", callCount: 1 },
        table: {
          says: { class: "interrupted", effect: "never", reasonCode: "LOCAL_TX:FENCED" },
          rule: { source: "table", id: "local-tx/fenced", version: 1 },
        },
      });
    case "conflict":
      throw new CallFailed({
        message: seen.why,
        evidence: { phase: "sent", callCount: 1 },
        table: {
          says: { class: "ambiguous", effect: "maybe", reasonCode: "LOCAL_TX:CONFLICT" },
          rule: { source: "table", id: "local-tx/conflict", version: 1 },
        },
      });
  }
}

/** The database cannot do it as it is set up: everything for it waits until that is mended. */
function notReady(database: string, what: string, remedy: string, cause?: unknown) {
  const error = new HoldfastError("HF5022", `Database "${database}" ${what}.`, remedy);
  return new CallFailed({
    message: `${error.message} ${remedy}`,
    evidence: { phase: "created", callCount: 1 },
    table: {
      says: { class: "misconfigured", scope: "dependency", effect: "never", reasonCode: "HF5022" },
      rule: { source: "table", id: "local-tx/not-ready", version: 1 },
    },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** @param how - what else can be done about it. */
export function noTable(database: string, cause: unknown): CallFailed {
  return notReady(
    database,
    "has no table holdfast_local_tx of this version",
    "Call prepare() of the database once when you deploy, or run its schemaSql in a migration of yours.",
    cause,
  );
}

/** Its durability is less than the journal's: a record could outlive the write that it tells of. */
export function notDurable(database: string, setting: string, remedy: string): CallFailed {
  return notReady(
    database,
    `may lose what it has committed (${setting}), and the journal would say that it is there`,
    remedy,
  );
}

/** A statement of ours has not found the row that this transaction wrote. */
export function endedInside(database: string): CallFailed {
  return new CallFailed({
    message: `the transaction on "${database}" was ended inside its work, so what it did may be committed in part`,
    evidence: { phase: "sent", callCount: 1 },
    table: {
      says: { class: "defect", effect: "maybe", reasonCode: "HF1205" },
      rule: { source: "table", id: "local-tx/ended-inside", version: 1 },
    },
  });
}
