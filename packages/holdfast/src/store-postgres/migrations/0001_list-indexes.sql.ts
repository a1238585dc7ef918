/**
 * Part of migration 1: the indexes that only lists are read by, of which store/list-lead.ts says which
 * one serves which. They have "run + 0" in the place of the run, and so what follows it: a statement
 * about one run that is planned while its table is empty would take them as readily as its own, and
 * keep them. A query repeats the condition of its index.
 */
export const LIST_INDEXES = `
-- Serves lists of runs by owner.
create index run_owner on run (left(owner, 200), (run + 0));
-- Serves lists of runs by workflow.
create index run_workflow on run (left(workflow, 200), (run + 0));
-- Serves lists of runs by a namespace that is not the usual one, which most stores hold alone.
create index run_namespace on run (left(namespace, 200), (run + 0)) where namespace <> 'main';
-- Serves lists of runs that were undone. The query repeats the condition.
create index run_undone on run ((run + 0)) where compensated <> 'no';
-- Serves lists of operations that have ended with another proof than most do. The query repeats the
-- condition.
create index effect_otherwise on effect (proof, (run + 0), (operation + 0))
  where ended = 1 and proof <> 'surely';
-- Serves the queue by owner.
create index exception_open_owner on exception (left(owner, 200), (run + 0), (seq + 0))
  where closed_at_ms is null;
-- Serves lists of all exceptions by owner, with the one before.
create index exception_closed_owner on exception (left(owner, 200), (run + 0), (seq + 0))
  where closed_at_ms is not null;
-- Serves the queue by workflow.
create index exception_open_workflow on exception (left(workflow, 200), (run + 0), (seq + 0))
  where closed_at_ms is null;
-- Serves lists of all exceptions by workflow, with the one before.
create index exception_closed_workflow on exception (left(workflow, 200), (run + 0), (seq + 0))
  where closed_at_ms is not null;
-- Serves the queue by class.
create index exception_open_class on exception (class, (run + 0), (seq + 0))
  where closed_at_ms is null;
-- Serves lists of all exceptions by class, with the one before.
create index exception_closed_class on exception (class, (run + 0), (seq + 0))
  where closed_at_ms is not null;
-- Serves the queue by who has it.
create index exception_open_assignee
  on exception (left(handling::jsonb ->> 'assignee', 200), (run + 0), (seq + 0))
  where closed_at_ms is null;
-- Serves lists of what is left of undoings, and of runs that have such. The query repeats the condition.
create index exception_undoing on exception ((run + 0), (seq + 0))
  where (reason_code = 'HF3004' or substr(step, 1, 5) = 'undo/');
-- Serves the choice of the causes of a level that were seen last.
create index issue_last_seen on issue (level, last_seen_at_ms, fingerprint);
-- Serves adding up the counts of a cause.
create index issue_fingerprint on issue (fingerprint);
-- Serves the queue of open reviews by who may answer. The query repeats the condition.
create index review_open_by on review (left(answer_by, 200), (run + 0), (seq + 0)) where state = 'open';
-- Serves lists of all reviews by who may answer, with the one before.
create index review_over_by on review (left(answer_by, 200), (run + 0), (seq + 0)) where state <> 'open';
-- Serves adding up the counters whose names begin alike.
create index counter_name on counter (name);
`;
