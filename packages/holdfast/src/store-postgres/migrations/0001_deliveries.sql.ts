/** Migration 1, a part of it: events, answers and messages, and who waits for them. */
import { RECEIVED } from "./0001_received.sql.ts";

export const DELIVERIES = `-- Ids of events, so that each is taken once. "name" is the hash of (namespace, event, id), whose last
-- byte is the shard. "until_ms" is when an id may be forgotten.
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
  primary key (shard, name),
  check (run is not null or kept is not null)
);
-- Serves acceptedCount, and the choice of what is forgotten.
create index accepted_event_until on accepted_event (until_ms);

create table kept_event (
  shard smallint not null,
  seq integer not null,
  namespace text not null,
  event text not null,
  key text not null,
  id text not null,
  at_ms bigint not null,
  data text,
  primary key (shard, seq)
);
-- Serves keptEvents, oldest first.
create index kept_event_key on kept_event (event, left(key, 200), seq);

-- Answers that came before their request was on record. Those that nobody asks for in time go, and
-- an exception beside the store tells of them.
create table early_answer (
  shard smallint not null,
  seq integer not null,
  integration text not null,
  ref text not null,
  state text not null check (state = 'kept'),
  owner text not null check (owner <> ''),
  at_ms bigint not null,
  due_at_ms bigint not null,
  data text,
  primary key (shard, seq)
);
-- Serves earlyAnswers of the engine: those that are kept. The query repeats the condition.
create index early_answer_kept on early_answer (seq) where state = 'kept';

${RECEIVED}
create table awaiting (
  shard smallint not null,
  run bigint not null,
  seq integer not null,
  event text not null,
  key text not null,
  step text not null,
  since_ms bigint not null,
  due_at_ms bigint,
  primary key (run, seq, shard)
);
-- Serves awaiting, oldest first.
create index awaiting_event on awaiting (event, left(key, 200), since_ms, run, seq);

create table pending (
  shard smallint not null,
  run bigint not null,
  seq integer not null,
  operation integer not null,
  integration text not null,
  ref text not null,
  due_at_ms bigint not null,
  primary key (run, seq, shard)
);
-- Serves pendingByRef.
create index pending_ref on pending (integration, left(ref, 200), run, operation);
`;
