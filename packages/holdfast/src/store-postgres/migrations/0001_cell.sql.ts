/** Migration 1, fourth part: what a store holds as one of several cells. */
export const sql = `
-- One row if this store is one of several cells: the list as it is now. "agreed" once every store of
-- the list has been asked. "list" and "secrets" are JSON.
create table cell_list (
  shard smallint primary key check (shard = 0),
  generation integer not null check (generation >= 1),
  agreed smallint not null check (agreed in (0, 1)),
  self text not null,
  list text not null,
  secrets text not null,
  changed_by text not null,
  at_ms bigint not null
);

-- Keys of cells that are no more, by the hashes of the stores that they come from: a start that has
-- one of them joins the run that had it there.
create table carried_key (
  shard smallint not null,
  store text collate "C" not null,
  key_hash bytea not null,
  run bigint not null,
  generation integer not null,
  input_digest bytea not null,
  until_ms bigint,
  cell text,
  primary key (shard, store, key_hash),
  check ((cell is null) = (run <> 0))
);
-- Serves carriedRun.
create index carried_key_run on carried_key (run);

-- Keys that belong to this cell and whose runs, for their lanes, are in another one.
create table placed_key (
  shard smallint not null,
  key_hash bytea not null,
  cell text not null,
  primary key (shard, key_hash)
);
`;
