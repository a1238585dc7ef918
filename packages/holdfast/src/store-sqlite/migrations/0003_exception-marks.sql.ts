/** Migration 3: open exceptions that people have marked are found without reading all that are open. */
export const sql = `
-- Serves the queue by tag: those that have any. The query repeats the condition, as it does for the next.
create index exception_open_tagged on exception (run, seq)
  where closed_at_ms is null and handling ->> '$.tags' <> '[]';
-- Serves the queue by watcher: those that anybody watches.
create index exception_open_watched on exception (run, seq)
  where closed_at_ms is null and handling ->> '$.watchers' <> '[]';
-- Serves the queue of duplicates of one exception.
create index exception_open_duplicate_of on exception (handling ->> '$.duplicateOf', run, seq)
  where closed_at_ms is null and handling ->> '$.duplicateOf' is not null;
`;
