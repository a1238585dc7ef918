/**
 * Migration 1: the first schema. Never edited after release; a change is a new migration.
 *
 * The SQL is text in a module, and not a .sql file, because what is published is compiled by `tsc`
 * alone, which copies nothing: so the same import finds it from source and from dist.
 *
 * Times are integer milliseconds in UTC. `run.state` and `journal.kind` are numbers, the positions
 * in RUN_STATES and RECORD_KINDS; other closed lists are words. Both are checked against the lists
 * of core by a test.
 */
import { DELIVERIES } from "./0001_deliveries.sql.ts";
import { EXCEPTIONS } from "./0001_exceptions.sql.ts";

export const sql = `
-- One row: who this store is. \`digest\` covers the other columns.
create table meta (
  one integer primary key check (one = 1),
  store_id text not null,
  key_id text not null,
  created_at_ms integer not null,
  digest blob not null check (length(digest) = 16)
) strict;

-- The truth. Rows are only ever appended, so that a page is filled once and written once.
-- \`digest\` covers the other columns, keyed with the store's key. No CHECK here may call a
-- function: it would make SQLite copy every page that an insert of several rows touches (measured:
-- a fifth of its time), so that it could undo that one statement.
create table journal (
  pos integer primary key,
  run integer not null,
  seq integer not null,
  kind integer not null check (kind between 0 and 49),
  attempt integer not null,
  name text not null,
  at_ms integer not null,
  head text,
  data text,
  digest blob not null
) strict;
-- Serves load and page (a run's records in order), records, and the last seq of the store's own
-- journal (run 0). Unique: a record that is written twice is refused.
create unique index journal_run on journal (run, seq);
-- Serves callsOf: nobody leaves for whom somebody waits. 14 is the kind "called".
create index journal_called on journal
  ((case when json_valid(head) then head ->> '$.child' end), run) where kind = 14;

-- One row per flush: the chain of seals. \`closed\` marks the end of an engine that closed its store.
-- Only one engine writes at a time, so a chain's flushes follow each other: flush n of an
-- incarnation has the id (first_flush + n - 1), and no index is needed to find it.
create table flush (
  id integer primary key,
  incarnation integer not null,
  number integer not null check (number >= 1),
  first_pos integer not null,
  last_pos integer not null,
  records integer not null check (records = last_pos - first_pos + 1),
  taken integer not null check (taken >= 0),
  at_ms integer not null,
  closed integer not null check (closed in (0, 1)),
  seal blob not null check (length(seal) = 32)
) strict;

-- One row per chain of flushes. The columns of the end are set together, by the record of the
-- engine that found it.
create table incarnation (
  incarnation integer primary key,
  first_flush integer not null,
  closed_by integer,
  closed_flush integer,
  closed_seal text,
  clean integer check (clean in (0, 1)),
  check ((closed_by is null) = (closed_flush is null)
     and (closed_by is null) = (closed_seal is null)
     and (closed_by is null) = (clean is null))
) strict;
-- Serves the chains that the next engine has to close.
create index incarnation_open on incarnation (incarnation) where closed_by is null;

create table run (
  run integer primary key,
  namespace text not null,
  workflow text not null,
  key text not null,
  generation integer not null,
  version text not null,
  owner text not null,
  lane text,
  correlation_id text not null,
  started_by text not null,
  state integer not null check (state between 0 and 11),
  reason text not null,
  wake_at_ms integer,
  dependency text,
  parent_run integer,
  parent_step text,
  started_at_ms integer not null,
  updated_at_ms integer not null,
  ended_at_ms integer,
  deadline_at_ms integer,
  compensated text not null check (compensated in ('no', 'partially', 'fully')),
  amount text,
  currency text,
  keys text,
  -- Of the code that went on with it last; "version" is that of the code it began with.
  code_version text not null,
  input_digest blob not null,
  -- States 9 to 11 are final: a run has ended if and only if its state says so.
  check ((state >= 9) = (ended_at_ms is not null)),
  check (ended_at_ms is null or wake_at_ms is null),
  check ((parent_run is null) = (parent_step is null))
) strict;
-- Serves page (recovery) and lists of runs by state: one range per state, in order of run.
create index run_state on run (state, run);
-- Serves lists of runs that were undone. The query repeats the condition.
create index run_undone on run (run) where compensated <> 'no';
-- Serves due: sleeping runs, soonest first.
create index run_due on run (wake_at_ms, run) where wake_at_ms is not null;
-- Serves parked: runs that wait for one integration.
create index run_parked on run (dependency, run) where dependency is not null;
-- Serves lane: the runs of one lane that have not ended. The query repeats the condition.
create index run_lane on run (namespace, lane, run) where lane is not null and ended_at_ms is null;
-- Serves openLanes, read once at start in pages by run.
create index run_laned on run (run) where lane is not null and ended_at_ms is null;
-- Serves find and runsByKey; guards that a run is the only one of its key and generation. By the
-- key itself and not by its hash: keys that come one after the other are neighbours here, where
-- hashes touch a page each (measured: a quarter of all pages written).
create unique index run_key on run (key, workflow, namespace, generation);
-- Serves lists of runs by owner. None of these three ever changes: it costs an insert and no more.
create index run_owner on run (owner, run);
-- Serves lists of runs by workflow.
create index run_workflow on run (workflow, run);
-- Serves lists of runs by a namespace that is not the usual one, which most stores hold alone.
create index run_namespace on run (namespace, run) where namespace <> 'main';
-- Serves childrenOf: whoever leaves takes its family along.
create index run_parent on run (parent_run, run) where parent_run is not null;

-- One row per run that has left for an archive: what proves that nothing else has gone, and what
-- guards its key. \`seq\` is the record of the store's own journal that let it go.
create table archived_run (
  run integer primary key,
  seq integer not null,
  records integer not null check (records >= 1),
  digest blob not null check (length(digest) = 16),
  key_hash blob,
  generation integer,
  input_digest blob,
  key_until_ms integer,
  -- A key is guarded or forgotten as a whole.
  check ((key_hash is null) = (generation is null) and (key_hash is null) = (input_digest is null)),
  check (key_until_ms is null or key_hash is not null)
) strict;
-- Serves find where the run itself is gone.
create index archived_run_key on archived_run (key_hash, generation) where key_hash is not null;
-- Serves the choice of keys that are forgotten.
create index archived_run_until on archived_run (key_until_ms, run)
  where key_until_ms is not null;

-- Digests of the records of runs that have left, so that the seals of their flushes still hold.
create table removed_record (
  pos integer primary key,
  run integer not null,
  digest blob not null check (length(digest) = 16)
) strict;

-- Archives that were read into this store. A store with a row here is for looking: no engine opens it.
create table imported_archive (
  archive text primary key,
  sha256 text not null,
  runs integer not null,
  records integer not null,
  at_ms integer not null,
  done integer not null check (done in (0, 1))
) strict, without rowid;

-- One row per operation of an effect. What never changes after its first intent (step, integration,
-- contract, keys, digest) is in that record of the journal, whose position is this row's key: so a
-- row is small, and no further index is needed to find it from (run, operation). The run is here for
-- the order of lists; within a run, that of the positions is that of the operations.
create table effect (
  pos integer primary key,
  run integer not null,
  effect text not null,
  proof text not null check (proof in ('never', 'maybe', 'partial', 'surely')),
  ended integer not null check (ended in (0, 1)),
  attempts integer not null check (attempts >= 1),
  last_sent_at_ms integer not null,
  ended_at_ms integer,
  ref text,
  settled_by text,
  check ((ended = 1) = (ended_at_ms is not null))
) strict;
-- Serves the list of operations whose end is not known. The query repeats the condition.
create index effect_open on effect (run) where ended = 0;
-- Serves lists of operations that have ended with another proof than most do. The query repeats the
-- condition.
create index effect_otherwise on effect (proof, run) where ended = 1 and proof <> 'surely';
-- Serves endedByRef: operations that were accepted under a reference. Most have none.
create index effect_ref on effect (ref) where ref is not null;

${EXCEPTIONS}create table review (
  id integer primary key,
  run integer not null,
  seq integer not null,
  step text not null,
  review text not null,
  answer_by text not null,
  not_by text,
  state text not null check (state in ('open', 'answered', 'withdrawn')),
  asked_at_ms integer not null,
  due_at_ms integer,
  escalated_to text,
  answered_by text,
  answered_at_ms integer,
  digest text not null,
  amount text,
  currency text,
  check ((state = 'answered') = (answered_by is not null)
     and (answered_by is null) = (answered_at_ms is null))
) strict;
-- Serves answering one, and lists of all reviews by run.
create unique index review_run on review (run, seq);
-- Serves the queue of open reviews, and their withdrawal. The query repeats the condition.
create index review_open on review (run, seq) where state = 'open';
-- Serves the queue of open reviews by who may answer. The query repeats the condition.
create index review_open_by on review (answer_by, run, seq) where state = 'open';
-- Serves lists of all reviews by who may answer, with the one before.
create index review_over_by on review (answer_by, run, seq) where state <> 'open';

create table counter (
  name text primary key,
  value integer not null
) strict, without rowid;

create table dependency (
  integration text primary key,
  state text not null check (state in ('closed', 'open', 'parked', 'probing')),
  reason text not null,
  class text check (class in ('transient', 'throttled', 'contention', 'unavailable', 'permanent',
    'misconfigured', 'defect', 'exhausted', 'data', 'policy', 'expired', 'ambiguous', 'poison',
    'cancelled', 'interrupted')),
  since_ms integer not null,
  probe_at_ms integer,
  -- The outage that is, or the last one: its start, end, runs that waited then, and when none did any more.
  incident_at_ms integer,
  incident_ended_at_ms integer,
  incident_parked integer,
  incident_drained_at_ms integer,
  -- Of a store with one engine: what is left of the retry budget; null: it is full.
  retry_tokens integer check (retry_tokens between 0 and 100),
  -- A person does not want it called until then.
  by_hand integer not null check (by_hand in (0, 1)),
  check (incident_at_ms is not null or
    coalesce(incident_ended_at_ms, incident_parked, incident_drained_at_ms) is null),
  check (incident_drained_at_ms is null or incident_ended_at_ms is not null)
) strict, without rowid;

-- What definitions have declared of their payloads: one row for each list of pointers that one ever
-- had, because what was sensitive once stays masked. Both lists are JSON.
create table declaration (
  definition text not null
    check (definition in ('workflow', 'effect', 'review', 'event', 'step', 'payloads', 'version',
      'integration')),
  name text not null,
  sensitive text not null,
  decision text,
  at_ms integer not null,
  primary key (definition, name, sensitive)
) strict, without rowid;

${DELIVERIES}
create table recovery_group (
  number integer primary key,
  runs text not null,
  crashes integer not null check (crashes >= 0)
) strict;

-- Commands from other processes. \`digest\` covers the other columns; once taken, the row's new
-- digest is part of the seal of the flush that took it.
create table inbox (
  pos integer primary key,
  id text not null,
  topic text not null
    check (topic in (
      'start', 'send', 'answer', 'settle', 'resume', 'cancel', 'complete', 'close', 'handle',
      'group', 'route', 'rule', 'archive', 'handUp', 'park', 'unpark', 'repair', 'decide',
      'skipHead', 'returned', 'deliver',
      'offer', 'outcome', 'asked', 'beside', 'receive')),
  at_ms integer not null,
  sent_by text not null,
  data text not null,
  taken_by integer,
  answer text,
  digest blob not null check (length(digest) = 16),
  check ((taken_by is null) = (answer is null))
) strict;
-- Serves post (the same id twice is one command), answer, and taking.
create unique index inbox_id on inbox (id);
-- Serves inbox: what is not yet taken, in order of arrival.
create index inbox_open on inbox (pos) where taken_by is null;
-- Serves the check of a flush's seal.
create index inbox_taken on inbox (taken_by) where taken_by is not null;
`;
