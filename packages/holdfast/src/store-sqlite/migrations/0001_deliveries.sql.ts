/** Migration 1, a part of it: events, answers and messages, and who waits for them. */
import { RECEIVED } from "./0001_received.sql.ts";

export const DELIVERIES = `-- Ids of events, so that each is taken once. \`until_ms\` is when an id may be forgotten.
create table accepted_event (
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
-- Serves acceptedCount, and the choice of what is forgotten.
create index accepted_event_until on accepted_event (until_ms, namespace, event, id);

create table kept_event (
  seq integer primary key,
  namespace text not null,
  event text not null,
  key text not null,
  id text not null,
  at_ms integer not null,
  data text
) strict;
-- Serves keptEvents, oldest first.
create index kept_event_key on kept_event (event, key, seq);

create table awaiting (
  id integer primary key,
  event text not null,
  key text not null,
  run integer not null,
  seq integer not null,
  step text not null,
  due_at_ms integer
) strict;
-- Serves awaiting, oldest first.
create index awaiting_event on awaiting (event, key, id);
-- Serves the removal when the event has come or the run has ended.
create index awaiting_run on awaiting (run);

create table pending (
  integration text not null,
  ref text not null,
  run integer not null,
  operation integer not null,
  due_at_ms integer not null,
  primary key (integration, ref, run, operation)
) strict, without rowid;
-- Serves the removal when the operation or the run has ended.
create index pending_run on pending (run, operation);

-- Answers that came before their request was on record. Those that nobody asks for in time go, and
-- an exception beside the store tells of them.
create table early_answer (
  seq integer primary key,
  integration text not null,
  ref text not null,
  state text not null check (state = 'kept'),
  owner text not null check (owner <> ''),
  at_ms integer not null,
  due_at_ms integer not null,
  data text
) strict;
-- Serves earlyAnswers of the engine: those that are kept. The query repeats the condition.
create index early_answer_kept on early_answer (seq) where state = 'kept';

${RECEIVED}
`;
