/** Migration 1, second part: what a store holds as one of several cells. */
export const sql = `
-- One row if this store is one of several cells: the list as it is now. \`agreed\` once every store of
-- the list has been asked. \`list\` and \`secrets\` are JSON.
create table cell_list (
  one integer primary key check (one = 1),
  generation integer not null check (generation >= 1),
  agreed integer not null check (agreed in (0, 1)),
  self text not null,
  list text not null,
  secrets text not null,
  changed_by text not null,
  at_ms integer not null
) strict;

-- Keys of cells that are no more, by the hashes of the stores that they come from: a start that has
-- one of them joins the run that had it there.
create table carried_key (
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
-- Serves carriedRun.
create index carried_key_run on carried_key (run);

-- Keys that belong to this cell and whose runs, for their lanes, are in another one.
create table placed_key (
  key_hash blob primary key,
  cell text not null
) strict, without rowid;
`;
