/** Migration 3: open exceptions that people have marked are found without reading all that are open. */
export const sql = `
-- Serves the queue by tag: those that have any. The query repeats the condition, as it does for the next.
create index exception_open_tagged on exception ((run + 0), (seq + 0))
  where closed_at_ms is null and handling::jsonb -> 'tags' <> '[]'::jsonb;
-- Serves the queue by watcher: those that anybody watches.
create index exception_open_watched on exception ((run + 0), (seq + 0))
  where closed_at_ms is null and handling::jsonb -> 'watchers' <> '[]'::jsonb;
-- Serves the queue of duplicates of one exception.
create index exception_open_duplicate_of
  on exception (left(handling::jsonb ->> 'duplicateOf', 200), (run + 0), (seq + 0))
  where closed_at_ms is null and handling::jsonb ->> 'duplicateOf' is not null;
`;
