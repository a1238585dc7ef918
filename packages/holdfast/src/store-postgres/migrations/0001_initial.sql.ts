/**
 * Migration 1: the first schema. Never edited after release; a change is a new migration.
 *
 * Written for any database that speaks PostgreSQL's protocol: no sequence, trigger, stored function,
 * notification or advisory lock. Every key has `shard`, one of 256, which a run gets from the hash of
 * its key and keeps; rows that belong to no run are in shard 0. It leads the keys, but of rows of a
 * run it ends them: what runs at work write then falls on a few pages of an index, and the key also
 * serves questions by the number of a run (decision 0022). Secondary indexes serve questions over all
 * shards and lead with what is asked for. An index entry must fit a third of a
 * page, so texts that others choose are indexed by their first 200 characters; queries repeat that.
 *
 * Times are integer milliseconds in UTC. `run.state` and `journal.kind` are numbers, the positions
 * in RUN_STATES and RECORD_KINDS; other closed lists are words. Both are checked against the lists
 * of core by a test. Truth values are 0 and 1.
 */
import { DELIVERIES } from "./0001_deliveries.sql.ts";
import { EXCEPTIONS } from "./0001_exceptions.sql.ts";
import { LIST_INDEXES } from "./0001_list-indexes.sql.ts";

export const sql = `
-- One row: who this store is. "digest" covers the other columns.
create table meta (
  one smallint primary key check (one = 1),
  store_id text not null,
  key_id text not null,
  created_at_ms bigint not null,
  digest bytea not null check (length(digest) = 16)
);

-- The fence: one row per opening of the store by an engine. Every flush locks its engine's row in
-- share mode and requires it to be alive; whoever ends that engine sets it to dead first, which
-- waits for a flush under way. Whoever changes the owner of a shard locks its old owner's row first.
-- "epoch" grows with every opening: it is the order of the chains, and of the workers' age. "slot"
-- leads the numbers of its runs, and is nobody else's while it lives. "shared": others may live too.
create table worker (
  incarnation bigint primary key,
  alive smallint not null check (alive in (0, 1)),
  epoch bigint not null unique,
  slot smallint not null check (slot between 0 and 255), shared smallint not null check (shared in (0, 1)),
  lease_ms integer not null check (lease_ms > 0),
  opened_at_ms bigint not null
);

-- Apart from the fence, so that a beat never waits for a flush. By the clock of the database.
create table heartbeat (
  incarnation bigint primary key,
  beat_at_ms bigint not null
);

-- Who owns each of the 256 shards. "epoch" grows with every change of its owner; who writes to a
-- shard names the epoch since which it has it.
create table shard (
  id smallint primary key check (id between 0 and 255),
  owner bigint,
  epoch bigint not null
);
insert into shard (id, owner, epoch) select id, null, 0 from generate_series(0, 255) as t (id);

-- The truth. Rows are only ever appended, until their run leaves for an archive. The store's own journal, which the port calls run 0, is
-- one per incarnation: its run is the negative number of the incarnation. "digest" covers the
-- columns from run to data and pos, keyed with the store's key. The primary key serves load and page
-- (a run's records in order) and refuses a record that is written twice.
create table journal (
  shard smallint not null,
  run bigint not null,
  seq integer not null,
  kind smallint not null check (kind between 0 and 49),
  attempt integer not null,
  name text not null,
  at_ms bigint not null,
  head text,
  data text,
  incarnation bigint not null,
  pos bigint not null,
  digest bytea not null,
  primary key (run, seq, shard)
);

-- One row per flush: the chain of seals, and the proof that a flush was done when its answer was
-- lost. "closed" marks the end of an engine that closed its store.
create table flush (
  incarnation bigint not null,
  number integer not null check (number >= 1),
  first_pos bigint not null,
  last_pos bigint not null,
  records integer not null check (records = last_pos - first_pos + 1),
  taken integer not null check (taken >= 0),
  at_ms bigint not null,
  closed smallint not null check (closed in (0, 1)),
  seal bytea not null check (length(seal) = 32),
  primary key (incarnation, number)
);

-- One row per chain of flushes. The columns of the end are set together, by the record of the
-- engine that found it.
create table incarnation (
  shard smallint not null,
  incarnation bigint not null,
  closed_by bigint,
  closed_flush integer,
  closed_seal text,
  clean smallint check (clean in (0, 1)),
  primary key (shard, incarnation),
  check ((closed_by is null) = (closed_flush is null)
     and (closed_by is null) = (closed_seal is null)
     and (closed_by is null) = (clean is null))
);
-- Serves the chains that the next engine has to close.
create index incarnation_open on incarnation (incarnation) where closed_by is null;

-- The primary key serves a run by its number alone, its shard, lists of runs, and the highest number.
create table run (
  shard smallint not null,
  run bigint not null,
  namespace text not null,
  workflow text not null,
  key text not null,
  generation integer not null,
  version text not null,
  owner text not null,
  lane text,
  correlation_id text not null,
  started_by text not null,
  state smallint not null check (state between 0 and 11),
  reason text not null,
  wake_at_ms bigint,
  dependency text,
  parent_run bigint,
  parent_step text,
  started_at_ms bigint not null,
  updated_at_ms bigint not null,
  ended_at_ms bigint,
  deadline_at_ms bigint,
  compensated text not null check (compensated in ('no', 'partially', 'fully')),
  amount text,
  currency text,
  keys text,
  -- Of the code that went on with it last; "version" is that of the code it began with.
  code_version text not null,
  primary key (run, shard),
  -- States 9 to 11 are final: a run has ended if and only if its state says so.
  check ((state >= 9) = (ended_at_ms is not null)),
  check (ended_at_ms is null or wake_at_ms is null),
  check ((parent_run is null) = (parent_step is null))
) with (fillfactor = 80);
-- Serves page (recovery) and lists of runs by state: one range per state, in order of run.
create index run_state on run (state, run);
-- Serves due: sleeping runs, soonest first.
create index run_due on run (wake_at_ms, run) where wake_at_ms is not null;
-- Serves parked: runs that wait for one integration.
create index run_parked on run (dependency, run) where dependency is not null;
-- Serves lane: the runs of one lane that have not ended. The query repeats the condition.
create index run_lane on run (namespace, left(lane, 200), run) where lane is not null and ended_at_ms is null;
-- Serves openLanes, read once at start in pages by run.
create index run_laned on run (run) where lane is not null and ended_at_ms is null;
-- Serves runsByKey, and lists of runs by key.
create index run_business_key on run (left(key, 200), run);

-- Guards that a run is unique by (namespace, workflow, key): its shard is of that key alone, also
-- where the run's own shard is that of its lane. Stays when its run leaves for an archive:
-- "until_ms" is set if it may be forgotten then. Serves find.
create table run_key (
  shard smallint not null,
  key_hash bytea not null,
  run bigint not null,
  run_shard smallint not null,
  generation integer not null,
  input_digest bytea not null,
  until_ms bigint,
  primary key (shard, key_hash)
);

-- One row per operation of an effect. What never changes after its first intent (step, integration,
-- contract, keys, digest) is in that record of the journal: (run, seq = operation, shard).
create table effect (
  shard smallint not null,
  run bigint not null,
  operation integer not null,
  effect text not null,
  integration text not null,
  proof text not null check (proof in ('never', 'maybe', 'partial', 'surely')),
  ended smallint not null check (ended in (0, 1)),
  attempts integer not null check (attempts >= 1),
  last_sent_at_ms bigint not null,
  ended_at_ms bigint,
  ref text,
  settled_by text,
  primary key (run, operation, shard),
  check ((ended = 1) = (ended_at_ms is not null))
) with (fillfactor = 80);
-- Serves the list of operations whose end is not known. The query repeats the condition.
create index effect_open on effect (run, operation) where ended = 0;
-- Serves endedByRef: operations that were accepted under a reference. Most have none.
create index effect_ref on effect (left(ref, 200)) where ref is not null;

${EXCEPTIONS}-- The primary key serves lists of all reviews by run.
create table review (
  shard smallint not null,
  run bigint not null,
  seq integer not null,
  step text not null,
  review text not null,
  answer_by text not null,
  not_by text,
  state text not null check (state in ('open', 'answered', 'withdrawn')),
  asked_at_ms bigint not null,
  due_at_ms bigint,
  escalated_to text,
  answered_by text,
  answered_at_ms bigint,
  digest text not null,
  amount text,
  currency text,
  primary key (run, seq, shard),
  check ((state = 'answered') = (answered_by is not null)
     and (answered_by is null) = (answered_at_ms is null))
);
-- Serves the queue of open reviews. The query repeats the condition.
create index review_open on review (run, seq) where state = 'open';

-- Counted by each writer in a shard of its own, and added up when read. In order of bytes, so that
-- a prefix is a range.
create table counter (
  shard smallint not null,
  name text collate "C" not null,
  value bigint not null,
  primary key (shard, name)
);

-- The newest opinion of any worker: by the time of its record, then by its incarnation.
create table dependency (
  shard smallint not null,
  integration text collate "C" not null,
  state text not null check (state in ('closed', 'open', 'parked', 'probing')),
  reason text not null,
  class text check (class in ('transient', 'throttled', 'contention', 'unavailable', 'permanent',
    'misconfigured', 'defect', 'exhausted', 'data', 'policy', 'expired', 'ambiguous', 'poison',
    'cancelled', 'interrupted')),
  since_ms bigint not null,
  probe_at_ms bigint,
  -- The outage that is, or the last one: its start, end, runs that waited then, and when none did any more.
  incident_at_ms bigint,
  incident_ended_at_ms bigint,
  incident_parked bigint,
  incident_drained_at_ms bigint,
  -- Of a store with one engine: what is left of the retry budget; null: it is full.
  retry_tokens bigint check (retry_tokens between 0 and 100),
  -- A person does not want it called until then.
  by_hand bigint not null check (by_hand in (0, 1)),
  said_at_ms bigint not null,
  said_by bigint not null,
  primary key (shard, integration),
  check (incident_at_ms is not null or
    coalesce(incident_ended_at_ms, incident_parked, incident_drained_at_ms) is null),
  check (incident_drained_at_ms is null or incident_ended_at_ms is not null)
);

-- What definitions have declared of their payloads: one row for each list of pointers that one ever
-- had, because what was sensitive once stays masked. Both lists are JSON; "list" is the hash of the
-- first, which may be too long for a key.
create table declaration (
  shard smallint not null,
  definition text not null
    check (definition in ('workflow', 'effect', 'review', 'event', 'step', 'payloads', 'version',
      'integration')),
  name text collate "C" not null,
  list bytea not null,
  sensitive text not null,
  decision text,
  at_ms bigint not null,
  primary key (shard, definition, name, list)
);

${DELIVERIES}
create table recovery_group (
  shard smallint not null,
  number integer not null,
  runs text not null,
  crashes integer not null check (crashes >= 0),
  primary key (shard, number)
);

-- Commands from other processes, in the shard of their id, stamped in microseconds by the clock of
-- the database. "target" is the shard whose owner takes it. "digest" covers what was posted; once
-- taken, the row's new digest is part of the seal of the flush (incarnation, number) that took it.
create table inbox (
  shard smallint not null,
  id text not null,
  target smallint not null check (target between 0 and 255),
  topic text not null
    check (topic in (
      'start', 'send', 'answer', 'settle', 'resume', 'cancel', 'complete', 'close', 'handle',
      'group', 'route', 'rule', 'archive', 'handUp', 'park', 'unpark', 'repair', 'decide',
      'skipHead', 'returned', 'deliver',
      'offer', 'outcome', 'asked', 'beside', 'receive')),
  at_ms bigint not null,
  sent_by text not null,
  data text not null,
  posted_at_us bigint not null,
  taken_by bigint,
  taken_in integer,
  answer text,
  digest bytea not null check (length(digest) = 16),
  primary key (shard, id),
  check ((taken_by is null) = (answer is null) and (taken_by is null) = (taken_in is null))
);
-- Serves inbox and changed: what is not yet taken, in order of arrival.
create index inbox_open on inbox (posted_at_us, id) where taken_by is null;
-- Serves the check of a flush's seal.
create index inbox_taken on inbox (taken_by, taken_in) where taken_by is not null;
${LIST_INDEXES}`;
