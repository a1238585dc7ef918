-- The schema of a store in a file, as SQLite keeps it, for people who query it.
-- A test compares it with the one that the migrations make, and writes it anew:
-- npx vitest run packages/holdfast/src/store-sqlite/migrations.test.ts -u
-- They say what each table is for: packages/holdfast/src/store-sqlite/migrations.

-- begin

CREATE TABLE accepted_event (
  namespace text not null,
  event text not null,
  id text not null,
  key text not null,
  digest text not null,
  until_ms integer not null,
  run integer,
  kept integer,
  primary key (namespace, event, id),
  check (run is not null or kept is not null)
) strict, without rowid;

CREATE TABLE archived_run (
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

CREATE TABLE awaiting (
  id integer primary key,
  event text not null,
  key text not null,
  run integer not null,
  seq integer not null,
  step text not null,
  due_at_ms integer
) strict;

CREATE TABLE carried_key (
  store text not null,
  key_hash blob not null,
  run integer not null,
  generation integer not null,
  input_digest blob not null,
  until_ms integer,
  cell text,
  primary key (store, key_hash),
  check ((cell is null) = (run <> 0))
) strict, without rowid;

CREATE TABLE cell_list (
  one integer primary key check (one = 1),
  generation integer not null check (generation >= 1),
  agreed integer not null check (agreed in (0, 1)),
  self text not null,
  list text not null,
  secrets text not null,
  changed_by text not null,
  at_ms integer not null
) strict;

CREATE TABLE classification_rule (
  id text not null,
  version integer not null check (version >= 1),
  state text not null check (state in ('draft', 'shadow', 'active', 'retired')),
  change integer not null check (change >= 1),
  rule text not null,
  primary key (id, version)
) strict, without rowid;

CREATE TABLE counter (
  name text primary key,
  value integer not null
) strict, without rowid;

CREATE TABLE declaration (
  definition text not null
    check (definition in ('workflow', 'effect', 'review', 'event', 'step', 'payloads', 'version',
      'integration')),
  name text not null,
  sensitive text not null,
  decision text,
  at_ms integer not null,
  primary key (definition, name, sensitive)
) strict, without rowid;

CREATE TABLE dependency (
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

CREATE TABLE early_answer (
  seq integer primary key,
  integration text not null,
  ref text not null,
  state text not null check (state = 'kept'),
  owner text not null check (owner <> ''),
  at_ms integer not null,
  due_at_ms integer not null,
  data text
) strict;

CREATE TABLE effect (
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

CREATE TABLE exception (
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

CREATE TABLE flush (
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

CREATE TABLE forgotten_command (
  flush integer primary key,
  digests blob not null check (length(digests) > 0 and length(digests) % 16 = 0)
) strict;

CREATE TABLE imported_archive (
  archive text primary key,
  sha256 text not null,
  runs integer not null,
  records integer not null,
  at_ms integer not null,
  done integer not null check (done in (0, 1))
) strict, without rowid;

CREATE TABLE "inbox" (
  pos integer primary key,
  id text not null,
  topic text not null
    check (topic in (
      'start', 'send', 'answer', 'settle', 'resume', 'cancel', 'pause', 'complete', 'close', 'handle',
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

CREATE TABLE incarnation (
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

CREATE TABLE issue (
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

CREATE TABLE issue_overlay (
  fingerprint text primary key,
  overlay text not null
) strict, without rowid;

CREATE TABLE journal (
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

CREATE TABLE kept_event (
  seq integer primary key,
  namespace text not null,
  event text not null,
  key text not null,
  id text not null,
  at_ms integer not null,
  data text
) strict;

CREATE TABLE meta (
  one integer primary key check (one = 1),
  store_id text not null,
  key_id text not null,
  created_at_ms integer not null,
  digest blob not null check (length(digest) = 16)
) strict;

CREATE TABLE pending (
  integration text not null,
  ref text not null,
  run integer not null,
  operation integer not null,
  due_at_ms integer not null,
  primary key (integration, ref, run, operation)
) strict, without rowid;

CREATE TABLE placed_key (
  key_hash blob primary key,
  cell text not null
) strict, without rowid;

CREATE TABLE received (
  name blob not null primary key check (length(name) = 32),
  namespace text not null,
  workflow text not null,
  ingress text not null,
  source text not null,
  id text not null,
  digest text not null,
  state text not null
    check (state in ('held', 'started', 'joined', 'rejected', 'review', 'superseded')),
  run integer,
  duplicate_of integer,
  order_key text,
  order_name blob,
  order_number integer,
  seq integer not null,
  at_ms integer not null,
  until_ms integer,
  held text,
  data text,
  check ((state in ('started', 'joined')) = (run is not null)),
  check ((state = 'held') = (held is not null)),
  check ((order_key is null) = (order_name is null)
     and (order_key is null) = (order_number is null))
) strict, without rowid;

CREATE TABLE recovery_group (
  number integer primary key,
  runs text not null,
  crashes integer not null check (crashes >= 0)
) strict;

CREATE TABLE removed_record (
  pos integer primary key,
  run integer not null,
  digest blob not null check (length(digest) = 16)
) strict;

CREATE TABLE review (
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

CREATE TABLE routing (
  version integer primary key check (version >= 1),
  rules text not null,
  set_by text not null,
  reason text not null,
  at_ms integer not null
) strict;

CREATE TABLE run (
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

CREATE INDEX accepted_event_until on accepted_event (until_ms, namespace, event, id);

CREATE INDEX archived_run_key on archived_run (key_hash, generation) where key_hash is not null;

CREATE INDEX archived_run_until on archived_run (key_until_ms, run)
  where key_until_ms is not null;

CREATE INDEX awaiting_event on awaiting (event, key, id);

CREATE INDEX awaiting_run on awaiting (run);

CREATE INDEX carried_key_run on carried_key (run);

CREATE UNIQUE INDEX classification_rule_change on classification_rule (change);

CREATE INDEX early_answer_kept on early_answer (seq) where state = 'kept';

CREATE INDEX effect_open on effect (run) where ended = 0;

CREATE INDEX effect_otherwise on effect (proof, run) where ended = 1 and proof <> 'surely';

CREATE INDEX effect_ref on effect (ref) where ref is not null;

CREATE UNIQUE INDEX exception_beside on exception (run, subject) where subject is not null;

CREATE INDEX exception_beside_open on exception (run)
  where subject is not null and closed_at_ms is null;

CREATE INDEX exception_cause on exception (cause_group, opened_at_ms);

CREATE INDEX exception_closed_class on exception (class, run, seq)
  where closed_at_ms is not null;

CREATE INDEX exception_closed_owner on exception (owner, run, seq)
  where closed_at_ms is not null;

CREATE INDEX exception_closed_workflow on exception (workflow, run, seq)
  where closed_at_ms is not null;

CREATE INDEX exception_code on exception (code_group, opened_at_ms);

CREATE INDEX exception_data on exception (data_group, opened_at_ms) where data_group is not null;

CREATE INDEX exception_next on exception (next_at_ms, run, seq) where next_at_ms is not null;

CREATE INDEX exception_open on exception (run, seq) where closed_at_ms is null;

CREATE INDEX exception_open_assignee on exception (handling ->> '$.assignee', run, seq)
  where closed_at_ms is null;

CREATE INDEX exception_open_class on exception (class, run, seq)
  where closed_at_ms is null;

CREATE INDEX exception_open_duplicate_of on exception (handling ->> '$.duplicateOf', run, seq)
  where closed_at_ms is null and handling ->> '$.duplicateOf' is not null;

CREATE INDEX exception_open_owner on exception (owner, run, seq)
  where closed_at_ms is null;

CREATE INDEX exception_open_tagged on exception (run, seq)
  where closed_at_ms is null and handling ->> '$.tags' <> '[]';

CREATE INDEX exception_open_watched on exception (run, seq)
  where closed_at_ms is null and handling ->> '$.watchers' <> '[]';

CREATE INDEX exception_open_workflow on exception (workflow, run, seq)
  where closed_at_ms is null;

CREATE INDEX exception_place on exception (fingerprint, opened_at_ms);

CREATE UNIQUE INDEX exception_run on exception (run, seq);

CREATE INDEX exception_undoing on exception (run, seq)
  where (reason_code = 'HF3004' or substr(step, 1, 5) = 'undo/');

CREATE UNIQUE INDEX inbox_id on inbox (id);

CREATE INDEX inbox_open on inbox (pos) where taken_by is null;

CREATE INDEX inbox_taken on inbox (taken_by) where taken_by is not null;

CREATE INDEX incarnation_open on incarnation (incarnation) where closed_by is null;

CREATE INDEX issue_last_seen on issue (level, last_seen_at_ms);

CREATE INDEX journal_called on journal
  ((case when json_valid(head) then head ->> '$.child' end), run) where kind = 14;

CREATE UNIQUE INDEX journal_run on journal (run, seq);

CREATE INDEX kept_event_key on kept_event (event, key, seq);

CREATE INDEX pending_run on pending (run, operation);

CREATE INDEX received_at on received (at_ms, name);

CREATE INDEX received_held on received (name) where state = 'held';

CREATE INDEX received_order on received (order_name, order_number) where order_name is not null;

CREATE INDEX received_until on received (until_ms, name);

CREATE INDEX review_open on review (run, seq) where state = 'open';

CREATE INDEX review_open_by on review (answer_by, run, seq) where state = 'open';

CREATE INDEX review_over_by on review (answer_by, run, seq) where state <> 'open';

CREATE UNIQUE INDEX review_run on review (run, seq);

CREATE INDEX run_due on run (wake_at_ms, run) where wake_at_ms is not null;

CREATE UNIQUE INDEX run_key on run (key, workflow, namespace, generation);

CREATE INDEX run_lane on run (namespace, lane, run) where lane is not null and ended_at_ms is null;

CREATE INDEX run_laned on run (run) where lane is not null and ended_at_ms is null;

CREATE INDEX run_namespace on run (namespace, run) where namespace <> 'main';

CREATE INDEX run_owner on run (owner, run);

CREATE INDEX run_parent on run (parent_run, run) where parent_run is not null;

CREATE INDEX run_parked on run (dependency, run) where dependency is not null;

CREATE INDEX run_state on run (state, run);

CREATE INDEX run_undone on run (run) where compensated <> 'no';

CREATE INDEX run_workflow on run (workflow, run);
