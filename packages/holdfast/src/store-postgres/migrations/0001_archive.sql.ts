/** Migration 1, third part: what is left of runs that have left for an archive. */
export const sql = `
-- Serves the choice of what is forgotten. The query repeats the condition.
create index run_key_until on run_key (until_ms, shard, key_hash) where until_ms is not null;

-- Serves callsOf: nobody leaves for whom somebody waits. 14 is the kind "called". No cast to JSON: a
-- head that somebody has spoilt is for verify to tell of.
create index journal_called on journal ((substring(head from '"child":([0-9]{1,18})')::bigint), run)
  where kind = 14;

-- One row per run that has left for an archive: what proves that nothing else has gone. Of the
-- record that let it go, "incarnation" says in whose journal it is, "seq" which one it is there. The primary key serves
-- archivedRuns, and the highest number.
create table archived_run (
  shard smallint not null,
  run bigint not null,
  incarnation bigint not null,
  seq integer not null,
  records integer not null check (records >= 1),
  digest bytea not null check (length(digest) = 16),
  primary key (run, shard)
);

-- The digests of records that are gone, on which the seals of their flushes are built: one row for
-- each run and each chain that its records were in, its lists in order of the records.
create table removed_record (
  shard smallint not null,
  run bigint not null,
  incarnation bigint not null,
  seqs integer[] not null,
  positions bigint[] not null,
  digests bytea[] not null,
  primary key (run, incarnation, shard),
  check (cardinality(seqs) = cardinality(positions) and cardinality(seqs) = cardinality(digests))
);
`;
