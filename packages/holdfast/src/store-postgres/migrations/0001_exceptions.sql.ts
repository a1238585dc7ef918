/**
 * Part of migration 1: exceptions, their groups, what operators have decided about these, and the rules by
 * which exceptions go to owners. `record`, `handling`, `overlay` and `rules` are JSON.
 */
export const EXCEPTIONS = `
-- The primary key serves lists of all exceptions by run.
create table exception (
  shard smallint not null,
  run bigint not null,
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
  opened_at_ms bigint not null,
  due_at_ms bigint not null,
  closed_at_ms bigint,
  resolution text check (resolution in ('settled', 'resumed', 'rejected', 'cancelled',
    'late-answer', 'superseded', 'dealt-with', 'repaired')),
  closed_by text,
  amount text,
  currency text,
  record text not null,
  handling text not null,
  next_at_ms bigint,
  cause_group text not null,
  code_group text not null,
  data_group text,
  primary key (run, seq, shard),
  check ((closed_at_ms is null) = (resolution is null)
     and (closed_at_ms is null) = (closed_by is null)),
  check (closed_at_ms is null or next_at_ms is null)
);
-- Serves the queue of open exceptions. The query repeats the condition.
create index exception_open on exception (run, seq) where closed_at_ms is null;
-- Serves besideExceptions: the exception beside a run about one thing.
create index exception_beside on exception (run, left(subject, 200)) where subject is not null;
-- Serves the count of besideExceptions. The query repeats the condition.
create index exception_beside_open on exception (run) where subject is not null and closed_at_ms is null;

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

-- Counted in the shard of the run that it is about, and added up when read: flushes of several
-- writers do not wait for each other.
create table issue (
  shard smallint not null,
  fingerprint text not null,
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
  first_seen_at_ms bigint not null,
  last_seen_at_ms bigint not null,
  open_count bigint not null,
  total_count bigint not null check (total_count >= 0),
  primary key (shard, fingerprint)
);

-- What operators have decided about a group, as JSON; the newest revision.
create table issue_overlay (
  shard smallint not null,
  fingerprint text not null,
  revision integer not null check (revision >= 1),
  overlay text not null,
  primary key (shard, fingerprint)
);

-- Every version of the routing rules, as JSON.
create table routing (
  shard smallint not null,
  version integer not null check (version >= 1),
  rules text not null,
  set_by text not null,
  reason text not null,
  at_ms bigint not null,
  primary key (shard, version)
);

-- Versions of classification rules as they stand, as JSON.
create table classification_rule (
  shard smallint not null,
  id text not null,
  version integer not null check (version >= 1),
  state text not null check (state in ('draft', 'shadow', 'active', 'retired')),
  change integer not null check (change >= 1),
  rule text not null,
  primary key (shard, id, version)
);
-- Serves the engines, which ask for what has changed.
create index classification_rule_change on classification_rule (change);

`;
