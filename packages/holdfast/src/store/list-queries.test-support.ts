/** What people ask lists for, each with the index that it has to be read by, in both drivers. */
import type { EffectQuery, ExceptionQuery, ReviewQuery, RunQuery } from "./store.ts";

type Asked<Query> = readonly (readonly [query: Partial<Query>, index: string])[];

export const RUN_QUERIES: Asked<RunQuery> = [
  [{ states: ["exception"] }, "run_state"],
  [{ states: ["exception", "held"] }, "run_state"],
  [{ states: ["completed"] }, "run_state"],
  [{ states: ["completed", "stopped", "cancelled"] }, "run_state"],
  [{ owner: "rare" }, "run_owner"],
  [{ workflow: "rare" }, "run_workflow"],
  [{ namespace: "rare" }, "run_namespace"],
  [{ key: "key-77" }, "run_key"],
  [{ states: ["exception"], owner: "team-1" }, "run_state"],
  [{ states: ["exception"], workflow: "rare" }, "run_state"],
  [{ states: ["exception"], namespace: "rare" }, "run_state"],
  [{ states: ["completed"], owner: "team-1" }, "run_owner"],
  [{ states: ["completed"], workflow: "flow-1" }, "run_workflow"],
  [{ owner: "team-1", workflow: "rare" }, "run_workflow"],
  [{ isOfUndoing: true }, "run_undone"],
  [{ isOfUndoing: true, workflow: "rare", states: ["stopped"] }, "run_undone"],
];

export const EXCEPTION_QUERIES: Asked<ExceptionQuery> = [
  [{}, "exception_open"],
  [{ owner: "rare" }, "exception_open_owner"],
  [{ workflow: "rare" }, "exception_open_workflow"],
  [{ class: "poison" }, "exception_open_class"],
  [{ owner: "team-1", class: "data" }, "exception_open_owner"],
  [{ all: true }, "exception_run"],
  [{ all: true, owner: "rare" }, "exception_closed_owner"],
  [{ all: true, workflow: "rare" }, "exception_closed_workflow"],
  [{ all: true, class: "poison" }, "exception_closed_class"],
  [{ isOfUndoing: true }, "exception_undoing"],
  [{ all: true, isOfUndoing: true, owner: "rare" }, "exception_undoing"],
  [{ tag: "vip" }, "exception_open_tagged"],
  [{ tag: "vip", class: "poison" }, "exception_open_tagged"],
  [{ assignee: "ana" }, "exception_open_assignee"],
  [{ assignee: "ana", owner: "rare", tag: "vip" }, "exception_open_assignee"],
  [{ assignee: null }, "exception_open"],
  [{ watcher: "ana" }, "exception_open_watched"],
  [{ watcher: "ana", owner: "rare", tag: "vip" }, "exception_open_watched"],
  [{ duplicateOf: "exc_1" }, "exception_open_duplicate_of"],
  [{ dueBeforeMs: 1_000_000 }, "exception_open"],
  [{ isSnoozed: true }, "exception_open"],
  [{ groups: [{ level: "cause", fingerprint: "f1" }] }, "exception_open"],
  [{ owner: "rare", tag: "vip" }, "exception_open_owner"],
];

export const EFFECT_QUERIES: Asked<EffectQuery> = [
  [{ open: true }, "effect_open"],
  [{ proof: "maybe" }, "effect_open"],
  [{ proof: "never" }, "effect_otherwise"],
  [{ open: true, proof: "maybe" }, "effect_open"],
];

export const REVIEW_QUERIES: Asked<ReviewQuery> = [
  [{}, "review_open"],
  [{ by: "rare" }, "review_open_by"],
  [{ all: true }, "review_run"],
  [{ all: true, by: "rare" }, "review_over_by"],
];

/** What a page of the tests holds at most. */
export const PAGE = { afterRun: 0, limit: 50 } as const;
