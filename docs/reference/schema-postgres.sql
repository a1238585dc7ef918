-- The schema of a store on PostgreSQL, as the database describes it, for people who query it.
-- A test compares it with the one that the migrations make, and writes it anew:
-- npx vitest run packages/holdfast/src/store-postgres/schema.test.ts -u
-- They say what each table is for: packages/holdfast/src/store-postgres/migrations.

-- begin

create table accepted_event (
  shard smallint not null,
  name bytea not null,
  namespace text collate "C" not null,
  event text collate "C" not null,
  id text collate "C" not null,
  key text not null,
  digest text not null,
  until_ms bigint not null,
  run bigint,
  kept integer,
  PRIMARY KEY (shard, name),
  CHECK (((run IS NOT NULL) OR (kept IS NOT NULL)))
);

create table archived_run (
  shard smallint not null,
  run bigint not null,
  incarnation bigint not null,
  seq integer not null,
  records integer not null,
  digest bytea not null,
  PRIMARY KEY (run, shard),
  CHECK ((length(digest) = 16)),
  CHECK ((records >= 1))
);

create table awaiting (
  shard smallint not null,
  run bigint not null,
  seq integer not null,
  event text not null,
  key text not null,
  step text not null,
  since_ms bigint not null,
  due_at_ms bigint,
  PRIMARY KEY (run, seq, shard)
);

create table carried_key (
  shard smallint not null,
  store text collate "C" not null,
  key_hash bytea not null,
  run bigint not null,
  generation integer not null,
  input_digest bytea not null,
  until_ms bigint,
  cell text,
  PRIMARY KEY (shard, store, key_hash),
  CHECK (((cell IS NULL) = (run <> 0)))
);

create table cell_list (
  shard smallint not null,
  generation integer not null,
  agreed smallint not null,
  self text not null,
  list text not null,
  secrets text not null,
  changed_by text not null,
  at_ms bigint not null,
  PRIMARY KEY (shard),
  CHECK ((agreed = ANY (ARRAY[0, 1]))),
  CHECK ((generation >= 1)),
  CHECK ((shard = 0))
);

create table classification_rule (
  shard smallint not null,
  id text not null,
  version integer not null,
  state text not null,
  change integer not null,
  rule text not null,
  PRIMARY KEY (shard, id, version),
  CHECK ((change >= 1)),
  CHECK ((state = ANY (ARRAY['draft'::text, 'shadow'::text, 'active'::text, 'retired'::text]))),
  CHECK ((version >= 1))
);

create table counter (
  shard smallint not null,
  name text collate "C" not null,
  value bigint not null,
  PRIMARY KEY (shard, name)
);

create table declaration (
  shard smallint not null,
  definition text not null,
  name text collate "C" not null,
  list bytea not null,
  sensitive text not null,
  decision text,
  at_ms bigint not null,
  PRIMARY KEY (shard, definition, name, list),
  CHECK ((definition = ANY (ARRAY['workflow'::text, 'effect'::text, 'review'::text, 'event'::text, 'step'::text, 'payloads'::text, 'version'::text, 'integration'::text])))
);

create table dependency (
  shard smallint not null,
  integration text collate "C" not null,
  state text not null,
  reason text not null,
  class text,
  since_ms bigint not null,
  probe_at_ms bigint,
  incident_at_ms bigint,
  incident_ended_at_ms bigint,
  incident_parked bigint,
  incident_drained_at_ms bigint,
  retry_tokens bigint,
  by_hand bigint not null,
  said_at_ms bigint not null,
  said_by bigint not null,
  PRIMARY KEY (shard, integration),
  CHECK ((by_hand = ANY (ARRAY[(0)::bigint, (1)::bigint]))),
  CHECK (((incident_at_ms IS NOT NULL) OR (COALESCE(incident_ended_at_ms, incident_parked, incident_drained_at_ms) IS NULL))),
  CHECK (((incident_drained_at_ms IS NULL) OR (incident_ended_at_ms IS NOT NULL))),
  CHECK ((class = ANY (ARRAY['transient'::text, 'throttled'::text, 'contention'::text, 'unavailable'::text, 'permanent'::text, 'misconfigured'::text, 'defect'::text, 'exhausted'::text, 'data'::text, 'policy'::text, 'expired'::text, 'ambiguous'::text, 'poison'::text, 'cancelled'::text, 'interrupted'::text]))),
  CHECK (((retry_tokens >= 0) AND (retry_tokens <= 100))),
  CHECK ((state = ANY (ARRAY['closed'::text, 'open'::text, 'parked'::text, 'probing'::text])))
);

create table early_answer (
  shard smallint not null,
  seq integer not null,
  integration text not null,
  ref text not null,
  state text not null,
  owner text not null,
  at_ms bigint not null,
  due_at_ms bigint not null,
  data text,
  PRIMARY KEY (shard, seq),
  CHECK ((owner <> ''::text)),
  CHECK ((state = 'kept'::text))
);

create table effect (
  shard smallint not null,
  run bigint not null,
  operation integer not null,
  effect text not null,
  integration text not null,
  proof text not null,
  ended smallint not null,
  attempts integer not null,
  last_sent_at_ms bigint not null,
  ended_at_ms bigint,
  ref text,
  settled_by text,
  PRIMARY KEY (run, operation, shard),
  CHECK ((attempts >= 1)),
  CHECK (((ended = 1) = (ended_at_ms IS NOT NULL))),
  CHECK ((ended = ANY (ARRAY[0, 1]))),
  CHECK ((proof = ANY (ARRAY['never'::text, 'maybe'::text, 'partial'::text, 'surely'::text])))
);

create table exception (
  shard smallint not null,
  run bigint not null,
  seq integer not null,
  workflow text not null,
  step text not null,
  effect_name text,
  integration text,
  operation integer,
  class text not null,
  family text not null,
  effect text not null,
  reason_code text not null,
  rule text not null,
  message text not null,
  because text not null,
  owner text not null,
  fingerprint text not null,
  subject text,
  opened_at_ms bigint not null,
  due_at_ms bigint not null,
  closed_at_ms bigint,
  resolution text,
  closed_by text,
  amount text,
  currency text,
  record text not null,
  handling text not null,
  next_at_ms bigint,
  cause_group text not null,
  code_group text not null,
  data_group text,
  PRIMARY KEY (run, seq, shard),
  CHECK ((((closed_at_ms IS NULL) = (resolution IS NULL)) AND ((closed_at_ms IS NULL) = (closed_by IS NULL)))),
  CHECK (((closed_at_ms IS NULL) OR (next_at_ms IS NULL))),
  CHECK ((class = ANY (ARRAY['transient'::text, 'throttled'::text, 'contention'::text, 'unavailable'::text, 'permanent'::text, 'misconfigured'::text, 'defect'::text, 'exhausted'::text, 'data'::text, 'policy'::text, 'expired'::text, 'ambiguous'::text, 'poison'::text, 'cancelled'::text, 'interrupted'::text]))),
  CHECK ((effect = ANY (ARRAY['never'::text, 'maybe'::text, 'partial'::text, 'surely'::text]))),
  CHECK ((family = ANY (ARRAY['transient'::text, 'permanent'::text, 'data'::text, 'policy'::text, 'ambiguous'::text]))),
  CHECK ((owner <> ''::text)),
  CHECK ((resolution = ANY (ARRAY['settled'::text, 'resumed'::text, 'rejected'::text, 'cancelled'::text, 'late-answer'::text, 'superseded'::text, 'dealt-with'::text, 'repaired'::text])))
);

create table flush (
  incarnation bigint not null,
  number integer not null,
  first_pos bigint not null,
  last_pos bigint not null,
  records integer not null,
  taken integer not null,
  at_ms bigint not null,
  closed smallint not null,
  seal bytea not null,
  PRIMARY KEY (incarnation, number),
  CHECK ((records = ((last_pos - first_pos) + 1))),
  CHECK ((closed = ANY (ARRAY[0, 1]))),
  CHECK ((number >= 1)),
  CHECK ((length(seal) = 32)),
  CHECK ((taken >= 0))
);

create table forgotten_command (
  incarnation bigint not null,
  number integer not null,
  digests bytea not null,
  PRIMARY KEY (incarnation, number),
  CHECK (((length(digests) > 0) AND ((length(digests) % 16) = 0)))
);

create table gate (
  shard smallint not null,
  integration text collate "C" not null,
  version bigint not null,
  state text not null,
  PRIMARY KEY (shard, integration),
  CHECK ((version >= 1))
);

create table heartbeat (
  incarnation bigint not null,
  beat_at_ms bigint not null,
  PRIMARY KEY (incarnation)
);

create table inbox (
  shard smallint not null,
  id text not null,
  target smallint not null,
  topic text not null,
  at_ms bigint not null,
  sent_by text not null,
  data text not null,
  posted_at_us bigint not null,
  taken_by bigint,
  taken_in integer,
  answer text,
  digest bytea not null,
  PRIMARY KEY (shard, id),
  CHECK ((((taken_by IS NULL) = (answer IS NULL)) AND ((taken_by IS NULL) = (taken_in IS NULL)))),
  CHECK ((length(digest) = 16)),
  CHECK (((target >= 0) AND (target <= 255))),
  CHECK ((topic = ANY (ARRAY['start'::text, 'send'::text, 'answer'::text, 'settle'::text, 'resume'::text, 'cancel'::text, 'pause'::text, 'complete'::text, 'close'::text, 'handle'::text, 'group'::text, 'route'::text, 'rule'::text, 'archive'::text, 'handUp'::text, 'park'::text, 'unpark'::text, 'repair'::text, 'decide'::text, 'skipHead'::text, 'returned'::text, 'deliver'::text, 'offer'::text, 'outcome'::text, 'asked'::text, 'beside'::text, 'receive'::text])))
);

create table incarnation (
  shard smallint not null,
  incarnation bigint not null,
  closed_by bigint,
  closed_flush integer,
  closed_seal text,
  clean smallint,
  PRIMARY KEY (shard, incarnation),
  CHECK ((((closed_by IS NULL) = (closed_flush IS NULL)) AND ((closed_by IS NULL) = (closed_seal IS NULL)) AND ((closed_by IS NULL) = (clean IS NULL)))),
  CHECK ((clean = ANY (ARRAY[0, 1])))
);

create table issue (
  shard smallint not null,
  fingerprint text not null,
  level text not null,
  title text not null,
  class text not null,
  family text not null,
  workflow text not null,
  step text not null,
  owner text not null,
  first_seen_at_ms bigint not null,
  last_seen_at_ms bigint not null,
  open_count bigint not null,
  total_count bigint not null,
  PRIMARY KEY (shard, fingerprint),
  CHECK ((class = ANY (ARRAY['transient'::text, 'throttled'::text, 'contention'::text, 'unavailable'::text, 'permanent'::text, 'misconfigured'::text, 'defect'::text, 'exhausted'::text, 'data'::text, 'policy'::text, 'expired'::text, 'ambiguous'::text, 'poison'::text, 'cancelled'::text, 'interrupted'::text]))),
  CHECK ((family = ANY (ARRAY['transient'::text, 'permanent'::text, 'data'::text, 'policy'::text, 'ambiguous'::text]))),
  CHECK ((level = ANY (ARRAY['cause'::text, 'place'::text, 'code'::text, 'data'::text]))),
  CHECK ((total_count >= 0))
);

create table issue_overlay (
  shard smallint not null,
  fingerprint text not null,
  revision integer not null,
  overlay text not null,
  PRIMARY KEY (shard, fingerprint),
  CHECK ((revision >= 1))
);

create table journal (
  shard smallint not null,
  run bigint not null,
  seq integer not null,
  kind smallint not null,
  attempt integer not null,
  name text not null,
  at_ms bigint not null,
  head text,
  data text,
  incarnation bigint not null,
  pos bigint not null,
  digest bytea not null,
  PRIMARY KEY (run, seq, shard),
  CHECK (((kind >= 0) AND (kind <= 49)))
);

create table kept_event (
  shard smallint not null,
  seq integer not null,
  namespace text not null,
  event text not null,
  key text not null,
  id text not null,
  at_ms bigint not null,
  data text,
  PRIMARY KEY (shard, seq)
);

create table key_claim (
  shard smallint not null,
  key_hash bytea not null,
  run_shard smallint not null,
  PRIMARY KEY (shard, key_hash)
);

create table meta (
  one smallint not null,
  store_id text not null,
  key_id text not null,
  created_at_ms bigint not null,
  digest bytea not null,
  PRIMARY KEY (one),
  CHECK ((length(digest) = 16)),
  CHECK ((one = 1))
);

create table pending (
  shard smallint not null,
  run bigint not null,
  seq integer not null,
  operation integer not null,
  integration text not null,
  ref text not null,
  due_at_ms bigint not null,
  PRIMARY KEY (run, seq, shard)
);

create table placed_key (
  shard smallint not null,
  key_hash bytea not null,
  cell text not null,
  PRIMARY KEY (shard, key_hash)
);

create table received (
  shard smallint not null,
  name bytea not null,
  namespace text not null,
  workflow text not null,
  ingress text not null,
  source text not null,
  id text not null,
  digest text not null,
  state text not null,
  run bigint,
  duplicate_of bigint,
  order_key text,
  order_name bytea,
  order_number bigint,
  seq integer not null,
  at_ms bigint not null,
  until_ms bigint,
  held text,
  data text,
  PRIMARY KEY (shard, name),
  CHECK (((state = ANY (ARRAY['started'::text, 'joined'::text])) = (run IS NOT NULL))),
  CHECK (((state = 'held'::text) = (held IS NOT NULL))),
  CHECK ((((order_key IS NULL) = (order_name IS NULL)) AND ((order_key IS NULL) = (order_number IS NULL)))),
  CHECK ((length(name) = 32)),
  CHECK ((state = ANY (ARRAY['held'::text, 'started'::text, 'joined'::text, 'rejected'::text, 'review'::text, 'superseded'::text])))
);

create table recovery_group (
  shard smallint not null,
  number integer not null,
  runs text not null,
  crashes integer not null,
  PRIMARY KEY (shard, number),
  CHECK ((crashes >= 0))
);

create table removed_record (
  shard smallint not null,
  run bigint not null,
  incarnation bigint not null,
  seqs integer[] not null,
  positions bigint[] not null,
  digests bytea[] not null,
  PRIMARY KEY (run, incarnation, shard),
  CHECK (((cardinality(seqs) = cardinality(positions)) AND (cardinality(seqs) = cardinality(digests))))
);

create table review (
  shard smallint not null,
  run bigint not null,
  seq integer not null,
  step text not null,
  review text not null,
  answer_by text not null,
  not_by text,
  state text not null,
  asked_at_ms bigint not null,
  due_at_ms bigint,
  escalated_to text,
  answered_by text,
  answered_at_ms bigint,
  digest text not null,
  amount text,
  currency text,
  PRIMARY KEY (run, seq, shard),
  CHECK ((((state = 'answered'::text) = (answered_by IS NOT NULL)) AND ((answered_by IS NULL) = (answered_at_ms IS NULL)))),
  CHECK ((state = ANY (ARRAY['open'::text, 'answered'::text, 'withdrawn'::text])))
);

create table routing (
  shard smallint not null,
  version integer not null,
  rules text not null,
  set_by text not null,
  reason text not null,
  at_ms bigint not null,
  PRIMARY KEY (shard, version),
  CHECK ((version >= 1))
);

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
  state smallint not null,
  reason text not null,
  wake_at_ms bigint,
  dependency text,
  parent_run bigint,
  parent_step text,
  started_at_ms bigint not null,
  updated_at_ms bigint not null,
  ended_at_ms bigint,
  deadline_at_ms bigint,
  compensated text not null,
  amount text,
  currency text,
  keys text,
  code_version text not null,
  PRIMARY KEY (run, shard),
  CHECK (((state >= 9) = (ended_at_ms IS NOT NULL))),
  CHECK (((ended_at_ms IS NULL) OR (wake_at_ms IS NULL))),
  CHECK (((parent_run IS NULL) = (parent_step IS NULL))),
  CHECK ((compensated = ANY (ARRAY['no'::text, 'partially'::text, 'fully'::text]))),
  CHECK (((state >= 0) AND (state <= 11)))
);

create table run_key (
  shard smallint not null,
  key_hash bytea not null,
  run bigint not null,
  run_shard smallint not null,
  generation integer not null,
  input_digest bytea not null,
  until_ms bigint,
  PRIMARY KEY (shard, key_hash)
);

create table schema_version (
  one smallint not null,
  version integer not null,
  PRIMARY KEY (one),
  CHECK ((one = 1))
);

create table shard (
  id smallint not null,
  owner bigint,
  epoch bigint not null,
  PRIMARY KEY (id),
  CHECK (((id >= 0) AND (id <= 255)))
);

create table worker (
  incarnation bigint not null,
  alive smallint not null,
  epoch bigint not null,
  slot smallint not null,
  shared smallint not null,
  lease_ms integer not null,
  opened_at_ms bigint not null,
  UNIQUE (epoch),
  PRIMARY KEY (incarnation),
  CHECK ((alive = ANY (ARRAY[0, 1]))),
  CHECK ((lease_ms > 0)),
  CHECK ((shared = ANY (ARRAY[0, 1]))),
  CHECK (((slot >= 0) AND (slot <= 255)))
);

CREATE INDEX accepted_event_until ON accepted_event USING btree (until_ms);

CREATE INDEX awaiting_event ON awaiting USING btree (event, "left"(key, 200), since_ms, run, seq);

CREATE INDEX carried_key_run ON carried_key USING btree (run);

CREATE INDEX classification_rule_change ON classification_rule USING btree (change);

CREATE INDEX counter_name ON counter USING btree (name);

CREATE INDEX early_answer_kept ON early_answer USING btree (seq) WHERE (state = 'kept'::text);

CREATE INDEX effect_open ON effect USING btree (run, operation) WHERE (ended = 0);

CREATE INDEX effect_otherwise ON effect USING btree (proof, ((run + 0)), ((operation + 0))) WHERE ((ended = 1) AND (proof <> 'surely'::text));

CREATE INDEX effect_ref ON effect USING btree ("left"(ref, 200)) WHERE (ref IS NOT NULL);

CREATE INDEX exception_beside ON exception USING btree (run, "left"(subject, 200)) WHERE (subject IS NOT NULL);

CREATE INDEX exception_beside_open ON exception USING btree (run) WHERE ((subject IS NOT NULL) AND (closed_at_ms IS NULL));

CREATE INDEX exception_cause ON exception USING btree (cause_group, opened_at_ms);

CREATE INDEX exception_closed_class ON exception USING btree (class, ((run + 0)), ((seq + 0))) WHERE (closed_at_ms IS NOT NULL);

CREATE INDEX exception_closed_owner ON exception USING btree ("left"(owner, 200), ((run + 0)), ((seq + 0))) WHERE (closed_at_ms IS NOT NULL);

CREATE INDEX exception_closed_workflow ON exception USING btree ("left"(workflow, 200), ((run + 0)), ((seq + 0))) WHERE (closed_at_ms IS NOT NULL);

CREATE INDEX exception_code ON exception USING btree (code_group, opened_at_ms);

CREATE INDEX exception_data ON exception USING btree (data_group, opened_at_ms) WHERE (data_group IS NOT NULL);

CREATE INDEX exception_next ON exception USING btree (next_at_ms, run, seq) WHERE (next_at_ms IS NOT NULL);

CREATE INDEX exception_open ON exception USING btree (run, seq) WHERE (closed_at_ms IS NULL);

CREATE INDEX exception_open_assignee ON exception USING btree ("left"(((handling)::jsonb ->> 'assignee'::text), 200), ((run + 0)), ((seq + 0))) WHERE (closed_at_ms IS NULL);

CREATE INDEX exception_open_class ON exception USING btree (class, ((run + 0)), ((seq + 0))) WHERE (closed_at_ms IS NULL);

CREATE INDEX exception_open_duplicate_of ON exception USING btree ("left"(((handling)::jsonb ->> 'duplicateOf'::text), 200), ((run + 0)), ((seq + 0))) WHERE ((closed_at_ms IS NULL) AND (((handling)::jsonb ->> 'duplicateOf'::text) IS NOT NULL));

CREATE INDEX exception_open_owner ON exception USING btree ("left"(owner, 200), ((run + 0)), ((seq + 0))) WHERE (closed_at_ms IS NULL);

CREATE INDEX exception_open_tagged ON exception USING btree (((run + 0)), ((seq + 0))) WHERE ((closed_at_ms IS NULL) AND (((handling)::jsonb -> 'tags'::text) <> '[]'::jsonb));

CREATE INDEX exception_open_watched ON exception USING btree (((run + 0)), ((seq + 0))) WHERE ((closed_at_ms IS NULL) AND (((handling)::jsonb -> 'watchers'::text) <> '[]'::jsonb));

CREATE INDEX exception_open_workflow ON exception USING btree ("left"(workflow, 200), ((run + 0)), ((seq + 0))) WHERE (closed_at_ms IS NULL);

CREATE INDEX exception_place ON exception USING btree (fingerprint, opened_at_ms);

CREATE INDEX exception_undoing ON exception USING btree (((run + 0)), ((seq + 0))) WHERE ((reason_code = 'HF3004'::text) OR (substr(step, 1, 5) = 'undo/'::text));

CREATE INDEX inbox_open ON inbox USING btree (posted_at_us, id) WHERE (taken_by IS NULL);

CREATE INDEX inbox_taken ON inbox USING btree (taken_by, taken_in) WHERE (taken_by IS NOT NULL);

CREATE INDEX incarnation_open ON incarnation USING btree (incarnation) WHERE (closed_by IS NULL);

CREATE INDEX issue_fingerprint ON issue USING btree (fingerprint);

CREATE INDEX issue_last_seen ON issue USING btree (level, last_seen_at_ms, fingerprint);

CREATE INDEX journal_called ON journal USING btree ((("substring"(head, '"child":([0-9]{1,18})'::text))::bigint), run) WHERE (kind = 14);

CREATE INDEX kept_event_key ON kept_event USING btree (event, "left"(key, 200), seq);

CREATE INDEX pending_ref ON pending USING btree (integration, "left"(ref, 200), run, operation);

CREATE INDEX received_at ON received USING btree (at_ms, name);

CREATE INDEX received_held ON received USING btree (name) WHERE (state = 'held'::text);

CREATE INDEX received_order ON received USING btree (order_name, order_number) WHERE (order_name IS NOT NULL);

CREATE INDEX received_until ON received USING btree (until_ms);

CREATE INDEX review_open ON review USING btree (run, seq) WHERE (state = 'open'::text);

CREATE INDEX review_open_by ON review USING btree ("left"(answer_by, 200), ((run + 0)), ((seq + 0))) WHERE (state = 'open'::text);

CREATE INDEX review_over_by ON review USING btree ("left"(answer_by, 200), ((run + 0)), ((seq + 0))) WHERE (state <> 'open'::text);

CREATE INDEX run_business_key ON run USING btree ("left"(key, 200), run);

CREATE INDEX run_due ON run USING btree (wake_at_ms, run) WHERE (wake_at_ms IS NOT NULL);

CREATE INDEX run_lane ON run USING btree (namespace, "left"(lane, 200), run) WHERE ((lane IS NOT NULL) AND (ended_at_ms IS NULL));

CREATE INDEX run_laned ON run USING btree (run) WHERE ((lane IS NOT NULL) AND (ended_at_ms IS NULL));

CREATE INDEX run_namespace ON run USING btree ("left"(namespace, 200), ((run + 0))) WHERE (namespace <> 'main'::text);

CREATE INDEX run_owner ON run USING btree ("left"(owner, 200), ((run + 0)));

CREATE INDEX run_parked ON run USING btree (dependency, run) WHERE (dependency IS NOT NULL);

CREATE INDEX run_state ON run USING btree (state, run);

CREATE INDEX run_undone ON run USING btree (((run + 0))) WHERE (compensated <> 'no'::text);

CREATE INDEX run_workflow ON run USING btree ("left"(workflow, 200), ((run + 0)));

CREATE INDEX run_key_until ON run_key USING btree (until_ms, shard, key_hash) WHERE (until_ms IS NOT NULL);
