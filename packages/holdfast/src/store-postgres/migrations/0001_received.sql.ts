/** Migration 1, a part of it: messages from outside. */
export const RECEIVED = `-- Messages from outside, each by the hash of all that makes it this one,
-- whose last byte is the shard. "until_ms" is when it may be forgotten (null: never);
-- "held" and "data" are there while it waits for what it follows.
create table received (
  shard smallint not null,
  name bytea not null check (length(name) = 32),
  namespace text not null,
  workflow text not null,
  ingress text not null,
  source text not null,
  id text not null,
  digest text not null,
  state text not null
    check (state in ('held', 'started', 'joined', 'rejected', 'review', 'superseded')),
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
  primary key (shard, name),
  check ((state in ('started', 'joined')) = (run is not null)),
  check ((state = 'held') = (held is not null)),
  check ((order_key is null) = (order_name is null)
     and (order_key is null) = (order_number is null))
);
-- Serves the choice of what is forgotten, and the count. Most are kept for ever.
create index received_until on received (until_ms);
-- Serves newestInOrder. The query repeats the condition.
create index received_order on received (order_name, order_number) where order_name is not null;
-- Serves heldMessages. The query repeats the condition.
create index received_held on received (name) where state = 'held';
-- Serves the list of messages, the newest first.
create index received_at on received (at_ms, name);
`;
