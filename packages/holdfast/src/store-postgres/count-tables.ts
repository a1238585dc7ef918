/** The tables that flushes add to, see `counts.ts`. */
import { type Table, columns } from "./table.ts";

export interface CountAt {
  readonly shard: number;
  readonly name: string;
  readonly value: number;
}

/** Written by adding, see `added`. */
export const COUNTER: Table<CountAt> = {
  name: "counter",
  columns: [
    ...columns<CountAt>("key", "int2", { shard: (row) => row.shard }),
    ...columns<CountAt>("key", "text", { name: (row) => row.name }),
    ...columns<CountAt>("free", "int8", { value: (row) => row.value }),
  ],
};

export interface IssueAt {
  readonly shard: number;
  readonly fingerprint: string;
  readonly level: string;
  readonly title: string;
  readonly class: string;
  readonly family: string;
  readonly workflow: string;
  readonly step: string;
  readonly owner: string;
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
  readonly openCount: number;
  readonly totalCount: number;
}

export const ISSUE: Table<IssueAt> = {
  name: "issue",
  columns: [
    ...columns<IssueAt>("key", "int2", { shard: (row) => row.shard }),
    ...columns<IssueAt>("key", "text", { fingerprint: (row) => row.fingerprint }),
    ...columns<IssueAt>("fixed", "text", {
      level: (row) => row.level,
      title: (row) => row.title,
      class: (row) => row.class,
      family: (row) => row.family,
      workflow: (row) => row.workflow,
      step: (row) => row.step,
      owner: (row) => row.owner,
    }),
    ...columns<IssueAt>("fixed", "int8", { first_seen_at_ms: (row) => row.firstSeenAtMs }),
    ...columns<IssueAt>("free", "int8", {
      last_seen_at_ms: (row) => row.lastSeenAtMs,
      open_count: (row) => row.openCount,
      total_count: (row) => row.totalCount,
    }),
  ],
};
