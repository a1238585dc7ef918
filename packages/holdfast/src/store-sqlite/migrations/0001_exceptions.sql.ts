/**
 * Part of migration 1: exceptions, their groups, what operators have decided about these, and the rules by
 * which exceptions go to owners. `record`, `handling`, `overlay` and `rules` are JSON.
 */
export const EXCEPTIONS = `
create table exception (
  id integer primary key,
  run integer not null,
  seq integer not null,
  workflow text not null,
  step text not null,
  effect_name text,
  integration text,
  operation integer,
  class text not null check (class in ('transient', 'throttled', 'contention', 'unavailable',
    'permanent', 'misconfigured', 'defect', 'exhausted', 'data', 'policy', 'expired', 'ambiguous',
    'poison', 'cancelled', 'interrupted')),
  family text not null
    check (family in ('transient', 'permanent', 'data', 'policy', 'ambiguous')),
  effect text not null check (effect in ('never', 'maybe', 'partial', 'surely')),
  reason_code text not null,
  rule text not null,
  message text not null,
  because text not null,
  owner text not null check (owner <> ''),
  fingerprint text not null,
  subject text,
  opened_at_ms integer not null,
  due_at_ms integer not null,
  closed_at_ms integer,
  resolution text check (resolution in ('settled', 'resumed', 'rejected', 'cancelled',
    'late-answer', 'superseded', 'dealt-with', 'repaired')),
  closed_by text,
  amount text,
  currency text,
  record text not null,
  handling text not null,
  next_at_ms integer,
  cause_group text not null,
  code_group text not null,
  data_group text,
  check ((closed_at_ms is null) = (resolution is null)
     and (closed_at_ms is null) = (closed_by is null)),
  check (closed_at_ms is null or next_at_ms is null)
) strict;
-- Serves closing one, and lists of all exceptions by run.
create unique index exception_run on exception (run, seq);
-- Serves the queue of open exceptions. The query repeats the condition, as it does for the next seven.
create index exception_open on exception (run, seq) where closed_at_ms is null;
-- Serves the queue by owner.
create index exception_open_owner on exception (owner, run, seq)
  where closed_at_ms is null;
-- Serves lists of all exceptions by owner, with the one before.
create index exception_closed_owner on exception (owner, run, seq)
  where closed_at_ms is not null;
-- Serves the queue by workflow.
create index exception_open_workflow on exception (workflow, run, seq)
  where closed_at_ms is null;
-- Serves lists of all exceptions by workflow, with the one before.
create index exception_closed_workflow on exception (workflow, run, seq)
  where closed_at_ms is not null;
-- Serves the queue by class.
create index exception_open_class on exception (class, run, seq)
  where closed_at_ms is null;
-- Serves lists of all exceptions by class, with the one before.
create index exception_closed_class on exception (class, run, seq)
  where closed_at_ms is not null;
-- Serves the queue by who has it.
create index exception_open_assignee on exception (handling ->> '$.assignee', run, seq)
  where closed_at_ms is null;
-- Serves lists of what is left of undoings, and of runs that have such. The query repeats the condition.
create index exception_undoing on exception (run, seq)
  where (reason_code = 'HF3004' or substr(step, 1, 5) = 'undo/');
-- Serves besideExceptions. Unique: one exception beside a run for each thing that it is about.
create unique index exception_beside on exception (run, subject) where subject is not null;
-- Serves the count of besideExceptions. The query repeats the condition.
create index exception_beside_open on exception (run)
  where subject is not null and closed_at_ms is null;

-- Serves exceptionsDue: those whose next time passes soonest.
create index exception_next on exception (next_at_ms, run, seq) where next_at_ms is not null;
-- Serves occurrences by place, the newest first; with the next three, by each level.
create index exception_place on exception (fingerprint, opened_at_ms);
-- Serves occurrences by cause.
create index exception_cause on exception (cause_group, opened_at_ms);
-- Serves occurrences by code.
create index exception_code on exception (code_group, opened_at_ms);
-- Serves occurrences by data pattern; most are about no field.
create index exception_data on exception (data_group, opened_at_ms) where data_group is not null;

create table issue (
  fingerprint text primary key,
  level text not null check (level in ('cause', 'place', 'code', 'data')),
  title text not null,
  class text not null check (class in ('transient', 'throttled', 'contention', 'unavailable',
    'permanent', 'misconfigured', 'defect', 'exhausted', 'data', 'policy', 'expired', 'ambiguous',
    'poison', 'cancelled', 'interrupted')),
  family text not null
    check (family in ('transient', 'permanent', 'data', 'policy', 'ambiguous')),
  workflow text not null,
  step text not null,
  owner text not null,
  first_seen_at_ms integer not null,
  last_seen_at_ms integer not null,
  open_count integer not null check (open_count >= 0),
  total_count integer not null check (total_count >= open_count)
) strict, without rowid;
-- Serves the list of issues of a level, latest first.
create index issue_last_seen on issue (level, last_seen_at_ms);

-- What operators have decided about a group, as JSON; the newest revision.
create table issue_overlay (
  fingerprint text primary key,
  overlay text not null
) strict, without rowid;

-- Every version of the routing rules, as JSON.
create table routing (
  version integer primary key check (version >= 1),
  rules text not null,
  set_by text not null,
  reason text not null,
  at_ms integer not null
) strict;

-- Versions of classification rules as they stand, as JSON.
create table classification_rule (
  id text not null,
  version integer not null check (version >= 1),
  state text not null check (state in ('draft', 'shadow', 'active', 'retired')),
  change integer not null check (change >= 1),
  rule text not null,
  primary key (id, version)
) strict, without rowid;
-- Serves the engines, which ask for what has changed.
create unique index classification_rule_change on classification_rule (change);

`;
