/** Migration 1, second part: what the workers of a shared store share besides the rows of the store. */
export const sql = `
-- What workers share of one integration's gate: the slices of its limit that they hold, and its
-- breaker. Each change is one write that names the version it has read. No projection: it is of use
-- while workers live, and an engine that has the store for itself removes it.
create table gate (
  shard smallint not null,
  integration text collate "C" not null,
  version bigint not null check (version >= 1),
  state text not null,
  primary key (shard, integration)
) with (fillfactor = 50);

-- Keys of runs with lanes that are about to begin in a shared store, and where; gone when they have.
create table key_claim (
  shard smallint not null,
  key_hash bytea not null,
  run_shard smallint not null,
  primary key (shard, key_hash)
);
`;
